package idtoken_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	issuer = "https://op.example"
	client = "s6BhdRkqt3"
	nonce  = "n-0S6_WzA2Mj"
	access = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"
)

var now = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

// signer is a key with the id and algorithm under which it is published.
type signer struct {
	kid     string
	alg     jose.SignatureAlgorithm
	private crypto.Signer
}

func rsaKey(t testing.TB, kid string) signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return signer{kid, jose.RS256, key}
}

func ecKey(t testing.TB, kid string) signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return signer{kid, jose.ES256, key}
}

func (s signer) jwk() jose.JSONWebKey {
	return jose.JSONWebKey{Key: s.private.Public(), KeyID: s.kid, Algorithm: string(s.alg), Use: "sig"}
}

// sign makes a token; header changes what its header says.
func (s signer) sign(t testing.TB, claims map[string]any, header ...func(*jose.SignerOptions)) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if s.kid != "" {
		options.WithHeader("kid", s.kid)
	}
	for _, change := range header {
		change(options)
	}
	return signWith(t, jose.SigningKey{Algorithm: s.alg, Key: s.private}, options, claims)
}

func signWith(t testing.TB, key jose.SigningKey, options *jose.SignerOptions, claims map[string]any) string {
	t.Helper()
	made, err := jose.NewSigner(key, options)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claims are good ones; more replaces some, and a nil removes one.
func claims(more map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "sub": "248289761001", "aud": client, "nonce": nonce, "exp": now.Add(time.Hour).Unix(), "iat": now.Unix(),
		"name": "Jane Doe", "email": "janedoe@example.com",
	}
	maps.Copy(c, more)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// publisher serves a key set and counts how often it is fetched.
type publisher struct {
	*httptest.Server
	serve atomic.Pointer[http.HandlerFunc]
	hits  atomic.Int32
}

func publish(t testing.TB, signers ...signer) *publisher {
	p := &publisher{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.hits.Add(1)
		(*p.serve.Load())(w, r)
	}))
	t.Cleanup(p.Close)
	p.keys(signers...)
	return p
}

func (p *publisher) answers(h http.HandlerFunc) { p.serve.Store(&h) }

func (p *publisher) keys(signers ...signer) {
	var set jose.JSONWebKeySet
	for _, s := range signers {
		set.Keys = append(set.Keys, s.jwk())
	}
	p.answers(func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(set) })
}

func (p *publisher) endpoints() provider.Endpoints {
	return provider.Endpoints{Issuer: issuer, JWKS: p.URL, IDTokenAlgs: []string{"RS256", "ES256"}}
}

func verifier() *idtoken.Verifier {
	return &idtoken.Verifier{Now: func() time.Time { return now }}
}

func upstream() *provider.Provider { return &provider.Provider{ClientID: client, Scope: "openid"} }

func verify(v *idtoken.Verifier, p *publisher, token string) (provider.Identity, error) {
	return v.Verify(context.Background(), upstream(), p.endpoints(), secret.NewText(token), nonce, secret.NewText(access))
}

func code(err error) oauth.Code {
	var e *oauth.Error
	if !errors.As(err, &e) {
		return "no *oauth.Error"
	}
	return e.Code
}

func atHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
