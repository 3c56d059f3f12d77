package e2e_test

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// rotating is a stack of one key, with the settings to work on it. older is by
// how many seconds the versions of its secret are older than they are.
func rotating(t *testing.T, parameters map[string]string) (settings []string, stack string, older *atomic.Int64) {
	t.Helper()
	database := peer.Moto(t)
	older = &atomic.Int64{}
	stack = deployed{map[string]string{"DeploymentSecretArn": storedSecret(t, database, secret.Mint(256))}, parameters}.register(t, database)
	return append(operatorSettings(database), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+calendar(t, database, older)), stack, older
}

// What a key made may be alive: nothing is dropped without a yes, and nobody
// who cannot be asked gives one.
func TestRetiringAKeyThatIsInUse(t *testing.T) {
	settings, stack, older := rotating(t, map[string]string{"SessionMax": "1h", "RefreshMax": "3h", "AccessTtl": "2m"})
	keys := func(args ...string) []string {
		t.Helper()
		return keyIDs(say(t, settings, "", append([]string{"keys"}, append(args, "--stack", stack)...)...))
	}
	old := keys("show")[0]
	ids := keys("rotate")
	for _, tt := range []struct {
		name string
		age  time.Duration
		id   string
		want []string
		not  string
	}{
		{"signs now", 0, old, []string{"key " + old + " signs and seals now", "sessions", "(SessionMax 1h)", "(RefreshMax 3h)", "(AccessTtl 2m)", "it signs until"}, ""},
		{"has not signed yet", 0, ids[0], []string{"the rotation is undone", "key " + old + " goes on"}, "sessions"},
		{"has signed a moment ago", 12 * time.Minute, old, []string{"may have signed and sealed", "sessions", "refresh tokens", "access tokens"}, "signs and seals now"},
		{"signs now, the old one is left", 12 * time.Minute, ids[0], []string{"signs and seals now", "Key " + old + ", which is older", "keys rotate"}, ""},
		{"its sessions are over", 2 * time.Hour, old, []string{"refresh tokens"}, "sessions"},
	} {
		older.Store(int64(tt.age / time.Second))
		refuses(t, settings, []string{"keys", "retire", tt.id, "--stack", stack}, tt.name, tt.want, tt.not)
		if now := keys("show"); !slices.Equal(now, ids) {
			t.Fatalf("%s: %q are left of %q", tt.name, now, ids)
		}
	}
	older.Store(int64((3*time.Hour + 12*time.Minute) / time.Second))
	if left := keys("retire", old); !slices.Equal(left, ids[:1]) {
		t.Errorf("when all is over: %q", left)
	}
	wrong(t, mistake{want: []string{"the only key", "keys rotate"}}, command(t, settings, "keys", "retire", ids[0], "--yes", "--stack", stack))
}

// refuses runs a command where nobody can be asked, and compares what it says.
func refuses(t *testing.T, settings, args []string, name string, wants []string, not string) {
	t.Helper()
	for _, stdin := range []string{"the null device", "a pipe"} {
		cmd := command(t, settings, args...)
		if stdin == "a pipe" {
			cmd.Stdin = strings.NewReader("yes\n")
		}
		var said bytes.Buffer
		cmd.Stderr = &said
		if out, err := cmd.Output(); err == nil || len(out) != 0 {
			t.Errorf("%s, %s: %v %s", name, stdin, err, out)
		}
		for _, want := range append(slices.Clone(wants), "othing was changed", "--yes") {
			if !strings.Contains(said.String(), want) {
				t.Errorf("%s, %s: does not say %q: %s", name, stdin, want, &said)
			}
		}
		if not != "" && strings.Contains(said.String(), not) {
			t.Errorf("%s, %s: says %q: %s", name, stdin, not, &said)
		}
	}
}

