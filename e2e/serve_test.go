package e2e_test

import (
	"bufio"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

// latchkey builds cmd/latchkey once per test binary. The sources are opened
// here so that the test cache sees them change.
var latchkey = sync.OnceValues(func() (string, error) {
	root, err := stack.Root()
	if err != nil {
		return "", err
	}
	for _, name := range []string{"go.mod", "go.sum", "cmd", "pkg"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && !strings.HasSuffix(path, "_test.go") {
				_, err = os.ReadFile(path)
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	dir, err := os.MkdirTemp("", "latchkey-")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "latchkey")
	cmd := exec.Command("go", "build", "-o", program, "./cmd/latchkey")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
})

// command prepares the program with settings and nothing else of our
// environment but the path.
func command(t testing.TB, settings []string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := latchkey()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, settings...)
	return cmd
}

// output collects what a process writes.
type output struct {
	mu sync.Mutex
	b  strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// served is a running `latchkey serve`.
type served struct {
	base string
	cmd  *exec.Cmd
	out  *output // standard output after the first line
	log  *output // standard error
	done chan error
}

// startServe runs serve and waits for its first line.
func startServe(t testing.TB, listen string, settings []string, args ...string) *served {
	t.Helper()
	s := &served{cmd: command(t, settings, append([]string{"serve", "--listen", listen}, args...)...), out: &output{}, log: &output{}, done: make(chan error, 1)}
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	if err != nil || !strings.HasPrefix(first, "listening on http://") {
		_ = s.cmd.Wait()
		t.Fatalf("first line %q, %v\n%s", first, err, s.log)
	}
	s.base = strings.TrimSpace(strings.TrimPrefix(first, "listening on "))
	go func() {
		_, _ = lines.WriteTo(s.out)
		s.done <- s.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		if t.Failed() {
			t.Logf("latchkey serve wrote:\n%s%s", s.out, s.log)
		}
	})
	return s
}

// port is one that is free and that the system does not give to others by
// itself: a provider has to know the redirect URI before the server starts.
func port() int { return 20_000 + rand.IntN(10_000) }

// person is a browser with cookies that stops at every redirect.
func person(base http.RoundTripper) *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{
		Jar: jar, Transport: base, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func TestServeStopsCleanly(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("signals: needs a Unix system")
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := startServe(t, "localhost:0", nil)
		if err := s.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-s.done:
			if err != nil {
				t.Errorf("%v: %v", signal, err)
			}
		case <-time.After(10 * time.Second):
			t.Errorf("%v: still running", signal)
		}
	}
}
