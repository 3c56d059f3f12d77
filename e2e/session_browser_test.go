package e2e_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

var (
	ends    = chromedp.CSS("dd[data-ends]")
	signOut = chromedp.CSS("button[data-out]:not([name])")
)

// bare opens a tab that is not going to be looked at.
func bare(t *testing.T) *tab {
	t.Helper()
	return &tab{t, peer.Chromium(t), ""}
}

func serveSessions(t *testing.T, settings ...string) *served {
	t.Helper()
	return startServe(t, "localhost:0", settings, "--session")
}

// enter goes to an address that leads to the login, signs in, approves if it
// is asked to, and stays where that ends.
func (b *tab) enter(address string) {
	b.t.Helper()
	b.do(chromedp.Navigate(address), chromedp.WaitVisible(usernameField))
	b.typeIn("admin", "admin")
	b.until(`!document.querySelector("input[name=username]") && !!document.querySelector("h1")`)
	if ask(b, chromedp.Evaluate[bool](`!!document.querySelector("button[value=approve]")`)) {
		b.do(chromedp.Click(choose("approve")))
		b.until(`!document.querySelector("button[value=approve]") && !!document.querySelector("h1")`)
	}
}

// at waits until the tab is at a path of serve, with a heading.
func (b *tab) at(path, heading string) {
	b.t.Helper()
	b.until(`location.pathname + location.search + location.hash === ` + quote(path) + ` && document.querySelector("h1")?.textContent === ` + quote(heading))
}

