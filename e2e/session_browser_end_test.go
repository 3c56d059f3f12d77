package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// frontDoor is the heading of / for who is signed out.
const frontDoor = "Latchkey is ready"

// eventually looks again and again, until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}

// confirm answers the provider's question whether to sign out there too, which
// leads back, and sees that nobody is signed in at either.
func (b *tab) confirm(base string) {
	b.t.Helper()
	b.until(`location.pathname === "/oauth/end_session" && document.querySelector("h1")?.textContent === "Sign out?"`)
	b.do(chromedp.Click(chromedp.CSS("form button")))
	b.at("/", frontDoor)
	if b.cookies(base)["session"] != "" {
		b.t.Error("the session's cookie is still there")
	}
}

// showsNothing goes back page by page, to the beginning: none of them is one
// of the session.
func (b *tab) showsNothing() {
	b.t.Helper()
	for n := ask(b, chromedp.NavigationEntries()).CurrentIndex; n > 0; n-- {
		b.back()
		eventually(b.t, "a page further back", func() bool {
			h, err := chromedp.Run(b.ctx, chromedp.NavigationEntries())
			return err == nil && h.CurrentIndex < n
		})
		if n == 1 {
			return // the blank page that every tab begins with
		}
		b.until(`document.readyState === "complete" && !!document.querySelector("h1")`)
		b.until(`!/admin@example|Welcome back|You are signed in/.test(document.body.textContent)`)
	}
}

// An access token that ends is replaced behind the scenes, by one of the tabs.
func TestExpiryInABrowser(t *testing.T) {
	one := bare(t)
	s := serveSessions(t, "ACCESS_TTL=2s")
	w := one.watch()
	one.enter(s.base + "/session")
	one.until(`document.querySelector("[data-ends]").textContent === "in 1 min"`) // the script's words
	ask(one, chromedp.Evaluate[bool](`window.still = true`))
	for _, keys := range []string{"", "x"} { // the first token is replaced in any case
		ask(one, chromedp.Evaluate[bool](`document.querySelector("[data-ends]").textContent = "?", true`))
		one.do(chromedp.KeyEvent(keys))
		one.until(`document.querySelector("[data-ends]").textContent === "in 1 min"`)
	}
	one.until(`document.querySelector("[data-ends]").textContent === "over"`)
	one.do(chromedp.MouseClickXY(5, 5))
	one.until(`document.querySelector("[data-ends]").textContent === "in 1 min"`)
	if n := s.asked("POST", "/refresh"); n < 3 || !ask(one, chromedp.Evaluate[bool](`window.still`)) {
		t.Errorf("%d refreshes", n)
	}

	two := one.another()
	for _, b := range []*tab{one, two} {
		b.do(chromedp.Navigate(s.base))
		b.at("/", "Welcome back")
	}
	for range 3 {
		ask(one, chromedp.Evaluate[bool](`new Promise(locked => navigator.locks.request("latchkey", () => (locked(true), window.since = null, new Promise(f => window.free = f))))`, chromedp.EvalAwaitPromise))
		for _, b := range []*tab{one, two} {
			ask(b, chromedp.Evaluate[bool](`window.answer = latchkey.refresh(), true`))
		}
		eventually(t, "both tabs in the queue, with a token that has ended", func() bool {
			return told[bool](one, `Promise.all([navigator.locks.query(), fetch("/session").then(r => r.json())]).then(([q, s]) =>
				q.pending.length === 2 && s.expires_in === 0 && Date.now() - (window.since ??= Date.now()) > 1000)`)
		})
		if who := told[string](two, `latchkey.fetch("/api/whoami").then(r => r.json()).then(who => who.provider)`); who != "builtin" {
			t.Errorf("whoami with a token that has ended: %q", who)
		}
		before := s.asked("POST", "/refresh")
		ask(one, chromedp.Evaluate[bool](`free(), true`))
		for _, b := range []*tab{one, two} {
			if !told[bool](b, `answer.then(a => a.refreshed && a.expires_in > 0)`) {
				t.Error("a tab has no answer of a refresh")
			}
		}
		if n := s.asked("POST", "/refresh") - before; n != 1 {
			t.Errorf("%d refreshes for two tabs, want 1", n)
		}
	}
	w.sawNoProblem(t)
}

// Signing out in one tab ends the other ones, at the provider too, and the back
// button shows nothing of what was.
func TestSignOutInABrowser(t *testing.T) {
	t.Parallel()
	one := bare(t)
	s := serveSessions(t)
	w := one.watch()
	two, three := one.another(), one.another()
	for name, leave := range map[string]func(){
		"with the form":   func() { one.do(chromedp.Click(signOut)) },
		"with the script": func() { ask(one, chromedp.Evaluate[bool](`latchkey.logout(), true`)) },
	} {
		t.Log(name)
		one.enter(s.base + "/session")
		one.at("/session", "You are signed in")
		two.do(chromedp.Navigate(s.base + "/session"))
		two.at("/session", "You are signed in")
		three.do(chromedp.Navigate(s.base + "/session"))
		three.do(chromedp.Navigate(s.base))
		three.at("/", "Welcome back")
		leave()
		two.at("/", frontDoor)
		three.at("/", frontDoor)
		one.confirm(s.base)
		for _, b := range []*tab{one, two, three} {
			b.showsNothing()
		}
	}
	one.do(chromedp.Navigate(s.base+"/session"), chromedp.WaitVisible(usernameField))
	w.sawNoProblem(t)
}

