package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// An examination is one run of doctor: what is changed in settings that are
// right, and what it has to say.
type examination struct {
	name   string
	change map[string]string
	listen string // default: where the provider expects us
	exit   int
	want   []string // lines, each "level id: words"
}

// doctorSays runs doctor with settings and compares.
func doctorSays(t *testing.T, settings map[string]string, at string, tests []examination) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := maps.Clone(settings)
			maps.Copy(all, test.change)
			if test.listen == "" {
				test.listen = at
			}
			out := examine(t, environ(all), test.exit, test.want, "--listen", test.listen)
			if !strings.Contains(out, "\n    http://"+test.listen+"/callback\n") {
				t.Errorf("no redirect URI in:\n%s", out)
			}
			if secret := all["OAUTH_CLIENT_SECRET"]; secret != "" && strings.Contains(out, secret) {
				t.Errorf("%q is in:\n%s", secret, out)
			}
		})
	}
}

// examine runs doctor as people and as scripts do, and compares the status
// and the findings.
func examine(t *testing.T, settings []string, exit int, want []string, args ...string) (text string) {
	t.Helper()
	run := func(more ...string) string {
		cmd := command(t, settings, append(append([]string{"doctor"}, args...), more...)...)
		out, _ := cmd.Output()
		if got := cmd.ProcessState.ExitCode(); got != exit {
			t.Errorf("%v: status %d, want %d", more, got, exit)
		}
		return string(out)
	}
	text = run()
	var report struct {
		Findings []struct{ ID, Level, What, Why, Do string }
		Redirect string `json:"redirect_uri"`
		Exit     int
	}
	if err := json.Unmarshal([]byte(run("--json")), &report); err != nil || report.Exit != exit {
		t.Errorf("--json: %v, exit %d", err, report.Exit)
	}
	for _, w := range want {
		head, words, _ := strings.Cut(w, ": ")
		level, id, _ := strings.Cut(head, " ")
		inText, inJSON := false, false
		for line := range strings.Lines(text) {
			fields := strings.Fields(line)
			inText = inText || len(fields) > 2 && fields[0] == level && fields[1] == id && strings.Contains(line, words)
		}
		for _, f := range report.Findings {
			inJSON = inJSON || f.Level == level && f.ID == id && strings.Contains(f.What+f.Do, words)
		}
		if !inText || !inJSON {
			t.Errorf("text %v, JSON %v: %q in:\n%s", inText, inJSON, w, text)
		}
	}
	for _, bad := range []string{hidden, "goroutine", "operation error", "latchkey-doctor"} {
		if strings.Contains(text, bad) {
			t.Errorf("%q is in:\n%s", bad, text)
		}
	}
	return text
}

// gone is an address where nothing listens.
const gone = "http://127.0.0.1:1"

