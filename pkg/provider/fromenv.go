package provider

import (
	"context"
	"fmt"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// builtinClient is the client id under which the built-in server knows the
// client half of its own stack.
const builtinClient = "latchkey"

// settings are the OAUTH_* and OIDC_* values as they were read.
type settings struct {
	*env.Reader
	provider, base, issuer   string
	authorize, token         string
	userinfo, revoke, logout string
	iss                      string
}

// FromEnv reads which provider to use, and how. What is missing or contradicts
// itself is reported on e. With nothing set it is the built-in server.
//
// A secret that is given as an ARN is not read here: the main gives the
// Provider a Secret made from SecretARN.
func FromEnv(e *env.Reader) *Provider {
	s := readSettings(e)
	p := &Provider{}
	var known Preset
	switch {
	case s.issuer != "":
		p.Name, p.Issuer, known = "oidc", s.issuer, Preset{Issuer: true, Scope: profile, Subject: sub}
	case s.authorize != "" || s.token != "":
		p.Name = "custom"
		p.Fixed = Endpoints{Authorize: s.authorize, Token: s.token, UserInfo: s.userinfo, Revoke: s.revoke, EndSession: s.logout}
		if s.userinfo != "" {
			known.Subject = sub
		}
	default:
		known = preset(s.provider)
		p.Name, p.ClientIDInBody = known.Name, known.ClientIDInBody
		p.Issuer, p.Fixed = s.preset(known)
	}
	p.Subject, p.Revocation, p.Logout = known.Subject, known.Revocation, known.Logout
	s.expectIssuer(p)
	s.scope(p, known)
	s.client(p, known)
	s.extra(p)
	return p
}

func readSettings(e *env.Reader) settings {
	s := settings{Reader: e}
	e.Alias("OAUTH_PROVIDER_URL", "DJANGO_BASE_URL")
	e.Alias("OAUTH_CLIENT_ID", "CLIENT_ID")
	e.Alias("OAUTH_CLIENT_SECRET", "CLIENT_SECRET")
	e.Alias("OAUTH_SCOPE", "SCOPE")
	s.base, s.issuer = s.bare("OAUTH_PROVIDER_URL"), s.bare("OIDC_ISSUER")
	s.authorize, s.token = s.URL("OAUTH_AUTHORIZE_URL"), s.URL("OAUTH_TOKEN_URL")
	s.userinfo, s.revoke, s.logout = s.URL("OAUTH_USERINFO_URL"), s.URL("OAUTH_REVOKE_URL"), s.URL("OAUTH_END_SESSION_URL")
	s.iss = s.bare("OAUTH_ISSUER")

	named := e.String("OAUTH_PROVIDER") != ""
	def := "builtin"
	if e.String("DJANGO_BASE_URL")+e.String("CLIENT_ID") != "" {
		def = "cashmere" // only its older client had these names
	}
	s.provider = e.OneOf("OAUTH_PROVIDER", def, names()...)

	endpoints := s.authorize + s.token + s.userinfo + s.revoke + s.logout
	switch {
	case named && s.issuer != "":
		e.Report("OAUTH_PROVIDER", "contradicts OIDC_ISSUER", "remove one of the two")
	case named && endpoints != "":
		e.Report("OAUTH_PROVIDER", "contradicts the endpoint URLs", "remove it, or OAUTH_AUTHORIZE_URL, OAUTH_TOKEN_URL and the like")
	case s.issuer != "" && endpoints != "":
		e.Report("OIDC_ISSUER", "contradicts the endpoint URLs, which it would discover", "remove it or them")
	case endpoints != "" && s.authorize == "":
		e.Required("OAUTH_AUTHORIZE_URL", "https://provider.example/authorize")
	case endpoints != "" && s.token == "":
		e.Required("OAUTH_TOKEN_URL", "https://provider.example/token")
	}
	if s.base != "" && (s.issuer != "" || endpoints != "" || s.provider == "builtin") {
		e.Report("OAUTH_PROVIDER_URL", "belongs to a preset, and none that takes it is chosen",
			"set OAUTH_PROVIDER too, or remove it")
	}
	return s
}

// bare is a URL without a query.
func (s settings) bare(name string) string {
	v := s.URL(name)
	if strings.Contains(v, "?") {
		s.Report(name, "has a query", "leave out everything from the question mark on")
		return ""
	}
	return v
}

func (s settings) preset(known Preset) (issuer string, fixed Endpoints) {
	base := s.base
	if base == "" {
		base = known.Base
	}
	switch {
	case known.Name == "builtin":
		return "", Endpoints{}
	case base == "":
		s.Required("OAUTH_PROVIDER_URL", known.Example)
		base = "https://provider.invalid"
	case known.Name == "microsoft" && sharedTenant(base):
		s.Report("OAUTH_PROVIDER_URL", "stands for many tenants, so there is no one issuer to compare with",
			"name your own tenant, for example OAUTH_PROVIDER_URL="+known.Example)
	}
	return known.at(base)
}

// expectIssuer sets what iss has to be where no metadata says so.
func (s settings) expectIssuer(p *Provider) {
	switch {
	case s.iss == "":
	case p.Issuer != "" || p.Fixed.Authorize == "":
		s.Report("OAUTH_ISSUER", "is for endpoints without metadata; this provider's issuer is known", "remove it")
	default:
		p.Fixed.Issuer = s.iss
	}
}

func (s settings) scope(p *Provider, known Preset) {
	p.Scope = strings.Join(strings.Fields(s.String("OAUTH_SCOPE")), " ")
	if p.Scope == "" {
		p.Scope = known.Scope
	}
	if strings.ContainsFunc(p.Scope, func(r rune) bool { return r > 0x7e || r == '"' || r == '\\' }) {
		s.Report("OAUTH_SCOPE", "has a character that no scope can have (RFC 6749 section 3.3)", "for example OAUTH_SCOPE=read write")
	}
	if p.OpenID() && p.Fixed.Authorize != "" {
		s.Report("OAUTH_SCOPE", "asks for openid, but nothing says how this provider signs ID tokens",
			"use OIDC_ISSUER if it is an OpenID provider, else leave openid out")
	}
}

func (s settings) client(p *Provider, known Preset) {
	text, arn := s.Secret("OAUTH_CLIENT_SECRET"), s.String("OAUTH_CLIENT_SECRET_ARN")
	method := AuthMethod(s.OneOf("OAUTH_CLIENT_AUTH", "", string(AuthBasic), string(AuthPost), string(AuthNone)))
	if p.Name == "builtin" {
		p.ClientID, p.Auth = builtinClient, AuthNone
		// A provider may have been meant, and what is wrong with it is reported.
		meant := s.Given("OIDC_ISSUER") || s.Given("OAUTH_PROVIDER") && s.String("OAUTH_PROVIDER") != "builtin"
		for _, name := range []string{"OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_CLIENT_SECRET_ARN"} {
			if s.String(name) != "" && !meant {
				s.Report(name, "is set, but no provider to use it with",
					"set OAUTH_PROVIDER, OIDC_ISSUER, or OAUTH_AUTHORIZE_URL and OAUTH_TOKEN_URL; the built-in server needs no registration")
			}
		}
		if method != "" && method != AuthNone && !meant {
			s.Report("OAUTH_CLIENT_AUTH", "is for other providers: the built-in server needs no client secret", "remove it")
		}
		return
	}
	p.ClientID = s.Required("OAUTH_CLIENT_ID", "the-id-the-provider-gave-you")
	given := !text.IsZero() || arn != ""
	switch {
	case arn != "" && !strings.HasPrefix(arn, "arn:"):
		s.Report("OAUTH_CLIENT_SECRET_ARN", "is no ARN", "give the ARN of the secret in Secrets Manager, which starts with arn:aws:secretsmanager:, and never the secret itself")
	case !text.IsZero() && arn != "":
		s.Report("OAUTH_CLIENT_SECRET", "contradicts OAUTH_CLIENT_SECRET_ARN", "remove one of the two")
	case given && method == AuthNone:
		s.Report("OAUTH_CLIENT_AUTH", "is none, but there is a client secret", "use basic or post, or remove the secret")
	case !given && (method == AuthBasic || method == AuthPost):
		s.Report("OAUTH_CLIENT_AUTH", fmt.Sprintf("is %s, but there is no client secret", method),
			"set OAUTH_CLIENT_SECRET or OAUTH_CLIENT_SECRET_ARN")
	case method != "":
	case !given:
		method = AuthNone
	case known.Auth != "":
		method = known.Auth
	default:
		method = AuthBasic
	}
	p.Auth, p.SecretARN = method, arn
	if !text.IsZero() {
		p.Secret = func(context.Context) (secret.Text, error) { return text, nil }
	}
}

// extra reads OAUTH_EXTRA_PARAMS, and looks at the query that the authorize
// endpoint has of its own.
func (s settings) extra(p *Provider) {
	const advice = "leave it out; Latchkey sets it"
	params, err := oauth.ParseParams(s.String("OAUTH_EXTRA_PARAMS"))
	if err != nil {
		s.Report("OAUTH_EXTRA_PARAMS", err.Error(), "write it as a query, for example OAUTH_EXTRA_PARAMS=access_type=offline&hd=example.com")
		return
	}
	if name := claimed(params); name != "" {
		s.Report("OAUTH_EXTRA_PARAMS", "contains "+name, advice)
	}
	own, err := oauth.ParseParams(query(s.authorize))
	if err != nil {
		s.Report("OAUTH_AUTHORIZE_URL", err.Error(), "correct its query")
	}
	if name := claimed(own); name != "" {
		s.Report("OAUTH_AUTHORIZE_URL", "contains "+name, advice)
	}
	for name := range params {
		if _, twice := own[name]; twice {
			s.Report("OAUTH_EXTRA_PARAMS", "repeats "+name+" of the authorize URL", "remove one of the two")
		}
	}
	if len(params) > 0 {
		p.Extra = params
	}
}
