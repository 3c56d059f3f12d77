package rp_test

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// with is a browser that has this session cookie and nothing else.
func (s *site) with(cookie string) *browser {
	return &browser{app: s.processes[0], cookies: map[string]string{sessionName: cookie}}
}

func TestSession(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	for _, after := range []int64{0, 1800, 7200} { // even past an hour it does not slide
		s.sessions.reset()
		s.processes[0].clock.Store(after)
		resp := b.fetch("GET", "/session")
		got := jsonOf(t, resp)
		names := slices.Sorted(maps.Keys(got))
		if want := "authenticated email expires_in logout_url name scope session_expires_in sub"; strings.Join(names, " ") != want {
			t.Errorf("members %v", names)
		}
		if got["authenticated"] != true || got["sub"] != "alice-1" || got["name"] != "Alice Example" || got["email"] != "alice@example.com" ||
			got["scope"] != "read write" || got["logout_url"] != "/logout" {
			t.Errorf("%v", got)
		}
		near := func(name string, want int64) {
			if is := int64(got[name].(float64)); is > max(want, 0) || is < max(want-5, 0) {
				t.Errorf("after %d s: %s is %d", after, name, is)
			}
		}
		near("expires_in", 3600-after)
		near("session_expires_in", 24*3600-after)
		if h := resp.Header; resp.StatusCode != 200 || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("Set-Cookie") != "" {
			t.Errorf("%d %v", resp.StatusCode, h)
		}
		s.sessions.wantCalls(t, map[string]int{"get": 1})
	}
}

func TestSessionPage(t *testing.T) {
	s, _ := aliceSite(t)
	s.signedIn("")
	b := s.signedIn("")
	s.sessions.reset()
	s.later(2 * time.Hour) // it does not slide
	resp := b.navigate("/session")
	body, csp := bodyOf(resp), resp.Header.Get("Content-Security-Policy")
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "frame-ancestors 'none'") {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	for _, part := range []string{"Alice Example", "alice@example.com", "Read your data", `action="/logout"`, `name="everywhere"`, `src="/auth.js"`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page has no %s", part)
		}
	}
	if strings.Count(body, `name="handle"`) != 1 {
		t.Error("the page does not list the one other session")
	}
	s.sessions.wantCalls(t, map[string]int{"get": 1, "list": 1})
	s.sessions.set(func(method string) error { return errorsOn(method == "list") }, nil)
	if resp := b.navigate("/session"); resp.StatusCode != 503 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestScript(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.processes[0].browser()
	resp := b.get("/auth.js")
	if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/javascript") || !strings.Contains(bodyOf(resp), "latchkey") {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if resp := b.do("POST", "/auth.js", nil, nil); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}

func TestNotSignedIn(t *testing.T) {
	s, _ := aliceSite(t)
	s.sessions.reset()
	fetchers := map[string]*browser{"no cookie": s.processes[0].browser()}
	for name, value := range map[string]string{"empty": "", "garbage": "garbage", "too short": session.NewCookie()[:63], "too long": session.NewCookie() + "A", "8 KB": strings.Repeat("A", 8<<10)} {
		fetchers[name] = s.with(value)
	}
	for name, b := range fetchers {
		for _, path := range []string{"/session", "/sessions"} {
			resp := b.fetch("GET", path)
			wantError(t, resp, 401, "not_authenticated")
			if got := jsonOf(t, resp); got["login_url"] != "/login" || got["error"] != "not_authenticated" {
				t.Errorf("%s: %v", name, got)
			}
			wantRedirect(t, b.navigate(path), "/login?return_to=%2Fsession", "")
		}
	}
	if len(s.sessions.calls) != 0 {
		t.Errorf("the store was asked %v", s.sessions.calls)
	}
}

const cleared = sessionName + "=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"

// wantRedirect checks a 303 and what it does to cookies.
func wantRedirect(t *testing.T, resp *http.Response, to, cookie string) {
	t.Helper()
	if resp.StatusCode != 303 || resp.Header.Get("Location") != to || strings.Join(resp.Header.Values("Set-Cookie"), "|") != cookie || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d to %q, %q; want %q, %q", resp.StatusCode, resp.Header.Get("Location"), resp.Header.Values("Set-Cookie"), to, cookie)
	}
}

func TestDeadSession_C67(t *testing.T) {
	s, _ := aliceSite(t)
	live := s.signedIn("").cookies[sessionName]
	dead := s.signedIn("")
	gone := dead.cookies[sessionName]
	dead.fetch("POST", "/logout")
	for name, cookie := range map[string]string{"logged out": gone, "never was": session.NewCookie(), "another's secret": live[:22] + gone[22:]} {
		for _, path := range []string{"/session", "/sessions"} {
			resp := s.with(cookie).fetch("GET", path)
			wantOver(t, resp)
			if jsonOf(t, resp)["login_url"] != "/login" {
				t.Errorf("%s: %s", name, bodyOf(resp))
			}
			wantRedirect(t, s.with(cookie).navigate(path), "/login?return_to=%2Fsession", "")
		}
	}
	s.processes[0].clock.Store(24*3600 - 2)
	if resp := s.with(live).fetch("GET", "/session"); resp.StatusCode != 200 {
		t.Errorf("just before its idle end: %d", resp.StatusCode)
	}
	s.processes[0].clock.Store(24 * 3600)
	wantOver(t, s.with(live).fetch("GET", "/session"))
}

