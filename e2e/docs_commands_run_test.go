package e2e_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// TestReadmeCommands runs what the README says, word for word but for the
// placeholders, the port and the addresses of other people's servers.
func TestReadmeCommands(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, line := range shellLines(read(t, "README.md"), "sh") {
		settings, rest := assignments(line)
		switch {
		case atMoto.MatchString(rest):
			keys = append(keys, line)
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
				readmeRuns(t, 6, "Benchmark", strings.NewReplacer("-bench .", "-bench . -benchtime 1x", "./pkg/...", withBenchmarks(t)).Replace(line))
			})
		}
	}
	t.Run("keys at moto", func(t *testing.T) { readmeKeys(t, keys) })
}

// withBenchmarks are the packages in pkg that have benchmarks. That the others
// build, other tests say.
func withBenchmarks(t *testing.T) string {
	t.Helper()
	var packages []string
	for _, glob := range []string{"../pkg/*/*_test.go", "../pkg/*/*/*_test.go"} {
		files, err := filepath.Glob(glob)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "\nfunc Benchmark") {
				packages = append(packages, "."+filepath.ToSlash(filepath.Dir(file))[len(".."):])
			}
		}
	}
	return strings.Join(slices.Compact(packages), " ")
}

// readmeKeys types the lines about keys into a shell, one after the other, for
// a secret of this test's own.
func readmeKeys(t *testing.T, lines []string) {
	t.Helper()
	for program, how := range map[string]string{"curl": "apt-get install curl", "openssl": "apt-get install openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			peer.Absent(t, program, "on Debian: "+how)
		}
	}
	program, err := latchkey()
	if err != nil {
		t.Fatal(err)
	}
	name := "readme-" + secret.Mint(64)
	own := strings.NewReplacer("http://localhost:8000", peer.Moto(t), `\"latchkey\"`, `\"`+name+`\"`, "_ARN=latchkey ", "_ARN="+name+" ", "go run ./cmd/latchkey", program)
	listed := 0
	for _, line := range lines {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", own.Replace(line))
		cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, t.TempDir()
		out, err := cmd.CombinedOutput()
		if err != nil || strings.HasPrefix(line, "curl") != strings.Contains(string(out), `"ARN"`) {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		listed = len(keyIDs(string(out)))
	}
	if len(lines) != 3 || listed != 2 {
		t.Errorf("%d lines, and %d keys in the end", len(lines), listed)
	}
}

// The output AddUser and the README have the same command, and the README says
// how to have a latchkey to call.
func TestReadmeAddsAUserAsTheStackSays(t *testing.T) {
	output := regexp.MustCompile(`(?s)\n  AddUser: .*?Value: !Sub '([^']+)'`).FindStringSubmatch(read(t, "template.yaml"))
	if output == nil {
		t.Fatal("the template has no output AddUser")
	}
	readme := read(t, "README.md")
	line := strings.NewReplacer("latchkey user", "go run ./cmd/latchkey user", "NAME", "ada", "${AWS::StackName}", "latchkey").Replace(output[1])
	if !slices.Contains(shellLines(readme, "sh"), line) {
		t.Errorf("the README does not have %q", line)
	}
	const build = "go build -o latchkey ./cmd/latchkey"
	if !strings.Contains(section(readme, "Deploy"), "`"+build+"`") || !strings.Contains(section(readme, "Deploy"), "`go install ./cmd/latchkey`") {
		t.Error("the README does not say how to have a latchkey to call")
	}
	program := filepath.Join(t.TempDir(), "latchkey")
	readmeRuns(t, 1, "user add", strings.Replace(build, "-o latchkey", "-o "+program, 1)+" && "+program+" user --help")
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
