package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// hidden stands in every setting that is a secret. No message may show it.
const hidden = "canary-of-a-secret"

// startLimit is how long a wrong setting may stay unnoticed.
const startLimit = 10 * time.Second

// A mistake is one way to start a program wrongly: the settings, the
// arguments, and what its answer has to say.
type mistake struct {
	name     string
	settings string // separated by spaces
	args     string
	want     []string
}

// google is a provider that nothing is wrong with.
const google = "OAUTH_PROVIDER=google OAUTH_CLIENT_ID=abc "

// table is an endpoint at which nothing listens.
const table = google + "TABLE_NAME=flows AWS_EC2_METADATA_DISABLED=true "

var serveMistakes = []mistake{
	{"a name that is none", google + "OAUTH_SCOPES=read", "", []string{"OAUTH_SCOPES: is not a setting", "did you mean OAUTH_SCOPE?"}},
	{"an OIDC name that is none", google + "OIDC_URL=https://a.example", "", []string{"OIDC_URL: is not a setting"}},
	{"a typo in the provider", "OAUTH_PROVIDER=gogle OAUTH_CLIENT_ID=abc OAUTH_CLIENT_SECRET=" + hidden, "", []string{"1 problem", "OAUTH_PROVIDER:", "did you mean google?"}},
	{"a preset without a client id", "OAUTH_PROVIDER=google", "", []string{"OAUTH_CLIENT_ID: is not set", "for example OAUTH_CLIENT_ID="}},
	{"a preset without its base", "OAUTH_PROVIDER=okta OAUTH_CLIENT_ID=abc", "", []string{"OAUTH_PROVIDER_URL: is not set", "https://ORG.okta.com"}},
	{"a client id without a provider", "OAUTH_CLIENT_ID=abc", "", []string{"OAUTH_CLIENT_ID: is set, but no provider", "set OAUTH_PROVIDER, OIDC_ISSUER"}},
	{"a client secret without a provider", "OAUTH_CLIENT_SECRET=" + hidden, "", []string{"OAUTH_CLIENT_SECRET: is set, but no provider"}},
	{"a tenant for everybody", "OAUTH_PROVIDER=microsoft OAUTH_CLIENT_ID=abc OAUTH_PROVIDER_URL=https://login.microsoftonline.com/common", "", []string{"OAUTH_PROVIDER_URL: stands for many tenants", "name your own"}},
	{"plain http to another machine", "OIDC_ISSUER=http://idp.example.com OAUTH_CLIENT_ID=abc", "", []string{"1 problem", "OIDC_ISSUER:", "not an https URL", "for example OIDC_ISSUER=https://"}},
	{"an issuer without a scheme", "OIDC_ISSUER=idp.example.com OAUTH_CLIENT_ID=abc", "", []string{"OIDC_ISSUER:", "not an https URL"}},
	{"a password in the issuer", "OIDC_ISSUER=https://me:" + hidden + "@idp.example.com OAUTH_CLIENT_ID=abc", "", []string{"OIDC_ISSUER: has a user name or password", "leave out"}},
	{"a preset and an issuer", google + "OIDC_ISSUER=https://idp.example.com", "", []string{"OAUTH_PROVIDER: contradicts OIDC_ISSUER", "remove one"}},
	{"an authorize URL alone", "OAUTH_AUTHORIZE_URL=https://a.example/a OAUTH_CLIENT_ID=abc", "", []string{"OAUTH_TOKEN_URL: is not set"}},
	{"an issuer that is known already", google + "OAUTH_ISSUER=https://a.example", "", []string{"OAUTH_ISSUER: is for endpoints without metadata", "remove it"}},
	{"the placeholder of the client id", "OAUTH_PROVIDER=google OAUTH_CLIENT_ID=your-client-id", "", []string{"OAUTH_CLIENT_ID: still has the placeholder", "put your own value"}},
	{"a placeholder in brackets", "OAUTH_PROVIDER=google OAUTH_CLIENT_ID=<client-id>", "", []string{"OAUTH_CLIENT_ID: still has the placeholder"}},
	{"a reference that nothing resolved", google + "OAUTH_CLIENT_SECRET={{resolve:secretsmanager:" + hidden + "}}", "", []string{"OAUTH_CLIENT_SECRET: is a CloudFormation reference", "give the value itself"}},
	{"a secret, and auth none", google + "OAUTH_CLIENT_AUTH=none OAUTH_CLIENT_SECRET=" + hidden, "", []string{"OAUTH_CLIENT_AUTH: is none, but there is a client secret", "use basic or post"}},
	{"auth basic without a secret", google + "OAUTH_CLIENT_AUTH=basic", "", []string{"OAUTH_CLIENT_AUTH: is basic, but there is no client secret", "set OAUTH_CLIENT_SECRET"}},
	{"a way to authenticate that is none", google + "OAUTH_CLIENT_AUTH=digest", "", []string{"OAUTH_CLIENT_AUTH:", "use one of basic, post, none"}},
	{"the secret in place of its ARN", google + "OAUTH_CLIENT_SECRET_ARN=" + hidden, "", []string{"1 problem", "OAUTH_CLIENT_SECRET_ARN: is no ARN"}},
	{"the ARN of a secret on a laptop", google + "OAUTH_CLIENT_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:x", "", []string{"OAUTH_CLIENT_SECRET_ARN: is for the deployed functions", "set OAUTH_CLIENT_SECRET"}},
	{"a scope that no scope can be", google + "OAUTH_SCOPE=re\"ad", "", []string{"OAUTH_SCOPE: has a character", "for example"}},
	{"an extra parameter of Latchkey's own", google + "OAUTH_EXTRA_PARAMS=state=x", "", []string{"OAUTH_EXTRA_PARAMS: contains state", "leave it out"}},
	{"two names, two values", google + "CLIENT_ID=other", "", []string{"CLIENT_ID: contradicts OAUTH_CLIENT_ID", "remove one"}},
	{"a redirect URI elsewhere", google + "REDIRECT_URI=http://localhost:3000/auth/done", "", []string{"REDIRECT_URI: does not end in /callback", "for example REDIRECT_URI="}},
	{"a base URL with a path", google + "PUBLIC_BASE_URL=https://login.example.com/x", "", []string{"PUBLIC_BASE_URL:", "without a path", "for example"}},
	{"a plain base URL of another machine", google + "PUBLIC_BASE_URL=http://login.example.com", "", []string{"PUBLIC_BASE_URL:", "http:// on a loopback host"}},
	{"a login longer than its cookie", google + "LOGIN_TTL=11m", "", []string{"LOGIN_TTL:", "from 1s to 10m0s", "for example LOGIN_TTL="}},
	{"a duration without a unit", google + "LOGIN_TTL=600", "", []string{"LOGIN_TTL:", "is not a duration"}},
	{"no time at all", google + "LOGIN_TTL=0s", "", []string{"LOGIN_TTL:", "from 1s"}},
	{"a flag against a setting", google + "CALLBACK_MODE=json", "--session", []string{"1 problem", "CALLBACK_MODE: is json, and the flag --session"}},
	{"a mode that is none", google + "CALLBACK_MODE=jason", "", []string{"CALLBACK_MODE:", "did you mean json?"}},
	{"a log level that is none", google + "LOG_LEVEL=verbose", "", []string{"LOG_LEVEL:", "use one of debug, info, warn, error"}},
	{"a table that nothing answers for", table + "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1", "", []string{"AWS_ENDPOINT_URL_DYNAMODB:", "http://127.0.0.1:1", "start it there, or correct the URL"}},
	{"an endpoint without a scheme", table + "AWS_ENDPOINT_URL_DYNAMODB=127.0.0.1:8000", "", []string{"1 problem", "AWS_ENDPOINT_URL_DYNAMODB: is not an http or https URL", "for example"}},
	{"a table at AWS, but no region", table, "", []string{"AWS_REGION: is not set", "AWS_PROFILE"}},
	{"a table at AWS, but no credentials", table + "AWS_REGION=eu-central-1", "", []string{"no AWS credentials", "AWS_PROFILE", "AWS_ENDPOINT_URL_DYNAMODB"}},
	{"a profile that is none", table + "AWS_REGION=eu-central-1 AWS_PROFILE=nobody", "", []string{"nobody", "check AWS_PROFILE"}},
	{"several at once", "OAUTH_PROVIDER=gogle OAUTH_SCOPES=x LOGIN_TTL=1h LOG_LEVEL=x CALLBACK_MODE=jason PUBLIC_BASE_URL=x TABLE_NAME=<t> OAUTH_CLIENT_SECRET={{resolve:" + hidden + "}}", "",
		[]string{"8 problem(s)", "OAUTH_PROVIDER:", "OAUTH_SCOPES:", "LOGIN_TTL:", "LOG_LEVEL:", "CALLBACK_MODE:", "PUBLIC_BASE_URL:", "TABLE_NAME:", "OAUTH_CLIENT_SECRET:"}},

	{"a port alone", "", "--listen 3000", []string{"--listen 3000:", "for example --listen localhost:3000"}},
	{"a host alone", "", "--listen localhost", []string{"--listen localhost:", "write HOST:PORT"}},
	{"a deployment secret that nobody answers for", "LATCHKEY_SECRET_ARN=arn:x AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_ENDPOINT_URL_SECRETS_MANAGER=http://127.0.0.1:1", "",
		[]string{"LATCHKEY_SECRET_ARN: the deployment secret cannot be read: no answer from Secrets Manager"}},
	{"every address, but no port", "", "--listen 0.0.0.0", []string{"--listen 0.0.0.0:", "write HOST:PORT"}},
	{"every address, but an empty port", "", "--listen 0.0.0.0:", []string{"--listen 0.0.0.0:", "write HOST:PORT"}},
	{"a URL", "", "--listen http://localhost:3000", []string{"--listen http://localhost:3000:", "write HOST:PORT"}},
	{"a port that is none", "", "--listen localhost:99999", []string{"--listen localhost:99999:", "invalid port", "for example"}},
	{"an address of another machine", "", "--listen 192.0.2.1:0", []string{"--listen 192.0.2.1:0:", "listen on this machine"}},
	{"nothing to listen on", "", "--listen", []string{"--listen needs a value", "--help"}},
	{"a flag that is none", "", "--lisen localhost:0", []string{"unknown flag --lisen", `did you mean "--listen"`}},
	{"an offset without a unit", "", "--clock-offset 5", []string{"--clock-offset", "missing unit"}},
	{"one word too many", "", "now", []string{"there is no command now", "serve, doctor, table, user, client and keys"}},
}

