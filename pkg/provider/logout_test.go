package provider_test

import (
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

func TestEndSessionURL_C62(t *testing.T) {
	const end, home = "https://op.example/logout", "https://app.example/?a=b&c"
	const id, back = "client_id=s6BhdRkqt3", "post_logout_redirect_uri=https%3A%2F%2Fapp.example%2F%3Fa%3Db%26c"
	for _, test := range []struct {
		name     string
		logout   provider.Logout
		endpoint string
		returnTo string
		want     string
	}{
		{"RP-initiated logout", provider.LogoutStandard, end, home, end + "?" + id + "&" + back},
		{"nowhere to return to", provider.LogoutStandard, end, "", end + "?" + id},
		{"no endpoint", provider.LogoutStandard, "", home, ""},
		{"an own query", provider.LogoutStandard, end + "?p=1", home, end + "?p=1&" + id + "&" + back},
		{"an empty query", provider.LogoutStandard, end + "?", home, end + "?" + id + "&" + back},
		{"a query that ends open", provider.LogoutStandard, end + "?p=1&", home, end + "?p=1&" + id + "&" + back},
		{"a query that names the client", provider.LogoutStandard, end + "?client_id=x", home, end + "?client_id=x&" + back},
		{"a query that names both", provider.LogoutStandard, end + "?client_id=x&post_logout_redirect_uri=y", home, end + "?client_id=x&post_logout_redirect_uri=y"},
		{"Cognito", provider.LogoutCognito, end, home, end + "?" + id + "&" + strings.Replace(back, "post_logout_redirect_uri", "logout_uri", 1)},
		{"Cognito without an endpoint", provider.LogoutCognito, "", home, ""},
		{"a provider that asks for a hint", provider.LogoutHint, end, home, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := client(func(p *provider.Provider) { p.Logout = test.logout })
			got := p.EndSessionURL(provider.Endpoints{EndSession: test.endpoint}, test.returnTo)
			if got != test.want {
				t.Errorf("%s\nwant %s", got, test.want)
			}
			if strings.Contains(got, "hint") {
				t.Error("a token reaches the browser")
			}
		})
	}
}

// TestDialects is what the presets say of the time after the login.
func TestDialects(t *testing.T) {
	const rest = "OAUTH_CLIENT_ID=c"
	for _, test := range []struct {
		name    string
		environ []string
		subject string
		revoke  provider.Revocation
		logout  provider.Logout
	}{
		{"builtin", nil, "sub", "", ""},
		{"cashmere", []string{"OAUTH_PROVIDER=cashmere", rest}, "", "", ""},
		{"the older names", []string{"DJANGO_BASE_URL=https://omnibk.ai", "CLIENT_ID=c"}, "", "", ""},
		{"django", []string{"OAUTH_PROVIDER=django", "OAUTH_PROVIDER_URL=https://d.example", rest}, "", "", ""},
		{"github", []string{"OAUTH_PROVIDER=github", rest}, "id", provider.RevokeGitHub, ""},
		{"google", []string{"OAUTH_PROVIDER=google", rest}, "sub", "", ""},
		{"gitlab", []string{"OAUTH_PROVIDER=gitlab", rest}, "sub", "", ""},
		{"microsoft", []string{"OAUTH_PROVIDER=microsoft", "OAUTH_PROVIDER_URL=https://login.microsoftonline.com/72f988bf", rest}, "sub", "", ""},
		{"auth0", []string{"OAUTH_PROVIDER=auth0", "OAUTH_PROVIDER_URL=https://t.eu.auth0.com", rest}, "sub", "", ""},
		{"okta", []string{"OAUTH_PROVIDER=okta", "OAUTH_PROVIDER_URL=https://o.okta.com/oauth2/default", rest}, "sub", "", provider.LogoutHint},
		{"cognito", []string{"OAUTH_PROVIDER=cognito", "OAUTH_PROVIDER_URL=https://cognito-idp.eu-west-1.amazonaws.com/x", rest}, "sub", "", provider.LogoutCognito},
		{"keycloak", []string{"OAUTH_PROVIDER=keycloak", "OAUTH_PROVIDER_URL=https://k.example/realms/r", rest}, "sub", "", ""},
		{"an issuer", []string{"OIDC_ISSUER=https://op.example", rest}, "sub", "", ""},
		{"endpoints", []string{"OAUTH_AUTHORIZE_URL=https://op.example/a", "OAUTH_TOKEN_URL=https://op.example/t", rest}, "", "", ""},
		{"endpoints with userinfo", []string{"OAUTH_AUTHORIZE_URL=https://op.example/a", "OAUTH_TOKEN_URL=https://op.example/t", "OAUTH_USERINFO_URL=https://op.example/u", rest}, "sub", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := fromEnv(t, test.environ...)
			if p.Subject != test.subject || p.Revocation != test.revoke || p.Logout != test.logout {
				t.Errorf("subject %q, revocation %q, logout %q; want %q, %q, %q", p.Subject, p.Revocation, p.Logout, test.subject, test.revoke, test.logout)
			}
		})
	}
}

// TestEndpointsAfterTheLogin: GitHub's API is elsewhere, but a token of an
// Enterprise Server never leaves it.
func TestEndpointsAfterTheLogin(t *testing.T) {
	const rest = "OAUTH_CLIENT_ID=c"
	for _, test := range []struct {
		name                 string
		environ              []string
		userinfo, revoke, at string
	}{
		{"the built-in server", nil, "https://b.example/oauth/userinfo", "https://b.example/oauth/revoke", "https://b.example/oauth/end_session"},
		{"cashmere", []string{"OAUTH_PROVIDER=cashmere", rest}, "", "https://omnibk.ai/o/revoke_token/", ""},
		{"github", []string{"OAUTH_PROVIDER=github", rest}, "https://api.github.com/user", "https://api.github.com/applications", ""},
		{"github with a trailing slash", []string{"OAUTH_PROVIDER=github", "OAUTH_PROVIDER_URL=https://github.com/", rest}, "https://api.github.com/user", "https://api.github.com/applications", ""},
		{"GitHub with data residency", []string{"OAUTH_PROVIDER=github", "OAUTH_PROVIDER_URL=https://octo.ghe.com", rest}, "https://api.octo.ghe.com/user", "https://api.octo.ghe.com/applications", ""},
		{"GitHub Enterprise Server", []string{"OAUTH_PROVIDER=github", "OAUTH_PROVIDER_URL=https://git.example", rest}, "https://git.example/api/v3/user", "https://git.example/api/v3/applications", ""},
		{"a host that looks like GitHub", []string{"OAUTH_PROVIDER=github", "OAUTH_PROVIDER_URL=https://notgithub.com", rest}, "https://notgithub.com/api/v3/user", "https://notgithub.com/api/v3/applications", ""},
		{"endpoints", []string{"OAUTH_AUTHORIZE_URL=https://op.example/a", "OAUTH_TOKEN_URL=https://op.example/t", "OAUTH_USERINFO_URL=https://op.example/u",
			"OAUTH_REVOKE_URL=https://op.example/r", "OAUTH_END_SESSION_URL=https://op.example/e", rest}, "https://op.example/u", "https://op.example/r", "https://op.example/e"},
	} {
		t.Run(test.name, func(t *testing.T) {
			ep, err := fromEnv(t, test.environ...).Endpoints(baseurl.With(t.Context(), "https://b.example"))
			if err != nil {
				t.Fatal(err)
			}
			if ep.UserInfo != test.userinfo || ep.Revoke != test.revoke || ep.EndSession != test.at {
				t.Errorf("endpoints %+v", ep)
			}
		})
	}
}
