package rp_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// formOn is the hidden field of the form on a page.
func (b *browser) formOn(path string) string {
	b.app.t.Helper()
	resp := b.navigate(path)
	found := regexp.MustCompile(`name="form" value="([^"]+)"`).FindStringSubmatch(bodyOf(resp))
	if resp.StatusCode != 200 || found == nil {
		b.app.t.Fatalf("no form on %s: %d %s", path, resp.StatusCode, bodyOf(resp))
	}
	return found[1]
}

// submit sends a form of this site.
func (b *browser) submit(fields ...string) *http.Response {
	return b.post(formOf(fields...).Encode())
}

func (b *browser) post(body string) *http.Response {
	return b.do("POST", "/logout", strings.NewReader(body), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}, "Origin": {base},
	})
}

// alive reports whether b's session is.
func (b *browser) alive() bool { return b.fetch("GET", "/session").StatusCode == 200 }

// atProvider is where a browser that has signed out is led by s's provider.
func (s *site) atProvider() string {
	return s.processes[0].up.URL + "/end_session?client_id=" + clientID + "&post_logout_redirect_uri=" + url.QueryEscape(base+"/")
}

func TestLogoutPage_C60(t *testing.T) {
	s, p := aliceSite(t)
	b := s.signedIn("")
	s.sessions.reset()
	resp := b.navigate("/logout")
	csp := resp.Header.Get("Content-Security-Policy")
	if resp.StatusCode != 200 || resp.Header.Get("Set-Cookie") != "" || strings.Contains(csp, "unsafe") || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "form-action") {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if body := bodyOf(resp); !strings.Contains(body, `method="post" action="/logout"`) || !strings.Contains(body, "Alice Example") {
		t.Errorf("the page: %s", body)
	}
	for range 3 {
		b.do("GET", "/logout?form="+b.formOn("/logout")+"&everywhere=1", nil, http.Header{"X-Csrf": {"1"}})
	}
	if s.sessions.count("get") != 7 || len(s.sessions.calls) != 1 || len(p.given()) != 0 || !b.alive() {
		t.Errorf("GET has changed something: %v", s.sessions.calls)
	}
	wantRedirect(t, s.processes[0].browser().navigate("/logout"), "/", "")
	for _, m := range []string{"HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		if resp := b.do(m, "/logout", nil, http.Header{"X-Csrf": {"1"}}); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, POST" || !b.alive() {
			t.Errorf("%s: %d, Allow %q", m, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
	s.sessions.set(func(string) error { return errStoreDown }, nil)
	if resp := b.navigate("/logout"); resp.StatusCode != 503 {
		t.Errorf("%d", resp.StatusCode)
	}
}

func TestLogoutIsReal_C61_C62(t *testing.T) {
	for name, leave := range map[string]func(b *browser) (status int, to string, resp *http.Response){
		"by a form": func(b *browser) (int, string, *http.Response) {
			resp := b.submit("form", b.formOn("/logout"))
			return 303, resp.Header.Get("Location"), resp
		},
		"by the form of the session's page": func(b *browser) (int, string, *http.Response) {
			resp := b.submit("form", b.formOn("/session"))
			return 303, resp.Header.Get("Location"), resp
		},
		"by a script": func(b *browser) (int, string, *http.Response) {
			resp := b.fetch("POST", "/logout")
			got := jsonOf(b.app.t, resp)
			if got["logged_out"] != true || len(got) != 2 {
				b.app.t.Errorf("%v", got)
			}
			to, _ := got["redirect"].(string)
			return 200, to, resp
		},
		"by the form of one's own session": func(b *browser) (int, string, *http.Response) {
			resp := b.submit("form", b.formOn("/session"), "handle", b.handle())
			return 303, resp.Header.Get("Location"), resp
		},
	} {
		s, p := aliceSite(t)
		b := s.signedIn("")
		s.later(3590 * time.Second)
		if resp := b.fetch("POST", "/refresh"); resp.StatusCode != 200 {
			t.Fatal(bodyOf(resp))
		}
		cookie := b.cookies[sessionName]
		status, to, resp := leave(b)
		if resp.StatusCode != status || to != s.atProvider() {
			t.Errorf("%s: %d to %s", name, resp.StatusCode, to)
		}
		if got := resp.Header.Values("Set-Cookie"); len(got) != 1 || got[0] != cleared {
			t.Errorf("%s: %q", name, got)
		}
		if got := p.given(); len(got) != 1 || got[0] != "canary-refresh-2" {
			t.Errorf("%s: revoked %q", name, got)
		}
		wantOver(t, s.with(cookie).fetch("GET", "/session"))
		wantOver(t, s.with(cookie).fetch("POST", "/refresh"))
		if resp := s.with(cookie).fetch("GET", "/api/whoami"); resp.StatusCode != 403 {
			t.Errorf("%s: the authorizer: %d", name, resp.StatusCode)
		}
	}
}

// A refresh that comes between the read and the end has changed the token.
func TestLogoutRevokesTheNewestToken_C61(t *testing.T) {
	s, p := aliceSite(t)
	b := s.signedIn("")
	cookie := b.cookies[sessionName]
	s.later(3590 * time.Second)
	s.sessions.set(func(method string) error {
		if method == "delete" {
			s.with(cookie).fetch("POST", "/refresh")
		}
		return nil
	}, nil)
	if resp := b.fetch("POST", "/logout"); resp.StatusCode != 200 {
		t.Fatal(bodyOf(resp))
	}
	if got := p.given(); len(got) != 1 || got[0] != "canary-refresh-2" {
		t.Errorf("revoked %q", got)
	}
}

func TestLogoutWithTheProviderDown_C61(t *testing.T) {
	s, _ := aliceSite(t)
	first, second, third := s.signedIn(""), s.signedIn(""), s.signedIn("")
	up := s.processes[0].up
	hung := make(chan struct{})
	up.mu.Lock()
	up.revoke = func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hung:
		case <-r.Context().Done():
		}
	}
	up.mu.Unlock()
	began := time.Now()
	if resp := first.fetch("POST", "/logout"); resp.StatusCode != 200 || time.Since(began) > 3*time.Second || first.alive() {
		t.Errorf("%d after %v", resp.StatusCode, time.Since(began))
	}
	close(hung)
	up.Close()
	wantRedirect(t, second.submit("form", second.formOn("/logout")), s.atProvider(), cleared)
	// The same realm as before, and metadata that nobody answers for.
	dead := &provider.Provider{Name: "custom", ClientID: clientID, Auth: provider.AuthNone, Issuer: up.URL + "/token"}
	third = third.on(variant{provider: dead}.of(s))
	if got := jsonOf(t, third.fetch("POST", "/logout")); got["redirect"] != "/" || third.alive() {
		t.Errorf("not even its endpoints are known: %v", got)
	}
	if log := s.processes[0].log.String(); strings.Count(log, `"revocation"`) != 3 {
		t.Errorf("it is not in the log: %s", log)
	}
}

// Neither a parameter nor a header says where a browser is led.
func TestLogoutTarget_C62(t *testing.T) {
	s, _ := aliceSite(t)
	for _, name := range []string{"redirect", "redirect_uri", "post_logout_redirect_uri", "return_to", "next", "url", "to", "logout_uri", "id_token_hint", "state"} {
		for _, evil := range openRedirects[:3] {
			b := s.signedIn("")
			target := "/logout?" + formOf(name, evil).Encode()
			resp := b.do("POST", target, strings.NewReader(formOf("form", b.formOn("/logout"), name, evil).Encode()), http.Header{
				"Content-Type": {"application/x-www-form-urlencoded"}, "Referer": {"https://evil.example/"},
			})
			wantRedirect(t, resp, s.atProvider(), cleared)
		}
	}
	for _, change := range []func(*provider.Provider){
		func(p *provider.Provider) { p.Fixed.EndSession = "" },
		func(p *provider.Provider) { p.Logout = provider.LogoutHint }, // no ID token reaches a browser
	} {
		b := s.signedIn("")
		p := &provider.Provider{Name: "custom", ClientID: clientID, Auth: provider.AuthNone, Fixed: s.refresher[0].Provider.Fixed}
		change(p)
		resp := b.on(variant{provider: p}.of(s)).submit("form", b.formOn("/logout"))
		wantRedirect(t, resp, "/", cleared)
	}
	a := openID(s, provider.Identity{Subject: "alice-1"}, nil)
	b := a.browser()
	s.signIn(b, "")
	if to := jsonOf(t, b.fetch("POST", "/logout"))["redirect"]; to != s.atProvider() || strings.Contains(to.(string), "hint") {
		t.Errorf("%v", to)
	}
}

// Tokens that one provider gave are shown to no other.
func TestLogoutOfAnotherProvidersSession(t *testing.T) {
	s, p := aliceSite(t)
	b := s.signedIn("")
	now := newUpstream(t)
	now.revoke = func(_ http.ResponseWriter, r *http.Request) { t.Errorf("it got %s", r.Method) }
	other := &provider.Provider{Name: "oidc", ClientID: "c", Auth: provider.AuthNone, Fixed: provider.Endpoints{Authorize: now.URL + "/a", Token: now.URL + "/token", Revoke: now.URL + "/revoke"}}
	if got := jsonOf(t, b.on(variant{provider: other}.of(s)).fetch("POST", "/logout")); got["redirect"] != "/" || b.alive() || len(p.given()) != 0 {
		t.Errorf("%v, revoked %q", got, p.given())
	}
}

func TestLogoutAgain(t *testing.T) {
	s, p := aliceSite(t)
	b := s.signedIn("")
	cookie, form := b.cookies[sessionName], b.formOn("/logout")
	b.fetch("POST", "/logout")
	for _, gone := range []string{cookie, "", session.NewCookie()} {
		wantRedirect(t, s.with(gone).submit("form", form), "/", cleared)
		wantRedirect(t, s.with(gone).submit("form", form, "everywhere", "1"), "/", cleared)
		resp := s.with(gone).fetch("POST", "/logout")
		if got := jsonOf(t, resp); resp.StatusCode != 200 || got["logged_out"] != true || got["redirect"] != "/" || resp.Header.Get("Set-Cookie") != cleared {
			t.Errorf("%d %v", resp.StatusCode, got)
		}
	}
	if got := p.given(); len(got) != 1 {
		t.Errorf("revoked %q", got)
	}
}

func TestLogoutWhenTheStoreIsDown_C61(t *testing.T) {
	s, p := aliceSite(t)
	b := s.signedIn("")
	s.signedIn("")
	form := b.formOn("/logout")
	for _, method := range []string{"get", "delete", "list"} {
		s.sessions.set(func(m string) error { return errorsOn(m == method) }, nil)
		fields := []string{"form", form}
		if method == "list" {
			fields = append(fields, "everywhere", "1")
		} else {
			wantLater(t, b.fetch("POST", "/logout"), "store_unavailable")
		}
		if resp := b.submit(fields...); resp.StatusCode != 503 || resp.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", method, resp.StatusCode, resp.Header)
		}
	}
	s.sessions.reset()
	if !b.alive() || len(p.given()) != 0 {
		t.Errorf("alive %v, revoked %q", b.alive(), p.given())
	}
}
