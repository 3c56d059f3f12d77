package authorization_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/client"
)

func TestRemembered_S44(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.allow(A("web", "scope", "openid read"), "read")
	asks := func(change ...string) bool { return is(b.get(A("web", change...)), authorization.PathApprove) }
	s.flows.ops()
	for name, tt := range map[string]struct {
		change []string
		asks   bool
	}{
		"the same":             {[]string{"scope", "openid read"}, false},
		"in another order":     {[]string{"scope", "read openid"}, false},
		"less":                 {[]string{"scope", "read"}, false},
		"the same, none":       {[]string{"scope", "openid read", "prompt", "none"}, false},
		"more":                 {[]string{"scope", "openid read email"}, true},
		"other":                {[]string{"scope", "email"}, true},
		"all, by leaving out":  {[]string{"scope", "-"}, true},
		"another redirect URI": {[]string{"scope", "openid read", "redirect_uri", "https://app.example/cb?keep=1&x=%20y"}, true},
		"prompt=consent":       {[]string{"scope", "openid read", "prompt", "consent"}, true},
	} {
		if got := asks(tt.change...); got != tt.asks {
			t.Errorf("%s: asks %v", name, got)
		}
	}
	// More, approved in part: what was left out is asked again, what was
	// approved before stays.
	b.allow(A("web", "scope", "openid email profile"), "email")
	if asks("scope", "openid read email") || !asks("scope", "profile") {
		t.Error("a part is not remembered as one")
	}
	// Left out now, though approved before: forgotten.
	b.allow(A("web", "scope", "openid read email", "prompt", "consent"), "email")
	if asks("scope", "openid email") || !asks("scope", "read") {
		t.Error("what was taken back is still remembered")
	}
	// Another user in the same browser is asked.
	if !is(b.signIn(A("web", "scope", "openid email", "prompt", "login"), "bob"), authorization.PathApprove) {
		t.Error("one user's approval goes for another")
	}
	s.advance(authorization.ConsentAge)
	if resp := b.signIn(A("web", "scope", "openid email"), "admin"); !is(resp, authorization.PathApprove) {
		t.Error("an approval is remembered for ever")
	}
}

func TestRememberedAnswerIsARedirect(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.allow(A("web", "scope", "read"), "read")
	s.flows.ops()
	resp := b.get(A("web", "scope", "read", "state", "x"))
	got := answer(t, resp)
	if resp.StatusCode != http.StatusFound || got.Get("state") != "x" || got.Get("iss") != base || s.grantOf(got.Get("code")).Scopes[0] != "read" {
		t.Errorf("%d %v", resp.StatusCode, got)
	}
	if diff := cmp.Diff(map[string]int{"GetSignIn": 1, "PutGrant": 1}, s.flows.ops()); diff != "" {
		t.Error(diff)
	}
	if again := answer(t, b.get(A("web", "scope", "read", "state", "x"))); again.Get("code") == got.Get("code") {
		t.Error("two requests, one code")
	}
}

func TestPublicClientIsAskedAgain_S43(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.allow(A("native"), "read")
	if ops := s.flows.ops(); ops["PutConsent"] != 0 {
		t.Errorf("store operations: %v", ops)
	}
	if !is(b.get(A("native")), authorization.PathApprove) {
		t.Error("not asked again")
	}
	wantREDIR(t, b.get(A("native", "prompt", "none")), "http://127.0.0.1:40001/cb?", "consent_required", "st-1")
	// The stack's own client is public, and known by its redirect URI.
	b.allow(A(client.FirstParty), "profile", "email")
	if resp := b.get(A(client.FirstParty)); resp.StatusCode != http.StatusFound || answer(t, resp).Get("code") == "" {
		t.Error("the first-party client is asked again")
	}
}
