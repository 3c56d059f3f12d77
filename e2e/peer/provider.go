package peer

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The clients that both providers know, and the one account that Django has
// (oidc-provider takes any login with any password).
const (
	ConfidentialClient = "latchkey-confidential" // client_secret_basic
	PublicClient       = "latchkey-public"       // no secret
	Username           = "alice"
	Password           = "correct horse"
)

// OIDCOptions say what StartOIDCProvider registers.
type OIDCOptions struct {
	// RedirectURIs of both clients, compared exactly. At least one.
	RedirectURIs []string

	// Secret of the confidential client; "confidential-secret" if empty.
	Secret string

	// Login is typed into the login form by SignIn and becomes the subject;
	// Username if empty.
	Login string

	// AlwaysRefresh issues a refresh token with every code. Without it the
	// provider keeps to OpenID Connect Core section 11: one is issued for
	// offline_access, which is heeded with prompt=consent only.
	AlwaysRefresh bool

	// Issuer is the address of what a test has put in front of the provider,
	// which passes the Host header on; the provider's own address if empty.
	Issuer string

	// AccessTTL is how long access tokens last, in whole seconds; an hour if 0.
	AccessTTL time.Duration
}

// OIDCProvider is a running npm oidc-provider: certified, PKCE with S256
// required of every client, RFC 9207 iss announced and sent, refresh tokens
// rotated and their reuse punished by ending the grant.
type OIDCProvider struct {
	Issuer  string // no trailing slash; Address unless the options say otherwise
	Address string // http://127.0.0.1:PORT
	Secret  string // of the confidential client

	AuthorizeURL, TokenURL, RevokeURL, IntrospectURL, UserinfoURL string

	t      testing.TB
	person person
}

// StartOIDCProvider starts npm oidc-provider for this test. Its metadata is at
// Issuer + "/.well-known/openid-configuration".
func StartOIDCProvider(t testing.TB, o OIDCOptions) *OIDCProvider {
	t.Helper()
	secret, login := or(o.Secret, "confidential-secret"), or(o.Login, Username)
	argv := nodeProgram(t, "oidc_provider.mjs", "oidc-provider")
	_, address := start(t, "oidc-provider", readyLine, peerOptions(t, map[string]any{
		"redirectURIs": o.RedirectURIs, "secret": secret, "alwaysRefresh": o.AlwaysRefresh,
		"issuer": o.Issuer, "accessTTL": o.AccessTTL / time.Second,
	}), argv...)
	issuer := or(o.Issuer, address)
	return &OIDCProvider{
		Issuer: issuer, Address: address, Secret: secret,
		AuthorizeURL: issuer + "/auth", TokenURL: issuer + "/token", RevokeURL: issuer + "/token/revocation",
		IntrospectURL: issuer + "/token/introspection", UserinfoURL: issuer + "/me",
		t:      t,
		person: person{map[string]string{"login": login, "password": Password}, o.RedirectURIs},
	}
}

// SignIn plays the person: it follows authorizeURL, submits the login form and
// the consent form, and returns the redirect to a registered redirect URI (a
// code or an error) without fetching it. The client's cookie jar, if it has
// one, is used as the browser's; its CheckRedirect is not.
func (p *OIDCProvider) SignIn(t testing.TB, client *http.Client, authorizeURL string) string {
	t.Helper()
	return p.person.signIn(t, client, authorizeURL)
}

// TokenRequests is how many requests have reached the token endpoint,
// answered well or not.
func (p *OIDCProvider) TokenRequests() int {
	p.t.Helper()
	return count(p.t, p.Address, "token-requests")
}

// RevokedGrants is how many grants have ended: by a revocation, or because a
// refresh token came a second time.
func (p *OIDCProvider) RevokedGrants() int {
	p.t.Helper()
	return count(p.t, p.Address, "revoked-grants")
}

// MoveClock puts the provider's clock ahead of the machine's.
func (p *OIDCProvider) MoveClock(t testing.TB, ahead time.Duration) {
	t.Helper()
	resp, err := http.Post(p.Address+"/peer/clock/"+strconv.FormatInt(ahead.Milliseconds(), 10), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("peer: the clock was not moved: %s", resp.Status)
	}
}

// DjangoOptions say what StartDjango registers.
type DjangoOptions struct {
	// RedirectURIs of both applications, compared exactly. At least one.
	RedirectURIs []string

	// Secret of the confidential application; "confidential-secret" if empty.
	Secret string
}

// Django is a running django-oauth-toolkit: plain OAuth 2.0 with PKCE required
// and the scopes read and write; no OpenID Connect, no metadata, no iss. Codes
// live 60 seconds. Its endpoints need their trailing slash.
type Django struct {
	URL    string // http://127.0.0.1:PORT, no trailing slash
	Secret string // of the confidential application

	AuthorizeURL, TokenURL, RevokeURL, IntrospectURL string

	t      testing.TB
	person person
}

// debianDjango is where Debian puts the package, for /usr/bin/python3 alone.
const debianDjango = "/usr/lib/python3/dist-packages/oauth2_provider/__init__.py"

// StartDjango starts Debian's django-oauth-toolkit for this test, with an
// empty database of its own, the account Username and the two applications.
func StartDjango(t testing.TB, o DjangoOptions) *Django {
	t.Helper()
	const howToGet = "on Debian: apt-get install python3-django-oauth-toolkit"
	present(t, "django-oauth-toolkit", debianDjango, howToGet)
	python := lookPath(t, "/usr/bin/python3", howToGet)
	secret := or(o.Secret, "confidential-secret")
	_, base := start(t, "django-oauth-toolkit", readyLine, peerOptions(t, map[string]any{
		"redirectURIs": o.RedirectURIs, "secret": secret, "username": Username, "password": Password,
		"database": filepath.Join(t.TempDir(), "django.sqlite3"),
	}), python, "-I", program(t, "django/server.py"))
	return &Django{
		URL: base, Secret: secret,
		AuthorizeURL: base + "/o/authorize/", TokenURL: base + "/o/token/",
		RevokeURL: base + "/o/revoke_token/", IntrospectURL: base + "/o/introspect/",
		t:      t,
		person: person{map[string]string{"username": Username, "password": Password}, o.RedirectURIs},
	}
}

// SignIn is like OIDCProvider.SignIn: it signs in as Username and approves.
func (d *Django) SignIn(t testing.TB, client *http.Client, authorizeURL string) string {
	t.Helper()
	return d.person.signIn(t, client, authorizeURL)
}

// TokenRequests is how many POSTs have reached the token endpoint, answered
// well or not.
func (d *Django) TokenRequests() int {
	d.t.Helper()
	return count(d.t, d.URL, "token-requests")
}

// peerOptions is the setting through which our programs get their options.
func peerOptions(t testing.TB, o map[string]any) []string {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return []string{"PEER_OPTIONS=" + string(b)}
}

// count asks a provider program how often something has happened.
func count(t testing.TB, base, what string) int {
	t.Helper()
	resp, err := http.Get(base + "/peer/" + what)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatalf("peer: count of %s: %v", what, err)
	}
	return n
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
