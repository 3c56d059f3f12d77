package e2e_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// TestParameterCombinations sees which rule or pattern refuses a set of
// parameters before anything is made. Whether the rules on the provider agree
// with the code, and what they cannot say, is for TestRulesAgreeWithTheCode and
// TestWhatNoRuleSays. What takes comparing two numbers no rule says, such as
// RefreshTtl with RefreshMax: a function refuses that at its start.
func TestParameterCombinations(t *testing.T) {
	tmpl, err := stack.Parse([]byte(readDeployment(t).template))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, parameters string
		refused          string // by which rule; empty: accepted
	}{
		{"nothing at all: the built-in server", "", ""},
		{"a preset", "Provider=google ClientId=x", ""},
		{"an issuer", "OidcIssuer=https://idp.example ClientId=x", ""},
		{"single endpoints", "AuthorizeUrl=https://idp.example/a TokenUrl=https://idp.example/t ClientId=x", ""},
		{"a preset that needs a base URL", "Provider=keycloak ProviderUrl=https://idp.example/realms/a ClientId=x", ""},
		{"a provider and no server", "Provider=google ClientId=x BuiltInServer=false", ""},
		{"neither provider nor server", "BuiltInServer=false", "ProviderIsNamed"},
		{"a client and neither provider nor server", "ClientId=x BuiltInServer=false", "rule "},
		{"a preset without a client", "Provider=google", "ProviderNeedsClientId"},
		{"an issuer without a client", "OidcIssuer=https://idp.example", "ProviderNeedsClientId"},
		{"endpoints without a client", "AuthorizeUrl=https://idp.example/a TokenUrl=https://idp.example/t", "ProviderNeedsClientId"},
		{"a client without a provider", "ClientId=x", "ClientNeedsProvider"},
		{"a client secret without a provider", "ClientSecretArn=" + secretARN, "ClientNeedsProvider"},
		{"a base URL without a preset", "ProviderUrl=https://idp.example", "UrlNeedsPreset"},
		{"two providers", "Provider=google OidcIssuer=https://idp.example ClientId=x", "PresetStandsAlone"},
		{"a domain with its certificate", "DomainName=" + domain + " CertificateArn=" + certificateARN, ""},
		{"a domain with a zone", "DomainName=" + domain + " CertificateArn=" + certificateARN + " HostedZoneId=" + zone, ""},
		{"a domain without a certificate", "DomainName=" + domain, "DomainNeedsCertificate"},
		{"a domain and another public address", "DomainName=" + domain + " CertificateArn=" + certificateARN + " PublicBaseUrl=" + ownHost, "DomainNeedsCertificate"},
		{"a certificate without a domain", "CertificateArn=" + certificateARN, "CertificateNeedsDomain"},
		{"a zone without a domain", "HostedZoneId=" + zone, "CertificateNeedsDomain"},
		{"a domain with a scheme", "DomainName=https://" + domain + " CertificateArn=" + certificateARN, "does not match"},
		{"a domain with a wildcard", "DomainName=*.example.com CertificateArn=" + certificateARN, "does not match"},
		{"a domain in capitals", "DomainName=Auth.example.com CertificateArn=" + certificateARN, "does not match"},
		{"a certificate by its name", "DomainName=" + domain + " CertificateArn=" + domain, "does not match"},
		{"alarms", "Alarms=true", ""},
		{"alarms by mail", "Alarms=true AlarmEmail=" + mail, ""},
		{"alarms of everything", "Alarms=true LogLevel=debug", ""},
		{"alarms that see no refusals", "Alarms=true LogLevel=warn", "AlarmsReadTheLog"},
		{"alarms that see nearly nothing", "Alarms=true LogLevel=error", "AlarmsReadTheLog"},
		{"few log lines, and no alarms", "LogLevel=error", ""},
		{"mail without alarms", "AlarmEmail=" + mail, "EmailNeedsAlarms"},
		{"half of the endpoints", "AuthorizeUrl=https://idp.example/a ClientId=x", "EndpointsNeedBoth"},
		{"userinfo without the rest", "UserinfoUrl=https://idp.example/u", "EndpointsNeedBoth"},
		{"an issuer and endpoints", "OidcIssuer=https://idp.example AuthorizeUrl=https://idp.example/a TokenUrl=https://idp.example/t ClientId=x", "IssuerStandsAlone"},
		{"a preset without the URL that it needs", "Provider=okta ClientId=x", "PresetNeedsUrl"},
		{"an issuer to expect of the built-in server", "Issuer=https://idp.example", "IssuerNeedsEndpoints"},
		{"a way to authenticate without a secret", "Provider=google ClientId=x ClientAuth=post", "AuthNeedsSecret"},
		{"a secret that is not used", "Provider=google ClientId=x ClientAuth=none ClientSecretArn=" + secretARN, "SecretNeedsAuth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := tmpl.Refusal(stack.Values{Parameters: fieldsOf(c.parameters)})
			if (err == nil) != (c.refused == "") || err != nil && !strings.Contains(err.Error(), c.refused) {
				t.Errorf("got %v, want a refusal by %q", err, c.refused)
			}
		})
	}
}