// A leaked key is dropped at once, and a rotation is undone, by the flag.
func TestRetiringAKeyAllTheSame(t *testing.T) {
	settings, stack, _ := rotating(t, nil)
	for name, which := range map[string]int{"the newest": 0, "the one that signs": 1} {
		ids := keyIDs(say(t, settings, "", "keys", "rotate", "--stack", stack))
		if left := keyIDs(say(t, settings, "", "keys", "retire", ids[which], "--yes", "--stack", stack)); !slices.Equal(left, []string{ids[1-which]}) {
			t.Errorf("%s: %q are left of %q", name, left, ids)
		}
	}
}

// At a terminal the whole word yes drops the key, and nothing else does.
func TestRetiringAKeyIsAskedFor(t *testing.T) {
	if out, err := exec.Command("script", "--version").Output(); err != nil || !strings.Contains(string(out), "util-linux") {
		peer.Absent(t, "script of util-linux, for a terminal", "on Debian: apt-get install bsdutils")
	}
	settings, stack, _ := rotating(t, nil)
	for _, tt := range []struct {
		typed string
		left  int
		says  string
	}{{"y\n", 2, "the answer was not yes; nothing was changed"}, {"\n", 2, "the answer was not yes"}, {"\x04", 2, "nobody has answered"}, {"yes\n", 1, "signs and seals now"}} {
		ids := keyIDs(say(t, settings, "", "keys", "show", "--stack", stack))
		if len(ids) == 1 {
			ids = keyIDs(say(t, settings, "", "keys", "rotate", "--stack", stack))
		}
		retire := command(t, settings, "keys", "retire", ids[1], "--stack", stack)
		cmd := exec.CommandContext(t.Context(), "script", "--quiet", "--return", "--command", strings.Join(retire.Args, " "), "/dev/null")
		cmd.Env, cmd.Stdin = append(retire.Env, "SHELL=/bin/sh"), strings.NewReader(tt.typed)
		out, err := cmd.CombinedOutput()
		if said := string(out); (err == nil) != (tt.left == 1) || !strings.Contains(said, "Type yes to go on: ") || !strings.Contains(said, "SessionMax 168h") || !strings.Contains(said, tt.says) {
			t.Errorf("%q: %v: %s", tt.typed, err, out)
		}
		if left := keyIDs(say(t, settings, "", "keys", "show", "--stack", stack)); len(left) != tt.left {
			t.Errorf("%q: %q are left of %q", tt.typed, left, ids)
		}
	}
}

// One id in 64 begins with a hyphen, and one in 4096 with two. It is an id
// wherever it stands.
func TestRetiringAKeyWithAHyphen(t *testing.T) {
	database := peer.Moto(t)
	settings := operatorSettings(database)
	for _, begins := range []string{"-", "--"} {
		t.Run(begins, func(t *testing.T) {
			root, id := "", ""
			for !strings.HasPrefix(id, begins) {
				root = secret.Mint(256)
				ring, err := secret.ParseRing(root)
				if err != nil {
					t.Fatal(err)
				}
				id = ring.Newest().ID
			}
			stack := deployed{map[string]string{"DeploymentSecretArn": storedSecret(t, database, secret.Mint(256)+","+root)}, nil}.register(t, database)
			for _, args := range [][]string{{id, "--stack", stack}, {"--stack", stack, id}, {"--stack=" + stack, "--", id}} {
				refuses(t, settings, append([]string{"keys", "retire"}, args...), strings.Join(args, " "), []string{"key " + id + " signs and seals now"}, "")
			}
			if left := keyIDs(say(t, settings, "", "keys", "retire", "--yes", id, "--stack", stack)); len(left) != 1 || left[0] == id {
				t.Errorf("%s: %q are left", id, left)
			}
		})
	}
	wrong(t, mistake{want: []string{"unknown flag --yess"}}, command(t, operatorSettings(database), "keys", "retire", "AAAAAA", "--yess=1"))
	if said := say(t, nil, "", "keys", "retire", "--help"); !strings.Contains(said, "--yes") {
		t.Errorf("--help: %s", said)
	}
}
