package e2e_test

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// block is a fenced block of a document.
var block = regexp.MustCompile("(?ms)^ *```(sh|console)\n(.*?)^ *```$")

// shellLines are the lines that the README tells somebody to type, of the
// blocks of one kind.
func shellLines(readme, kind string) []string {
	var lines []string
	for _, m := range block.FindAllStringSubmatch(readme, -1) {
		if m[1] != kind {
			continue
		}
		for line := range strings.Lines(m[2]) {
			line = strings.TrimSpace(line)
			typed, prompted := strings.CutPrefix(line, "$ ")
			if prompted || kind == "sh" {
				lines = append(lines, typed)
			}
		}
	}
	return lines
}

// inCI maps a command of the README to what .ci/run has of it.
var inCI = map[string]string{
	"go test ./...": "go test -race -shuffle=on -timeout 25m ./...",
	"sudo apt-get install chromium python3-django-oauth-toolkit": "missing+=(python3-django-oauth-toolkit)",
	"(cd e2e && npm ci)":                     "(cd e2e && npm ci ",
	"LATCHKEY_REQUIRE_PARTS=1 go test ./...": "LATCHKEY_REQUIRE_PARTS=1 go test ",
	".ci/run":                                "#!/usr/bin/env bash",
	"go test -run TestRelease -v ./e2e":      "go test -race -shuffle=on -timeout 25m ./...",
	"go test -run '^$' -bench . ./pkg/...":   "go test -race -shuffle=on -timeout 25m ./...", // compiled there, run in TestReadmeCommands
}

// untried are the commands that nothing here can run. The README says so.
var untried = []string{
	"sam build", "sam deploy --guided", "make local-api",
	"go run ./cmd/latchkey doctor --stack latchkey", "go run ./cmd/latchkey user add ada --stack latchkey",
}

// serveSession is serve with the flag of mode session.
const serveSession = "go run ./cmd/latchkey --session"

// serveConfig starts serve with the file that the README shows.
const serveConfig = "go run ./cmd/latchkey --config latchkey.yaml"

// operators are the commands that work on tables.
var operators = regexp.MustCompile(`^go run \./cmd/latchkey (table create|user add [a-z]+|client add [a-z]+(?: --(?:redirect-uri|scope) \S+)*)$`)

// runs says how a command of the README is run, "" if it is not.
func runs(line, ci string) string {
	_, rest := assignments(line)
	switch {
	case slices.Contains(untried, line):
		return "untried"
	case inCI[line] != "" && strings.Contains(ci, inCI[line]):
		return "ci"
	case rest == "go run ./cmd/latchkey", rest == serveConfig, (rest == serveSession || rest == serveSession+" --listen localhost:3001"), rest == "go run ./cmd/latchkey doctor", operators.MatchString(rest):
		return "latchkey"
	case line == "go run ./e2e/bench", line == "go run ./e2e/bench server", line == "go run ./e2e/bench first":
		return "bench"
	}
	return ""
}

// assignments splits NAME=value pairs off the front of a command.
func assignments(line string) (settings []string, rest string) {
	words := strings.Fields(line)
	for len(words) > 0 && regexp.MustCompile(`^[A-Z][A-Z0-9_]*=`).MatchString(words[0]) {
		settings, words = append(settings, words[0]), words[1:]
	}
	return settings, strings.Join(words, " ")
}

func TestEveryCommandOfTheReadmeIsRun(t *testing.T) {
	readme, ci := read(t, "README.md"), read(t, ".ci/run")
	lines := shellLines(readme, "sh")
	for _, line := range lines {
		if runs(line, ci) == "" {
			t.Errorf("nothing runs %q: put it into .ci/run or into a test, and into the list of this test", line)
		}
	}
	for _, line := range untried {
		if slices.Contains(lines, line) && !strings.Contains(section(readme, "Security and limits"), "`"+line+"`") {
			t.Errorf("%q was never run, and the README does not say so", line)
		}
	}
	for _, planted := range []string{"go run ./cmd/latchkey undo", "rm -r .", "OAUTH_PROVIDER=x go run ./cmd/other", "sam delete", "go run ./cmd/latchkey user add ada --admin", "go run ./cmd/latchkey --sessions"} {
		if runs(planted, ci) != "" {
			t.Errorf("not noticed: %s", planted)
		}
	}
	if runs("(cd e2e && npm ci)", strings.ReplaceAll(ci, "npm ci", "npm install")) != "" {
		t.Error("a command that .ci/run no longer has is not noticed")
	}
}

