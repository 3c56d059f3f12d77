package authorization_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/grant"
)

func TestGrantSaysWhatWasApproved(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	got := b.allow(A("web", "scope", "openid email read", "nonce", "n-0"), "email")
	want := url.Values{"state": {"st-1"}, "code": got["code"], "scope": {"openid email"}, "iss": {base}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	g := s.grantOf(got.Get("code"))
	if g.ClientID != "web" || g.User != "admin" || g.Subject != "sub-admin" || g.Nonce != "n-0" || g.Challenge != challenge ||
		g.RedirectURI != "https://app.example/cb2" || s.now().Sub(g.AuthTime) > time.Minute {
		t.Errorf("%+v", g)
	}
	r, life := s.flows.last, grant.DefaultLifetimes
	if r.Status != grant.Issued || r.Seq != 0 || r.Client != grant.Hash("web") || r.User != grant.Hash("admin") ||
		r.CodeExpiresAt.Sub(r.Created) != life.Code || r.MaxAt.Sub(r.Created) != life.RefreshMax || r.ExpiresAt.Before(r.MaxAt) || r.Created.Nanosecond() != 0 {
		t.Errorf("%+v", r)
	}
}

func TestApprovePageSaysAll_S38(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	body := bodyOf(b.signIn(A("web"), "admin"))
	for _, part := range []string{"Web app", "app.example", "admin", "30 days", "See your e-mail address", "Read your data", "<code>openid</code>", "Use another account", `name="scope" value="email" checked`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	if strings.Contains(body, `name="scope" value="openid"`) {
		t.Error("openid can be left out")
	}
	if body := bodyOf(b.get(A("native"))); !strings.Contains(body, "127.0.0.1:40001") || strings.Contains(body, "asked again") {
		t.Error("a public client's page is wrong")
	}
	if body := bodyOf(b.get(A("native", "redirect_uri", "com.example.app:/cb"))); !strings.Contains(body, "com.example.app") {
		t.Error("an app's page does not name it")
	}
	if body := bodyOf(b.get(A("noscope"))); !strings.Contains(body, "5 minutes") || strings.Contains(body, "<fieldset") {
		t.Error("the page of a client without scopes and refresh is wrong")
	}
}

func TestDeny_S40(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.approvePage(A("web"))
	s.flows.ops()
	wantREDIR(t, b.post(authorization.PathApprove, "form", form, "do", "deny", "scope", "read"), "https://app.example/cb2?", "access_denied", "st-1")
	if ops := s.flows.ops(); len(ops) > 0 {
		t.Errorf("store operations: %v", ops)
	}
}

func TestOneRequestOneCode_S41(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.approvePage(A("web"))
	codes := make([]string, 20)
	var wg sync.WaitGroup
	for i := range codes {
		tab := s.browser()
		for k, v := range b.cookies {
			tab.cookies[k] = v
		}
		wg.Go(func() {
			resp := tab.post(authorization.PathApprove, "form", form, "do", "approve", "scope", "read")
			u, _ := url.Parse(resp.Header.Get("Location"))
			codes[i] = u.Query().Get("code")
		})
	}
	wg.Wait()
	for _, c := range codes {
		if c == "" || c != codes[0] {
			t.Fatalf("%q and %q", c, codes[0])
		}
	}
	// Sent again with other ticks, it is still the same grant, and the code says
	// what was ticked this time.
	other := answer(t, b.post(authorization.PathApprove, "form", form, "do", "approve", "scope", "email"))
	if got := other.Get("code"); got == codes[0] || got[:25] != codes[0][:25] || other.Get("scope") != "openid email" {
		t.Errorf("other ticks: %v, after %s", other, codes[0])
	}
	// The keys are rotated between two clicks: still the same code.
	s.keys.set(t, root2+","+root1)
	if got := answer(t, b.post(authorization.PathApprove, "form", form, "do", "approve", "scope", "read")); got.Get("code") != codes[0] {
		t.Error("another code after a rotation")
	}
	// A retired key: the form is no longer ours.
	s.keys.set(t, root2)
	wantPAGE(t, b.post(authorization.PathApprove, "form", form, "do", "approve"), http.StatusForbidden)
}

func TestNothingTicked(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	resp := b.post(authorization.PathApprove, "form", b.approvePage(A("test_client")), "do", "approve")
	if resp.StatusCode != http.StatusBadRequest || !is(resp, authorization.PathApprove) || !strings.Contains(bodyOf(resp), `role="alert"`) {
		t.Errorf("%d\n%s", resp.StatusCode, bodyOf(resp))
	}
	if got := b.allow(A("noscope")); got.Has("scope") || got.Get("code") == "" {
		t.Errorf("%v", got)
	}
}

func TestOperationBudget(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	step := func(name string, want map[string]int) {
		t.Helper()
		if diff := cmp.Diff(want, s.flows.ops()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	form := formOf(t, b.get(A("web")))
	step("authorize, nobody signed in", map[string]int{})
	b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", "wrong")
	step("wrong password", map[string]int{"TakeTry": 2})
	resp := b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password)
	step("sign in", map[string]int{"TakeTry": 2, "ReturnTry": 2, "PutSignIn": 1})
	approve := formOf(t, b.get(resp.Header.Get("Location")))
	step("authorize, signed in", map[string]int{"GetSignIn": 1})
	b.post(authorization.PathApprove, "form", approve, "do", "approve")
	step("approve", map[string]int{"GetSignIn": 1, "PutGrant": 1, "PutConsent": 1})
	b.allow(A("native"), "read")
	step("authorize and approve, public client", map[string]int{"GetSignIn": 2, "PutGrant": 1})
	b.try("admin", password)
	step("sign in again, known browser", map[string]int{"GetSignIn": 1, "TakeTry": 1, "ReturnTry": 1, "PutSignIn": 1, "DeleteSignIn": 1})
}
