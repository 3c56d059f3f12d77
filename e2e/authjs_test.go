package e2e_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/page"
)

// TestAuthJS runs the cases of authjs.mjs.
func TestAuthJS(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		peer.Absent(t, "node", "install Node.js 20 or newer")
	}
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(root, "e2e", "authjs.mjs"), filepath.Join(root, "pkg", "page", "auth.js")}
	for _, f := range files {
		if _, err := os.ReadFile(f); err != nil { // so that the test cache sees it change
			t.Fatal(err)
		}
	}
	var problems bytes.Buffer
	run := exec.CommandContext(t.Context(), node, files...)
	run.Stderr = &problems
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &problems)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 28 {
		t.Errorf("only %d cases ran", len(lines))
	}
	for _, line := range lines {
		var c struct{ Name, Problem string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		t.Run(c.Name, func(t *testing.T) {
			if c.Problem != "" {
				t.Error(c.Problem)
			}
		})
	}
}

// An app is a stand-in for the endpoints that auth.js speaks to, with the real
// pages and the real script.
type app struct {
	mu        sync.Mutex
	out       bool
	refreshes int
	view      page.SessionView
}

func (a *app) signedOut() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	front := page.FrontView{Provider: "Google", LoginURL: "/login", Account: "Anna Example"}
	switch r.Method + " " + r.URL.Path {
	case "GET /auth.js":
		page.Script(w, r)
	case "GET /session":
		if a.signedOut() {
			w.WriteHeader(http.StatusUnauthorized)
		} else if page.Navigation(r) {
			page.ShowScripted(w, r, http.StatusOK, page.Session(a.view))
		}
	case "GET /logout":
		page.ShowScripted(w, r, http.StatusOK, page.Logout(page.LogoutView{Action: "/logout", Form: "sealed", Account: "Anna Example", Provider: "Google"}))
	case "POST /logout":
		a.mu.Lock()
		a.out = r.FormValue("handle") == ""
		a.mu.Unlock()
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case "POST /refresh":
		a.mu.Lock()
		a.refreshes++
		a.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"refreshed":true,"expires_in":1800}`))
	case "GET /steps":
		front.Setup = &page.Setup{RedirectURI: "http://localhost:3000/callback", Mode: "session"}
		front.Steps = []page.Step{
			{Title: "The login begins", Facts: []string{"state: 43 characters, kept as a hash", "code_challenge_method: S256"}},
			{Title: "The provider sends the browser back", At: 4200 * time.Millisecond, Facts: []string{"iss is https://accounts.example.com"}},
			{Title: "The code is exchanged", At: 4203 * time.Millisecond, Took: 87 * time.Millisecond, Facts: []string{"one POST to https://accounts.example.com/oauth2/v4/token"}, Failed: true},
		}
		page.Show(w, r, http.StatusOK, page.Front(front))
	default:
		if front.SignedIn = !a.signedOut(); front.SignedIn {
			page.ShowScripted(w, r, http.StatusOK, page.Front(front))
		} else {
			page.Show(w, r, http.StatusOK, page.Front(front))
		}
	}
}

func startApp(t *testing.T, tokenEnds time.Duration) (*app, string) {
	t.Helper()
	began := time.Date(2026, 3, 5, 14, 7, 9, 0, time.UTC)
	a := &app{view: page.SessionView{
		Account: "Anna Example", Email: "anna@example.com", Subject: "248289761001", Provider: "Google",
		Scopes: []string{"openid", "profile", "email", "files:read"}, TokenEnds: tokenEnds, SessionEnds: 24 * time.Hour,
		Others: []page.OtherSession{
			{Handle: "one", Created: began.Add(50 * time.Hour), LastSeen: began.Add(51 * time.Hour)},
			{Handle: "two", Created: began, LastSeen: began.Add(time.Hour)},
		},
		Action: "/logout", Form: "sealed",
	}}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	return a, s.URL
}

// The pages of the session under their own policy, seen in every way.
func TestSessionPagesInABrowser(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	_, base := startApp(t, time.Hour)
	for path, heading := range map[string]string{"front": "Welcome back", "steps": "Latchkey is ready", "session": "You are signed in", "logout": "Sign out?"} {
		b.do(chromedp.Navigate(base+"/"+path), chromedp.WaitVisible(chromedp.CSS("h1")))
		if got := b.heading(); got != heading {
			t.Errorf("%s: heading %q", path, got)
		}
		b.look("page-" + path)
	}
}

// The form of one tab takes the other one off its page, the button for one
// other session does not, and a token that ends is replaced.
func TestAuthJSInTwoTabs(t *testing.T) {
	one := &tab{t, peer.Chromium(t), ""}
	a, base := startApp(t, 0)
	one.do(chromedp.Navigate(base+"/session"), chromedp.WaitVisible(chromedp.CSS("dd[data-ends]")))
	one.until(`document.querySelector("[data-ends]").textContent === "in 30 min"`)
	a.mu.Lock()
	if a.refreshes != 1 {
		t.Errorf("%d refreshes, want 1", a.refreshes)
	}
	a.mu.Unlock()

	second, end := chromedp.NewContext(one.ctx)
	defer end()
	two := &tab{t, second, ""}
	two.do(chromedp.Navigate(base+"/other"), chromedp.WaitVisible(chromedp.CSS("h1")))
	ask(two, chromedp.Evaluate[bool](`window.still = true`))
	one.do(chromedp.Click(chromedp.CSS("button[value=one]")), chromedp.WaitVisible(chromedp.CSS("[data-ends]")))
	one.until(`location.pathname === "/"`)
	if !ask(two, chromedp.Evaluate[bool](`window.still === true && location.pathname === "/other"`)) {
		t.Error("the other tab left although its session goes on")
	}
	one.do(chromedp.Navigate(base+"/logout"), chromedp.Click(chromedp.CSS("button[data-out]")))
	two.until(`location.pathname === "/" && document.querySelector("h1")?.textContent === "Sign in"`)
	one.until(`document.querySelector("h1")?.textContent === "Sign in"`)
}

// until waits for a condition, looked at every few milliseconds. A page that
// is just going cannot say.
func (b *tab) until(condition string) {
	b.t.Helper()
	limit := time.After(20 * time.Second)
	for {
		if met, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition)); err == nil && met {
			return
		}
		select {
		case <-limit:
			b.t.Fatalf("never: %s", condition)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
