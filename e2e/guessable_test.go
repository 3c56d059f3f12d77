package e2e_test

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// guessable is what the commands say of a short password, on standard error.
const guessable = "latchkey: warning: the password has fewer than 8 characters; it works, but can be guessed\n"

// A short password is taken, and warned of once; its value is never said.
func TestShortPasswordsAreWarnedOf(t *testing.T) {
	settings := newTables(t)
	for _, tt := range []struct{ password, args, want string }{
		{"canary7", "user add ada", guessable},
		{"canary-8", "user add bob", ""},
		{"ünïcödé", "user passwd bob", guessable},
		{"ünïcödéß", "user passwd bob", ""},
		{"x\n", "user passwd bob", guessable}, // the line end is not part of it
	} {
		cmd := command(t, settings, append(strings.Fields(tt.args), "--password-stdin")...)
		cmd.Stdin = strings.NewReader(tt.password)
		var stdout, stderr strings.Builder
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s with %q: %v\n%s", tt.args, tt.password, err, &stderr)
		}
		if stderr.String() != tt.want {
			t.Errorf("%s with %q: %q", tt.args, tt.password, &stderr)
		}
		if said := stdout.String() + stderr.String(); strings.Contains(said, "canary") || strings.Contains(said, "ünï") {
			t.Errorf("the password was said: %q", said)
		}
	}
	// Nothing was changed, so there is nothing to warn of.
	cmd := command(t, settings, "user", "add", "ada", "--password-stdin")
	cmd.Stdin = strings.NewReader("x")
	if out, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(out), "warning") {
		t.Errorf("%v: %s", err, out)
	}
}

// What stands in a file is warned of at the start; the demo, whose secrets
// everybody knows, has a line of its own.
func TestShortSecretsInAFileAreWarnedOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := "users:\n  - {username: ada, password: canary7}\nclients:\n" +
		"  - {id: robot, secret: canary-15-chars, scopes: [read], grant_types: [client_credentials]}\n" +
		"  - {id: other, secret: canary-16-chars!, scopes: [read], grant_types: [client_credentials]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServe(t, "localhost:0", nil, "--config", path)
	for id, clientSecret := range map[string]string{"robot": "canary-15-chars", "other": "canary-16-chars!"} {
		if answer := tokenOf(t, s.base, id, clientSecret, url.Values{"grant_type": {"client_credentials"}}); answer["access_token"] == nil {
			t.Errorf("%s: %v", id, answer)
		}
	}
	log := s.log.String()
	for _, want := range []string{
		"latchkey: warning: the password of user ada has fewer than 8 characters; it works, but can be guessed\n",
		"latchkey: warning: the secret of client robot has fewer than 16 characters; it works, but can be guessed\n",
	} {
		if strings.Count(log, want) != 1 {
			t.Errorf("not there once: %q", want)
		}
	}
	if strings.Count(log, "guessed") != 2 || strings.Contains(log+s.out.String(), "canary") {
		t.Errorf("said:\n%s%s", s.out, log)
	}
	if demo := startServe(t, "localhost:0", nil); strings.Contains(demo.log.String(), "guessed") {
		t.Errorf("the demo: %s", demo.log)
	}
}
