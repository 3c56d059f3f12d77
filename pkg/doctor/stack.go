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
	Name string
	// Status is CloudFormation's word for its state.
	Status string
	// Place is where it is, from its ARN: region and account, as in
	// eu-central-1:123456789012. Empty is not compared.
	Place               string
	Outputs, Parameters map[string]string
}

const stackID = "stack"

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
// that can be seen of them from here, and its addresses from its outputs.
// Without an Examination there is nothing to examine further, and the findings
// say why; else they are part of it.
func FromStack(s *Stack) (*Examination, []Finding) {
	state, further := s.state()
	findings := []Finding{state}
	if !further {
		return nil, findings
	}
	callback := s.Outputs[outputCallback]
	base, ok := strings.CutSuffix(callback, "/callback")
	if parsed, err := baseurl.Parse(base); !ok || err != nil || parsed != base {
		return nil, append(findings, Finding{stackID, Problem, "the stack " + s.Name + " has no output " + outputCallback + " with its redirect URI",
			"without it nobody knows where this deployment is", "check that it is Latchkey's stack, and deploy the current template"})
	}
	findings = append(findings, s.outputs(base)...)
	e := s.Reader()
	x := FromEnv(e, rp.ModeSession)
	if wrong := WrongSettings(e.Problems()); wrong != nil {
		return nil, append(findings, wrong...)
	}
	if x.Provider.Name == builtin && !s.Holds(BuiltIn) {
		return nil, append(findings, Finding{stackID, Problem, "the parameter BuiltInServer is false, and no provider is set", "there is nobody to log in at", "set Provider, OidcIssuer, or AuthorizeUrl with TokenUrl, or BuiltInServer to true"})
	}
	x.Stack, x.Base, x.Known = s, base, findings
	return x, findings
}

// Reader reads the settings that the functions have by the stack's parameters.
func (s *Stack) Reader() *env.Reader {
	var environ []string
	for parameter, setting := range FromParameter {
		environ = append(environ, setting+"="+s.Parameters[parameter])
	}
	slices.Sort(environ)
	return &env.Reader{Environ: environ}
}

// examineStack asks the deployment itself.
func (x *Examination) examineStack(ctx context.Context) []Finding {
	checks := []func(context.Context) []Finding{x.reach, x.callbackThere}
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
		f.Level, f.What, f.Do = level(err), x.Base+"/login cannot be reached: "+cause(err), "check the domain's DNS record and certificate, and the network"
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

// callbackThere asks for the callback without an answer of the provider, which
// it has to refuse itself.
func (x *Examination) callbackThere(ctx context.Context) []Finding {
	f := Finding{"callback", Problem, "", "this is where a login ends", ""}
	p, err := x.visit(ctx, x.callback(), nil)
	switch {
	case err != nil:
		f.Level, f.What, f.Do = level(err), "/callback cannot be reached: "+cause(err), "check the domain's DNS record and certificate, and the network"
	case p.status == http.StatusTooManyRequests:
		f.Level, f.What, f.Do = Unchecked, "/callback "+status(p.status), "ask again in a minute; CallbackRate and CallbackBurst are the throttles"
	case p.status != http.StatusBadRequest:
		f.What, f.Do = "/callback "+status(p.status)+" in place of 400 to a request without parameters", "look at the log of the function callback: its outcome says what to mend"
	default:
		return []Finding{{ID: "callback", Level: OK, What: "/callback is there, and refuses what is no answer of a login"}}
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
	case err == nil && !sameEndpoint(u, ep):
		f.What, f.Do = "/login leads elsewhere than to the provider's authorization endpoint", "deploy again: the functions have older settings than the stack"
	case sent.Get("scope") != x.Provider.Scope:
		f.What, f.Do = "/login asks for another scope than the parameter Scope", "deploy again: the functions have older settings than the stack"
	case sent.Get("code_challenge_method") != pkce.Method || sent.Get("code_challenge") == "" || sent.Get("state") == "" || sent.Get("response_type") != "code":
		f.What, f.Do = "/login sends no state, or no S256 challenge, or asks for something else than a code", "deploy the current version"
	case err != nil:
		return Finding{"reach", Unchecked, "/login leads to " + shownURL(u.Scheme+"://"+u.Host+u.Path) + "; whether that is the provider is not known", "the provider's metadata cannot be read", "mend the metadata first, and ask again"}
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
			f.Level, f.What, f.Do = level(err), path+" cannot be reached: "+cause(err), "check the domain's DNS record and certificate, and the network"
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
