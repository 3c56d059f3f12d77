package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// aboutProvider are the parameters that provider.FromEnv is told, with the
// values that the agreement is tried with. What is wrong with one value alone
// is not for a rule, so these are all right.
var aboutProvider = map[string][]string{
	"Provider":    {"cashmere", "google", "github", "microsoft", "gitlab", "auth0", "okta", "cognito", "keycloak", "django"},
	"ProviderUrl": {"https://base.example/tenant"}, "OidcIssuer": {"https://oidc.example"},
	"AuthorizeUrl": {"https://idp.example/authorize"}, "TokenUrl": {"https://idp.example/token"}, "UserinfoUrl": {"https://idp.example/userinfo"},
	"RevokeUrl": {"https://idp.example/revoke"}, "EndSessionUrl": {"https://idp.example/logout"}, "Issuer": {"https://iss.example"},
	"ClientId": {"app"}, "ClientSecretArn": {secretARN}, "ClientAuth": {"none", "basic", "post"},
}

// fieldsOf reads "Name=value Name=value".
func fieldsOf(text string) map[string]string {
	parameters := map[string]string{}
	for _, p := range strings.Fields(text) {
		name, value, _ := strings.Cut(p, "=")
		parameters[name] = value
	}
	return parameters
}

// loginEnvironment is what the function Login gets, whatever the rules say.
func loginEnvironment(t *testing.T, tmpl *stack.Template, parameters map[string]string) map[string]string {
	t.Helper()
	doc, err := tmpl.Resolve(stack.Values{Parameters: parameters, Unruled: true})
	if err != nil {
		t.Fatal(err)
	}
	functions, err := doc.Functions()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(functions, func(f stack.Function) bool { return f.ID == "Login" })
	return functions[at].Environment
}

// refusedByCode is what the code says of an environment at its start.
func refusedByCode(environment map[string]string) error {
	e := env.Reader{Environ: environ(environment), Partial: true}
	provider.FromEnv(&e)
	return e.Err()
}

// few calls f with every way to give at most n of the parameters a value.
func few(names []string, n int, given map[string]string, f func(map[string]string)) {
	f(given)
	for i, name := range names {
		if n == 0 {
			break
		}
		for _, value := range aboutProvider[name] {
			given[name] = value
			few(names[i+1:], n-1, given, f)
		}
		delete(given, name)
	}
}

// disagreements are sets of at most n parameters of which the rules and the
// code say different things, each with a client and without.
func disagreements(t *testing.T, text string, n int) (tried int, problems []string) {
	t.Helper()
	tmpl, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for name, values := range aboutProvider {
		all[name] = values[len(values)-1]
	}
	settings := map[string]string{} // setting -> parameter
	for setting, value := range loginEnvironment(t, tmpl, all) {
		for name, v := range all {
			if v == value {
				settings[setting] = name
			}
		}
	}
	if len(settings) != len(all) {
		return 0, []string{fmt.Sprintf("of %d parameters Login gets %v", len(all), settings)}
	}
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(aboutProvider)), func(name string) bool { return name == "ClientId" })
	try := func(given map[string]string) {
		environment := map[string]string{}
		for setting, name := range settings {
			environment[setting] = given[name]
		}
		rules, code := tmpl.Refusal(stack.Values{Parameters: given}), refusedByCode(environment)
		if tried++; (rules == nil) != (code == nil) {
			problems = append(problems, fmt.Sprintf("%v: the rules say %v, the code %v", given, rules, code))
		}
	}
	few(names, n, map[string]string{}, try)
	few(names, n, map[string]string{"ClientId": "app"}, try)
	return tried, problems
}

