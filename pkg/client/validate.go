package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	// MaxID bounds a client id, in bytes.
	MaxID = 128
	// MaxScopes is how many scopes a client can have: a token has one bit for
	// each.
	MaxScopes = 32
)

// Validate reports everything that makes c unusable or unsafe, each with what
// to do. nil means that c may be registered.
func (c Client) Validate() error {
	var problems []error
	add := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf("client %q: "+format, append([]any{c.ID}, args...)...))
		}
	}
	add(!ValidID(c.ID), "an id is 1 to %d printable ASCII characters; choose another", MaxID)
	add(c.ID == FirstParty, "this id belongs to the stack's own client; choose another")
	add(c.SecretHash != "" && !secret.Minted(c.SecretHash, 256), "the secret hash is not base64url(SHA-256(secret)); make a new secret")
	add(len(c.Scopes) > MaxScopes, "more than %d scopes; remove some", MaxScopes)
	each(c.Scopes, func(s string, twice bool) {
		add(!scopeToken(s), "%q is not a scope: it has a space, a quote, a backslash or nothing at all", s)
		add(twice, "scope %q stands there twice; remove one", s)
	})
	each(c.GrantTypes, func(g string, twice bool) {
		add(!slices.Contains([]string{AuthorizationCode, RefreshToken, ClientCredentials}, g) || twice,
			"grant type %q: use each of authorization_code, refresh_token and client_credentials at most once", g)
	})
	add(len(c.GrantTypes) == 0, "no grant type; use authorization_code, or client_credentials for a client without users")
	add(c.AllowsGrant(RefreshToken) && !c.AllowsGrant(AuthorizationCode), "refresh_token comes with authorization_code only; add that, or remove this")
	add(c.AllowsGrant(AuthorizationCode) && len(c.RedirectURIs) == 0, "authorization_code needs a redirect URI; add one")
	c.checkAuth(add)
	each(c.RedirectURIs, func(uri string, twice bool) {
		err := CheckRedirectURI(uri)
		add(err != nil, "redirect URI %q %v", uri, err)
		add(twice, "redirect URI %q stands there twice; remove one", uri)
	})
	each(c.PostLogoutRedirectURIs, func(uri string, twice bool) {
		err := CheckRedirectURI(uri)
		add(err != nil, "post-logout redirect URI %q %v", uri, err)
		add(twice, "post-logout redirect URI %q stands there twice; remove one", uri)
	})
	return errors.Join(problems...)
}

// checkAuth holds a client to what its secret, or its having none, allows.
func (c Client) checkAuth(add func(bad bool, format string, args ...any)) {
	each(c.AuthMethods, func(m string, twice bool) {
		add(!slices.Contains([]string{SecretBasic, SecretPost, None}, m) || twice,
			"auth method %q: use each of client_secret_basic and client_secret_post at most once, or none", m)
	})
	add(len(c.AuthMethods) == 0, "no auth method; use client_secret_basic, or none for a public client")
	if !c.Public() {
		add(c.AllowsAuth(None), "a client with a secret has to use it; remove the auth method none")
		return
	}
	add(c.AllowsAuth(SecretBasic) || c.AllowsAuth(SecretPost), "a client without a secret is public: give it a secret, or only the auth method none")
	add(c.PKCEOptional, "a public client needs PKCE; remove require_pkce: false, or give it a secret")
	add(c.AllowsGrant(ClientCredentials), "client_credentials needs a secret (RFC 6749 section 4.4); give it one, or remove the grant type")
	add(c.ResourceServer, "a resource server needs a secret to introspect; give it one, or remove resource_server")
}

// each calls visit for every element and tells which stood there before.
func each(list []string, visit func(s string, twice bool)) {
	for i, s := range list {
		visit(s, slices.Contains(list[:i], s))
	}
}

// ValidID reports whether s can be a client id at all: *VSCHAR (RFC 6749
// appendix A.1), neither empty nor longer than MaxID.
func ValidID(s string) bool {
	return s != "" && len(s) <= MaxID && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) && strings.TrimSpace(s) == s
}

// scopeToken reports 1*NQCHAR (RFC 6749 §3.3).
func scopeToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r == '"' || r == '\\' || r > 0x7e })
}
