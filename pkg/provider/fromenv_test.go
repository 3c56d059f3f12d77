package provider_test

import (
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// fromEnv reads settings that have no problem.
func fromEnv(t *testing.T, environ ...string) *provider.Provider {
	t.Helper()
	e := &env.Reader{Environ: append([]string{}, environ...)}
	p := provider.FromEnv(e)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFromEnv(t *testing.T) {
	const id, secretSet = "OAUTH_CLIENT_ID=c", "OAUTH_CLIENT_SECRET=s"
	for _, test := range []struct {
		name      string
		environ   []string
		provider  string
		issuer    string
		authorize string
		token     string
		scope     string
		auth      provider.AuthMethod
	}{
		{"nothing", nil, "builtin", "", "", "", "openid profile email", "none"},
		{"empty values count as unset", []string{"OAUTH_PROVIDER=", "OAUTH_CLIENT_ID=", "OIDC_ISSUER="}, "builtin", "", "", "", "openid profile email", "none"},
		{"cashmere", []string{"OAUTH_PROVIDER=cashmere", id, secretSet}, "cashmere", "",
			"https://omnibk.ai/o/authorize/", "https://omnibk.ai/o/token/", "read write", "basic"},
		{"cashmere elsewhere", []string{"OAUTH_PROVIDER=cashmere", "OAUTH_PROVIDER_URL=https://cashmere.io/", id, secretSet, "OAUTH_SCOPE=read"}, "cashmere", "",
			"https://cashmere.io/o/authorize/", "https://cashmere.io/o/token/", "read", "basic"},
		{"the predecessor's names", []string{"DJANGO_BASE_URL=https://omnibk.ai", "CLIENT_ID=c", "CLIENT_SECRET=s", "SCOPE=read write"}, "cashmere", "",
			"https://omnibk.ai/o/authorize/", "https://omnibk.ai/o/token/", "read write", "basic"},
		{"a public client", []string{"OAUTH_PROVIDER=cashmere", id}, "cashmere", "",
			"https://omnibk.ai/o/authorize/", "https://omnibk.ai/o/token/", "read write", "none"},
		{"a secret by ARN", []string{"OAUTH_PROVIDER=cashmere", id, "OAUTH_CLIENT_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:x"}, "cashmere", "",
			"https://omnibk.ai/o/authorize/", "https://omnibk.ai/o/token/", "read write", "basic"},
		{"django", []string{"OAUTH_PROVIDER=django", "OAUTH_PROVIDER_URL=http://localhost:8000", id, secretSet}, "django", "",
			"http://localhost:8000/o/authorize/", "http://localhost:8000/o/token/", "read write", "basic"},
		{"django named, its base by alias", []string{"OAUTH_PROVIDER=django", "DJANGO_BASE_URL=http://localhost:8000", id, secretSet}, "django", "",
			"http://localhost:8000/o/authorize/", "http://localhost:8000/o/token/", "read write", "basic"},
		{"github", []string{"OAUTH_PROVIDER=github", id, secretSet}, "github", "",
			"https://github.com/login/oauth/authorize", "https://github.com/login/oauth/access_token", "read:user user:email", "post"},
		{"google", []string{"OAUTH_PROVIDER=google", id, secretSet}, "google", "https://accounts.google.com", "", "", "openid profile email", "basic"},
		{"microsoft", []string{"OAUTH_PROVIDER=microsoft", "OAUTH_PROVIDER_URL=https://login.microsoftonline.com/72f988bf", id, secretSet}, "microsoft",
			"https://login.microsoftonline.com/72f988bf/v2.0", "", "", "openid profile email", "post"},
		{"microsoft, version written out", []string{"OAUTH_PROVIDER=microsoft", "OAUTH_PROVIDER_URL=https://login.microsoftonline.com/72f988bf/v2.0/", id, secretSet}, "microsoft",
			"https://login.microsoftonline.com/72f988bf/v2.0", "", "", "openid profile email", "post"},
		{"auth0 has a trailing slash", []string{"OAUTH_PROVIDER=auth0", "OAUTH_PROVIDER_URL=https://t.eu.auth0.com", id, secretSet}, "auth0",
			"https://t.eu.auth0.com/", "", "", "openid profile email", "post"},
		{"okta", []string{"OAUTH_PROVIDER=okta", "OAUTH_PROVIDER_URL=https://o.okta.com/oauth2/default", id, secretSet}, "okta",
			"https://o.okta.com/oauth2/default", "", "", "openid profile email", "basic"},
		{"keycloak", []string{"OAUTH_PROVIDER=keycloak", "OAUTH_PROVIDER_URL=https://k.example/realms/r/", id, secretSet}, "keycloak",
			"https://k.example/realms/r", "", "", "openid profile email", "basic"},
		{"gitlab of one's own", []string{"OAUTH_PROVIDER=gitlab", "OAUTH_PROVIDER_URL=https://git.example", id, secretSet}, "gitlab",
			"https://git.example", "", "", "openid profile email", "basic"},
		{"cognito", []string{"OAUTH_PROVIDER=cognito", "OAUTH_PROVIDER_URL=https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", id, secretSet}, "cognito",
			"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", "", "", "openid profile email", "basic"},
		{"an issuer, as it is written", []string{"OIDC_ISSUER=https://op.example/", id, secretSet, "OAUTH_CLIENT_AUTH=post"}, "oidc",
			"https://op.example/", "", "", "openid profile email", "post"},
		{"endpoints", []string{"OAUTH_AUTHORIZE_URL=https://op.example/a", "OAUTH_TOKEN_URL=https://op.example/t", id, "OAUTH_CLIENT_AUTH=none"}, "custom", "",
			"https://op.example/a", "https://op.example/t", "", "none"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := fromEnv(t, test.environ...)
			got := []string{p.Name, p.Issuer, p.Fixed.Authorize, p.Fixed.Token, p.Scope, string(p.Auth)}
			want := []string{test.provider, test.issuer, test.authorize, test.token, test.scope, string(test.auth)}
			if strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestFromEnvReports(t *testing.T) {
	endpoints := []string{"OAUTH_AUTHORIZE_URL=https://op.example/a", "OAUTH_TOKEN_URL=https://op.example/t", "OAUTH_CLIENT_ID=c"}
	cashmere := []string{"OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=c"}
	and := func(base []string, more ...string) []string { return append(append([]string{}, base...), more...) }
	for _, test := range []struct {
		name    string
		environ []string
		want    string
	}{
		{"a preset and an issuer", and(cashmere, "OIDC_ISSUER=https://op.example"), "OAUTH_PROVIDER: contradicts OIDC_ISSUER"},
		{"a preset and endpoints", and(endpoints, "OAUTH_PROVIDER=cashmere"), "OAUTH_PROVIDER: contradicts the endpoint URLs"},
		{"an issuer and endpoints", and(endpoints, "OIDC_ISSUER=https://op.example"), "OIDC_ISSUER: contradicts the endpoint URLs"},
		{"no token URL", endpoints[:1], "OAUTH_TOKEN_URL: is not set"},
		{"no authorize URL", endpoints[1:2], "OAUTH_AUTHORIZE_URL: is not set"},
		{"only a userinfo URL", []string{"OAUTH_USERINFO_URL=https://op.example/u"}, "OAUTH_AUTHORIZE_URL: is not set"},
		{"a preset without its base", []string{"OAUTH_PROVIDER=keycloak", "OAUTH_CLIENT_ID=c"}, "OAUTH_PROVIDER_URL: is not set; set it, for example OAUTH_PROVIDER_URL=https://keycloak.example.com/realms/REALM"},
		{"a base without a preset", []string{"OAUTH_PROVIDER_URL=https://op.example"}, "OAUTH_PROVIDER_URL: belongs to a preset"},
		{"a base with an issuer", []string{"OIDC_ISSUER=https://op.example", "OAUTH_CLIENT_ID=c", "OAUTH_PROVIDER_URL=https://op.example"}, "OAUTH_PROVIDER_URL: belongs to a preset"},
		{"the alias is named as it was spelled", []string{"OIDC_ISSUER=https://op.example", "OAUTH_CLIENT_ID=c", "DJANGO_BASE_URL=https://op.example"}, "DJANGO_BASE_URL: belongs to a preset"},
		{"a base with a query", and(cashmere, "OAUTH_PROVIDER_URL=https://op.example/?a=b"), "OAUTH_PROVIDER_URL: has a query"},
		{"an http base elsewhere", and(cashmere, "OAUTH_PROVIDER_URL=http://op.example"), "is not an https URL"},
		{"a misspelled preset", []string{"OAUTH_PROVIDER=cashmare", "OAUTH_CLIENT_ID=c"}, "did you mean cashmere?"},
		{"a misspelled setting", and(cashmere, "OAUTH_SCOPES=read"), "OAUTH_SCOPES: is not a setting; did you mean OAUTH_SCOPE?"},
		{"no client id", []string{"OAUTH_PROVIDER=cashmere"}, "OAUTH_CLIENT_ID: is not set"},
		{"a client id and no provider", []string{"OAUTH_CLIENT_ID=c"}, "OAUTH_CLIENT_ID: is set, but no provider"},
		{"a client secret and no provider", []string{"CLIENT_SECRET=hunter2"}, "CLIENT_SECRET: is set, but no provider"},
		{"basic without a secret", and(cashmere, "OAUTH_CLIENT_AUTH=basic"), "OAUTH_CLIENT_AUTH: is basic, but there is no client secret"},
		{"post without a secret", and(cashmere, "OAUTH_CLIENT_AUTH=post"), "OAUTH_CLIENT_AUTH: is post, but there is no client secret"},
		{"none with a secret", and(cashmere, "OAUTH_CLIENT_AUTH=none", "OAUTH_CLIENT_SECRET=hunter2"), "OAUTH_CLIENT_AUTH: is none, but there is a client secret"},
		{"none with an ARN", and(cashmere, "OAUTH_CLIENT_AUTH=none", "OAUTH_CLIENT_SECRET_ARN=arn:x"), "OAUTH_CLIENT_AUTH: is none, but there is a client secret"},
		{"both kinds of secret", and(cashmere, "OAUTH_CLIENT_SECRET=hunter2", "OAUTH_CLIENT_SECRET_ARN=arn:x"), "OAUTH_CLIENT_SECRET: contradicts OAUTH_CLIENT_SECRET_ARN"},
		{"the secret itself in place of its ARN", and(cashmere, "OAUTH_CLIENT_SECRET_ARN=hunter2"), "OAUTH_CLIENT_SECRET_ARN: is no ARN"},
		{"an unknown method", and(cashmere, "OAUTH_CLIENT_AUTH=bassic"), "did you mean basic?"},
		{"openid with endpoints", and(endpoints, "OAUTH_SCOPE=openid"), "OAUTH_SCOPE: asks for openid"},
		{"openid with github", []string{"OAUTH_PROVIDER=github", "OAUTH_CLIENT_ID=c", "OAUTH_SCOPE=openid"}, "OAUTH_SCOPE: asks for openid"},
		{"a quote in the scope", and(cashmere, `OAUTH_SCOPE=re"ad`), "OAUTH_SCOPE: has a character"},
		{"an issuer for what is discovered", []string{"OIDC_ISSUER=https://op.example", "OAUTH_CLIENT_ID=c", "OAUTH_ISSUER=https://op.example"}, "OAUTH_ISSUER: is for endpoints without metadata"},
		{"microsoft for everybody", []string{"OAUTH_PROVIDER=microsoft", "OAUTH_CLIENT_ID=c", "OAUTH_PROVIDER_URL=https://login.microsoftonline.com/common"}, "stands for many tenants"},
		{"broken extra parameters", and(cashmere, "OAUTH_EXTRA_PARAMS=a=%zz"), "OAUTH_EXTRA_PARAMS: malformed parameters"},
		{"a query of one's own that sets state", []string{"OAUTH_AUTHORIZE_URL=https://op.example/a?state=x", "OAUTH_TOKEN_URL=https://op.example/t", "OAUTH_CLIENT_ID=c"}, "OAUTH_AUTHORIZE_URL: contains state"},
		{"an extra parameter that the URL has", []string{"OAUTH_AUTHORIZE_URL=https://op.example/a?hd=x", "OAUTH_TOKEN_URL=https://op.example/t", "OAUTH_CLIENT_ID=c", "OAUTH_EXTRA_PARAMS=hd=y"}, "OAUTH_EXTRA_PARAMS: repeats hd"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reports(t, test.environ, test.want)
		})
	}
	for _, name := range []string{
		"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "nonce",
		"prompt", "login_hint", "request", "request_uri", "response_mode", "client_secret",
	} {
		t.Run("extra parameter "+name, func(t *testing.T) {
			reports(t, and(cashmere, "OAUTH_EXTRA_PARAMS=audience=x&"+name+"=y"), "OAUTH_EXTRA_PARAMS: contains "+name)
		})
	}
}

// What follows from a wrong provider is not a problem of its own.
func TestOneProblemForOneMistake(t *testing.T) {
	for _, provider := range []string{"OAUTH_PROVIDER=gogle", "OAUTH_PROVIDER=your-provider", "OIDC_ISSUER=http://op.example"} {
		reports(t, []string{provider, "OAUTH_CLIENT_ID=c", "OAUTH_CLIENT_SECRET=hunter2", "OAUTH_CLIENT_AUTH=post"}, "1 problem(s)")
	}
}

func reports(t *testing.T, environ []string, want string) {
	t.Helper()
	e := &env.Reader{Environ: environ}
	if provider.FromEnv(e) == nil {
		t.Fatal("no provider")
	}
	err := e.Err()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("problems %v\nwant one with %q", err, want)
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the secret is printed: %v", err)
	}
}

func TestExtraParamsReachTheRequest(t *testing.T) {
	p := fromEnv(t, "OAUTH_PROVIDER=google", "OAUTH_CLIENT_ID=c", "OAUTH_EXTRA_PARAMS=access_type=offline&hd=example.com")
	got := p.AuthorizeURL(provider.Endpoints{Authorize: "https://op.example/"}, request)
	if !strings.HasSuffix(got, "&access_type=offline&hd=example.com") {
		t.Errorf("%s: the extra parameters are missing", got)
	}
}

func TestCustomIssuer(t *testing.T) {
	p := fromEnv(t, "OAUTH_AUTHORIZE_URL=https://op.example/a", "OAUTH_TOKEN_URL=https://op.example/t", "OAUTH_CLIENT_ID=c", "OAUTH_ISSUER=https://op.example")
	ep, err := p.Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p.CheckIssuer(ep, "https://attacker.example", true) == nil {
		t.Error("another issuer is accepted")
	}
	if err := p.CheckIssuer(ep, "https://op.example", true); err != nil {
		t.Error(err)
	}
}

func TestPresetsAreWellFormed(t *testing.T) {
	for _, preset := range provider.Presets {
		if preset.NeedsBase == (preset.Base != "" || preset.Name == "builtin") {
			t.Errorf("%s: a base is either required or known", preset.Name)
		}
		if preset.NeedsBase && preset.Example == "" {
			t.Errorf("%s: no example of its base", preset.Name)
		}
		if preset.Issuer && preset.Paths.Authorize != "" {
			t.Errorf("%s: is discovered and has paths", preset.Name)
		}
	}
}

// The settings of the FastAPI client for Cashmere work as they are.
func TestOlderNamesAlone(t *testing.T) {
	e := &env.Reader{Environ: []string{"CLIENT_ID=abc", "CLIENT_SECRET=def", "SCOPE=read"}}
	p := provider.FromEnv(e)
	if err := e.Err(); err != nil || p.Name != "cashmere" || p.ClientID != "abc" || p.Scope != "read" {
		t.Errorf("%s, %v", p.Name, err)
	}
}