func TestTwoSessionCookies(t *testing.T) {
	s, _ := aliceSite(t)
	a, b := s.signedIn("").cookies[sessionName], s.signedIn("").cookies[sessionName]
	nobody := s.processes[0].browser()
	for _, differing := range []http.Header{
		{"Cookie": {sessionName + "=" + a + "; " + sessionName + "=" + b}},
		{"Cookie": {sessionName + "=" + a, sessionName + "=" + b}},
		{"Cookie": {sessionName + "=" + a + "; " + sessionName + "=garbage"}},
		{"Cookie": {sessionName + "=" + a + "; " + sessionName + "="}},
	} {
		for _, path := range []string{"/session", "/sessions", "/logout", "/"} {
			wantError(t, nobody.do("GET", path, nil, differing), 400, "invalid_request", a)
		}
	}
	same := http.Header{"Cookie": {sessionName + "=" + a + "; x=y; " + sessionName + "=" + a}}
	if resp := nobody.do("GET", "/session", nil, same); resp.StatusCode != 200 {
		t.Errorf("identical duplicates: %d %s", resp.StatusCode, bodyOf(resp))
	}
}

func TestSessionWhenTheStoreIsDown(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	s.sessions.set(func(string) error { return errStoreDown }, nil)
	for _, path := range []string{"/session", "/sessions"} {
		wantLater(t, b.fetch("GET", path), "store_unavailable")
		if resp := b.navigate(path); resp.StatusCode != 503 || resp.Header.Get("Set-Cookie") != "" || strings.Contains(bodyOf(resp), `href="/login"`) {
			t.Errorf("%s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
	s.sessions.reset()
	if resp := b.fetch("GET", "/session"); resp.StatusCode != 200 {
		t.Errorf("afterwards: %d", resp.StatusCode)
	}
}

func TestSessionMethods(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	s.sessions.reset()
	for path, allowed := range map[string]string{"/session": "GET", "/sessions": "GET", "/sessions/" + strings.Repeat("A", 22): "DELETE"} {
		for _, m := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			if m == allowed {
				continue
			}
			resp := b.do(m, path, nil, http.Header{"X-Csrf": {"1"}, "Origin": {base}})
			if resp.StatusCode != 405 || resp.Header.Get("Allow") != allowed {
				t.Errorf("%s %s: %d, Allow %q", m, path, resp.StatusCode, resp.Header.Get("Allow"))
			}
		}
	}
	if len(s.sessions.calls) != 0 {
		t.Errorf("the store was asked %v", s.sessions.calls)
	}
}

// reread is a ring that may change under way, as one in Secrets Manager.
type reread struct{ secret.Keys }

// Where the ring is what it is, a key that nobody knows is over at once.
func TestUnknownKeyOfAFixedRing(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	k := *s.keeper
	k.Keys = ringOf(t, ringText())
	wantOver(t, b.on(variant{keeper: &k}.of(s)).fetch("GET", "/session"))
}

// Sessions sealed with a key that was retired are over, all others live. Until
// that is sure (a key that nobody here knows may be new), nobody can tell.
func TestRetiredKey(t *testing.T) {
	s, _ := aliceSite(t)
	oldKey, newKey := ringText(), ringText()
	keyed := func(list string) *app {
		k := *s.keeper
		k.Keys = reread{ringOf(t, list)}
		return variant{keeper: &k}.of(s)
	}
	before := keyed(oldKey).browser()
	s.signIn(before, "")
	during := keyed(newKey + "," + oldKey).browser()
	s.signIn(during, "")
	check := func(name string, a *app, b *browser, want int) {
		t.Helper()
		if resp := b.on(a).fetch("GET", "/session"); resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, want)
		}
	}
	check("old, both keys there", keyed(newKey+","+oldKey), before, 200)
	check("new, both keys there", keyed(newKey+","+oldKey), during, 200)
	after := keyed(newKey)
	since := s.now()
	wantLater(t, before.on(after).fetch("GET", "/session"), "store_unavailable")
	if resp := before.on(after).navigate("/session"); resp.StatusCode != 503 {
		t.Errorf("the page: %d", resp.StatusCode)
	}
	if resp := before.on(after).whoAmI(); resp.StatusCode != 500 {
		t.Errorf("the authorizer: %d", resp.StatusCode)
	}
	s.later(27 * time.Second)
	if s.now().Sub(since) < 28*time.Second { // unless this machine is very slow
		wantLater(t, before.on(after).fetch("GET", "/session"), "store_unavailable")
	}
	s.later(3 * time.Second)
	wantOver(t, before.on(after).fetch("GET", "/session"))
	wantRedirect(t, before.on(after).navigate("/session"), "/login?return_to=%2Fsession", "")
	wantDenied(t, "the authorizer", before.on(after).whoAmI())
	check("new, old key retired", after, during, 200)
	k := *s.keeper
	k.Keys = keysDown{}
	unreadable := variant{keeper: &k}.of(s)
	wantLater(t, during.on(unreadable).fetch("GET", "/session"), "store_unavailable")
	wantLater(t, during.on(unreadable).fetch("POST", "/logout"), "store_unavailable")
	check("afterwards", after, during, 200)
}
