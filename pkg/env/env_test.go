package env_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
)

func reader(environ ...string) *env.Reader {
	return &env.Reader{Environ: append([]string{"PATH=/bin"}, environ...)}
}

func TestEveryProblemAtOnce(t *testing.T) {
	e := reader("OAUTH_PROVIDER=gogle", "LOGIN_TTL=soon", "PUBLIC_BASE_URL=http://example.com", "OAUTH_CLEINT_ID=x", "OAUTH_TOKEN_URL=ftp://x")
	e.OneOf("OAUTH_PROVIDER", "builtin", "builtin", "google", "github")
	e.Duration("LOGIN_TTL", time.Minute, time.Second, time.Hour)
	e.BaseURL("PUBLIC_BASE_URL")
	e.URL("OAUTH_TOKEN_URL")
	e.Required("TABLE_NAME", "latchkey-flows")
	e.Required("OAUTH_CLIENT_ID", "abc")
	err := e.Err()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"7 problem(s)",
		`OAUTH_PROVIDER: "gogle" is not known; did you mean google?`,
		`LOGIN_TTL: "soon" is not a duration`, "for example LOGIN_TTL=1m",
		`PUBLIC_BASE_URL: "http://example.com" is no base URL`,
		`OAUTH_TOKEN_URL: "ftp://x" is not an https URL`,
		"TABLE_NAME: is not set; set it, for example TABLE_NAME=latchkey-flows",
		"OAUTH_CLEINT_ID: is not a setting; did you mean OAUTH_CLIENT_ID?",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("missing %q in:\n%v", want, err)
		}
	}
}

// Whoever prints problems in a form of their own gets each in its parts, in the
// order of Err.
func TestProblemsInTheirParts(t *testing.T) {
	e := reader("OAUTH_PROVIDER=x; y", "OIDC_D=x", "OAUTH_CLEINT_ID=x", "OIDC_B=x", "OIDC_C=x", "OIDC_E=x", "OIDC_A=x")
	for range 2 { // who asks twice is not told twice
		e.OneOf("OAUTH_PROVIDER", "builtin", "builtin")
		e.Required("OAUTH_CLIENT_ID", "abc")
		e.Required("TABLE_NAME", "t")
	}
	want := []env.Problem{
		{Name: "OAUTH_PROVIDER", What: `"x; y" is not known`, Do: "use one of builtin"},
		{Name: "OAUTH_CLIENT_ID", What: "is not set", Do: "set it, for example OAUTH_CLIENT_ID=abc"},
		{Name: "TABLE_NAME", What: "is not set", Do: "set it, for example TABLE_NAME=t"},
		{Name: "OAUTH_CLEINT_ID", What: "is not a setting", Do: "did you mean OAUTH_CLIENT_ID?"},
	}
	for _, name := range []string{"OIDC_A", "OIDC_B", "OIDC_C", "OIDC_D", "OIDC_E"} { // in this order, whatever the environment's
		want = append(want, env.Problem{Name: name, What: "is not a setting", Do: "remove it"})
	}
	got := e.Problems()
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	e = reader("OIDC_A=x")
	for _, name := range []string{"A", "B", "C"} {
		e.Required(name, "x")
	}
	got = e.Problems()
	want = slices.Clone(got)
	if e.Report("D", "is found later", ""); !slices.Equal(got, want) {
		t.Errorf("what was returned has changed: %q", got)
	}
	e = reader("OAUTH_CLEINT_ID=x")
	e.Partial = true
	if got := e.Problems(); got != nil || e.Err() != nil {
		t.Errorf("%q", got)
	}
}

func TestURLsKeepTheirCredentials(t *testing.T) {
	for _, v := range []string{"https://user:canary@idp.example.com", "https://user:canary%zz@idp.example.com", "http://canary@localhost"} {
		e := reader("OIDC_ISSUER="+v, "PUBLIC_BASE_URL="+v)
		e.URL("OIDC_ISSUER")
		e.BaseURL("PUBLIC_BASE_URL")
		err := e.Err()
		if err == nil || strings.Contains(err.Error(), "canary") || strings.Count(err.Error(), "has a user name or password in it") != 2 {
			t.Errorf("%s: %v", v, err)
		}
	}
	e := reader("OAUTH_AUTHORIZE_URL=https://idp.example.com/a?hint=a@example.com")
	if e.URL("OAUTH_AUTHORIZE_URL") == "" {
		t.Error("an @ in the query is refused")
	}
}