// told is what a promise of the tab's page comes to.
func told[T any](b *tab, expression string) T {
	b.t.Helper()
	return ask(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// text is what a person reads of the first element that matches. It is asked in
// one step: a node that was looked up before may be gone with its page.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return told[string](b, fmt.Sprintf("document.querySelector(%q).innerText", selector))
}

// back is the browser's button. A page that was kept does not load, so nothing
// is waited for.
func (b *tab) back() {
	b.t.Helper()
	ask(b, chromedp.Evaluate[bool](`setTimeout(() => history.back()), true`))
}

// other is a tab of somebody else's browser, with cookies of its own.
func (b *tab) other() *tab {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	b.t.Cleanup(end)
	return &tab{b.t, ctx, b.axe}
}

// asked counts the requests that serve has answered.
func (s *served) asked(method, path string) int {
	return strings.Count(s.log.String(), fmt.Sprintf(`"method":%q,"path":%q,`, method, path))
}

// A witness sees what a tab sends and what goes wrong in it.
type witness struct {
	mu       sync.Mutex
	urls     []string
	problems []string
}

func (b *tab) watch() *witness {
	b.t.Helper()
	w := &witness{}
	err := chromedp.Listen(b.ctx, func(ev any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		switch e := ev.(type) {
		case *network.EventRequestWillBeSent:
			w.urls = append(w.urls, e.Request.URL)
		case *log.EventEntryAdded: // a violated policy, a resource that is not there
			if !strings.HasPrefix(e.Entry.Text, "Autofocus processing was blocked") { // who types was faster
				w.problems = append(w.problems, string(e.Entry.Level)+" "+e.Entry.Text+" "+e.Entry.URL)
			}
		case *runtime.EventExceptionThrown:
			w.problems = append(w.problems, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			w.problems = append(w.problems, "the console has something of type "+string(e.Type))
		}
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// callback is the address that the last login came back to.
func (w *witness) callback(t *testing.T) string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, u := range slices.Backward(w.urls) {
		if strings.Contains(u, "/callback?") {
			return u
		}
	}
	t.Fatal("no callback was seen")
	return ""
}

// secrets are the values in the addresses that nobody else is to learn.
func (w *witness) secrets(t *testing.T) []string {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]string{}
	for _, text := range w.urls {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"code", "state", "nonce", "code_challenge"} {
			if v := u.Query().Get(name); v != "" {
				found[v] = name
			}
		}
	}
	var values []string
	for v := range found {
		values = append(values, v)
	}
	if len(values) < 4 {
		t.Fatalf("%d secrets in %d addresses, want four", len(values), len(w.urls))
	}
	return values
}

func (w *witness) sawNoProblem(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range w.problems {
		t.Error("the browser complains: " + p)
	}
}

// cookies are the values that the browser sends to serve.
func (b *tab) cookies(base string) map[string]string {
	b.t.Helper()
	all, err := chromedp.Call(b.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{base + "/"}})
	if err != nil {
		b.t.Fatal(err)
	}
	values := map[string]string{}
	for _, c := range all.Cookies {
		values[c.Name] = c.Value
	}
	return values
}

// Who is signed out is led in, sees who they are and for how long, and what
// happened on the way, in which nothing is secret.
func TestSessionInABrowser(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	s := serveSessions(t)
	w := b.watch()
	b.do(chromedp.Navigate(s.base))
	b.at("/", "Latchkey is ready")
	b.look("session-front-out")
	if to := ask(b, chromedp.AttributeValue(button, "href")).Value; to != "/login" || ask(b, chromedp.Text(button)) != "Sign in" {
		t.Errorf("the way in leads to %s", to)
	}
	b.do(chromedp.Click(button), chromedp.WaitVisible(usernameField))
	b.typeIn("admin", "admin")
	b.do(chromedp.WaitVisible(choose("approve")), chromedp.Click(choose("approve")))
	b.at("/session", "You are signed in")
	text := b.text("main")
	for _, part := range []string{"admin", "openid", "profile", "email", "in 1 day", "in 5 min"} {
		if !strings.Contains(text, part) {
			t.Errorf("nothing of %q in:\n%s", part, text)
		}
	}
	b.do(chromedp.Navigate(s.base))
	b.at("/", "Welcome back")
	b.look("session-front-in")

	text = b.text(".steps")
	for _, part := range []string{"/oauth/authorize", "The code was exchanged", "The ID token was verified", "A session began"} {
		if !strings.Contains(text, part) {
			t.Errorf("the timeline has nothing of %q:\n%s", part, text)
		}
	}
	secrets := w.secrets(t)
	for name, value := range b.cookies(s.base) {
		if len(value) < 20 {
			t.Errorf("cookie %s: %q", name, value)
		}
		secrets = append(secrets, value)
	}
	html := told[string](b, `document.documentElement.outerHTML`)
	for _, v := range secrets {
		if strings.Contains(html, v) {
			t.Errorf("the front door shows %s", v)
		}
	}

	for range 3 {
		b.other().enter(s.base + "/session")
	}
	b.do(chromedp.Navigate(s.base + "/session"))
	b.until(`document.querySelectorAll("button[name=handle]").length === 3`)
	b.look("session-others")
	b.do(chromedp.Navigate(s.base + "/logout"))
	b.at("/logout", "Sign out?")
	b.look("session-logout")
	w.sawNoProblem(t)
}

// A page that needs a session comes back after the login, and so does the
// place on a page that a script sends to the login.
func TestDeepLinksInABrowser(t *testing.T) {
	t.Parallel()
	b := bare(t)
	s := serveSessions(t)
	b.enter(s.base + "/session?tab=1")
	b.at("/session", "You are signed in")
	b.do(chromedp.Navigate(s.base + "/?a=1&b=%C3%A9#part"))
	b.at("/?a=1&b=%C3%A9#part", "Welcome back")
	ask(b, chromedp.Evaluate[bool](`window.old = true, setTimeout(latchkey.login), true`))
	b.until(`!window.old`)
	b.at("/?a=1&b=%C3%A9#part", "Welcome back")
	if n := s.asked("GET", "/callback"); n != 2 {
		t.Errorf("%d logins, want 2", n)
	}
}

// A callback that is loaded again leads to the application, by whichever way
// the browser comes back to it.
func TestFinishedCallbackInABrowser_C27(t *testing.T) {
	t.Parallel()
	b := bare(t)
	s := serveSessions(t)
	w := b.watch()
	b.enter(s.base + "/login?return_to=%2F%3Fa%3D1%23part")
	b.at("/?a=1#part", "Welcome back")
	callback, before := w.callback(t), b.cookies(s.base)["session"]
	ask(b, chromedp.Evaluate[bool](`window.old = true`))
	b.back() // to the page that asked for approval; the provider sends the browser on at once, with the same state
	b.until(`!window.old`)
	b.at("/?a=1#part", "Welcome back")
	if n := s.asked("GET", "/callback"); n != 2 {
		t.Errorf("%d callbacks after going back, want 2", n)
	}
	for range 2 {
		b.do(chromedp.Navigate(callback))
		b.at("/?a=1#part", "Welcome back")
	}
	b.do(chromedp.Navigate(s.base + "/session"))
	b.at("/session", "You are signed in")
	b.back()
	b.at("/?a=1#part", "Welcome back")
	if n := s.asked("POST", "/oauth/token") + s.asked("POST", "/oauth/tokenize"); n != 1 {
		t.Errorf("%d token requests, want 1", n)
	}
	if b.cookies(s.base)["session"] != before {
		t.Error("the session's cookie has changed")
	}
	w.sawNoProblem(t)
}
