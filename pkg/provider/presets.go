package provider

import (
	"net/url"
	"slices"
	"strings"
)

// Preset is what is known about a provider beforehand.
type Preset struct {
	Name string
	// Base is the default of OAUTH_PROVIDER_URL; empty with NeedsBase means
	// that the setting is required.
	Base      string
	NeedsBase bool
	// Example completes the advice when the base is missing.
	Example string
	// Issuer says that base + IssuerPath is discovered. Otherwise Paths hang
	// on the base.
	Issuer     bool
	IssuerPath string
	Paths      Endpoints
	Scope      string
	Auth       AuthMethod // with a secret; empty: basic
	// ClientIDInBody sends client_id besides Basic.
	ClientIDInBody bool
	// API gives, for a base URL, what the userinfo and revocation paths hang
	// on when it is not the base itself.
	API func(base string) string
	// Subject, Revocation and Logout are those of the Provider.
	Subject    string
	Revocation Revocation
	Logout     Logout
	// Verified says that a test has met the provider's own software.
	Verified bool
}

const profile = "openid profile email"

// sub is the subject of every OpenID provider (OpenID Connect Core §5.3.2).
const sub = "sub"

// django is Django OAuth Toolkit under its usual prefix. The trailing slashes
// matter: without them it answers 301, and the POST is lost.
var django = Endpoints{Authorize: "/o/authorize/", Token: "/o/token/", Revoke: "/o/revoke_token/"}

// Presets are the providers that OAUTH_PROVIDER knows.
var Presets = []Preset{
	{Name: "builtin", Scope: profile, Subject: sub},
	{Name: "cashmere", Base: "https://omnibk.ai", Paths: django, Scope: "read write", ClientIDInBody: true, Verified: true},
	{Name: "django", NeedsBase: true, Example: "https://django.example.com", Paths: django, Scope: "read write", Verified: true},
	{Name: "github", Base: "https://github.com", Scope: "read:user user:email", Auth: AuthPost,
		Paths: Endpoints{Authorize: "/login/oauth/authorize", Token: "/login/oauth/access_token", UserInfo: "/user", Revoke: "/applications"},
		API:   githubAPI, Subject: "id", Revocation: RevokeGitHub},
	{Name: "google", Base: "https://accounts.google.com", Issuer: true, Scope: profile, Subject: sub},
	{Name: "gitlab", Base: "https://gitlab.com", Issuer: true, Scope: profile, Subject: sub},
	{Name: "microsoft", NeedsBase: true, Example: "https://login.microsoftonline.com/TENANT-ID", Issuer: true, IssuerPath: "/v2.0",
		Scope: profile, Auth: AuthPost, Subject: sub},
	{Name: "auth0", NeedsBase: true, Example: "https://TENANT.eu.auth0.com", Issuer: true, IssuerPath: "/",
		Scope: profile, Auth: AuthPost, Subject: sub},
	{Name: "okta", NeedsBase: true, Example: "https://ORG.okta.com/oauth2/default", Issuer: true, Scope: profile, Subject: sub, Logout: LogoutHint},
	{Name: "cognito", NeedsBase: true, Example: "https://cognito-idp.REGION.amazonaws.com/POOL-ID", Issuer: true,
		Scope: profile, Subject: sub, Logout: LogoutCognito},
	{Name: "keycloak", NeedsBase: true, Example: "https://keycloak.example.com/realms/REALM", Issuer: true, Scope: profile, Subject: sub},
}

// names are the presets' names, in the table's order.
func names() []string {
	list := make([]string, len(Presets))
	for i, preset := range Presets {
		list[i] = preset.Name
	}
	return list
}

func preset(name string) Preset {
	return Presets[slices.IndexFunc(Presets, func(p Preset) bool { return p.Name == name })]
}

// at hangs the preset on a base URL.
func (s Preset) at(base string) (issuer string, fixed Endpoints) {
	base = strings.TrimSuffix(base, "/")
	if s.Issuer {
		return strings.TrimSuffix(base, strings.TrimSuffix(s.IssuerPath, "/")) + s.IssuerPath, Endpoints{}
	}
	api := base
	if s.API != nil {
		api = s.API(base)
	}
	on := func(base, path string) string {
		if path == "" {
			return ""
		}
		return base + path
	}
	return "", Endpoints{
		Authorize: on(base, s.Paths.Authorize), Token: on(base, s.Paths.Token), UserInfo: on(api, s.Paths.UserInfo),
		Revoke: on(api, s.Paths.Revoke), EndSession: on(base, s.Paths.EndSession), JWKS: on(base, s.Paths.JWKS),
	}
}

// githubAPI is where GitHub's REST API is: on a host of its own in the cloud,
// and below a path of an Enterprise Server. A server's tokens must never go to
// the cloud.
func githubAPI(base string) string {
	scheme, host, _ := strings.Cut(base, "://")
	if host == "github.com" || strings.HasSuffix(host, ".ghe.com") {
		return scheme + "://api." + host
	}
	return base + "/api/v3"
}

// sharedTenant reports Microsoft's tenants that stand for many issuers. Their
// metadata names a pattern instead of one.
func sharedTenant(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	return slices.Contains([]string{"", "common", "organizations", "consumers"}, tenant)
}
