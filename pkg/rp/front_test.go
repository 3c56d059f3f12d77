package rp_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

func TestFrontDoor(t *testing.T) {
	s, _ := aliceSite(t)
	out := s.processes[0].browser()
	resp := out.navigate("/")
	if body := bodyOf(resp); resp.StatusCode != 200 || !strings.Contains(body, `href="/login"`) || !strings.Contains(body, "Sign in with 127.0.0.1") || strings.Contains(body, "<script") {
		t.Errorf("signed out: %d %s", resp.StatusCode, body)
	}
	s.sessions.wantCalls(t, map[string]int{})

	b := s.signedIn("")
	s.sessions.reset()
	resp = b.navigate("/")
	if body := bodyOf(resp); resp.StatusCode != 200 || !strings.Contains(body, "Alice Example") || !strings.Contains(body, `href="/logout"`) || !strings.Contains(body, `src="/auth.js"`) || strings.Contains(body, `href="/login"`) {
		t.Errorf("signed in: %d %s", resp.StatusCode, body)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") || !strings.Contains(csp, "script-src 'self'") {
		t.Errorf("policy %s", csp)
	}
	s.sessions.wantCalls(t, map[string]int{"get": 1})

	s.sessions.set(func(string) error { return errStoreDown }, nil)
	if resp := b.navigate("/"); resp.StatusCode != 503 || resp.Header.Get("Set-Cookie") != "" || strings.Contains(bodyOf(resp), "Sign in with") {
		t.Errorf("nobody can tell: %d", resp.StatusCode)
	}
	if resp := out.navigate("/"); resp.StatusCode != 200 {
		t.Errorf("without a cookie nobody is asked: %d", resp.StatusCode)
	}
	s.sessions.reset()
	cookie := b.cookies[sessionName]
	b.fetch("POST", "/logout")
	if resp := s.with(cookie).navigate("/"); resp.StatusCode != 200 || !strings.Contains(bodyOf(resp), "Sign in with") || strings.Contains(bodyOf(resp), "Alice") {
		t.Errorf("signed out again: %d", resp.StatusCode)
	}
	if resp := b.do("HEAD", "/", nil, nil); resp.StatusCode != 200 || bodyOf(resp) != "" {
		t.Errorf("HEAD: %d", resp.StatusCode)
	}
	for _, m := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		if resp := b.do(m, "/", nil, nil); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q", m, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
}

// The function behind GET / is the one of the session.
func TestFrontDoorOfTheSession(t *testing.T) {
	s, _ := aliceSite(t)
	b := variant{}.of(s).browser()
	s.signIn(b, "")
	if body := bodyOf(b.navigate("/")); !strings.Contains(body, "Alice Example") {
		t.Errorf("%s", body)
	}
	w := httptest.NewRecorder()
	(&rp.Session{Keeper: s.keeper, Provider: s.refresher[0].Provider}).ServeHTTP(w, httptest.NewRequest("GET", "/elsewhere", nil))
	if w.Code != 404 {
		t.Errorf("elsewhere: %d", w.Code)
	}
}

// Who signs in with a name that looks like a page does not write on it.
func TestFrontDoorEscapes(t *testing.T) {
	s, _ := aliceSite(t)
	s.processes[0].up.knows(`{"sub":"x","name":"<script src=//evil.example>","email":"\"><img src=x>"}`)
	b := s.signedIn("")
	for _, path := range []string{"/", "/session", "/logout"} {
		if body := bodyOf(b.navigate(path)); strings.Contains(body, "<script src=//") || strings.Contains(body, "<img") || !strings.Contains(body, "evil.example") {
			t.Errorf("%s: %s", path, body)
		}
	}
}

func TestFrontDoorWithoutSessions(t *testing.T) {
	for name, tt := range map[string]struct {
		provider *provider.Provider
		want     string
	}{
		"this server": {&provider.Provider{Name: "builtin"}, ">Sign in<"},
		"a preset":    {&provider.Provider{Name: "gitlab", Issuer: "https://gitlab.example"}, "Sign in with gitlab<"},
		"an issuer":   {&provider.Provider{Name: "oidc", Issuer: "https://id.example/realms/x?y"}, "Sign in with id.example<"},
		"endpoints":   {&provider.Provider{Name: "custom", Fixed: provider.Endpoints{Authorize: "https://op.example:8443/authorize?x=https://evil.example"}}, "Sign in with op.example:8443<"},
	} {
		front := &rp.Front{Provider: tt.provider, Setup: &page.Setup{RedirectURI: base + "/callback", Mode: rp.ModeJSON}}
		r := httptest.NewRequest("GET", "/", nil)
		r.AddCookie(&http.Cookie{Name: sessionName, Value: strings.Repeat("A", 64)}) // of no use here
		w := httptest.NewRecorder()
		front.ServeHTTP(w, r)
		if body := strings.Join(strings.Fields(w.Body.String()), " "); w.Code != 200 || !strings.Contains(strings.ReplaceAll(strings.ReplaceAll(body, "> ", ">"), " <", "<"), tt.want) || !strings.Contains(body, base+"/callback") {
			t.Errorf("%s: %d %s", name, w.Code, body)
		}
	}
}
