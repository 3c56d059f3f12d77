package doctor

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

// Stack is what CloudFormation says of a deployment.
type Stack struct {
	Name                string
	Outputs, Parameters map[string]string
}

// The outputs of the template that are looked at.
const (
	outputBase     = "BaseUrl"
	outputLogin    = "LoginUrl"
	outputCallback = "CallbackUrl"
	outputIssuer   = "Issuer"
)

// FromParameter says which setting of the functions each parameter of the
// template becomes.
var FromParameter = map[string]string{
	"Provider": "OAUTH_PROVIDER", "ProviderUrl": "OAUTH_PROVIDER_URL", "OidcIssuer": "OIDC_ISSUER",
	"AuthorizeUrl": "OAUTH_AUTHORIZE_URL", "TokenUrl": "OAUTH_TOKEN_URL", "UserinfoUrl": "OAUTH_USERINFO_URL",
	"RevokeUrl": "OAUTH_REVOKE_URL", "EndSessionUrl": "OAUTH_END_SESSION_URL",
	"ClientId": "OAUTH_CLIENT_ID", "ClientSecretArn": "OAUTH_CLIENT_SECRET_ARN", "ClientAuth": "OAUTH_CLIENT_AUTH",
	"Scope": "OAUTH_SCOPE", "Issuer": "OAUTH_ISSUER", "ExtraParams": "OAUTH_EXTRA_PARAMS",
	"CallbackMode": "CALLBACK_MODE", "SessionIdle": "SESSION_IDLE", "SessionMax": "SESSION_MAX", "LoginTtl": "LOGIN_TTL",
	"CodeTtl": "CODE_TTL", "AccessTtl": "ACCESS_TTL", "RefreshTtl": "REFRESH_TTL", "RefreshGrace": "REFRESH_GRACE", "RefreshMax": "REFRESH_MAX",
}

// FromStack reads a deployment's settings from its parameters, which is all
// that can be seen of them from here, and its addresses from its outputs. With
// findings there is nothing to examine further.
func FromStack(s *Stack) (*Examination, []Finding) {
	const id = "stack"
	var environ []string
	for parameter, setting := range FromParameter {
		environ = append(environ, setting+"="+s.Parameters[parameter])
	}
	slices.Sort(environ)
	e := env.Reader{Environ: environ}
	x := FromEnv(&e, rp.ModeSession)
	x.Stack = s
	callback := s.Outputs[outputCallback]
	base, ok := strings.CutSuffix(callback, "/callback")
	if parsed, err := baseurl.Parse(base); !ok || err != nil || parsed != base {
		return nil, []Finding{{id, Problem, "the stack " + s.Name + " has no output " + outputCallback + " with its redirect URI",
			"without it nobody knows where this deployment is", "check that it is Latchkey's stack, and deploy the current template"}}
	}
	x.Base = base
	findings := WrongSettings(e.Err())
	for _, output := range []struct{ name, want string }{{outputBase, base}, {outputLogin, base + "/login"}, {outputIssuer, base}} {
		if got := s.Outputs[output.name]; got != "" && got != output.want {
			findings = append(findings, Finding{id, Problem, "the outputs " + output.name + " and " + outputCallback + " name different hosts",
				"cookies and the issuer are bound to one host", "deploy the current template, and set the domain in one place"})
		}
	}
	return x, findings
}

// examineStack asks the deployment itself.
func (x *Examination) examineStack(ctx context.Context) []Finding {
	checks := []func(context.Context) []Finding{x.reach}
	if x.Stack.Outputs[outputIssuer] != "" {
		checks = append(checks, x.documents)
	}
	return together(ctx, checks...)
}

// reach begins a login at the deployment. It leaves one pending login in the
// table, which expires.
func (x *Examination) reach(ctx context.Context) []Finding {
	f := Finding{"reach", Problem, "", "this is where a login begins", ""}
	p, err := x.visit(ctx, x.Base+"/login", nil)
	logs := "look at the log of the function login: its outcome says what to mend"
	switch {
	case err != nil:
		f.Level, f.What, f.Do = level(err), x.Base+"/login cannot be reached: "+err.Error(), "check the domain's DNS record and certificate, and the network"
	case p.status == http.StatusTooManyRequests:
		f.Level, f.What, f.Do = Unchecked, "/login "+status(p.status), "ask again in a minute; LoginRate and LoginBurst are the throttles"
	case p.status == http.StatusForbidden || p.status == http.StatusNotFound:
		f.What, f.Do = "/login "+status(p.status), "the address does not lead to this stack's API: check the custom domain's mapping and the stage"
	case p.status != http.StatusFound:
		f.What, f.Do = "/login "+status(p.status)+" in place of 302", logs
	default:
		return []Finding{x.led(ctx, p.location)}
	}
	return []Finding{f}
}

// led judges where /login leads.
func (x *Examination) led(ctx context.Context, location string) Finding {
	f := Finding{"reach", Problem, "", "the provider compares the redirect URI byte for byte", ""}
	u, err := url.Parse(location)
	if err != nil {
		f.What, f.Do = "/login leads nowhere", "look at the log of the function login"
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sent := u.Query()
	switch ep, err := x.Provider.Endpoints(ctx); {
	case sent.Get("redirect_uri") != x.callback():
		f.What, f.Do = "/login sends another redirect URI than the output "+outputCallback, "deploy again, so that the functions and the outputs have the same domain"
	case sent.Get("client_id") != x.Provider.ClientID:
		f.What, f.Do = "/login sends another client id than the parameter ClientId", "deploy again: the functions have older settings than the stack"
	case sent.Get("code_challenge_method") != pkce.Method:
		f.What, f.Do = "/login sends no S256 challenge", "deploy the current version"
	case err == nil && !sameEndpoint(u, ep):
		f.What, f.Do = "/login leads elsewhere than to the provider's authorization endpoint", "deploy again: the functions have older settings than the stack"
	default:
		return Finding{ID: "reach", Level: OK, What: "/login leads to the provider, with exactly the redirect URI below"}
	}
	return f
}

func sameEndpoint(u *url.URL, ep provider.Endpoints) bool {
	want, err := url.Parse(ep.Authorize)
	return err == nil && u.Scheme == want.Scheme && u.Host == want.Host && u.Path == want.Path
}

// documents asks for the built-in server's metadata at both addresses.
func (x *Examination) documents(ctx context.Context) []Finding {
	f := Finding{"documents", Problem, "", "clients of the built-in server find its endpoints there", ""}
	for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		p, err := x.visit(ctx, x.Base+path, nil)
		var doc struct {
			Issuer string `json:"issuer"`
		}
		switch {
		case err != nil:
			f.Level, f.What, f.Do = level(err), path+" cannot be reached: "+err.Error(), "check the domain's DNS record and certificate, and the network"
		case p.status == http.StatusTooManyRequests:
			f.Level, f.What, f.Do = Unchecked, path+" "+status(p.status), "ask again in a minute"
		case p.status != http.StatusOK:
			f.What, f.Do = path+" "+status(p.status), "look at the log of the function metadata"
		case json.Unmarshal(p.body, &doc) != nil || doc.Issuer != x.Stack.Outputs[outputIssuer]:
			f.What, f.Do = path+" names another issuer than the output "+outputIssuer, "deploy again, so that the functions and the outputs have the same domain"
		default:
			continue
		}
		return []Finding{f}
	}
	return []Finding{{ID: "documents", Level: OK, What: "the built-in server's metadata is there at both addresses, with the right issuer"}}
}