// TestReadmeCommands runs what the README says, word for word but for the
// placeholders, the port and the addresses of other people's servers.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	for _, line := range shellLines(read(t, "README.md"), "sh") {
		settings, rest := assignments(line)
		switch {
		case rest == "go run ./cmd/latchkey":
			t.Run(line, func(t *testing.T) { readmeServes(t, settings) })
		case rest == serveConfig:
			t.Run(line, func(t *testing.T) { readmeServes(t, settings, "--config", readmeConfig(t)) })
		case (rest == serveSession || rest == serveSession+" --listen localhost:3001"):
			t.Run(line, func(t *testing.T) { readmeServes(t, settings, "--session") })
		case rest == "go run ./cmd/latchkey doctor":
			t.Run(line, func(t *testing.T) {
				d := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{"http://localhost:3000/callback"}})
				settings := append(filled(settings, peer.ConfidentialClient, d.Secret), "OAUTH_PROVIDER_URL="+d.URL)
				out, err := command(t, settings, "doctor").CombinedOutput()
				if err != nil || !strings.Contains(string(out), "\n    http://localhost:3000/callback\n") || strings.Contains(string(out), "FAIL") {
					t.Errorf("%v\n%s", err, out)
				}
			})
		case operators.MatchString(rest):
			t.Run(line, func(t *testing.T) { readmeOperates(t, settings, strings.Fields(rest)[3:]) })
		case line == "go run ./e2e/bench":
			t.Run(line, func(t *testing.T) { readmeRuns(t, 3, "ratio", line+" -n 1") })
		case line == "go run ./e2e/bench first":
			t.Run(line, func(t *testing.T) { readmeRuns(t, 2, "| ", line+" -n 1") })
		case line == "go run ./e2e/bench server":
			t.Run(line, func(t *testing.T) {
				_, noNode := exec.LookPath("node")
				if _, err := os.Stat("node_modules/oidc-provider"); err != nil || noNode != nil {
					peer.Absent(t, "oidc-provider", "install Node.js, then cd e2e && npm ci")
				}
				readmeRuns(t, 6, "| ", line+" -n 20 -turns 1 -grants 100")
			})
		case line == "go test -run '^$' -bench . ./pkg/...":
			t.Run(line, func(t *testing.T) {
				readmeRuns(t, 6, "Benchmark", strings.Replace(line, "-bench .", "-bench . -benchtime 1x", 1))
			})
		}
	}
}

