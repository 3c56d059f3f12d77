package provider_test

import (
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// codeFrom signs in at a real provider and returns what comes back.
func codeFrom(t *testing.T, signIn func(testing.TB, *http.Client, string) string, authorizeURL string) url.Values {
	t.Helper()
	back, err := url.Parse(signIn(t, &http.Client{}, authorizeURL))
	if err != nil {
		t.Fatal(err)
	}
	return back.Query()
}

// TestDjangoOAuthToolkit is what the presets cashmere and django call
// verified.
func TestDjangoOAuthToolkit(t *testing.T) {
	d := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{redirect}, Secret: "p+ss %:&=wörd"})
	confidential := []string{"OAUTH_CLIENT_ID=" + peer.ConfidentialClient, "OAUTH_CLIENT_SECRET=" + d.Secret}
	for name, environ := range map[string][]string{
		"cashmere":            append([]string{"OAUTH_PROVIDER=cashmere", "OAUTH_PROVIDER_URL=" + d.URL}, confidential...),
		"the older names":     {"DJANGO_BASE_URL=" + d.URL + "/", "CLIENT_ID=" + peer.ConfidentialClient, "CLIENT_SECRET=" + d.Secret},
		"django":              append([]string{"OAUTH_PROVIDER=django", "OAUTH_PROVIDER_URL=" + d.URL}, confidential...),
		"client_secret_post":  append([]string{"OAUTH_PROVIDER=django", "OAUTH_PROVIDER_URL=" + d.URL, "OAUTH_CLIENT_AUTH=post"}, confidential...),
		"a public client":     {"OAUTH_PROVIDER=django", "OAUTH_PROVIDER_URL=" + d.URL, "OAUTH_CLIENT_ID=" + peer.PublicClient},
		"endpoints of itself": append([]string{"OAUTH_AUTHORIZE_URL=" + d.AuthorizeURL, "OAUTH_TOKEN_URL=" + d.TokenURL}, confidential...),
	} {
		t.Run(name, func(t *testing.T) {
			p := fromEnv(t, environ...)
			ep, err := p.Endpoints(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			back := codeFrom(t, d.SignIn, p.AuthorizeURL(ep, request))
			if back.Get("state") != request.State {
				t.Fatalf("came back with %v", back)
			}
			tokens, err := p.Exchange(t.Context(), ep, back.Get("code"), verifier, redirect)
			if err != nil {
				t.Fatal(err)
			}
			if tokens.RefreshToken.IsZero() || tokens.Scope != "read write" || tokens.ExpiresIn <= 0 {
				t.Errorf("tokens %+v", tokens)
			}
			_, err = p.Exchange(t.Context(), ep, back.Get("code"), verifier, redirect)
			if e := refusal(t, err); e.Code != oauth.ProviderError || e.Cause.Error() != "token endpoint answered 400 invalid_grant" {
				t.Errorf("a replayed code: %v", e)
			}
			lives(t, p, ep, tokens.RefreshToken)
		})
	}
}

// lives refreshes at a real provider that rotates, and gives the rest back.
func lives(t *testing.T, p *provider.Provider, ep provider.Endpoints, first secret.Text) {
	t.Helper()
	second, err := p.Refresh(t.Context(), ep, first)
	if err != nil {
		t.Fatalf("refresh: %v", err)
	}
	if second.RefreshToken.IsZero() || second.RefreshToken.Reveal() == first.Reveal() {
		t.Error("the refresh token was not rotated")
	}
	if ep.Revoke == "" {
		return
	}
	if err := p.Revoke(t.Context(), ep, second.AccessToken, second.RefreshToken); err != nil {
		t.Errorf("revoke: %v", err)
	}
	if err := p.Revoke(t.Context(), ep, second.AccessToken, second.RefreshToken); err != nil {
		t.Errorf("revoke again: %v", err)
	}
	_, err = p.Refresh(t.Context(), ep, second.RefreshToken)
	if !errors.Is(err, provider.ErrRefreshRefused) {
		t.Errorf("a revoked refresh token: %v", err)
	}
}

