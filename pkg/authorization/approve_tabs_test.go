package authorization_test

import (
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

// Two users of one browser never get one another's grant from one request.
func TestAnotherUserAnotherGrant(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	first := formOf(t, b.get(A("native")))
	codes := map[string]string{}
	for _, name := range []string{"admin", "bob"} {
		resp := b.post(authorization.PathSignIn, "form", first, "username", name, "password", password)
		resp = b.get(resp.Header.Get("Location"))
		codes[name] = answer(t, b.post(authorization.PathApprove, "form", formOf(t, resp), "do", "approve", "scope", "read")).Get("code")
	}
	if codes["admin"] == codes["bob"] || s.grantOf(codes["bob"]).User != "bob" || s.grantOf(codes["admin"]).User != "admin" {
		t.Errorf("%v", codes)
	}
}

// Two tabs of one browser both finish.
func TestTwoTabs(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	one, two := formOf(t, b.get(A("web", "state", "one"))), formOf(t, b.get(A("test_client", "state", "two")))
	a1, a2 := b.signInWith(one), b.signInWith(two)
	// Signing in in the second tab has ended the sign-in of the first: it is
	// asked again, and goes on as the new one.
	resp := b.post(authorization.PathApprove, "form", a1, "do", "approve")
	again := b.get(resp.Header.Get("Location"))
	if got := answer(t, b.post(authorization.PathApprove, "form", formOf(t, again), "do", "approve")); got.Get("state") != "one" || got.Get("code") == "" {
		t.Errorf("%v", got)
	}
	if got := answer(t, b.post(authorization.PathApprove, "form", a2, "do", "approve", "scope", "email")); got.Get("state") != "two" || got.Get("code") == "" {
		t.Errorf("%v", got)
	}
}

func TestAnotherAccount(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	resp := b.post(authorization.PathApprove, "form", b.approvePage(A("web")), "do", "switch")
	page := b.get(resp.Header.Get("Location"))
	if !is(page, authorization.PathSignIn) {
		t.Fatal(bodyOf(page))
	}
	resp = b.post(authorization.PathSignIn, "form", formOf(t, page), "username", "bob", "password", password)
	got := answer(t, b.post(authorization.PathApprove, "form", formOf(t, b.get(resp.Header.Get("Location"))), "do", "approve"))
	if g := s.grantOf(got.Get("code")); g.User != "bob" || got.Get("state") != "st-1" {
		t.Errorf("%+v", g)
	}
}
