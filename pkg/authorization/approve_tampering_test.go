package authorization_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

func TestConsentCSRF_S39(t *testing.T) {
	s := newServer(t)
	victim, attacker := s.browser(), s.browser()
	form := victim.approvePage(A("web"))
	foreign := attacker.approvePage(A("web"))
	signin := formOf(t, victim.get(A("web", "prompt", "login")))
	s.flows.ops()
	for name, form := range map[string]string{"without a form": "", "of another browser": foreign, "a sign-in form": signin, "damaged": form[:30] + "AA" + form[32:]} {
		resp := victim.post(authorization.PathApprove, "form", form, "do", "approve", "scope", "read")
		if resp.StatusCode != http.StatusForbidden || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
	// Another browser with the victim's form, and one with its browser cookie too.
	if resp := attacker.post(authorization.PathApprove, "form", form, "do", "approve"); resp.StatusCode != http.StatusForbidden {
		t.Error(resp.StatusCode)
	}
	if resp := s.browser().post(authorization.PathApprove, "form", form, "do", "approve"); resp.StatusCode != http.StatusForbidden {
		t.Error(resp.StatusCode)
	}
	unsigned := s.browser()
	unsigned.cookies["__Host-browser"] = victim.cookies["__Host-browser"]
	if resp := unsigned.post(authorization.PathApprove, "form", form, "do", "approve"); !strings.HasPrefix(resp.Header.Get("Location"), authorization.PathAuthorize+"?continue=") {
		t.Error(resp.StatusCode, resp.Header)
	}
	// A page of another site sends the very form that is open in this browser.
	out := formOf(t, victim.get(authorization.PathSignOut))
	for _, from := range []string{"cross-site", "same-site"} {
		c := s.browser()
		c.cookies = victim.cookies
		c.header.Set("Sec-Fetch-Site", from)
		for path, form := range map[string]string{authorization.PathApprove: form, authorization.PathSignOut: out} {
			if resp := c.post(path, "form", form, "do", "approve"); resp.StatusCode != http.StatusForbidden || resp.Header.Get("Location") != "" {
				t.Errorf("%s %s: %d", from, path, resp.StatusCode)
			}
		}
	}
	for _, do := range []string{"", "x", "APPROVE"} {
		wantPAGE(t, victim.post(authorization.PathApprove, "form", form, "do", do), http.StatusBadRequest)
	}
	if ops := s.flows.ops(); ops["PutGrant"] != 0 {
		t.Errorf("store operations: %v", ops)
	}
}

func TestTampering_S25(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	for name, extra := range map[string][]string{
		"client_id": {"client_id", "native"}, "redirect_uri": {"redirect_uri", "https://evil.example"}, "state": {"state", "evil"},
		"challenge": {"code_challenge", "evil"}, "user": {"user", "bob"}, "username": {"username", "bob"}, "sub": {"sub", "sub-bob"},
		"a scope never asked for": {"scope", "email"}, "an unknown scope": {"scope", "root"}, "all scopes at once": {"scope", "read email"},
		"nonce": {"nonce", "evil"}, "iss": {"iss", "evil"}, "code": {"code", "evil"}, "gid": {"gid", "evil"},
	} {
		t.Run(name, func(t *testing.T) {
			form := b.approvePage(A("web", "scope", "openid read", "prompt", "consent"))
			got := answer(t, b.post(authorization.PathApprove, append([]string{"form", form, "do", "approve", "scope", "read"}, extra...)...))
			g := s.grantOf(got.Get("code"))
			if g.ClientID != "web" || g.User != "admin" || g.Subject != "sub-admin" || g.RedirectURI != "https://app.example/cb2" || g.Challenge != challenge ||
				strings.Join(g.Scopes, " ") != "openid read" || g.Nonce != "" || got.Get("state") != "st-1" {
				t.Errorf("%+v", g)
			}
		})
	}
}

// Someone else signs in, or out, in another tab while an approve form is open.
func TestApproveFormOfAnotherSignIn(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.approvePage(A("web"))
	b.signIn(A("web", "prompt", "login"), "bob")
	resp := b.post(authorization.PathApprove, "form", form, "do", "approve")
	page := b.get(resp.Header.Get("Location"))
	if !is(page, authorization.PathApprove) || !strings.Contains(bodyOf(page), "<strong>bob</strong>") {
		t.Errorf("%d %s", page.StatusCode, bodyOf(page))
	}
	b.post(authorization.PathSignOut, "form", formOf(t, b.get(authorization.PathSignOut)))
	resp = b.post(authorization.PathApprove, "form", formOf(t, page), "do", "approve")
	if !is(b.get(resp.Header.Get("Location")), authorization.PathSignIn) {
		t.Error("approved without anybody signed in")
	}
	if ops := s.flows.ops(); ops["PutGrant"] != 0 {
		t.Errorf("store operations: %v", ops)
	}
}
