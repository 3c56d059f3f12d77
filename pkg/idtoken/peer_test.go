package idtoken_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// TestOIDCProvider_C69 verifies the ID token of a certified provider.
func TestOIDCProvider_C69(t *testing.T) {
	const redirect = "https://app.example/callback"
	op := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{redirect}})
	e := &env.Reader{Environ: []string{"OIDC_ISSUER=" + op.Issuer, "OAUTH_CLIENT_ID=" + peer.ConfidentialClient, "OAUTH_CLIENT_SECRET=" + op.Secret, "OAUTH_SCOPE=openid"}}
	p := provider.FromEnv(e)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	ep, err := p.Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proof, sent := pkce.NewVerifier(), secret.Mint(128)
	back, err := url.Parse(op.SignIn(t, &http.Client{}, p.AuthorizeURL(ep, provider.Authorization{
		RedirectURI: redirect, State: secret.Mint(256), Challenge: pkce.Challenge(proof), Nonce: sent,
	})))
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := p.Exchange(t.Context(), ep, back.Query().Get("code"), proof, redirect)
	if err != nil {
		t.Fatal(err)
	}
	v := &idtoken.Verifier{}
	claims, err := v.Verify(t.Context(), p, ep, tokens.IDToken, sent, tokens.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if claims.Subject != peer.Username || claims.Issuer != op.Issuer {
		t.Errorf("claims %+v", claims)
	}
	if _, err := v.Verify(t.Context(), p, ep, tokens.IDToken, secret.Mint(128), tokens.AccessToken); code(err) != oauth.NonceMismatch {
		t.Errorf("with another login's nonce: %v", err)
	}
}