func TestDoctorMeetsOIDCProvider(t *testing.T) {
	t.Parallel()
	listen := fmt.Sprintf("localhost:%d", port())
	p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{"http://" + listen + "/callback"}})
	settings := withClient(map[string]string{"OIDC_ISSUER": p.Issuer}, false, p.Secret)
	doctorSays(t, settings, listen, []examination{
		{"everything is right", nil, "", 0, []string{
			"ok endpoints: " + p.AuthorizeURL + " and " + p.TokenURL, "ok redirect_uri: certain", "ok client: accepted the client's credentials",
			"ok pkce: S256", "ok par: plain", "ok iss: every answer", "ok clock: from the provider's", "ok keys: RS256", "ok budget: 10240",
		}},
		{"a public client", map[string]string{"OAUTH_CLIENT_ID": peer.PublicClient, "OAUTH_CLIENT_SECRET": ""}, "", 0, []string{"ok settings: authentication none", "ok client: public client"}},
		{"a wrong secret", map[string]string{"OAUTH_CLIENT_SECRET": "not-the-secret-at-all"}, "", 1, []string{"ok redirect_uri: certain", "problem client: does not accept"}},
		{"a wrong client id", map[string]string{"OAUTH_CLIENT_ID": "somebody-else"}, "", 1, []string{"problem redirect_uri: answered 400", "problem client: does not accept"}},
		{"a redirect URI that is not registered", nil, "localhost:3999", 1, []string{"problem redirect_uri: answered 400", "ok client: accepted"}},
		{"a parameter that the provider does not take", map[string]string{"OAUTH_EXTRA_PARAMS": "registration=x"}, "", 1, []string{"problem redirect_uri: refused the login"}},
		{"the provider is down", map[string]string{"OIDC_ISSUER": gone}, "", 1, []string{"problem metadata: cannot be read", "unchecked provider: "}},
		{"an issuer with a slash too many", map[string]string{"OIDC_ISSUER": p.Issuer + "/"}, "", 1, []string{"problem metadata: names another issuer"}},
		{"sessions without a secret", map[string]string{"CALLBACK_MODE": "session"}, "", 0, []string{"warning secret: LATCHKEY_SECRET is not set"}},
		{"a secret that is made up", map[string]string{"CALLBACK_MODE": "session", "LATCHKEY_SECRET": strings.Repeat(hidden, 3)}, "", 1, []string{"problem secret: made up"}},
		{"a table that nothing answers for", map[string]string{"TABLE_NAME": "flows", "AWS_ENDPOINT_URL_DYNAMODB": gone}, "", 2, []string{"unchecked table: does not answer"}},
	})
	p.MoveClock(t, 5*time.Minute) // of its tokens; its answers have the machine's date
	doctorSays(t, settings, listen, []examination{{"another clock in its tokens", nil, "", 0, []string{"ok clock: from the provider's"}}})
}

func TestDoctorMeetsDjango(t *testing.T) {
	listen := fmt.Sprintf("localhost:%d", port())
	p := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{"http://" + listen + "/callback"}})
	settings := withClient(map[string]string{"OAUTH_PROVIDER": "cashmere", "OAUTH_PROVIDER_URL": p.URL}, false, p.Secret)
	doctorSays(t, settings, listen, []examination{
		{"everything is right", nil, "", 0, []string{
			"ok settings: provider cashmere", "ok endpoints: " + p.AuthorizeURL + " and " + p.TokenURL, "ok redirect_uri: likely", "ok client: accepted the client's credentials",
			"ok pkce: not known", "ok clock: from the provider's",
		}},
		{"a wrong secret", map[string]string{"OAUTH_CLIENT_SECRET": "not-the-secret-at-all"}, "", 1, []string{"problem client: does not accept"}},
		{"a wrong client id", map[string]string{"OAUTH_CLIENT_ID": "somebody-else"}, "", 1, []string{"problem client: does not accept"}},
		{"the provider is down", map[string]string{"OAUTH_PROVIDER_URL": gone}, "", 1, []string{"problem redirect_uri: cannot be reached", "problem client: cannot be reached"}},
		{"a base that is a page", map[string]string{"OAUTH_PROVIDER_URL": p.URL + "/accounts"}, "", 1, []string{"problem redirect_uri: answered 404", "problem client: answered 404"}},
		// This provider wants a sign-in before it looks at the request.
		{"a redirect URI that is not registered", nil, "localhost:3999", 0, []string{"ok redirect_uri: only after the sign-in"}},
	})
}

func TestDoctorMeetsServe(t *testing.T) {
	database := peer.Moto(t)
	settings := append(tablesOf(t, database), "CALLBACK_MODE=session", "LATCHKEY_SECRET="+secret.Mint(256))
	s := startServe(t, "localhost:0", settings)
	at := strings.TrimPrefix(s.base, "http://")
	examine(t, settings, 0, []string{
		"ok settings: provider builtin", "ok metadata: as configured", "ok redirect_uri: certain", "ok client: public client", "ok keys: ES256", "ok iss: RFC 9207",
		"ok table: has the right key and index", "ok table: TTL is on for expires_at", "ok accounts: right key", "ok secret: random enough", "ok budget: 10240",
	}, "--listen", at)
	examine(t, append(settings, "TABLE_NAME=nowhere"), 1, []string{"problem table: there is no table nowhere"}, "--listen", at)
	examine(t, append(settings, "TABLE_NAME="+accountsOf(t), "ACCOUNTS_TABLE_NAME="), 1, []string{"problem table: has no index by_user"}, "--listen", at)
	said := examine(t, settings, 1, []string{"problem metadata: cannot be read at http://localhost:1: nothing answers there"}, "--listen", "localhost:1")
	if want := "start it with latchkey serve --listen localhost:1 and the same settings"; !strings.Contains(said, want) {
		t.Errorf("does not say %q:\n%s", want, said)
	}
	nowhere := []string{"LATCHKEY_SECRET_ARN=arn:aws:secretsmanager:eu-central-1:123456789012:secret:x", "AWS_EC2_METADATA_DISABLED=true"}
	examine(t, nowhere, 1, []string{"problem secret: AWS_REGION is not set", "ok metadata: as configured"}, "--listen", at)
}

