// Package idtoken verifies the ID token of one login (OpenID Connect Core 1.0
// §3.1.3.7): the signature with a published key and an algorithm of the
// allow-list, and every claim that ties the token to this issuer, this client,
// this login and this access token.
//
// Only the callback links it, so that no other function carries JOSE code. It
// never trusts a key or an algorithm that the token itself names.
package idtoken

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// leeway is how far ahead the provider's clock may be.
const leeway = 60 * time.Second

// maxToken bounds an ID token in bytes.
const maxToken = 64 << 10

// Verifier verifies ID tokens. The zero value works. It keeps the providers'
// keys between requests and is safe for concurrent use.
type Verifier struct {
	// Now tells the time. Default: [time.Now].
	Now func() time.Time

	mu   sync.Mutex
	sets map[string]*keys // by JWKS URL
}

// Verify checks raw against p, ep and what this login sent and was given. The
// error is always an *oauth.Error: NonceMismatch when the token belongs to
// another login, ProviderUnavailable when the keys cannot be fetched,
// ProviderError for everything else that is wrong with it.
func (v *Verifier) Verify(ctx context.Context, p *provider.Provider, ep provider.Endpoints, raw secret.Text, nonce string, accessToken secret.Text) (provider.Identity, error) {
	now := time.Now()
	if v.Now != nil {
		now = v.Now()
	}
	token := raw.Reveal()
	switch {
	case token == "":
		return provider.Identity{}, refused("missing")
	case len(token) > maxToken:
		return provider.Identity{}, refused("too large")
	case ep.JWKS == "" || ep.Issuer == "" || len(ep.IDTokenAlgs) == 0 || p.ClientID == "":
		return provider.Identity{}, refused("nothing to verify it with")
	}
	set := &attempt{keys: v.keysOf(p, ep.JWKS)}
	verifier := oidc.NewVerifier(ep.Issuer, set, &oidc.Config{
		ClientID:             p.ClientID,
		SupportedSigningAlgs: ep.IDTokenAlgs,
		Now:                  func() time.Time { return now },
	})
	verified, err := verifier.Verify(ctx, token)
	switch expired := (*oidc.TokenExpiredError)(nil); {
	case set.unreachable != nil:
		return provider.Identity{}, &oauth.Error{
			Code:        oauth.ProviderUnavailable,
			Description: "The provider's keys cannot be fetched. Start the login again in a few seconds.",
			RetryAfter:  5 * time.Second,
			Cause:       class("keys: " + set.unreachable.Error()),
		}
	case errors.As(err, &expired):
		return provider.Identity{}, refused("expired")
	case err != nil && !set.verified:
		return provider.Identity{}, refused("bad signature or form")
	case err != nil:
		return provider.Identity{}, refused("for another issuer or client, or not yet valid")
	}
	return check(p.ClientID, ep.Issuer, set.payload, verified.Audience, nonce, now, func() string {
		return hashOf(algorithm(token), accessToken.Reveal())
	})
}

// claims are those that go-oidc does not look at, or not closely enough.
type claims struct {
	Subject  *string      `json:"sub"`
	Nonce    *string      `json:"nonce"`
	Party    *string      `json:"azp"`
	IssuedAt *json.Number `json:"iat"`
	Before   *json.Number `json:"nbf"`
	Hash     *string      `json:"at_hash"`
	Name     any          `json:"name"`
	Email    any          `json:"email"`
}

// claimNames are the claims that decide anything, here or in go-oidc. Each
// may come once and in this spelling only: a provider that lets people name
// claims of their own must not let them choose a subject.
var claimNames = []string{"iss", "sub", "aud", "exp", "iat", "nbf", "nonce", "azp", "at_hash", "name", "email"}

func check(client, issuer string, payload []byte, audience []string, nonce string, now time.Time, hash func() string) (provider.Identity, error) {
	var c claims
	if _, err := oauth.ReadObject(payload, claimNames...); err != nil || json.Unmarshal(payload, &c) != nil {
		return provider.Identity{}, refused("unusable claims")
	}
	switch {
	case c.Subject == nil || strings.TrimSpace(*c.Subject) == "":
		return provider.Identity{}, refused("without a subject")
	case len(*c.Subject) > 255: // Core 1.0 §2
		return provider.Identity{}, refused("with an endless subject")
	case len(audience) > 1 && c.Party == nil:
		return provider.Identity{}, refused("for several audiences without azp")
	case c.Party != nil && *c.Party != client:
		return provider.Identity{}, refused("for another authorized party")
	case c.IssuedAt == nil:
		return provider.Identity{}, refused("without iat")
	case !past(c.IssuedAt, now) || !past(c.Before, now):
		return provider.Identity{}, refused("from the future")
	case c.Hash != nil && !secret.Equal(*c.Hash, hash()):
		return provider.Identity{}, refused("for another access token")
	case nonce == "" || c.Nonce == nil || !secret.Equal(*c.Nonce, nonce):
		return provider.Identity{}, &oauth.Error{
			Code:        oauth.NonceMismatch,
			Description: "The provider's answer belongs to another login, so it was not used. Start the login again.",
			Cause:       class("id token: nonce differs"),
		}
	}
	name, _ := c.Name.(string)
	email, _ := c.Email.(string)
	return provider.Identity{Issuer: issuer, Subject: *c.Subject, Name: name, Email: email, Raw: payload}, nil
}

// past reports whether a NumericDate is not more than the leeway ahead. One
// that is left out is; one that is no number is not.
func past(at *json.Number, now time.Time) bool {
	if at == nil {
		return true
	}
	seconds, err := at.Float64()
	return err == nil && seconds <= float64(now.Add(leeway).Unix())
}

// algorithm reads alg from the header of a token whose signature has been
// verified.
func algorithm(token string) string {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var h struct {
		Alg string `json:"alg"`
	}
	if err != nil || json.Unmarshal(raw, &h) != nil {
		return ""
	}
	return h.Alg
}

// hashOf is at_hash: the left half of the hash that the signature's algorithm
// uses, here of the access token (Core 1.0 §3.1.3.6). For an algorithm without
// a defined hash it is the one of Ed25519, SHA-512.
func hashOf(alg, accessToken string) string {
	var h hash.Hash
	switch {
	case strings.HasSuffix(alg, "256"):
		h = sha256.New()
	case strings.HasSuffix(alg, "384"):
		h = sha512.New384()
	default:
		h = sha512.New()
	}
	_, _ = h.Write([]byte(accessToken))
	sum := h.Sum(nil)
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// class is a class of failure in our own words.
type class string

func (c class) Error() string { return string(c) }

func refused(what string) *oauth.Error {
	return &oauth.Error{
		Code:        oauth.ProviderError,
		Description: "The provider's ID token is not one that may be used. Start the login again; if it stays so, check the issuer, the client id and the provider's clock.",
		Cause:       class("id token: " + what),
	}
}
