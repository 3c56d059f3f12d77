package rp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

func ringText() string { return secret.Mint(256) }

func ringOf(t *testing.T, list string) *secret.Ring {
	t.Helper()
	ring, err := secret.ParseRing(list)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// listed is a session as GET /sessions shows it.
type listed struct {
	handle, created, seen string
	current               bool
}

func (b *browser) sessions() (list []listed) {
	b.app.t.Helper()
	for _, row := range jsonOf(b.app.t, b.fetch("GET", "/sessions"))["sessions"].([]any) {
		m := row.(map[string]any)
		if len(m) != 4 {
			b.app.t.Errorf("members %v", m)
		}
		list = append(list, listed{m["handle"].(string), m["created"].(string), m["last_seen"].(string), m["current"].(bool)})
	}
	return list
}

// handle is the name of b's own session.
func (b *browser) handle() string { return session.Handle(session.Key(b.cookies[sessionName])) }

func TestSessions(t *testing.T) {
	s, _ := aliceSite(t)
	first := s.signedIn("")
	s.later(10 * time.Second)
	second := s.signedIn("")
	first.app.up.knows(`{"sub":"bob-2"}`)
	bob := s.signedIn("")
	s.sessions.reset()
	list := first.sessions()
	s.sessions.wantCalls(t, map[string]int{"get": 1, "list": 1})
	if len(list) != 2 || list[0].handle != second.handle() || list[1].handle != first.handle() || list[0].current || !list[1].current {
		t.Errorf("%+v", list)
	}
	for _, row := range list {
		for _, at := range []string{row.created, row.seen} {
			if when, err := time.Parse(time.RFC3339, at); err != nil || !strings.HasSuffix(at, "Z") || s.now().Sub(when) > time.Minute {
				t.Errorf("%q: %v", at, err)
			}
		}
	}
	if own := bob.sessions(); len(own) != 1 || own[0].handle != bob.handle() || !own[0].current {
		t.Errorf("%+v", own)
	}
	body := bodyOf(first.fetch("GET", "/sessions"))
	for _, b := range []*browser{first, second, bob} {
		if c := b.cookies[sessionName]; strings.Contains(body, c[:21]) || strings.Contains(body, strings.TrimPrefix(session.Key(c), session.Prefix)) {
			t.Error("the list names a cookie or an item")
		}
	}
}

func TestEndSessionByHandle(t *testing.T) {
	s, p := aliceSite(t)
	own, other := s.signedIn(""), s.signedIn("")
	own.app.up.knows(`{"sub":"bob-2"}`)
	bob := s.signedIn("")
	end := func(b *browser, handle string) *http.Response { return b.fetch("DELETE", "/sessions/"+handle) }
	for name, handle := range map[string]string{
		"unknown": strings.Repeat("A", 22), "another user's": bob.handle(), "a cookie": bob.cookies[sessionName], "my cookie": own.cookies[sessionName],
		"cut": other.handle()[:21], "extended": other.handle() + "A", "a key": session.Key(other.cookies[sessionName])[len(session.Prefix):], "escaped": "%2e%2e%2fsession",
	} {
		resp := end(own, handle)
		wantError(t, resp, 404, "invalid_request")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	for name, b := range map[string]*browser{"own": own, "other": other, "bob": bob} {
		if resp := b.fetch("GET", "/session"); resp.StatusCode != 200 {
			t.Errorf("%s has ended: %d", name, resp.StatusCode)
		}
	}
	resp := end(own, other.handle())
	if resp.StatusCode != 204 || resp.Header.Get("Set-Cookie") != "" || bodyOf(resp) != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	wantError(t, end(own, other.handle()), 404, "invalid_request")
	wantOver(t, other.fetch("GET", "/session"))
	cookie := own.cookies[sessionName]
	resp = end(own, own.handle())
	if resp.StatusCode != 204 || resp.Header.Get("Set-Cookie") != cleared {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	wantOver(t, s.with(cookie).fetch("GET", "/session"))
	wantOver(t, end(s.with(cookie), bob.handle()))
	wantError(t, end(s.processes[0].browser(), bob.handle()), 401, "not_authenticated")
	if resp := bob.fetch("GET", "/session"); resp.StatusCode != 200 || len(p.given()) != 0 {
		t.Errorf("bob: %d; revoked %q", resp.StatusCode, p.given())
	}
}

// crossSite are the ways in which a page of another site can make a request
// that the session's cookie goes with, or nothing says where it comes from.
var crossSite = map[string]http.Header{
	"Sec-Fetch-Site: cross-site":         {"Sec-Fetch-Site": {"cross-site"}, "X-Csrf": {"1"}},
	"Sec-Fetch-Site: same-site":          {"Sec-Fetch-Site": {"same-site"}, "X-Csrf": {"1"}},
	"cross-site with our Origin":         {"Sec-Fetch-Site": {"cross-site"}, "Origin": {base}, "X-Csrf": {"1"}},
	"Origin: evil":                       {"Origin": {"https://evil.example"}, "X-Csrf": {"1"}},
	"Origin: null":                       {"Origin": {"null"}, "X-Csrf": {"1"}},
	"Origin: a host that ends so":        {"Origin": {"https://evil-app.example"}, "X-Csrf": {"1"}},
	"Origin: a host that begins so":      {"Origin": {base + ".evil.example"}, "X-Csrf": {"1"}},
	"Origin: another port":               {"Origin": {base + ":8443"}, "X-Csrf": {"1"}},
	"Origin: a name below ours":          {"Origin": {"https://x.app.example"}, "X-Csrf": {"1"}},
	"Origin: our host as a user":         {"Origin": {"https://app.example@evil.example"}, "X-Csrf": {"1"}},
	"no X-CSRF, same origin":             {"Sec-Fetch-Site": {"same-origin"}, "Origin": {base}},
	"no X-CSRF and nothing else":         {},
	"X-CSRF: 0":                          {"X-Csrf": {"0"}, "Sec-Fetch-Site": {"same-origin"}},
	"X-CSRF: 11":                         {"X-Csrf": {"11"}},
	"X-CSRF empty":                       {"X-Csrf": {""}},
	"X-CSRF of another name":             {"X-Csrf-Token": {"1"}},
	"a text/plain form of another site":  {"Origin": {"https://evil.example"}, "Content-Type": {"text/plain"}},
	"X-Forwarded-Host that fits":         {"Origin": {"https://evil.example"}, "X-Forwarded-Host": {"evil.example"}, "X-Csrf": {"1"}},
	"X-HTTP-Method-Override from a form": {"Sec-Fetch-Site": {"cross-site"}, "X-Http-Method-Override": {"GET"}},
}

func TestCrossSite_C60_C66(t *testing.T) {
	s, p := aliceSite(t)
	b, other := s.signedIn(""), s.signedIn("")
	s.sessions.reset()
	for name, header := range crossSite {
		for _, request := range [][2]string{{"DELETE", "/sessions/" + other.handle()}, {"DELETE", "/sessions/" + b.handle()}, {"POST", "/refresh"}, {"POST", "/logout"}} {
			resp := b.do(request[0], request[1], nil, header)
			wantError(t, resp, 403, "csrf_required")
			for h := range resp.Header {
				if strings.HasPrefix(h, "Access-Control-") {
					t.Errorf("%s: %s", name, h)
				}
			}
			if t.Failed() {
				t.Fatalf("%s: %v", name, request)
			}
		}
	}
	for _, header := range crossSite { // what only reads is answered, to nobody else's script
		resp := b.do("GET", "/session", nil, header)
		for h := range resp.Header {
			if strings.HasPrefix(h, "Access-Control-") {
				t.Errorf("%v: %s", header, h)
			}
		}
	}
	preflight := http.Header{"Origin": {"https://evil.example"}, "Access-Control-Request-Method": {"DELETE"}, "Access-Control-Request-Headers": {"x-csrf"}}
	for _, path := range []string{"/session", "/sessions", "/sessions/x", "/refresh", "/logout", "/", "/api/whoami"} {
		resp := b.do("OPTIONS", path, nil, preflight)
		if resp.StatusCode < 400 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("preflight of %s: %d %v", path, resp.StatusCode, resp.Header)
		}
	}
	if s.sessions.count("delete")+s.sessions.count("slide")+s.sessions.count("lease") != 0 || len(p.given()) != 0 {
		t.Errorf("%v", s.sessions.calls)
	}
	for _, header := range []http.Header{
		{"X-Csrf": {"1"}, "Sec-Fetch-Site": {"same-origin"}}, {"X-Csrf": {"1"}, "Origin": {base}}, {"X-Csrf": {"1"}},
	} {
		third := s.signedIn("")
		if resp := b.do("DELETE", "/sessions/"+third.handle(), nil, header); resp.StatusCode != 204 {
			t.Errorf("%v: %d %s", header, resp.StatusCode, bodyOf(resp))
		}
	}
}

func TestSessionsWhenTheStoreIsDown(t *testing.T) {
	s, _ := aliceSite(t)
	b, other := s.signedIn(""), s.signedIn("")
	for _, method := range []string{"get", "list", "delete"} {
		s.sessions.set(func(m string) error { return errorsOn(m == method) }, nil)
		if method != "delete" {
			wantLater(t, b.fetch("GET", "/sessions"), "store_unavailable")
		}
		for _, handle := range []string{other.handle(), b.handle()} {
			wantLater(t, b.fetch("DELETE", "/sessions/"+handle), "store_unavailable")
		}
	}
	s.sessions.reset()
	if list := b.sessions(); len(list) != 2 {
		t.Errorf("%+v", list)
	}
}

// lagging is a store whose index knows nothing yet.
type lagging struct{ rp.Sessions }

func (lagging) ListSessions(context.Context, string, time.Time) ([]session.Entry, error) {
	return nil, nil
}

// An index follows its table a moment later: one's own session is listed, and
// can be ended, all the same.
func TestIndexThatLagsBehind_F11(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	kept := s.sessions.Sessions
	s.sessions.Sessions = lagging{kept}
	if list := b.sessions(); len(list) != 1 || list[0].handle != b.handle() || !list[0].current {
		t.Errorf("%+v", list)
	}
	if resp := b.fetch("DELETE", "/sessions/"+b.handle()); resp.StatusCode != 204 {
		t.Errorf("%d", resp.StatusCode)
	}
}
