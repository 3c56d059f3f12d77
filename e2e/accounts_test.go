package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// newTables are both tables on an endpoint of one's own, made by the command.
func newTables(t *testing.T) []string {
	t.Helper()
	name := fmt.Sprintf("Accounts%d", time.Now().UnixNano())
	settings := []string{
		"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_DYNAMODB=" + peer.Dynalite(t), "TABLE_NAME=Flows" + name, "ACCOUNTS_TABLE_NAME=" + name,
		"LATCHKEY_SECRET=" + strings.Repeat("e2e-", 11),
	}
	if out := say(t, settings, "", "table", "create"); strings.Count(out, "is ready") != 2 {
		t.Fatalf("table create: %s", out)
	}
	return settings
}

// say runs the command, which has to succeed and to be silent on standard
// error, a short password aside, and returns what it says.
func say(t *testing.T, settings []string, stdin string, args ...string) string {
	t.Helper()
	cmd := command(t, settings, args...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || strings.TrimPrefix(stderr.String(), guessable) != "" {
		t.Fatalf("latchkey %s: %v: %s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return string(out)
}

func TestUserCommands(t *testing.T) {
	settings := newTables(t)
	const canary = "pass word-canary"
	said := say(t, settings, canary+"\n", "user", "add", "ada", "--name", "Ada L.", "--email", "ada@example.com", "--password-stdin")
	said += say(t, settings, canary, "user", "add", "bob", "--password-stdin")
	if list := say(t, settings, "", "user", "list"); list != "ada\tAda L.\tada@example.com\nbob\n" {
		t.Errorf("list: %q", list)
	}
	said += say(t, settings, "another\r\n", "user", "passwd", "ada", "--password-stdin")
	said += say(t, settings, "", "user", "disable", "ada")
	if list := say(t, settings, "", "user", "list"); !strings.HasPrefix(list, "ada\tAda L.\tada@example.com\tdisabled\n") {
		t.Errorf("list: %q", list)
	}
	said += say(t, settings, "", "user", "enable", "ada")
	said += say(t, settings, "", "user", "remove", "bob")
	if list := say(t, settings, "", "user", "list"); list != "ada\tAda L.\tada@example.com\n" {
		t.Errorf("list: %q", list)
	}
	if strings.Contains(said, "canary") || strings.Contains(said, "argon2") {
		t.Errorf("a password was said: %s", said)
	}
	for _, m := range []struct {
		args, stdin string
		want        []string
	}{
		{"user add ada --password-stdin", "x", []string{"there is a user ada already", "user passwd ada"}},
		{"user add carl --password-stdin", "", []string{"1 to 1024 bytes"}},
		{"user add carl --password-stdin", "\xff", []string{"1 to 1024 bytes of UTF-8"}},
		{"user add carl", "x", []string{"--password-stdin"}},
		{"user add", "", []string{"<name>", "--help"}},
		{"user passwd nobody --password-stdin", "x", []string{"there is no user nobody", "user list"}},
		{"user disable nobody", "", []string{"there is no user nobody"}},
		{"user remove nobody", "", []string{"there is no user nobody"}},
		{"client rotate-secret nobody", "", []string{"there is no client nobody"}},
		{"client remove nobody", "", []string{"there is no client nobody"}},
		{"client add x", "", []string{"needs a redirect URI"}},
		{"client add x --redirect-uri javascript:x", "", []string{"scheme javascript"}},
		{"client add latchkey --redirect-uri https://a.example", "", []string{"belongs to the stack's own client"}},
		{"client add x --public --resource-server --redirect-uri https://a.example", "", []string{"needs a secret to introspect"}},
		{"keys show", "", []string{"LATCHKEY_SECRET_ARN: is not set"}},
		{"serve --listen localhost:0 --config nowhere.yaml", "", []string{"--config contradicts ACCOUNTS_TABLE_NAME"}},
	} {
		t.Run(m.args, func(t *testing.T) {
			cmd := command(t, settings, strings.Fields(m.args)...)
			cmd.Stdin = strings.NewReader(m.stdin)
			wrong(t, mistake{want: m.want}, cmd)
		})
	}
	wrong(t, mistake{want: []string{"ACCOUNTS_TABLE_NAME: is not set"}}, command(t, settings[:3], "user", "list"))
}

// A client's secret is seen once, works, and stops working after a rotation.
func TestClientCommands(t *testing.T) {
	settings := newTables(t)
	secretIn := func(said string) string {
		t.Helper()
		found := regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`).FindAllString(said, -1)
		if len(found) != 1 {
			t.Fatalf("no secret, or several, in %q", said)
		}
		return found[0]
	}
	first := secretIn(say(t, settings, "", "client", "add", "robot", "--grant-type", "client_credentials", "--scope", "read", "--scope", "write"))
	if public := say(t, settings, "", "client", "add", "spa", "--public", "--redirect-uri", "https://spa.example.com/a,b", "--scope", "email"); strings.Contains(public, "secret") {
		t.Errorf("a public client has a secret: %s", public)
	}
	list := say(t, settings, "", "client", "list")
	if list != "robot\tconfidential\tread write\t\nspa\tpublic\temail\thttps://spa.example.com/a,b\n" {
		t.Errorf("list: %q", list)
	}
	if status, answer := robotToken(t, settings, "robot", first); status != 200 || answer["scope"] != "read write" {
		t.Errorf("%d %v", status, answer)
	}
	second := secretIn(say(t, settings, "", "client", "rotate-secret", "robot"))
	if status, _ := robotToken(t, settings, "robot", first); status != 401 || first == second {
		t.Errorf("the old secret: %d", status)
	}
	if status, _ := robotToken(t, settings, "robot", second); status != 200 {
		t.Errorf("the new secret: %d", status)
	}
	say(t, settings, "", "client", "remove", "robot")
	if status, _ := robotToken(t, settings, "robot", second); status != 401 {
		t.Errorf("a removed client: %d", status)
	}
}

// robotToken asks a fresh server, which has nothing cached, for a token.
func robotToken(t *testing.T, settings []string, id, text string) (int, map[string]any) {
	t.Helper()
	s := startServe(t, "localhost:0", settings)
	r, _ := http.NewRequest("POST", s.base+"/oauth/tokenize", strings.NewReader("grant_type=client_credentials"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, text)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(response.Body).Decode(&answer)
	return response.StatusCode, answer
}

// Disabling a user, or a new password, ends what was signed in and approved.
func TestDisableAndPasswdEndEverything(t *testing.T) {
	settings := newTables(t)
	say(t, settings, "admin", "user", "add", "admin", "--password-stdin")
	said := say(t, settings, "", "client", "add", "app", "--redirect-uri", "https://www.example.com/redirect", "--scope", "openid", "--pkce-optional")
	text := regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{43}$`).FindString(said)
	s := startServe(t, "localhost:0", settings)
	authorize := s.base + "/oauth/authorize?" + url.Values{
		"client_id": {"app"}, "redirect_uri": {"https://www.example.com/redirect"}, "response_type": {"code"}, "state": {"x"}, "scope": {"openid"},
	}.Encode()
	for what, args := range map[string][]string{"disable": {"user", "disable", "admin"}, "passwd": {"user", "passwd", "admin", "--password-stdin"}} {
		browser := person(nil)
		back := signInAndApprove(t, browser, s.base, authorize, "approve")
		tokens := tokenOf(t, s.base, "app", text, url.Values{"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {"https://www.example.com/redirect"}})
		access, refresh := fmt.Sprint(tokens["access_token"]), fmt.Sprint(tokens["refresh_token"])
		if status := userinfoStatus(t, s.base, access); status != 200 {
			t.Fatalf("%s: userinfo before: %d, %v", what, status, tokens)
		}
		say(t, settings, "admin", args...)
		if status := userinfoStatus(t, s.base, access); status != 401 {
			t.Errorf("%s: userinfo after: %d", what, status)
		}
		if answer := tokenOf(t, s.base, "app", text, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}); answer["error"] != "invalid_grant" {
			t.Errorf("%s: refresh after: %v", what, answer)
		}
		if page := get(t, browser, authorize); !strings.Contains(string(page.body), `type="password"`) {
			t.Errorf("%s: the browser is still signed in", what)
		}
		if what == "disable" {
			say(t, settings, "", "user", "enable", "admin")
		}
	}
}

func tokenOf(t *testing.T, base, id, text string, form url.Values) map[string]any {
	t.Helper()
	r, _ := http.NewRequest("POST", base+"/oauth/tokenize", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(id, text)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

func userinfoStatus(t *testing.T, base, access string) int {
	t.Helper()
	r, _ := http.NewRequest("GET", base+"/oauth/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+access)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

// A stand-in for Secrets Manager keeps one secret, as the wire has it.
func TestKeysCommands(t *testing.T) {
	var mu sync.Mutex
	kept := `{"other":"x","secrets":"` + strings.Repeat("canary-", 7) + `"}` // a JSON object stays one
	manager := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var in struct{ SecretId, SecretString string }
		body, _ := io.ReadAll(r.Body)
		_ = json.Unmarshal(body, &in)
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".PutSecretValue") {
			kept = in.SecretString
		}
		out, _ := json.Marshal(map[string]string{"ARN": in.SecretId, "SecretString": kept})
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = w.Write(out)
	}))
	defer manager.Close()
	settings := []string{
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=y",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + manager.URL, "LATCHKEY_SECRET_ARN=arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
	}
	all := say(t, settings, "", "keys", "show")
	before := keyIDs(all)
	if len(before) != 1 {
		t.Fatalf("show: %q", all)
	}
	wrong(t, mistake{want: []string{"the only key", "keys rotate"}}, command(t, settings, "keys", "retire", before[0], "--yes"))
	all += say(t, settings, "", "keys", "rotate")
	after := keyIDs(say(t, settings, "", "keys", "show"))
	if len(after) != 2 || after[1] != before[0] {
		t.Fatalf("after the rotation: %q", after)
	}
	wrong(t, mistake{want: []string{"there is no key AAAAAA"}}, command(t, settings, "keys", "retire", "AAAAAA"))
	all += say(t, settings, "", "keys", "retire", before[0], "--yes")
	if last := keyIDs(say(t, settings, "", "keys", "show")); !slices.Equal(last, after[:1]) {
		t.Errorf("after the retirement: %q", last)
	}
	var object map[string]string
	if err := json.Unmarshal([]byte(kept), &object); err != nil || object["other"] != "x" || len(object["secrets"]) != 43 {
		t.Errorf("what is kept: %d bytes, %v", len(kept), err)
	}
	if strings.Contains(all, "canary") || strings.Contains(all, object["secrets"]) {
		t.Errorf("a secret was said: %s", all)
	}
}

// The demo user is for a laptop: on Lambda nothing starts with it.
func TestDemoStaysAtHome_P21(t *testing.T) {
	wrong(t, mistake{want: []string{"the demo user does not exist on Lambda", "ACCOUNTS_TABLE_NAME"}},
		command(t, []string{"AWS_LAMBDA_FUNCTION_NAME=x"}, "serve", "--listen", "localhost:0"))
}

// Behind a public address nobody signs in as somebody whose password is in the
// documentation: without people of its own the built-in server does not start,
// and beside another provider it knows nobody.
func TestDemoIsNotPublic_P20(t *testing.T) {
	const public = "PUBLIC_BASE_URL=https://login.example.com"
	wrong(t, mistake{want: []string{"the demo user does not exist behind https://login.example.com", "--config FILE", "ACCOUNTS_TABLE_NAME"}},
		command(t, []string{public}, "serve", "--listen", "localhost:0"))
	s := startServe(t, "localhost:0", []string{public, "OAUTH_PROVIDER=google", "OAUTH_CLIENT_ID=x", "OAUTH_CLIENT_SECRET=y"})
	if answer := tokenOf(t, s.base, "test_client", "password", url.Values{"grant_type": {"client_credentials"}}); answer["error"] != "invalid_client" {
		t.Errorf("the demo client is there: %v", answer)
	}
	if said := s.out.String(); strings.Contains(said, "DEMO") || strings.Contains(said, "PKCE") {
		t.Errorf("said: %s", said)
	}
}

func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("clients:\n  - {id: robot, secret: pass-word, scopes: [read], grant_types: [client_credentials]}\nlifetimes: {access: 120s}\n")
	for setting, want := range map[string]float64{"": 120, "ACCESS_TTL=60s": 60} {
		s := startServe(t, "localhost:0", strings.Fields(setting), "--config", path)
		if answer := tokenOf(t, s.base, "robot", "pass-word", url.Values{"grant_type": {"client_credentials"}}); answer["expires_in"] != want {
			t.Errorf("%q: %v", setting, answer)
		}
		if answer := tokenOf(t, s.base, "test_client", "password", url.Values{"grant_type": {"client_credentials"}}); answer["error"] != "invalid_client" {
			t.Errorf("the demo client is there too: %v", answer)
		}
	}
	write("users:\n  - {username: a}\nusres: []\n")
	wrong(t, mistake{want: []string{"2 problem(s)", "line 2:", "line 3:"}}, command(t, nil, "serve", "--listen", "localhost:0", "--config", path))
}