// durations are the parameters that the code reads as one, with its reader.
var durations = map[string]struct {
	setting string
	read    func(*env.Reader) time.Duration
}{
	"LoginTtl":     {"LOGIN_TTL", rp.LoginTTL},
	"CodeTtl":      {"CODE_TTL", func(e *env.Reader) time.Duration { return lifetimes(e).Code }},
	"AccessTtl":    {"ACCESS_TTL", func(e *env.Reader) time.Duration { return lifetimes(e).Access }},
	"RefreshTtl":   {"REFRESH_TTL", func(e *env.Reader) time.Duration { return lifetimes(e).Refresh }},
	"RefreshGrace": {"REFRESH_GRACE", func(e *env.Reader) time.Duration { return lifetimes(e).RefreshGrace }},
	"RefreshMax":   {"REFRESH_MAX", func(e *env.Reader) time.Duration { return lifetimes(e).RefreshMax }},
	"SessionIdle": {"SESSION_IDLE", func(e *env.Reader) time.Duration {
		return min(session.LifetimesFromEnv(e).Idle, lifetimes(e).FirstPartyRefresh)
	}},
	"SessionMax": {"SESSION_MAX", func(e *env.Reader) time.Duration { return session.LifetimesFromEnv(e).Max }},
}

func lifetimes(e *env.Reader) grant.Lifetimes {
	return grant.LifetimesFromEnv(e, grant.DefaultLifetimes)
}

// durationProblems compares the durations of a template with the code: the
// same defaults, and no value that the code refuses.
func durationProblems(t *testing.T, template string) string {
	t.Helper()
	var parsed struct {
		Parameters map[string]struct {
			Default        string `yaml:"Default"`
			AllowedPattern string `yaml:"AllowedPattern"`
		} `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal([]byte(template), &parsed); err != nil {
		t.Fatal(err)
	}
	problems := ""
	for name, d := range durations {
		p := parsed.Parameters[name]
		if def, err := time.ParseDuration(p.Default); err != nil || def != d.read(&env.Reader{Environ: []string{}}) {
			problems += name + ": the default " + p.Default + " is not the code's\n"
		}
		allowed := regexp.MustCompile(p.AllowedPattern)
		if !allowed.MatchString(p.Default) {
			problems += name + ": the default does not match\n"
		}
		for _, v := range []string{"", "0s", "00s", "1s", "60s", "99s", "599s", "600s", "601s", "9999s", "99999s", "0m", "1m", "9m", "10m", "11m", "999m", "1440m", "1441m",
			"99999m", "1h", "24h", "25h", "99h", "720h", "8699h", "8759h", "8760h", "8761h", "9000h", "99999h", "1.5h", "1h30m", "-1s", "1d", "5"} {
			e := env.Reader{Environ: []string{d.setting + "=" + v}, Partial: true}
			d.read(&e)
			if err := e.Err(); allowed.MatchString(v) && (v == "" || err != nil) {
				problems += name + ": " + v + " is allowed, and the code refuses it\n"
			}
		}
	}
	return problems
}

func TestDurationsAreWhatTheCodeTakes(t *testing.T) {
	intact := readDeployment(t).template
	if diff := cmp.Diff("", durationProblems(t, intact)); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ name, after, old, new string }{
		{"another default", "  AccessTtl:", "Default: 5m", "Default: 6m"},
		{"a code of twenty minutes", "  CodeTtl:", "10m|", "[12]0m|11m|"},
		{"no lifetime at all", "  RefreshTtl:", "^([1-9]", "^([0-9]"},
		{"more than a year", "  RefreshMax:", "8760)h", "8760|9000)h"},
		{"a grace of an hour", "  RefreshGrace:", "0s|10m", "0s|1h|10m"},
		{"a day and an hour", "  AccessTtl:", "2[0-4])h", "2[0-5])h"},
		{"a session that never began", "  SessionIdle:", "^([1-9]", "^(0s|[1-9]"},
		{"a session for ever", "  SessionMax:", "8760)h", "8760|9000)h"},
		{"another default of a session's end", "  SessionMax:", "Default: 168h", "Default: 720h"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if durationProblems(t, withFault(t, intact, c.after, c.old, c.new)) == "" {
				t.Error("not noticed")
			}
		})
	}
}
