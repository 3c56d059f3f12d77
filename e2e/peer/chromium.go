package peer

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browserLimit bounds one test's use of the browser.
const browserLimit = 2 * time.Minute

// Chromium starts a headless Chromium with a fresh profile and returns a
// chromedp context for its first page; use it with chromedp.Do and
// chromedp.Run. The browser ends with the test, or after two minutes. It
// resolves no name but localhost, so a page's foreign fonts cannot stall it.
//
// The profile is chromedp's own temporary folder and not t.TempDir: chromedp
// ends the browser's stray children before it removes the folder, which
// t.TempDir would trip over.
func Chromium(t testing.TB) context.Context {
	t.Helper()
	path := lookPath(t, "chromium", "on Debian: apt-get install chromium")
	out := &lockedBuffer{}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), // headless, no first run, no sync, no background networking
		chromedp.ExecPath(path),
		chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
		chromedp.CombinedOutput(out),
	)
	// Not t.Context: it ends before cleanups run, and with it the browser
	// that a caller's cleanup may still want to look at.
	limit, endLimit := context.WithTimeout(context.Background(), browserLimit)
	allocator, endAllocator := chromedp.NewExecAllocator(limit, options...)
	browser, endBrowser := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		endBrowser()
		endAllocator() // waits until the browser and its folder are gone
		endLimit()
		if t.Failed() {
			t.Logf("chromium printed:\n%s", out)
		}
	})
	if err := chromedp.Do(browser); err != nil {
		t.Fatalf("peer: start chromium: %v\n%s", err, out)
	}
	return browser
}

// lockedBuffer is a buffer that may be read while it is written.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
