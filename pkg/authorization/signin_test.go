package authorization_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

// try sends one password with the form of a fresh page.
func (b *browser) try(name, pass string) *http.Response {
	b.s.t.Helper()
	return b.post(authorization.PathSignIn, "form", formOf(b.s.t, b.get(A("web", "prompt", "login"))), "username", name, "password", pass, "do", "signin")
}

func TestPageHeaders_S27(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	signin := b.get(A("web"))
	approve := b.signIn(A("web"), "admin")
	for name, resp := range map[string]*http.Response{"sign-in": signin, "approve": approve, "sign-out": b.get(authorization.PathSignOut)} {
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Frame-Options") != "DENY" || !strings.Contains(policy, "frame-ancestors 'none'") ||
			!strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "form-action") ||
			resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" ||
			resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
}

func TestCookies_S33(t *testing.T) {
	for at, prefix := range map[string]string{base: "__Host-", "http://localhost:3000": ""} {
		s := newServerAt(t, at)
		b := s.browser()
		page := b.get(A("web"))
		resp := b.post(authorization.PathSignIn, "form", formOf(t, page), "username", "admin", "password", password)
		seen := map[string]bool{}
		for _, c := range slices.Concat(page.Cookies(), resp.Cookies()) {
			seen[c.Name] = true
			if !strings.HasPrefix(c.Name, prefix) || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (prefix != "") || c.MaxAge <= 0 || len(c.Value) > 512 {
				t.Errorf("%s: %s", at, c.Raw)
			}
		}
		if !seen[prefix+"browser"] || !seen[prefix+"signin"] || !seen[prefix+"known"] || len(seen) != 3 {
			t.Errorf("%s: cookies %v", at, seen)
		}
		if len(page.Cookies()) != 1 {
			t.Errorf("%s: the page before sign-in sets %v", at, page.Cookies())
		}
	}
}

func TestNewSignInEachTime_S32(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	preset := strings.Repeat("A", 65)
	b.cookies["__Host-signin"] = preset
	b.signIn(A("web"), "admin")
	first := b.cookies["__Host-signin"]
	if first == preset || first == "" {
		t.Fatal("the preset id is kept")
	}
	b.signIn(A("web", "prompt", "login"), "admin")
	second := b.cookies["__Host-signin"]
	if second == first {
		t.Fatal("the id is the same after another sign-in")
	}
	for _, old := range []string{preset, first} {
		c := s.browser()
		c.cookies["__Host-signin"] = old
		if !is(c.get(A("web")), authorization.PathSignIn) {
			t.Error("the old cookie still works")
		}
	}
	if !is(b.get(A("web")), authorization.PathApprove) {
		t.Error("the new cookie does not work")
	}
	s.advance(authorization.SignInAge)
	if !is(b.get(A("web")), authorization.PathSignIn) {
		t.Error("a sign-in lasts longer than it may")
	}
}

func TestCancel(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	resp := b.post(authorization.PathSignIn, "form", formOf(t, b.get(A("web"))), "username", "", "password", "", "do", "cancel")
	wantREDIR(t, resp, "https://app.example/cb2?", "access_denied", "st-1")
	if ops := s.flows.ops(); len(ops) > 0 {
		t.Errorf("store operations: %v", ops)
	}
}

func TestPromptAndMaxAge(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	s.advance(100 * time.Second)
	for name, tt := range map[string]struct {
		change []string
		page   string
	}{
		"nothing":                   {nil, authorization.PathApprove},
		"prompt=login":              {[]string{"prompt", "login"}, authorization.PathSignIn},
		"prompt=select_account":     {[]string{"prompt", "select_account"}, authorization.PathSignIn},
		"prompt=login consent":      {[]string{"prompt", "login consent"}, authorization.PathSignIn},
		"prompt=consent":            {[]string{"prompt", "consent"}, authorization.PathApprove},
		"max_age not reached":       {[]string{"max_age", "200"}, authorization.PathApprove},
		"max_age passed":            {[]string{"max_age", "99"}, authorization.PathSignIn},
		"max_age zero":              {[]string{"max_age", "0"}, authorization.PathSignIn},
		"max_age longer than we do": {[]string{"max_age", "2000000000"}, authorization.PathApprove},
	} {
		if resp := b.get(A("web", tt.change...)); !is(resp, tt.page) {
			t.Errorf("%s: %s", name, bodyOf(resp))
		}
	}
	// Having signed in for this request is enough: it does not go round in circles.
	for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"prompt", "select_account consent"}} {
		if resp := b.signIn(A("web", change...), "admin"); !is(resp, authorization.PathApprove) {
			t.Errorf("%v: asks again", change)
		}
	}
	if body := bodyOf(s.browser().get(A("web", "login_hint", `b"><b>ob`))); !strings.Contains(body, `value="b&#34;&gt;&lt;b&gt;ob"`) {
		t.Error("login_hint is not in the form")
	}
}

func TestPrefetch(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.allow(A("web", "scope", "read"), "read")
	s.flows.ops()
	b.header.Set("Sec-Purpose", "prefetch;prerender")
	wantPAGE(t, b.get(A("web", "scope", "read")), http.StatusBadRequest)
	if ops := s.flows.ops(); len(ops) > 0 {
		t.Errorf("store operations: %v", ops)
	}
}