var otherMistakes = []mistake{
	{"a command that is none", "", "serv", []string{"there is no command serv", "serve, doctor, table, user, client and keys"}},
	{"half a command", "", "table", []string{`expected "create"`, "--help"}},

	{"doctor: a typo", "OAUTH_PROVIDER=githbu OAUTH_CLIENT_ID=abc", "doctor", []string{"OAUTH_PROVIDER:", "did you mean github?"}},
	{"doctor: no client id", "OAUTH_PROVIDER=github", "doctor", []string{"OAUTH_CLIENT_ID: is not set"}},
	{"doctor: any port", google, "doctor --listen localhost:0", []string{"--listen localhost:0:", "name the one"}},
	{"doctor: no port", google, "doctor --listen localhost", []string{"--listen localhost:", "write HOST:PORT"}},
	{"doctor: another machine", google, "doctor --listen 192.0.2.1:80", []string{"--listen 192.0.2.1:80:", "plain http is for loopback", "PUBLIC_BASE_URL"}},
	{"doctor: the ARN of a secret", google + "OAUTH_CLIENT_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:x", "doctor", []string{"OAUTH_CLIENT_SECRET_ARN: is for the deployed functions"}},

	{"table: no name", "AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1", "table create", []string{"TABLE_NAME: is not set", "for example TABLE_NAME="}},
	{"table: nothing answers", "OAUTH_PROVIDER=google TABLE_NAME=flows AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:1", "table create", []string{"AWS_ENDPOINT_URL_DYNAMODB:", "start it there, or correct the URL"}},
	{"table: no region", "TABLE_NAME=flows", "table create", []string{"AWS_REGION: is not set"}},
	{"table: no credentials", "TABLE_NAME=flows AWS_REGION=eu-central-1 AWS_EC2_METADATA_DISABLED=true", "table create", []string{"no AWS credentials", "AWS_PROFILE"}},
}