// A session that was ended from another browser is over at the next look, on a
// page that was in view, and on one that the browser had kept.
func TestSignOutElsewhereInABrowser(t *testing.T) {
	t.Parallel()
	here := bare(t)
	s := serveSessions(t)
	here.enter(s.base + "/session")
	there := here.other()
	w := there.watch()
	for _, way := range []string{"button[name=handle]", "button[name=everywhere]"} {
		there.enter(s.base + "/session")
		there.at("/session", "You are signed in")
		ctx, end := chromedp.NewContext(there.ctx, chromedp.WithNewWindow(false))
		second := &tab{t, ctx, ""}
		second.do(chromedp.Navigate(s.base + "/session"))
		second.at("/session", "You are signed in")
		ask(second, chromedp.Evaluate[bool](`addEventListener("pageshow", e => sessionStorage.kept = e.persisted), true`))
		second.do(chromedp.Navigate(s.base + "/logout"))
		there.until(`document.hidden`)

		here.do(chromedp.Navigate(s.base+"/session"), chromedp.WaitVisible(chromedp.CSS(way)), chromedp.Click(chromedp.CSS(way)))
		if way == "button[name=handle]" {
			here.until(`!document.querySelector("button[name=handle]")`)
			here.at("/session", "You are signed in")
		} else {
			here.confirm(s.base)
		}
		second.back()
		second.at("/", frontDoor)
		if !ask(second, chromedp.Evaluate[bool](`sessionStorage.kept === "true"`)) {
			t.Error("the page was not kept by the browser: nothing is proved")
		}
		there.at("/session", "You are signed in")
		if _, err := chromedp.Call(there.ctx, page.BringToFront, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
		there.at("/", frontDoor)
		end()
		there.do(chromedp.Navigate(s.base + "/oauth/signout"))
		there.do(chromedp.Click(chromedp.CSS("form button")), chromedp.WaitNotPresent(chromedp.CSS("form button")))
	}
	for _, p := range w.problems {
		if !strings.Contains(p, "401") {
			t.Error("the browser complains: " + p)
		}
	}
}

// A session that nobody used for a while is over: a page that is opened and a
// script that asks both lead to the login, and back.
func TestIdleInABrowser(t *testing.T) {
	b := bare(t)
	s := serveSessions(t, "SESSION_IDLE=2s")
	b.enter(s.base + "/login?return_to=%2F%3Fa%3D1%23part")
	over := func() {
		t.Helper()
		b.at("/?a=1#part", "Welcome back")
		eventually(t, "the end of the session", func() bool { return told[int](b, `fetch("/session").then(r => r.status)`) == 401 })
	}
	over()
	ask(b, chromedp.Evaluate[bool](`window.old = true, latchkey.fetch("/api/whoami"), true`))
	b.until(`!window.old`)
	over()
	b.do(chromedp.Navigate(s.base + "/session"))
	b.at("/session", "You are signed in")
	if n := s.asked("GET", "/callback"); n != 3 {
		t.Errorf("%d logins, want 3", n)
	}
}

// A page that nobody touches does not keep its session: it shows that the
// token is over, and the next act finds the session gone.
func TestUntouchedInABrowser(t *testing.T) {
	b := bare(t)
	s := serveSessions(t, "ACCESS_TTL=2s", "SESSION_IDLE=5s")
	b.enter(s.base + "/session")
	b.at("/session", "You are signed in")
	ask(b, chromedp.Evaluate[bool](`window.still = true`))
	session := b.cookies(s.base)["session"]
	status := func() int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.base+"/session", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "session", Value: session})
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if code := status(); code != http.StatusOK {
		t.Fatalf("the cookie is answered with %d", code)
	}
	eventually(t, "the end of a session whose page is open", func() bool { return status() == http.StatusUnauthorized })
	if n := s.asked("POST", "/refresh"); n != 1 {
		t.Errorf("%d refreshes of an untouched page, want 1", n)
	}
	if !ask(b, chromedp.Evaluate[bool](`window.still && document.querySelector("[data-ends]").textContent === "over"`)) {
		t.Error("the page does not say that the token is over")
	}
	b.do(chromedp.KeyEvent("x"))
	b.at("/", frontDoor)
}

// Nothing needs a script.
func TestSessionWithoutScript(t *testing.T) {
	t.Parallel()
	b := bare(t)
	s := serveSessions(t)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.Navigate(s.base), chromedp.Click(button), chromedp.WaitVisible(usernameField))
	b.typeIn("admin", "admin")
	b.do(chromedp.WaitVisible(choose("approve")), chromedp.Click(choose("approve")), chromedp.WaitVisible(ends))
	b.at("/session", "You are signed in")
	if text := ask(b, chromedp.Text(ends)); text != "in 5 minutes" || s.asked("GET", "/auth.js") > 0 {
		t.Errorf("the token ends %q, scripts loaded: %d", text, s.asked("GET", "/auth.js"))
	}
	b.do(chromedp.Click(signOut))
	b.confirm(s.base)
	b.do(chromedp.Navigate(s.base+"/session"), chromedp.WaitVisible(usernameField))
}
