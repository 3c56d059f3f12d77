package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// button is the way on of each of our pages.
var button = chromedp.CSS("main a.button")

// A tab is one page of the browser, and what a test asks of it.
type tab struct {
	t   *testing.T
	ctx context.Context
	axe string // the program that looks for barriers
}

func openTab(t *testing.T) *tab {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	axe, err := os.ReadFile(filepath.Join(root, "e2e", "node_modules", "axe-core", "axe.min.js"))
	if os.IsNotExist(err) {
		peer.Absent(t, "the npm package axe-core", "install Node.js 20 or newer and run: cd e2e && npm ci")
	} else if err != nil {
		t.Fatal(err)
	}
	return &tab{t, peer.Chromium(t), string(axe)}
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func ask[T any](b *tab, a chromedp.Action[T]) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, a)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

// location is where the tab is, after what leads there has loaded.
func (b *tab) location() *url.URL {
	b.t.Helper()
	u, err := url.Parse(ask(b, chromedp.Location()))
	if err != nil {
		b.t.Fatal(err)
	}
	return u
}

// signIn types into the provider's login form and agrees to its consent form.
func (b *tab) signIn() {
	b.t.Helper()
	b.do(
		chromedp.SendKeys(chromedp.CSS("input[name=login]"), peer.Username),
		chromedp.SendKeys(chromedp.CSS("input[name=password]"), peer.Password),
		chromedp.Click(chromedp.CSS("button[type=submit]")),
		chromedp.WaitNotPresent(chromedp.CSS("input[name=login]")),
		chromedp.Click(chromedp.CSS("button[autofocus]")),
		chromedp.WaitNotPresent(chromedp.CSS("button[autofocus]")),
	)
}

// looks are the ways to see a page.
var looks = map[string]struct {
	scheme        string
	width, height int64
}{"light": {"light", 1024, 768}, "dark": {"dark", 1024, 768}, "narrow": {"light", 320, 640}, "narrow and dark": {"dark", 320, 640}}