// lambda is what Lambda and the template set for a function.
const lambda = "AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=" + hidden + " TABLE_NAME=flows OAUTH_CLIENT_ID=abc "

var loginMistakes = []mistake{
	{"login: no table", "AWS_REGION=eu-central-1 AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=" + hidden + " " + google, "", []string{"TABLE_NAME: is not set"}},
	{"login: no credentials", "AWS_REGION=eu-central-1 TABLE_NAME=flows " + google, "", []string{"AWS_ACCESS_KEY_ID: is not set"}},
	{"login: a typo", lambda + "OAUTH_PROVIDER=cashmare", "", []string{"OAUTH_PROVIDER:", "did you mean cashmere?"}},
	{"login: a base URL with a path", lambda + "OAUTH_PROVIDER=google PUBLIC_BASE_URL=https://login.example.com/prod", "", []string{"PUBLIC_BASE_URL:", "without a path"}},
	{"login: a login longer than its cookie", lambda + "OAUTH_PROVIDER=google LOGIN_TTL=1h", "", []string{"LOGIN_TTL:", "to 10m0s"}},
	{"login: a reference that nothing resolved", lambda + "OAUTH_PROVIDER=google OAUTH_CLIENT_SECRET={{resolve:secretsmanager:" + hidden + "}}", "", []string{"OAUTH_CLIENT_SECRET: is a CloudFormation reference", "_ARN"}},
}

