package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
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

// atMoto are the commands that try the keys commands.
var atMoto = regexp.MustCompile(`^(curl -s --aws-sigv4 \S+:secretsmanager .* http://localhost:8000 .*|go run \./cmd/latchkey keys (rotate|show))$`)

// runs says how a command of the README is run, "" if it is not.
func runs(line, ci string) string {
	_, rest := assignments(line)
	switch {
	case slices.Contains(untried, line):
		return "untried"
	case inCI[line] != "" && strings.Contains(ci, inCI[line]):
		return "ci"
	case rest == "go run ./cmd/latchkey", rest == serveConfig, (rest == serveSession || rest == serveSession+" --listen localhost:3001"), rest == "go run ./cmd/latchkey doctor", operators.MatchString(rest), atMoto.MatchString(rest):
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
	for _, planted := range []string{"go run ./cmd/latchkey undo", "rm -r .", "OAUTH_PROVIDER=x go run ./cmd/other", "sam delete", "go run ./cmd/latchkey user add ada --admin", "go run ./cmd/latchkey --sessions", "go run ./cmd/latchkey keys retire ID", "curl -s http://localhost:8000"} {
		if runs(planted, ci) != "" {
			t.Errorf("not noticed: %s", planted)
		}
	}
	if runs("(cd e2e && npm ci)", strings.ReplaceAll(ci, "npm ci", "npm install")) != "" {
		t.Error("a command that .ci/run no longer has is not noticed")
	}
}