// Dynalite cannot switch TTL on, which is no fault of the table.
func TestDoctorMeetsAnEndpointWithoutTTL(t *testing.T) {
	settings := append(tablesOf(t, peer.Dynalite(t)), "LATCHKEY_SECRET="+secret.Mint(256))
	s := startServe(t, "localhost:0", settings)
	examine(t, settings, 0, []string{"warning table: TTL is off at this endpoint"}, "--listen", strings.TrimPrefix(s.base, "http://"))
}

// Settings that no program starts with are an error as everywhere, and
// findings for a script.
func TestDoctorListsWrongSettings(t *testing.T) {
	cmd := command(t, []string{"OAUTH_PROVIDER=gogle", "OAUTH_CLIENT_ID=your-client-id", "OAUTH_CLIENT_SECRET=" + hidden}, "doctor", "--json")
	out, _ := cmd.Output()
	var report struct {
		Findings []struct{ ID, Level, What, Do string }
		Exit     int
	}
	if err := json.Unmarshal(out, &report); err != nil || cmd.ProcessState.ExitCode() != 1 || report.Exit != 1 || len(report.Findings) != 2 {
		t.Fatalf("%v, status %d\n%s", err, cmd.ProcessState.ExitCode(), out)
	}
	for i, words := range []string{"did you mean google?", "put your own value there"} {
		if f := report.Findings[i]; f.ID != "settings" || f.Level != "problem" || !strings.Contains(f.Do, words) {
			t.Errorf("%+v", f)
		}
	}
	if strings.Contains(string(out), hidden) {
		t.Errorf("the secret is in %s", out)
	}
}

// What keeps doctor from examining is a finding for a script, and an error for
// a person. A command line that cannot be read is not doctor's: a line on
// standard error, and nothing else, for both.
func TestDoctorSaysWhyItDoesNotExamine(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings []string
		args     []string
		words    string
		silent   bool
	}{
		"a stack without a name":         {nil, []string{"--stack", ""}, "--stack has no name", false},
		"a stack without a name, joined": {nil, []string{"--stack="}, "--stack has no name", false},
		"a port that is not known yet":   {nil, []string{"--listen", "localhost:0"}, "--listen localhost:0", false},
		"tables without a region":        {[]string{"TABLE_NAME=flows", "AWS_EC2_METADATA_DISABLED=true"}, nil, "AWS_REGION: is not set", false},
		"a flag that is none":            {nil, []string{"--nonsense"}, "unknown flag --nonsense", true},
	} {
		t.Run(name, func(t *testing.T) {
			for _, object := range []bool{false, true} {
				args := append([]string{"doctor"}, test.args...)
				if object {
					args = append(args, "--json")
				}
				cmd := command(t, test.settings, args...)
				var stderr strings.Builder
				cmd.Stderr = &stderr
				out, _ := cmd.Output()
				var report doctor.Report
				err := json.Unmarshal(out, &report)
				switch {
				case cmd.ProcessState.ExitCode() != 1:
					t.Errorf("status %d", cmd.ProcessState.ExitCode())
				case !object || test.silent:
					if len(out) != 0 || !strings.Contains(stderr.String(), test.words) {
						t.Errorf("%q %q", out, &stderr)
					}
				case err != nil || report.Exit != 1 || len(report.Findings) != 1 || report.Findings[0].ID != "usage" || !strings.Contains(report.Findings[0].What, test.words) || report.Findings[0].Do == "":
					t.Errorf("%v %s", err, out)
				}
			}
		})
	}
}