func TestDjangoOAuthToolkitRefuses_C38(t *testing.T) {
	d := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{redirect}})
	for _, test := range []struct {
		name, secret, verifier, redirect, token string
		cause                                   string
	}{
		{"a code of another login: its verifier is missing", d.Secret, pkce.NewVerifier(), redirect, d.TokenURL, "token endpoint answered 400 invalid_grant"},
		{"another redirect URI", d.Secret, verifier, redirect + "/other", d.TokenURL, "token endpoint answered 400 invalid_request"},
		{"a wrong secret", "wrong", verifier, redirect, d.TokenURL, "token endpoint answered 401 invalid_client"},
		{"the token URL without its trailing slash", d.Secret, verifier, redirect, d.URL + "/o/token", "token endpoint answered 301 no JSON"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := fromEnv(t, "OAUTH_PROVIDER=django", "OAUTH_PROVIDER_URL="+d.URL, "OAUTH_CLIENT_ID="+peer.ConfidentialClient, "OAUTH_CLIENT_SECRET="+test.secret)
			ep, err := p.Endpoints(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			code := codeFrom(t, d.SignIn, p.AuthorizeURL(ep, request)).Get("code")
			before := d.TokenRequests()
			ep.Token = test.token
			_, err = p.Exchange(t.Context(), ep, code, test.verifier, test.redirect)
			if e := refusal(t, err); e.Code != oauth.ProviderError || e.Cause.Error() != test.cause {
				t.Errorf("%v, want %q", e, test.cause)
			}
			if n := d.TokenRequests() - before; n > 1 {
				t.Errorf("%d posts, want one", n)
			}
		})
	}
}

func TestOIDCProviderIsDiscovered(t *testing.T) {
	op := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{redirect}})
	p := fromEnv(t, "OIDC_ISSUER="+op.Issuer, "OAUTH_CLIENT_ID="+peer.PublicClient)
	ep, err := p.Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !ep.IssRequired || ep.Token != op.TokenURL || ep.JWKS == "" || len(ep.IDTokenAlgs) == 0 {
		t.Errorf("endpoints %+v", ep)
	}
	back := codeFrom(t, op.SignIn, p.AuthorizeURL(ep, request))
	if err := p.CheckIssuer(ep, back.Get("iss"), back.Has("iss")); err != nil {
		t.Errorf("iss %q: %v", back.Get("iss"), err)
	}
}

// TestOIDCProviderAfterTheLogin_C58_C61: userinfo, refresh, revocation and
// logout at a certified provider.
func TestOIDCProviderAfterTheLogin_C58_C61(t *testing.T) {
	op := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{redirect}, AlwaysRefresh: true})
	for name, environ := range map[string][]string{
		"a public client":     {"OIDC_ISSUER=" + op.Issuer, "OAUTH_CLIENT_ID=" + peer.PublicClient},
		"a client of secrets": {"OIDC_ISSUER=" + op.Issuer, "OAUTH_CLIENT_ID=" + peer.ConfidentialClient, "OAUTH_CLIENT_SECRET=" + op.Secret},
	} {
		t.Run(name, func(t *testing.T) {
			p := fromEnv(t, environ...)
			ep, err := p.Endpoints(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			code := codeFrom(t, op.SignIn, p.AuthorizeURL(ep, request)).Get("code")
			tokens, err := p.Exchange(t.Context(), ep, code, verifier, redirect)
			if err != nil {
				t.Fatal(err)
			}
			who, err := p.UserInfo(t.Context(), ep, tokens.AccessToken)
			if err != nil || who.Subject == "" || who.Issuer != op.Issuer || who.Name != who.Subject || who.Email != who.Subject+"@example.test" {
				t.Errorf("%+v, error %v", who, err)
			}
			resp, err := http.Get(p.EndSessionURL(ep, ""))
			if err != nil {
				t.Fatal(err)
			}
			if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
				t.Errorf("logout answered %d", resp.StatusCode)
			}
			if ep.Revoke == "" {
				t.Error("no revocation endpoint")
			}
			lives(t, p, ep, tokens.RefreshToken)
		})
	}
}
