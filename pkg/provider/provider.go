// Package provider owns one upstream OAuth 2.0 or OpenID provider: where its
// endpoints are, how this client authenticates there, its quirks, the one
// exchange of a code for tokens, and what a session asks for later: refresh,
// userinfo, revocation and logout.
//
// It keeps metadata and idle connections between requests; it never keeps
// anything of a request, never follows a redirect and never posts a code
// or a refresh token twice.
package provider

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// AuthMethod is how the client authenticates at the token endpoint (RFC 6749
// §2.3).
type AuthMethod string

// The methods. AuthBasic form-urlencodes id and secret before it joins them
// (RFC 6749 §2.3.1); AuthNone is a public client, which PKCE alone protects.
const (
	AuthBasic AuthMethod = "basic"
	AuthPost  AuthMethod = "post"
	AuthNone  AuthMethod = "none"
)

// Provider is one upstream provider. Fill the exported fields before the
// first call and leave them alone afterwards; the methods are safe for
// concurrent use. With neither Issuer nor Fixed it is the built-in server,
// whose endpoints hang on the base URL of each request.
type Provider struct {
	// Name is the preset's name, "oidc" or "custom". With the subject it
	// names a person.
	Name string
	// ClientID is required.
	ClientID string
	// Scope is what to ask for, space-separated; empty leaves the parameter
	// out.
	Scope string
	// Auth is required.
	Auth AuthMethod
	// ClientIDInBody sends client_id in the form too when Auth is AuthBasic.
	ClientIDInBody bool
	// Extra are further parameters of the authorization request. None of
	// them may be one that the request itself carries.
	Extra oauth.Params
	// Secret gives the client secret when it is needed, so that a start does
	// not wait for it. Required unless Auth is AuthNone. An *oauth.Error of
	// its own reaches the user as it is.
	Secret func(context.Context) (secret.Text, error)
	// SecretARN is where the secret lives when it was not given as text. The
	// main makes Secret from it.
	SecretARN string
	// Subject is the member of a userinfo answer that says who it is about;
	// empty means that the provider names nobody, and UserInfo is not asked.
	Subject string
	// Revocation and Logout are the provider's dialects; empty is the
	// standard.
	Revocation Revocation
	Logout     Logout
	// Issuer is discovered (OpenID Connect Discovery 1.0, RFC 8414) when set.
	Issuer string
	// Fixed are the endpoints when Issuer is empty.
	Fixed Endpoints
	// Transport gives proxy, dialling and TLS settings. It is cloned, and the
	// limits of this package are put on the clone. Default: a direct or
	// environment-proxied connection.
	Transport *http.Transport
	// Now tells the time, wall clock. Default: [time.Now].
	Now func() time.Time

	conns conns
	found discovery
}

// Endpoints are the URLs of a provider. Only Authorize and Token are always
// there. What Revoke means depends on [Provider].Revocation.
type Endpoints struct {
	Authorize, Token, UserInfo, Revoke, EndSession, JWKS string
	// Issuer is what "iss" must be, in the callback (RFC 9207) and in an ID
	// token. Empty means that there is nothing to compare it with.
	Issuer string
	// IssRequired says that every callback carries iss (RFC 9207 §3).
	IssRequired bool
	// IDTokenAlgs are the asymmetric algorithms the provider signs ID tokens
	// with.
	IDTokenAlgs []string
}

// Authorization is what differs from one authorization request to the next.
type Authorization struct {
	RedirectURI string
	State       string
	Challenge   string // S256, RFC 7636 §4.2
	Nonce       string // with OpenID only
	Prompt      string // optional
	LoginHint   string // optional
}

func (p *Provider) now() time.Time {
	if p.Now != nil {
		return p.Now()
	}
	return time.Now()
}

// Realm tells this provider from others, those of the same name included. What
// one of them gave means nothing at another.
func (p *Provider) Realm() string {
	return strings.TrimSpace(p.Name + " " + cmp.Or(p.Issuer, p.Fixed.Token))
}

// OpenID reports whether the scope asks for an ID token.
func (p *Provider) OpenID() bool {
	for scope := range strings.FieldsSeq(p.Scope) {
		if scope == "openid" {
			return true
		}
	}
	return false
}

// AuthorizeURL is the authorization request (RFC 6749 §4.1.1, RFC 7636 §4.3).
// It has exactly response_type, client_id, redirect_uri, scope, state,
// code_challenge and code_challenge_method; nonce, prompt, login_hint and
// Extra follow when they are not empty. The endpoint's own query is kept.
func (p *Provider) AuthorizeURL(ep Endpoints, a Authorization) string {
	var b strings.Builder
	b.Grow(len(ep.Authorize) + len(p.ClientID) + len(p.Scope) + len(a.RedirectURI) + 320)
	begin(&b, ep.Authorize)
	b.WriteString("response_type=code")
	add := func(name, value string) {
		if value != "" {
			b.WriteByte('&')
			b.WriteString(name)
			b.WriteByte('=')
			b.WriteString(url.QueryEscape(value))
		}
	}
	add("client_id", p.ClientID)
	add("redirect_uri", a.RedirectURI)
	add("scope", p.Scope)
	add("state", a.State)
	add("code_challenge", a.Challenge)
	add("code_challenge_method", pkce.Method)
	add("nonce", a.Nonce)
	add("prompt", a.Prompt)
	add("login_hint", a.LoginHint)
	if len(p.Extra) > 0 {
		b.WriteByte('&')
		b.WriteString(p.Extra.Encode())
	}
	return b.String()
}

// begin writes an endpoint, its own query included, up to where the first
// parameter of ours goes.
func begin(b *strings.Builder, endpoint string) {
	b.WriteString(endpoint)
	switch at := strings.IndexByte(endpoint, '?'); {
	case at < 0:
		b.WriteByte('?')
	case at < len(endpoint)-1 && !strings.HasSuffix(endpoint, "&"):
		b.WriteByte('&')
	}
}

// reserved are the parameters that only the authorization request itself may
// set. response_mode, request and request_uri would move or replace it.
var reserved = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method",
	"nonce", "prompt", "login_hint", "request", "request_uri", "response_mode", "client_secret",
}

// claimed returns a reserved name among params, or "".
func claimed(params oauth.Params) string {
	for _, name := range reserved {
		if _, ok := params[name]; ok {
			return name
		}
	}
	return ""
}