func TestWrongSettingsSayWhatToDo_P20(t *testing.T) {
	for _, m := range serveMistakes {
		args := strings.Fields("serve " + m.args)
		if !strings.Contains(m.args, "--lis") {
			args = append(args, "--listen", "localhost:0")
		}
		t.Run("serve: "+m.name, func(t *testing.T) { wrong(t, m, command(t, strings.Fields(m.settings), args...)) })
	}
	for _, m := range otherMistakes {
		t.Run(m.name, func(t *testing.T) {
			wrong(t, m, command(t, strings.Fields(m.settings), strings.Fields(m.args)...))
		})
	}
}

func TestWrongSettingsOfTheLoginFunction_P20(t *testing.T) {
	peer.Make(t)
	bootstrap := bootstrapOf(t, "Login")
	for _, m := range loginMistakes {
		t.Run(m.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), bootstrap)
			cmd.Env = strings.Fields(m.settings)
			wrong(t, m, cmd)
		})
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, number, _ := net.SplitHostPort(taken.Addr().String())
	m := mistake{want: []string{":" + number + ": the port is in use", "choose another port", "--listen localhost:0"}}
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "localhost"} {
		wrong(t, m, command(t, nil, "serve", "--listen", host+":"+number))
	}
}

// The table that serve is to use has to be there: whoever signs in cannot make it.
func TestServeLooksForItsTable(t *testing.T) {
	m := mistake{want: []string{"TABLE_NAME: there is no table nowhere", "table create"}}
	settings := []string{"OAUTH_PROVIDER=google", "OAUTH_CLIENT_ID=abc", "TABLE_NAME=nowhere", "AWS_ENDPOINT_URL_DYNAMODB=" + peer.Dynalite(t)}
	wrong(t, m, command(t, settings, "serve", "--listen", "localhost:0"))
}

// wrong starts a program that has to end by itself and say why.
func wrong(t *testing.T, m mistake, cmd *exec.Cmd) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	limit, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	stop := context.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	if !stop() {
		t.Fatalf("still running after %v:\n%s%s", startLimit, &stdout, &stderr)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() <= 0 {
		t.Errorf("ended with %v", err)
	}
	said := stderr.String()
	for _, w := range m.want {
		if !strings.Contains(said, w) {
			t.Errorf("the answer does not say %q:\n%s", w, said)
		}
	}
	if stdout.Len() > 0 {
		t.Errorf("on standard output: %s", &stdout)
	}
	for _, bad := range []string{hidden, "goroutine", "panic", ".go:", "operation error"} {
		if strings.Contains(said, bad) {
			t.Errorf("the answer has %q in it:\n%s", bad, said)
		}
	}
}

// bootstrapOf builds a function and returns the path of its program. No
// process but make's ever has the program open for writing: one that is could
// not be started.
func bootstrapOf(t *testing.T, id string) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "make", "--no-print-directory", "build-"+id, "ARTIFACTS_DIR="+dir, "GOARCH="+runtime.GOARCH)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	return filepath.Join(dir, "bootstrap")
}