// readmeConfig writes the file that the README shows.
func readmeConfig(t *testing.T) string {
	t.Helper()
	m := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindStringSubmatch(read(t, "README.md"))
	if m == nil {
		t.Fatal("the README shows no file")
	}
	path := filepath.Join(t.TempDir(), "latchkey.yaml")
	if err := os.WriteFile(path, []byte(m[1]), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// onTables points settings at tables of this test's own.
func onTables(t *testing.T, settings []string) []string {
	t.Helper()
	own := strings.NewReplacer("http://localhost:8000", peer.Dynalite(t), "=latchkey-", "=readme-")
	settings = slices.Clone(settings)
	for i := range settings {
		settings[i] = own.Replace(settings[i])
	}
	return settings
}

// readmeOperates runs a command on tables, which are there from the first one on.
func readmeOperates(t *testing.T, settings, args []string) {
	t.Helper()
	settings = onTables(t, settings)
	if args[0] != "table" {
		say(t, settings, "", "table", "create")
	}
	if args[0] == "user" { // there is no terminal here to ask at
		args = append(args, "--password-stdin")
	}
	out, err := func() ([]byte, error) {
		cmd := command(t, settings, args...)
		cmd.Stdin = strings.NewReader("a password\n")
		return cmd.CombinedOutput()
	}()
	if err != nil || !regexp.MustCompile(`is ready|added`).Match(out) {
		t.Errorf("%v\n%s", err, out)
	}
}

// filled puts values where the placeholders are.
func filled(settings []string, id, clientSecret string) []string {
	var all []string
	for _, s := range settings {
		s = strings.Replace(s, "your-client-id", id, 1)
		all = append(all, strings.Replace(s, "your-client-secret", clientSecret, 1))
	}
	return all
}

// readmeServes starts serve with the settings of the README. With the
// placeholders as they stand it has to be refused.
func readmeServes(t *testing.T, settings []string, args ...string) {
	t.Helper()
	if strings.Contains(strings.Join(settings, " "), "your-") {
		out, err := command(t, settings, "serve", "--listen", "localhost:0").CombinedOutput()
		if err == nil || !strings.Contains(string(out), "placeholder") {
			t.Errorf("with placeholders: %v\n%s", err, out)
		}
	}
	settings = filled(settings, "an-id", "a-secret")
	if strings.Contains(strings.Join(settings, " "), "_TABLE_NAME=") {
		settings = onTables(t, settings)
		say(t, settings, "", "table", "create")
	}
	s := startServe(t, "localhost:0", settings, args...)
	if got := get(t, person(nil), s.base+"/"); got.StatusCode != http.StatusOK {
		t.Errorf("the first page: %d %s", got.StatusCode, got.body)
	}
}

// readmeRuns runs a command with a shell, and wants at least n lines with a word.
func readmeRuns(t *testing.T, n int, word, line string) {
	t.Helper()
	if testing.Short() {
		t.Skip("go test -short: run it without")
	}
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Count(string(out), word) < n {
		t.Errorf("%v\n%s", err, out)
	}
}

// same makes two runs of one login equal: what is random becomes #.
var same = regexp.MustCompile(`(state=|code_challenge=|nonce=|login=|"(?:access|refresh)_token":"(?:lk[ar]_)?)[A-Za-z0-9_-]+(?:\.\.\.)?`)

func masked(s string) string { return strings.TrimSpace(same.ReplaceAllString(s, "$1#")) }

// TestTranscript types the README's curl commands into a shell and compares
// what comes back, header for header, but for the date and the length. What
// the README tells a person to do in a browser is done before a code is used.
func TestTranscript(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		peer.Absent(t, "curl", "on Debian: apt-get install curl")
	}
	readme := read(t, "README.md")
	authorize := regexp.MustCompile(`(?m)^http://localhost:3000(/oauth/authorize\?.+)$`).FindStringSubmatch(readme)
	if authorize == nil {
		t.Fatal("the README has no address to open")
	}
	s := startServe(t, "localhost:0", nil)
	there := strings.NewReplacer(s.base, "http://localhost:3000", url.QueryEscape(s.base), url.QueryEscape("http://localhost:3000"), "\r", "")
	unsteady := regexp.MustCompile(`(?m)^(?:Date|Content-Length): .*\n`)
	code, refresh, steps := "", "", 0
	for _, m := range block.FindAllStringSubmatch(readme, -1) {
		if m[1] != "console" {
			continue
		}
		for step := range strings.SplitSeq(strings.TrimPrefix(m[2], "$ "), "\n$ ") {
			line, want, _ := strings.Cut(step, "\n")
			if code == "" && strings.Contains(line, "$CODE") {
				code = signInAndApprove(t, person(nil), s.base, s.base+authorize[1], "approve").Query().Get("code")
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, "http://localhost:3000", s.base))
			cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "CODE="+code, "REFRESH_TOKEN="+refresh)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			got := unsteady.ReplaceAllString(there.Replace(string(out)), "")
			if diff := cmp.Diff(masked(want), masked(got)); diff != "" {
				t.Errorf("%s\n-README +now\n%s", line, diff)
			}
			if newest := regexp.MustCompile(`"refresh_token":"([^"]+)"`).FindStringSubmatch(string(out)); newest != nil {
				refresh = newest[1]
			}
			steps++
		}
	}
	if steps != len(shellLines(readme, "console")) || steps == 0 {
		t.Errorf("%d steps", steps)
	}
}
