package authorization_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/gateway"
)

func TestStoreDown_S90(t *testing.T) {
	const cb = "https://app.example/cb2?"
	t.Run("clients, before the redirect URI is known", func(t *testing.T) {
		s := newServer(t)
		s.accounts.clientsDown.Store(true)
		resp := s.browser().get(A("web"))
		wantPAGE(t, resp, http.StatusServiceUnavailable)
		if resp.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	})
	for _, op := range []string{"GetSignIn", "all"} {
		t.Run("authorize, "+op, func(t *testing.T) {
			s := newServer(t)
			b := s.browser()
			b.signIn(A("web"), "admin")
			s.flows.breakDown(op)
			wantREDIR(t, b.get(A("web")), cb, "temporarily_unavailable", "st-1")
			if !is(s.browser().get(A("web")), authorization.PathSignIn) {
				t.Error("a page that needs no store is not shown")
			}
		})
	}
	t.Run("remembered, PutGrant", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		b.allow(A("web", "scope", "read"), "read")
		s.flows.breakDown("PutGrant")
		wantREDIR(t, b.get(A("web", "scope", "read")), cb, "temporarily_unavailable", "st-1")
	})
	for _, op := range []string{"TakeTry", "PutSignIn", "all"} {
		t.Run("sign in, "+op, func(t *testing.T) {
			s := newServer(t)
			b := s.browser()
			form := formOf(t, b.get(A("web")))
			s.flows.breakDown(op)
			wantREDIR(t, b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password), cb, "temporarily_unavailable", "st-1")
			if b.cookies["__Host-signin"] != "" {
				t.Error("signed in all the same")
			}
		})
	}
	t.Run("sign in, users", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		form := formOf(t, b.get(A("web")))
		s.accounts.usersDown.Store(true)
		for range 6 { // nobody is counted for what he could not help
			wantREDIR(t, b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password), cb, "temporarily_unavailable", "st-1")
		}
	})
	t.Run("sign in, the old one cannot be ended", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		b.signIn(A("web"), "admin")
		form := formOf(t, b.get(A("web", "prompt", "login")))
		s.flows.breakDown("DeleteSignIn")
		wantREDIR(t, b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password), cb, "temporarily_unavailable", "st-1")
	})
	t.Run("sign in, ReturnTry", func(t *testing.T) {
		s := newServer(t)
		s.flows.breakDown("ReturnTry")
		s.browser().signIn(A("web"), "admin")
	})
	for _, op := range []string{"GetSignIn", "PutGrant", "all"} {
		t.Run("approve, "+op, func(t *testing.T) {
			s := newServer(t)
			b := s.browser()
			form := b.approvePage(A("web"))
			s.flows.breakDown(op)
			wantREDIR(t, b.post(authorization.PathApprove, "form", form, "do", "approve"), cb, "temporarily_unavailable", "st-1")
		})
	}
	t.Run("approve, users", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		form := b.approvePage(A("web"))
		s.accounts.usersDown.Store(true)
		wantREDIR(t, b.post(authorization.PathApprove, "form", form, "do", "approve"), cb, "temporarily_unavailable", "st-1")
	})
	t.Run("approve, the consent is not kept", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		form := b.approvePage(A("web"))
		s.flows.breakDown("PutConsent")
		if answer(t, b.post(authorization.PathApprove, "form", form, "do", "approve")).Get("code") == "" {
			t.Error("no code")
		}
	})
	t.Run("keys", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		form := formOf(t, b.get(A("web")))
		s.keys.p.Store(nil)
		wantREDIR(t, b.get(A("web")), cb, "temporarily_unavailable", "st-1")
		wantPAGE(t, b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password), http.StatusServiceUnavailable)
	})
	t.Run("sign out", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		b.signIn(A("web"), "admin")
		form := formOf(t, b.get(authorization.PathSignOut))
		s.flows.breakDown("all")
		wantPAGE(t, b.get(authorization.PathSignOut), http.StatusServiceUnavailable)
		wantPAGE(t, b.post(authorization.PathSignOut, "form", form), http.StatusServiceUnavailable)
		wantPAGE(t, b.get(authorization.PathEndSession), http.StatusServiceUnavailable)
	})
}

func TestLogsAreClean_S91(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	target := A("web", "state", "canary-state", "nonce", "canary-nonce", "login_hint", "canary-hint")
	form := formOf(t, b.get(target))
	b.post(authorization.PathSignIn, "form", form, "username", "canary-name", "password", "canary-wrong")
	b.post(authorization.PathSignIn, "form", form+"x", "username", "admin", "password", password)
	b.get(A("web", "state", "canary-state") + "&foo=%zzcanary-param")
	resp := b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password)
	next := resp.Header.Get("Location")
	approve := formOf(t, b.get(next))
	got := answer(t, b.post(authorization.PathApprove, "form", approve, "do", "approve"))
	s.flows.breakDown("all")
	b.get(target)
	b.get(authorization.PathEndSession + "?id_token_hint=canary-token")
	log := s.log.String()
	if strings.Count(log, "\n") < 8 {
		t.Fatal(log)
	}
	secrets := []string{"canary", password, got.Get("code"), form, approve, strings.TrimPrefix(next, authorization.PathAuthorize+"?continue=")}
	for _, c := range b.cookies {
		secrets = append(secrets, c)
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	for _, want := range []string{`"outcome":"approved"`, `"outcome":"signed_in"`, `"outcome":"wrong_password"`, `"outcome":"temporarily_unavailable"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

// The same with the standard library's client and its cookie jar, over a
// connection.
func TestOverHTTP(t *testing.T) {
	s := newServer(t)
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	defer srv.Close()
	handler = (&gateway.Gateway{BaseURL: srv.URL}).Wrap(s.endpoint)
	jar := must(cookiejar.New(nil))
	c := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), srv.URL) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	get := must(c.Get(srv.URL + A("web")))
	approve := must(c.PostForm(srv.URL+authorization.PathSignIn, url.Values{"form": {formOf(t, get)}, "username": {"admin"}, "password": {password}}))
	last := must(c.PostForm(srv.URL+authorization.PathApprove, url.Values{"form": {formOf(t, approve)}, "do": {"approve"}, "scope": {"email"}}))
	u := must(url.Parse(last.Header.Get("Location")))
	if u.Host != "app.example" || u.Query().Get("iss") != srv.URL || u.Query().Get("scope") != "openid email" {
		t.Errorf("%d %s", last.StatusCode, u)
	}
	if g := s.grantOf(u.Query().Get("code")); g.User != "admin" {
		t.Errorf("%+v", g)
	}
}
