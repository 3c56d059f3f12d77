package peer_test

import (
	"net/http"
	"net/url"
	"testing"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// redirectURI is registered and never fetched.
const redirectURI = "http://127.0.0.1:9/callback"

// provider is what the two provider peers have in common.
type provider interface {
	SignIn(t testing.TB, client *http.Client, authorizeURL string) string
	TokenRequests() int
}

// clients are the two kinds that both providers register.
func clients(secret string) map[string]oauth2.Config {
	return map[string]oauth2.Config{
		"confidential client": {ClientID: peer.ConfidentialClient, ClientSecret: secret, Endpoint: oauth2.Endpoint{AuthStyle: oauth2.AuthStyleInHeader}},
		"public client":       {ClientID: peer.PublicClient, Endpoint: oauth2.Endpoint{AuthStyle: oauth2.AuthStyleInParams}},
	}
}

func TestOIDCProviderCodeFlow(t *testing.T) {
	p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{redirectURI}})
	for name, c := range clients(p.Secret) {
		t.Run(name, func(t *testing.T) {
			c.Endpoint.AuthURL, c.Endpoint.TokenURL = p.AuthorizeURL, p.TokenURL
			c.Scopes = []string{"openid", "profile", "email", "offline_access"}
			callback, first := codeFlow(t, p, c)
			if iss := callback.Get("iss"); iss != p.Issuer {
				t.Errorf("iss = %q, want %q", iss, p.Issuer)
			}
			if first.Extra("id_token") == nil {
				t.Error("no ID token")
			}
			second := refresh(t, c, first.RefreshToken)
			if second == nil || second.RefreshToken == first.RefreshToken {
				t.Fatal("the refresh token was not rotated")
			}
			if refresh(t, c, first.RefreshToken) != nil {
				t.Error("a used refresh token was accepted")
			}
			if refresh(t, c, second.RefreshToken) != nil {
				t.Error("the grant outlived the reuse of a refresh token")
			}
		})
	}
}

func TestProvidersRefuseWithoutPKCE(t *testing.T) {
	redirects := []string{redirectURI}
	for name, start := range map[string]func(testing.TB) (p provider, authorizeURL, scope string){
		"oidc-provider": func(t testing.TB) (provider, string, string) {
			p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: redirects})
			return p, p.AuthorizeURL, "openid"
		},
		"django": func(t testing.TB) (provider, string, string) {
			d := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: redirects})
			return d, d.AuthorizeURL, "read"
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, authorizeURL, scope := start(t)
			c := oauth2.Config{ClientID: peer.ConfidentialClient, RedirectURL: redirectURI, Scopes: []string{scope}}
			c.Endpoint.AuthURL = authorizeURL
			u, err := url.Parse(p.SignIn(t, &http.Client{}, c.AuthCodeURL("a-state")))
			if err != nil {
				t.Fatal(err)
			}
			if got := u.Query().Get("error"); got != "invalid_request" {
				t.Errorf("callback = %s, want error=invalid_request", u)
			}
		})
	}
}

func TestOIDCProviderAlwaysRefresh(t *testing.T) {
	p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{redirectURI}, AlwaysRefresh: true})
	c := clients(p.Secret)["public client"]
	c.Endpoint.AuthURL, c.Endpoint.TokenURL, c.Scopes = p.AuthorizeURL, p.TokenURL, []string{"openid"}
	if _, token := codeFlow(t, p, c); token.RefreshToken == "" {
		t.Error("no refresh token")
	}
}

func TestDjangoCodeFlow(t *testing.T) {
	d := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{redirectURI}})
	for name, c := range clients(d.Secret) {
		t.Run(name, func(t *testing.T) {
			c.Endpoint.AuthURL, c.Endpoint.TokenURL = d.AuthorizeURL, d.TokenURL
			c.Scopes = []string{"read"}
			_, first := codeFlow(t, d, c)
			if second := refresh(t, c, first.RefreshToken); second == nil || second.RefreshToken == first.RefreshToken {
				t.Error("the refresh token was not rotated")
			}
		})
	}
}

// codeFlow runs an authorization code flow with PKCE up to the tokens and
// checks that the provider counted the one token request.
func codeFlow(t *testing.T, p provider, c oauth2.Config) (url.Values, *oauth2.Token) {
	t.Helper()
	c.RedirectURL = redirectURI
	verifier := oauth2.GenerateVerifier()
	authorize := c.AuthCodeURL("a-state", oauth2.S256ChallengeOption(verifier), oauth2.SetAuthURLParam("prompt", "consent"))
	u, err := url.Parse(p.SignIn(t, &http.Client{}, authorize))
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if q.Get("state") != "a-state" || q.Get("code") == "" {
		t.Fatalf("callback = %s, want a code and the state", u)
	}
	before := p.TokenRequests()
	token, err := c.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if got := p.TokenRequests() - before; got != 1 {
		t.Errorf("token requests = %d, want 1", got)
	}
	if token.AccessToken == "" {
		t.Error("no access token")
	}
	return q, token
}

// refresh returns nil if the provider refuses.
func refresh(t *testing.T, c oauth2.Config, refreshToken string) *oauth2.Token {
	t.Helper()
	token, err := c.TokenSource(t.Context(), &oauth2.Token{RefreshToken: refreshToken}).Token()
	if err != nil {
		t.Log(err)
		return nil
	}
	return token
}
