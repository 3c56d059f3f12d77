package authorization_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/user"
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

// A disabled user, a new password or a removed account stops an approval that
// is open already.
func TestUserEndedMeanwhile(t *testing.T) {
	for name, change := range map[string]func(s *server, u user.User) error{
		"disabled": func(s *server, u user.User) error {
			u.Disabled = true
			return s.accounts.PutUser(t.Context(), u, false)
		},
		"new password": func(s *server, u user.User) error {
			u.ValidFrom = s.now()
			return s.accounts.PutUser(t.Context(), u, false)
		},
		"removed": func(s *server, u user.User) error { return s.accounts.DeleteUser(t.Context(), u.Name) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			b := s.browser()
			form := b.approvePage(A("web"))
			cookie := b.cookies["__Host-signin"]
			s.advance(time.Second)
			u, err := s.accounts.Accounts.GetUser(context.Background(), "admin")
			if err != nil {
				t.Fatal(err)
			}
			if err := change(s, u); err != nil {
				t.Fatal(err)
			}
			s.flows.ops()
			resp := b.post(authorization.PathApprove, "form", form, "do", "approve")
			if !is(b.get(resp.Header.Get("Location")), authorization.PathSignIn) || b.cookies["__Host-signin"] != "" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			if ops := s.flows.ops(); ops["PutGrant"] != 0 || ops["DeleteSignIn"] != 1 {
				t.Errorf("store operations: %v", ops)
			}
			b.cookies["__Host-signin"] = cookie
			if !is(b.get(A("web")), authorization.PathSignIn) {
				t.Error("the old sign-in still works")
			}
		})
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

// A client that was changed while a form was open.
func TestClientChangedMeanwhile(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.approvePage(A("web"))
	if err := s.accounts.DeleteClient(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	s.advance(2 * time.Minute) // past the registry's cache
	wantPAGE(t, b.post(authorization.PathApprove, "form", form, "do", "approve"), http.StatusBadRequest)
}