func TestPartialLeavesOtherNamesAlone(t *testing.T) {
	e := reader("OAUTH_CLIENT_ID=x", "TABLE_NAME=<table>")
	e.Partial = true
	e.String("TABLE_NAME")
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "TABLE_NAME") || strings.Contains(err.Error(), "OAUTH_CLIENT_ID") {
		t.Errorf("%v", err)
	}
	if !e.Given("TABLE_NAME") || e.Given("OAUTH_SCOPE") {
		t.Error("Given")
	}
}

func TestString(t *testing.T) {
	for name, tt := range map[string]struct {
		value, want, problem string
	}{
		"as it is":           {"abc", "abc", ""},
		"empty is not set":   {"", "", ""},
		"placeholder":        {"your-client-id", "", "placeholder"},
		"placeholder, upper": {"YOUR_CLIENT_ID", "", "placeholder"},
		"angle brackets":     {"<client id>", "", "placeholder"},
		"dynamic reference":  {"{{resolve:secretsmanager:x}}", "", "nothing resolved"},
		"trailing newline":   {"abc\n", "", "white space"},
		"leading space":      {" abc", "", "white space"},
		"control character":  {"a\x00b", "", "control character"},
	} {
		e := reader("OAUTH_CLIENT_ID=" + tt.value)
		if got := e.String("OAUTH_CLIENT_ID"); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
		err := e.Err()
		if (err != nil) != (tt.problem != "") || (err != nil && !strings.Contains(err.Error(), tt.problem)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretIsNotInTheReport(t *testing.T) {
	e := reader("OAUTH_CLIENT_SECRET= canary-secret ")
	if s := e.Secret("OAUTH_CLIENT_SECRET"); !s.IsZero() {
		t.Error("accepted")
	}
	if err := e.Err(); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}

func TestAlias(t *testing.T) {
	e := reader("CLIENT_ID=abc")
	e.Alias("OAUTH_CLIENT_ID", "CLIENT_ID")
	if got := e.String("OAUTH_CLIENT_ID"); got != "abc" || e.Err() != nil {
		t.Errorf("%q, %v", got, e.Err())
	}
	e = reader("CLIENT_ID=abc", "OAUTH_CLIENT_ID=def")
	e.Alias("OAUTH_CLIENT_ID", "CLIENT_ID")
	if got := e.String("OAUTH_CLIENT_ID"); got != "def" {
		t.Errorf("the setting itself gives way to its alias: %q", got)
	}
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "CLIENT_ID: contradicts OAUTH_CLIENT_ID") {
		t.Errorf("got %v", err)
	}
	e = reader("BASE_URL=ftp://x")
	e.Alias("PUBLIC_BASE_URL", "BASE_URL")
	e.BaseURL("PUBLIC_BASE_URL")
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "- BASE_URL:") {
		t.Errorf("the problem is not named as it was spelled: %v", err)
	}
}

func TestDuration(t *testing.T) {
	for value, ok := range map[string]bool{
		"1s": true, "10m": true, "1h": true, "0s": false, "-1m": false, "61m": false, "1.5s": false, "90": false, "forever": false,
	} {
		e := reader("LOGIN_TTL=" + value)
		d := e.Duration("LOGIN_TTL", time.Minute, time.Second, time.Hour)
		if (e.Err() == nil) != ok || (!ok && d != time.Minute) {
			t.Errorf("%s: %v, %v", value, d, e.Err())
		}
	}
}

func TestURL(t *testing.T) {
	for value, ok := range map[string]bool{
		"https://a.example/token": true, "http://localhost:8000/o/token/": true, "http://127.0.0.1:1/x": true, "https://a.example": true,
		"https://a.example/t?x=1": true, "http://a.example/token": false, "a.example/token": false, "https://u:p@a.example": false,
		"https://a.example/#f": false, "https://": false, "javascript:alert(1)": false, "//a.example": false,
	} {
		e := reader("OAUTH_TOKEN_URL=" + value)
		if got := e.URL("OAUTH_TOKEN_URL"); (e.Err() == nil) != ok || (got == value) != ok {
			t.Errorf("%s: %q, %v", value, got, e.Err())
		}
	}
}

func TestUnknownNames(t *testing.T) {
	e := reader("OAUTH_FOO=1", "OIDC_ISUER=https://x", "OAUTH_EMPTY=", "OTHER=1", "OAUTH_CLIENT_ID=x")
	e.String("OAUTH_CLIENT_ID")
	e.URL("OIDC_ISSUER")
	err := e.Err()
	if err == nil || !strings.Contains(err.Error(), "2 problem(s)") || !strings.Contains(err.Error(), "OIDC_ISUER: is not a setting; did you mean OIDC_ISSUER?") ||
		!strings.Contains(err.Error(), "OAUTH_FOO: is not a setting; remove it") {
		t.Errorf("got %v", err)
	}
}
