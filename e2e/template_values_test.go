package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/pkg/env"
)

// values are what a parameter takes, as far as no other test says it.
type values struct {
	AllowedPattern string   `yaml:"AllowedPattern"`
	AllowedValues  []string `yaml:"AllowedValues"`
}

func valuesOf(t *testing.T, text string) map[string]values {
	t.Helper()
	var parsed struct {
		Parameters map[string]values `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed.Parameters
}

// chosen are the parameters that the code reads as one of several words. The
// built-in server is no Provider here, but what stands in for an empty one.
var chosen = []struct{ parameter, setting, reader, not string }{
	{"LogLevel", "LOG_LEVEL", "gateway.FromEnv", ""},
	{"CallbackMode", "CALLBACK_MODE", "rp.CallbackMode", ""},
	{"ClientAuth", "OAUTH_CLIENT_AUTH", "provider.FromEnv", ""},
	{"Provider", "OAUTH_PROVIDER", "provider.FromEnv", "builtin"},
}

// choicesOfTheCode are the words that the code takes for a setting: it lists
// them when it is given another one.
func choicesOfTheCode(t *testing.T, setting, reader string) []string {
	t.Helper()
	e := env.Reader{Environ: []string{setting + "=no-such-choice"}, Partial: true}
	readers[reader](&e)
	if e.Err() == nil {
		t.Fatalf("%s takes any word", setting)
	}
	m := regexp.MustCompile(setting + `[^\n]*[uU]se one of ([a-z0-9, ]+)`).FindStringSubmatch(e.Err().Error())
	if m == nil {
		t.Fatalf("%s: no choices in %v", setting, e.Err())
	}
	return strings.Split(strings.TrimSpace(m[1]), ", ")
}

func choiceProblems(t *testing.T, text string) []string {
	t.Helper()
	var problems []string
	given := valuesOf(t, text)
	for _, c := range chosen {
		want := slices.DeleteFunc(choicesOfTheCode(t, c.setting, c.reader), func(word string) bool { return word == c.not })
		got := slices.DeleteFunc(slices.Clone(given[c.parameter].AllowedValues), func(word string) bool { return word == "" })
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			problems = append(problems, c.parameter+": "+strings.Join(got, " ")+", the code takes "+strings.Join(want, " "))
		}
	}
	return problems
}

func TestParametersOfferWhatTheCodeTakes(t *testing.T) {
	text := readDeployment(t).template
	for _, problem := range choiceProblems(t, text) {
		t.Error(problem)
	}
	for _, c := range []struct{ after, old, new string }{
		{"  LogLevel:", "[debug,", "[trace, debug,"},
		{"  LogLevel:", ", error]", "]"},
		{"  ClientAuth:", ", none]", ", none, jwt]"},
		{"  ClientAuth:", ", post, none]", ", none]"},
		{"  CallbackMode:", "[session, json]", "[session, json, both]"},
		{"  CallbackMode:", "[session, json]", "[session]"},
		{"  Provider:", ", gitlab", ""},
		{"  Provider:", ", gitlab", ", gitlab, twitter"},
	} {
		if len(choiceProblems(t, withFault(t, text, c.after, c.old, c.new))) == 0 {
			t.Errorf("not noticed: %s in %s", c.new, c.after)
		}
	}
}

const endpoints = "AuthorizeUrl TokenUrl UserinfoUrl RevokeUrl EndSessionUrl"

// texts are what the pattern of a parameter takes and refuses. Durations are
// for TestDurationsAreWhatTheCodeTakes, a host name for TestParameterCombinations.
var texts = []struct {
	parameters     string
	takes, refuses []string
}{
	{"ClientSecretArn", []string{secretARN, "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:a/b_c-AbCdEf"}, // never the secret itself
		[]string{"GOCSPX-abcdefghijklmnop", "correct horse", "arn:aws:ssm:eu-central-1:123456789012:parameter/x", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:*", secretARN + " x"}},
	{"PublicBaseUrl", []string{ownHost, "https://login.example.com:8443"},
		[]string{"http://login.example.com", "https://login.example.com/", "https://login.example.com/app", "https://u@login.example.com", "login.example.com", "https://*.example.com"}},
	{"ProviderUrl OidcIssuer Issuer", []string{"https://idp.example", "https://idp.example:8443/realms/a", "https://[2001:db8::1]/x"},
		[]string{"http://idp.example", "https://idp.example?a=b", "https://idp.example/#a", "https://u:p@idp.example", "https://idp.example/a b", "javascript:alert(1)"}},
	{endpoints, []string{"https://idp.example/a", "https://idp.example/a?tenant=b"},
		[]string{"http://idp.example/a", "https://idp.example/a#b", "https://u@idp.example/a", "https://idp.example/a b"}},
	{"ClientId", []string{"app", "1234.apps.googleusercontent.com", "an id"}, []string{" app", "app ", "caf\u00e9", "a\tb", "a\nb"}},
	{"Scope", []string{"openid profile", "read:user", "https://idp.example/scope"}, []string{" openid", "openid ", "openid  profile", `a"b`, `a\b`, "a\nb"}},
	{"ExtraParams", []string{"access_type=offline&prompt=consent", "a=%20b"}, []string{"?a=b", "a=b#c", "a=b c", "a=\"b\"", "a=b\nc=d"}},
	{"HostedZoneId", []string{zone}, []string{"/hostedzone/" + zone, "example.com", "z0123", strings.Repeat("Z", 33)}},
	{"AlarmEmail", []string{mail}, []string{"ops", "ops@", "@example.com", "a@b@c", "ops@example.com, more@example.com", "ops@example.com\n"}},
}

func textProblems(t *testing.T, text string) []string {
	t.Helper()
	var problems []string
	given := valuesOf(t, text)
	for _, c := range texts {
		for _, name := range strings.Fields(c.parameters) {
			pattern, err := regexp.Compile(given[name].AllowedPattern)
			if err != nil || given[name].AllowedPattern == "" {
				problems = append(problems, name+": no pattern")
				continue
			}
			for _, value := range append(slices.Clone(c.takes), "") {
				if !pattern.MatchString(value) {
					problems = append(problems, name+" does not take "+value)
				}
			}
			for _, value := range c.refuses {
				if pattern.MatchString(value) {
					problems = append(problems, name+" takes "+value)
				}
			}
		}
	}
	return problems
}

// TestParametersRefuseWrongTexts_P03_P20: a secret in the place of its ARN, an
// address without TLS or with somebody's name in it, and what the code would
// refuse at its start.
func TestParametersRefuseWrongTexts_P03_P20(t *testing.T) {
	text := readDeployment(t).template
	for _, problem := range textProblems(t, text) {
		t.Error(problem)
	}
	for _, c := range texts {
		for _, name := range strings.Fields(c.parameters) {
			pattern := valuesOf(t, text)[name].AllowedPattern
			anything := withFault(t, text, "\n  "+name+": {", "'"+pattern+"'", "'^.*$'")
			if !slices.ContainsFunc(textProblems(t, anything), func(p string) bool { return strings.HasPrefix(p, name+" takes ") }) {
				t.Errorf("not noticed: any text for %s", name)
			}
		}
	}
}