// look sees the page in every way: axe finds nothing, nothing is wider than
// the window, and with LATCHKEY_PICTURES there is a picture of it.
func (b *tab) look(name string) {
	b.t.Helper()
	for how, l := range looks {
		b.do(chromedp.EmulateViewport(l.width, l.height), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
			})
			return err
		}))
		if wide := ask(b, chromedp.Evaluate[int](`document.documentElement.scrollWidth`)); int64(wide) > l.width {
			b.t.Errorf("%s, %s: %d pixels wide", name, how, wide)
		}
		// An isolated program of the browser's own is not bound by the page's policy.
		ask(b, chromedp.Evaluate[bool](b.axe+"; true"))
		found := ask(b, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify({
			passes: r.passes.length,
			bad: r.violations.map(v => v.id + ": " + v.help + " " + v.nodes.map(n => n.target + " " + n.failureSummary).join("; "))}))`, chromedp.EvalAwaitPromise))
		var verdict struct {
			Passes int
			Bad    []string
		}
		if err := json.Unmarshal([]byte(found), &verdict); err != nil || verdict.Passes < 10 || len(verdict.Bad) > 0 {
			b.t.Errorf("%s, %s: %d rules passed; %s", name, how, verdict.Passes, strings.Join(verdict.Bad, "\n"))
		}
		b.picture(name + "-" + strings.ReplaceAll(how, " ", "-"))
	}
}

// picture saves what the tab shows, if somebody wants to see it.
func (b *tab) picture(name string) {
	b.t.Helper()
	folder := os.Getenv("LATCHKEY_PICTURES")
	if folder == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), ask(b, chromedp.FullScreenshot(100)), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// sees asserts the heading, the code and, with retry, where "Try again" leads.
func (b *tab) sees(heading, code, retry string) {
	b.t.Helper()
	if got := b.text("h1"); got != heading {
		b.t.Errorf("heading %q, want %q", got, heading)
	}
	if text := b.text("footer"); !strings.Contains(text, code) || !strings.Contains(text, "Request") {
		b.t.Errorf("footer %q, want %s", text, code)
	}
	a := ask(b, chromedp.AttributeValue(button, "href"))
	if a.Value != retry || ask(b, chromedp.Text(button)) != "Try again" {
		b.t.Errorf("the way on is %q, want %q", a.Value, retry)
	}
}

// serveForBrowser is serve with an oidc-provider that knows it.
func serveForBrowser(t *testing.T) (*served, *peer.OIDCProvider) {
	t.Helper()
	listen := fmt.Sprintf("localhost:%d", port())
	p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{"http://" + listen + "/callback"}, AlwaysRefresh: true})
	return startServe(t, listen, environ(withClient(map[string]string{"OIDC_ISSUER": p.Issuer}, false, p.Secret))), p
}

func TestLoginInABrowser(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	s, p := serveForBrowser(t)
	b.do(chromedp.Navigate(s.base))
	if got := b.text("h1"); got != "Latchkey is ready" {
		t.Errorf("heading %q", got)
	}
	if got, want := ask(b, chromedp.Text(button)), "Sign in with "+strings.TrimPrefix(p.Issuer, "http://"); got != want {
		t.Errorf("the button says %q, want %q", got, want)
	}
	b.look("welcome")
	b.do(chromedp.Click(button))
	b.signIn()
	b.do(chromedp.WaitReady(chromedp.CSS("pre")))
	var tokens map[string]any
	if err := json.Unmarshal([]byte(ask(b, chromedp.TextContent(chromedp.CSS("pre")))), &tokens); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"access_token", "refresh_token", "id_token", "token_type", "expires_in", "scope"} {
		if tokens[name] == nil {
			t.Errorf("no %s in the answer", name)
		}
	}
	if u := b.location(); u.Path != "/callback" || p.TokenRequests() != 1 {
		t.Errorf("at %s, %d token requests", u.Path, p.TokenRequests())
	}

	b.do(chromedp.Reload()) // C-27
	b.sees("This sign-in was already used", "state_used", "/login")
	if n := p.TokenRequests(); n != 1 {
		t.Errorf("%d token requests after a reload", n)
	}
}

func TestErrorPagesInABrowser_C31_C43_C55(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	s, p := serveForBrowser(t)

	b.do(chromedp.Navigate(s.base + "/callback?code=abc&state=" + strings.Repeat("A", 43) + "&iss=" + url.QueryEscape(p.Issuer)))
	b.sees("We do not know this sign-in", "state_unknown", "/login")
	b.look("error")

	// "Try again" leads to the provider, where the person now says no.
	b.do(chromedp.Click(button), chromedp.WaitVisible(chromedp.CSS("input[name=login]")))
	if got := b.location(); "http://"+got.Host != p.Issuer {
		t.Fatalf("Try again leads to %s", got)
	}
	b.do(chromedp.Click(chromedp.Search(`//a[contains(., "Cancel")]`)), chromedp.WaitVisible(button))
	b.sees("Sign-in was declined", "access_denied", "/login")
	b.look("declined")

	// A login with a destination keeps it through every refusal.
	b.do(chromedp.Navigate(s.base+"/login?return_to=%2Fapp%3Fx%3D1"), chromedp.WaitVisible(chromedp.CSS("input[name=login]")))
	b.do(chromedp.Click(chromedp.Search(`//a[contains(., "Cancel")]`)), chromedp.WaitVisible(button))
	b.sees("Sign-in was declined", "access_denied", "/login?return_to=%2Fapp%3Fx%3D1")
	b.do(chromedp.Reload(), chromedp.WaitVisible(button))
	b.sees("This sign-in was already used", "state_used", "/login?return_to=%2Fapp%3Fx%3D1")

	// And after all of that a login still works.
	b.do(chromedp.Click(button))
	b.signIn()
	b.do(chromedp.WaitReady(chromedp.CSS("pre")))
	if text := ask(b, chromedp.TextContent(chromedp.CSS("pre"))); !strings.Contains(text, `"access_token"`) || p.TokenRequests() != 1 {
		t.Errorf("%s, %d token requests", text, p.TokenRequests())
	}
}
