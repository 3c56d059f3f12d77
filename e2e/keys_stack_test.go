package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// keyIDs are the ids that a keys command lists.
func keyIDs(said string) []string {
	var ids []string
	for _, m := range regexp.MustCompile(`(?m)^([A-Za-z0-9_-]{6})\t`).FindAllStringSubmatch(said, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// The keys commands find the deployment secret by the stack's output, whatever
// the environment says.
func TestKeysOfAStack(t *testing.T) {
	database := peer.Moto(t)
	root := secret.Mint(256)
	mine := storedSecret(t, database, `{"secrets":"`+root+`"}`)
	stack := deployed{map[string]string{"DeploymentSecretArn": mine, "TableName": "F"}, nil}.register(t, database)
	elsewhere := storedSecret(t, database, secret.Mint(256))
	settings := append(operatorSettings(database), "LATCHKEY_SECRET_ARN="+elsewhere)
	other := say(t, settings, "", "keys", "show")

	all := say(t, settings, "", "keys", "show", "--stack", stack)
	ring, err := secret.ParseRing(root)
	if err != nil {
		t.Fatal(err)
	}
	first := keyIDs(all)
	if !slices.Equal(first, []string{ring.Newest().ID}) {
		t.Fatalf("show: %q", all)
	}
	rotated := say(t, settings, "", "keys", "rotate", "--stack", stack)
	shown := say(t, settings, "", "keys", "show", "--stack", stack)
	both := keyIDs(shown)
	if len(both) != 2 || both[1] != first[0] || !slices.Equal(keyIDs(rotated), both) {
		t.Fatalf("after the rotation: %q, said %q", both, rotated)
	}
	for i, want := range []string{`verifies and opens; signs and seals in 1[01]m\d+s`, "signs and seals"} {
		if !regexp.MustCompile(`(?m)^` + both[i] + `\t` + want + `$`).MatchString(shown) {
			t.Errorf("key %d of %q: want %s", i, shown, want)
		}
	}
	retired := say(t, settings, "", "keys", "retire", first[0], "--yes", "--stack", stack)
	if last := keyIDs(say(t, settings, "", "keys", "show", "--stack="+stack)); !slices.Equal(last, both[:1]) {
		t.Errorf("after the retirement: %q", last)
	}
	if again := say(t, settings, "", "keys", "show"); again != other {
		t.Errorf("the secret of LATCHKEY_SECRET_ARN was changed: %q", again)
	}
	if said := all + rotated + shown + retired; strings.Contains(said, root) || regexp.MustCompile(`[A-Za-z0-9_-]{43}`).MatchString(said) {
		t.Errorf("a secret was said: %s", said)
	}
}

func TestKeysCannotSeeTheStack(t *testing.T) {
	database := peer.Moto(t)
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>` + hidden + `</Message></Error></ErrorResponse>`))
	}))
	t.Cleanup(denied.Close)
	here := operatorSettings(database)
	for name, test := range map[string]struct {
		settings []string
		outputs  map[string]string // of STACK
		args     string
		want     []string
	}{
		"there is no stack":             {here, nil, "show --stack nowhere", []string{"--stack nowhere", "there is no such stack", "AWS_REGION"}},
		"not allowed":                   {append(slices.Clone(here), "AWS_ENDPOINT_URL_CLOUDFORMATION="+denied.URL), nil, "rotate --stack mine", []string{"--stack mine", "credentials"}},
		"a stack without a secret":      {here, map[string]string{"TableName": "F"}, "rotate --stack STACK", []string{"has no output DeploymentSecretArn"}},
		"a secret that is gone":         {here, map[string]string{"DeploymentSecretArn": storedSecret(t, database, secret.Mint(256)) + "x"}, "rotate --stack STACK", []string{"ResourceNotFoundException"}},
		"a secret that is gone, shown":  {here, map[string]string{"DeploymentSecretArn": storedSecret(t, database, secret.Mint(256)) + "x"}, "show --stack STACK", []string{"the deployment secret cannot be read: ResourceNotFoundException", "AWS_REGION"}},
		"a secret that is none":         {here, map[string]string{"DeploymentSecretArn": storedSecret(t, database, hidden)}, "show --stack STACK", []string{"the deployment secret cannot be used: secret 1 of the list is shorter than 43 characters"}},
		"nobody answers":                {append(slices.Clone(here), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+gone), map[string]string{"DeploymentSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x"}, "show --stack STACK", []string{"the deployment secret cannot be read: no answer from Secrets Manager"}},
		"a key that is not there":       {here, map[string]string{"DeploymentSecretArn": storedSecret(t, database, secret.Mint(256))}, "retire AAAAAA --stack STACK", []string{"there is no key AAAAAA"}},
		"no name":                       {here, nil, "show --stack", []string{"--stack", "needs a value"}},
		"neither a stack nor a setting": {here, nil, "show", []string{"LATCHKEY_SECRET_ARN: is not set"}},
		"nobody has signed in to AWS":   {[]string{"AWS_REGION=eu-central-1", "AWS_EC2_METADATA_DISABLED=true"}, nil, "show --stack mine", []string{"no AWS credentials"}},
	} {
		t.Run(name, func(t *testing.T) {
			if test.outputs != nil {
				test.args = strings.Replace(test.args, "STACK", deployed{test.outputs, nil}.register(t, database), 1)
			}
			wrong(t, mistake{want: test.want}, command(t, test.settings, append([]string{"keys"}, strings.Fields(test.args)...)...))
		})
	}
}

// between is moto's Secrets Manager, with something done once before a call.
func between(t *testing.T, endpoint, call string, do func()) string {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	proxy := httputil.NewSingleHostReverseProxy(to)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "."+call) {
			once.Do(do)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + server.URL
}

// Whatever somebody else does between reading and writing, it is not lost, and
// neither is a key that was retired there again.
func TestTwoOperatorsAtOnce(t *testing.T) {
	database := peer.Moto(t)
	for _, call := range []string{"PutSecretValue", "UpdateSecretVersionStage"} {
		for _, what := range []string{"rotate", "retire"} {
			t.Run(what+" before "+call, func(t *testing.T) {
				stack := deployed{map[string]string{"DeploymentSecretArn": storedSecret(t, database, secret.Mint(256)+","+secret.Mint(256))}, nil}.register(t, database)
				settings := operatorSettings(database)
				keys := func(args ...string) []string {
					return keyIDs(say(t, settings, "", append([]string{"keys"}, append(args, "--stack", stack)...)...))
				}
				first := keys("show")
				args := []string{"rotate"}
				if what == "retire" {
					args = []string{"retire", first[1], "--yes"}
				}
				var others []string
				slow := append(slices.Clone(settings), between(t, database, call, func() { others = keys(args...) }))
				wrong(t, mistake{want: []string{"changed by somebody else", "run this again"}}, command(t, slow, "keys", "rotate", "--stack", stack))
				if now := keys("show"); len(others) == 0 || !slices.Equal(now, others) {
					t.Errorf("the other's change was lost: %q, want %q", now, others)
				}
				if again := keys("rotate"); !slices.Equal(again[1:], others) {
					t.Errorf("run again: %q", again)
				}
			})
		}
	}
}
