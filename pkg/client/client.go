// Package client is a registered OAuth client: what it may ask for, where it
// may be answered and how it proves who it is.
//
// It never talks HTTP and never compares a redirect URI by anything but the
// exact string, the loopback port aside.
package client

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// ErrUnknown: there is no such client, or it is not readable as one.
var ErrUnknown = errors.New("client: unknown")

// FirstParty is the id of this stack's own client half. It needs no
// registration.
const FirstParty = "latchkey"

// The grant types (RFC 6749 §4.1, §6, §4.4).
const (
	AuthorizationCode = "authorization_code"
	RefreshToken      = "refresh_token"
	ClientCredentials = "client_credentials"
)

// The ways of client authentication (RFC 6749 §2.3.1, RFC 7591 §2).
const (
	SecretBasic = "client_secret_basic"
	SecretPost  = "client_secret_post"
	None        = "none"
)

// Client is one registered client.
type Client struct {
	ID string `json:"id"`
	// Name is shown to people; the id if empty.
	Name string `json:"name,omitempty"`
	// SecretHash is base64url(SHA-256(secret)); empty for a public client.
	// Secrets are generated, so that a fast hash will do.
	SecretHash string `json:"secret_hash,omitempty"`
	// RedirectURIs are compared exactly (RFC 9700 §2.1), but for the port of a
	// loopback IP address (RFC 8252 §7.3).
	RedirectURIs []string `json:"redirect_uris,omitempty"`
	// Scopes are all that may be asked for, and what is given when a request
	// names none.
	Scopes []string `json:"scopes"`
	// GrantTypes: authorization_code, refresh_token, client_credentials.
	GrantTypes []string `json:"grant_types"`
	// AuthMethods: client_secret_basic, client_secret_post, or none.
	AuthMethods []string `json:"auth_methods"`
	// PKCEOptional lets a confidential client leave PKCE out.
	PKCEOptional bool `json:"pkce_optional,omitempty"`
	// JWT makes its access tokens JWTs (RFC 9068) instead of opaque ones.
	JWT bool `json:"jwt,omitempty"`
	// ResourceServer may introspect every token.
	ResourceServer bool `json:"resource_server,omitempty"`
	// PostLogoutRedirectURIs are where end_session may lead.
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris,omitempty"`
}

// FirstPartyClient is the client half of the stack at base, a result of
// baseurl.Parse: public, with PKCE, answered at base + "/callback".
func FirstPartyClient(base string) Client {
	return Client{
		ID: FirstParty, Name: "Latchkey",
		RedirectURIs: []string{base + "/callback"}, PostLogoutRedirectURIs: []string{base + "/"},
		Scopes:     []string{"openid", "profile", "email"},
		GrantTypes: []string{AuthorizationCode, RefreshToken}, AuthMethods: []string{None},
	}
}

// Public reports a client without a secret.
func (c Client) Public() bool { return c.SecretHash == "" }

// noHash stands in for the hash of a client that has none: it is as long as a
// real one, and no hash is spelled like it (the last character has bits left
// over, which a hash has not).
var noHash = strings.Repeat("-", len(secret.Hash("")))

// CheckSecret reports whether presented is the client's secret. It hashes and
// compares also for the zero Client and for a public one, which no secret
// fits: an unknown client costs the same as a wrong secret.
func (c Client) CheckSecret(presented string) bool {
	want := c.SecretHash
	if want == "" {
		want = noHash
	}
	same := secret.Equal(secret.Hash(presented), want)
	return same && presented != ""
}

// minSecret is the length, in characters, below which a secret was hardly made
// by a random source: even so many letters and digits at random stay below the
// 128 bits of RFC 6749 §10.10.
const minSecret = 16

// Guessable reports a client secret of fewer than 16 characters. It is for a
// warning: CheckSecret takes such a secret all the same, and nothing but a fast
// hash stands between whoever has the registration and the secret.
func Guessable(text string) bool { return utf8.RuneCountInString(text) < minSecret }

// AllowsGrant reports whether the client may use a grant type.
func (c Client) AllowsGrant(grantType string) bool { return slices.Contains(c.GrantTypes, grantType) }

// AllowsAuth reports whether the client may authenticate by method.
func (c Client) AllowsAuth(method string) bool { return slices.Contains(c.AuthMethods, method) }

// AllowsScope reports whether the client may ask for one scope.
func (c Client) AllowsScope(scope string) bool { return slices.Contains(c.Scopes, scope) }

// Requested reads a scope parameter (RFC 6749 §3.3): the scopes it names, each
// once and in the order of the registration, or all of the client's when it
// names none. false when one of them is not the client's to ask for.
func (c Client) Requested(scope string) ([]string, bool) {
	asked := strings.FieldsFunc(scope, func(r rune) bool { return r == ' ' })
	if len(asked) == 0 {
		return slices.Clone(c.Scopes), true
	}
	for _, s := range asked {
		if !c.AllowsScope(s) {
			return nil, false
		}
	}
	var scopes []string
	for _, s := range c.Scopes {
		if slices.Contains(asked, s) {
			scopes = append(scopes, s)
		}
	}
	return scopes, true
}

// MatchRedirect reports whether uri is one of the client's redirect URIs.
func (c Client) MatchRedirect(uri string) bool {
	return uri != "" && slices.ContainsFunc(c.RedirectURIs, func(registered string) bool { return sameRedirect(registered, uri) })
}