// TestRulesAgreeWithTheCode tries several thousand sets of the provider's
// parameters: what the functions would refuse at their start the rules refuse
// before anything is made, and nothing else.
func TestRulesAgreeWithTheCode(t *testing.T) {
	text := readDeployment(t).template
	tried, problems := disagreements(t, text, 4)
	t.Logf("%d sets", tried)
	if tried < 5000 {
		t.Errorf("%d sets, want more", tried)
	}
	for _, problem := range problems[:min(len(problems), 20)] {
		t.Error(problem)
	}
	if len(problems) > 20 {
		t.Errorf("and %d more", len(problems)-20)
	}
	for _, c := range []struct{ name, after, old, new string }{
		{"a preset whose URL is forgotten", "  PresetNeedsUrl:", ", keycloak]", "]"},
		{"a URL that a preset need not have", "  PresetNeedsUrl:", "[django,", "[gitlab, django,"},
		{"a URL without a preset", "  UrlNeedsPreset:", "!Equals [!Ref ProviderUrl, '']", "!Equals ['', '']"},
		{"two providers", "  PresetStandsAlone:", "!Equals [!Ref OidcIssuer, '']", "!Equals ['', '']"},
		{"a preset with endpoints", "  PresetStandsAlone:", "!Equals [!Ref AuthorizeUrl, '']", "!Equals ['', '']"},
		{"an issuer with endpoints", "  IssuerStandsAlone:", "!Equals [!Ref AuthorizeUrl, '']", "!Equals ['', '']"},
		{"half of the endpoints", "  EndpointsNeedBoth:", "!Not [!Equals [!Ref TokenUrl, '']]]", "!Not [!Equals [x, '']]]"},
		{"userinfo alone", "  EndpointsNeedBoth:", "!Not [!Equals [!Ref UserinfoUrl, '']], ", ""},
		{"an issuer that is known", "  IssuerNeedsEndpoints:", "[cashmere, github, django]", "[cashmere, github, django, google]"},
		{"a preset that may be told one", "  IssuerNeedsEndpoints:", "[cashmere, github, django]", "[cashmere, github]"},
		{"a way to authenticate without a secret", "  AuthNeedsSecret:", "[basic, post]", "[basic]"},
		{"a secret that is not used", "  SecretNeedsAuth:", "!Equals [!Ref ClientAuth, none]", "!Equals ['', none]"},
		{"a provider without a client", "  ProviderNeedsClientId:", "!Not [!Equals [!Ref OidcIssuer, '']], ", ""},
		{"a client without a provider", "  ClientNeedsProvider:", "!Equals [!Ref ClientId, ''], ", "!Equals ['', ''], "},
		{"a setting that never arrives", "  Login:\n", "OAUTH_CLIENT_AUTH: !Ref ClientAuth", "OAUTH_CLIENT_AUTH: ''"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, problems := disagreements(t, withFault(t, text, c.after, c.old, c.new), 3); len(problems) == 0 {
				t.Error("not noticed")
			}
		})
	}
}

// TestWhatNoRuleSays has the exceptions by name: what is wrong with the text of
// one value, which only the code reads, and what only the template knows.
func TestWhatNoRuleSays(t *testing.T) {
	tmpl, err := stack.Parse([]byte(readDeployment(t).template))
	if err != nil {
		t.Fatal(err)
	}
	const endpoints = " AuthorizeUrl=https://idp.example/a TokenUrl=https://idp.example/t"
	for _, c := range []struct{ name, parameters, rules, code string }{
		{"everything that goes with endpoints", "ClientId=app ClientAuth=post Issuer=https://iss.example ClientSecretArn=" + secretARN + endpoints +
			" UserinfoUrl=https://idp.example/u RevokeUrl=https://idp.example/r EndSessionUrl=https://idp.example/e Scope=read ExtraParams=hd=example.com", "", ""},
		{"a placeholder", "Provider=google ClientId=your-client-id", "", "placeholder"},
		{"a parameter of Latchkey's own", "Provider=google ClientId=app ExtraParams=state=x", "", "contains state"},
		{"the same in an endpoint", "ClientId=app AuthorizeUrl=https://idp.example/a?nonce=x TokenUrl=https://idp.example/t", "", "contains nonce"},
		{"a parameter that comes twice", "ClientId=app ExtraParams=a=1 AuthorizeUrl=https://idp.example/a?a=1 TokenUrl=https://idp.example/t", "", "repeats a"},
		{"openid of endpoints that say nothing of keys", "ClientId=app Scope=openid" + endpoints, "", "asks for openid"},
		{"openid of a preset of that kind", "Provider=github ClientId=app Scope=openid", "", "asks for openid"},
		{"a tenant that stands for many", "Provider=microsoft ClientId=app ProviderUrl=https://login.microsoftonline.com/common", "", "many tenants"},
		{"a host that is none", "OidcIssuer=https://[idp.example ClientId=app", "", "OIDC_ISSUER"},
		{"a query where none may be: the pattern's", "OidcIssuer=https://idp.example?a=b ClientId=app", "does not match", ""},
		{"plain http: the pattern's", "OidcIssuer=http://idp.example ClientId=app", "does not match", ""},
		{"a provider that nobody knows: the list's", "Provider=gogle ClientId=app", "not one of the allowed values", ""},
		{"no server, and no provider: the template's", "BuiltInServer=false", "ProviderIsNamed", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			parameters := fieldsOf(c.parameters)
			verdicts := map[string]error{c.rules: tmpl.Refusal(stack.Values{Parameters: parameters})}
			if !strings.Contains(c.rules, "not") { // else there is no environment
				verdicts["code: "+c.code] = refusedByCode(loginEnvironment(t, tmpl, parameters))
			}
			for want, err := range verdicts {
				want = strings.TrimPrefix(want, "code: ")
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}
