package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// goClient goes through everything with golang.org/x/oauth2 and
// coreos/go-oidc.
func goClient(t *testing.T, base string, r registered) {
	found, err := oidc.NewProvider(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	var more struct {
		Introspect string   `json:"introspection_endpoint"`
		Revoke     string   `json:"revocation_endpoint"`
		Grants     []string `json:"grant_types_supported"`
	}
	if err := found.Claims(&more); err != nil || more.Introspect == "" || more.Revoke == "" || len(more.Grants) != 3 {
		t.Fatalf("metadata: %v, %+v", err, more)
	}
	config := oauth2.Config{ClientID: r.id, ClientSecret: r.secret, Endpoint: found.Endpoint(), RedirectURL: appRedirect, Scopes: strings.Fields(r.scope)}
	if r.secret == "" {
		config.RedirectURL = appRedirectQuery
	}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if r.auth == "client_secret_basic" {
		config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	if r.grant == "client_credentials" {
		machine := clientcredentials.Config{ClientID: r.id, ClientSecret: r.secret, TokenURL: config.Endpoint.TokenURL, Scopes: config.Scopes, AuthStyle: config.Endpoint.AuthStyle}
		token, err := machine.Token(t.Context())
		if err != nil || token.RefreshToken != "" || token.Extra("scope") != r.scope {
			t.Fatalf("client_credentials: %v", err)
		}
		lives(t, more.Introspect, r, token.AccessToken, true)
		revokes(t, more.Revoke, r, token.AccessToken)
		lives(t, more.Introspect, r, token.AccessToken, false)
		return
	}
	token := goCode(t, found, config, base)
	info, err := found.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	var claims struct{ Name string }
	if err != nil || info.Claims(&claims) != nil || info.Email != "alice@example.com" || claims.Name != "Alice" {
		t.Fatalf("userinfo: %v, %+v", err, info)
	}
	next, err := config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	if err != nil || next.RefreshToken == token.RefreshToken || next.AccessToken == token.AccessToken {
		t.Fatalf("refresh: %v", err)
	}
	lives(t, more.Introspect, r, next.AccessToken, true)
	revokes(t, more.Revoke, r, next.RefreshToken)
	lives(t, more.Introspect, r, next.AccessToken, false)
	_, err = config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: next.RefreshToken}).Token()
	if refusal, ok := errors.AsType[*oauth2.RetrieveError](err); !ok || refusal.ErrorCode != "invalid_grant" {
		t.Errorf("a refresh after the revocation: %v", err)
	}
	if _, err := found.UserInfo(t.Context(), oauth2.StaticTokenSource(next)); err == nil || !strings.HasPrefix(err.Error(), "401") {
		t.Errorf("userinfo after the revocation: %v", err)
	}
}

// goCode gets tokens with PKCE and checks the ID token.
func goCode(t *testing.T, found *oidc.Provider, config oauth2.Config, base string) *oauth2.Token {
	t.Helper()
	verifier, state, nonce := oauth2.GenerateVerifier(), secret.Mint(128), secret.Mint(128)
	back, err := url.Parse(visits(t, base)(config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce))))
	if err != nil {
		t.Fatal(err)
	}
	q := back.Query()
	if q.Get("state") != state || q.Get("iss") != base || !strings.HasPrefix(back.String(), config.RedirectURL) {
		t.Fatalf("back at the client: %s", back.Redacted())
	}
	token, err := config.Exchange(t.Context(), q.Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.VerifierContext(t.Context(), &oidc.Config{ClientID: config.ClientID}).Verify(t.Context(), raw)
	if err != nil || id.Nonce != nonce || id.Subject == "" || id.VerifyAccessToken(token.AccessToken) != nil {
		t.Fatalf("ID token: %v", err)
	}
	return token
}

// lives asserts what introspection says; a public client may not ask.
func lives(t *testing.T, endpoint string, r registered, token string, want bool) {
	t.Helper()
	answer := asClient(t, endpoint, r, url.Values{"token": {token}})
	if r.secret == "" {
		if answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("introspection by a public client: %d %s", answer.StatusCode, answer.body)
		}
		return
	}
	var said struct {
		Active bool
		Client string `json:"client_id"`
		Scope  string
	}
	err := json.Unmarshal([]byte(answer.body), &said)
	if err != nil || answer.StatusCode != http.StatusOK || said.Active != want || want && (said.Client != r.id || said.Scope != r.scope) {
		t.Errorf("introspection: %d %s", answer.StatusCode, answer.body)
	}
}

func revokes(t *testing.T, endpoint string, r registered, token string) {
	t.Helper()
	if answer := asClient(t, endpoint, r, url.Values{"token": {token}}); answer.StatusCode != http.StatusOK || answer.body != "" {
		t.Errorf("revocation: %d %s", answer.StatusCode, answer.body)
	}
}

// asClient posts a form the way the client authenticates.
func asClient(t testing.TB, endpoint string, r registered, form url.Values) reply {
	t.Helper()
	return asClientOver(t, person(nil), endpoint, r, form)
}

func asClientOver(t testing.TB, over *http.Client, endpoint string, r registered, form url.Values) reply {
	t.Helper()
	if r.auth == "client_secret_basic" {
		request, _ := http.NewRequest(http.MethodGet, endpoint, nil)
		request.SetBasicAuth(url.QueryEscape(r.id), url.QueryEscape(r.secret))
		return post(t, over, endpoint, form, "Authorization", request.Header.Get("Authorization"))
	}
	all := url.Values{"client_id": {r.id}}
	if r.secret != "" {
		all.Set("client_secret", r.secret)
	}
	for name, v := range form {
		all[name] = v
	}
	return post(t, over, endpoint, all)
}
