package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// wantSamconfig is all of samconfig.toml: what is not here is an option that
// nobody thought about, such as a region, a role or parameters that the
// workflow would give to every stack. SAM calls a command by its words with
// underscores, and drops a table that has another name without a word.
var wantSamconfig = map[string]string{
	"":                            "version=0.1",
	"default.build.parameters":    buildOptions,
	"default.validate.parameters": "lint=true",
	"default.deploy.parameters":   deployOptions + ` stack_name="latchkey"`,
	"prod.build.parameters":       buildOptions,
	"prod.validate.parameters":    "lint=true",
	"prod.deploy.parameters":      deployOptions + ` stack_name="prod-latchkey"`, // nothing is shared
	"local.build.parameters":      buildOptions,
	// Not for the network: what runs there is without https.
	"local.local_start_api.parameters": `host="localhost" port=3000 warm_containers="EAGER"`,
}

const (
	buildOptions  = "build_in_source=true cached=false parallel=true"
	deployOptions = `capabilities="CAPABILITY_IAM" confirm_changeset=true fail_on_empty_changeset=false resolve_s3=true`
)

// samconfigOf reads the part of TOML that samconfig.toml is written in: each
// table with its options, sorted. What it does not know it keeps as it stands.
func samconfigOf(text string) map[string]string {
	tables, name := map[string][]string{}, ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "[") {
			name = strings.Trim(line, "[]")
			continue
		}
		key, value, _ := strings.Cut(line, " = ")
		tables[name] = append(tables[name], key+"="+value)
	}
	config := map[string]string{}
	for name, options := range tables {
		slices.Sort(options)
		config[name] = strings.Join(options, " ")
	}
	return config
}

func TestSamconfig(t *testing.T) {
	text := readDeployment(t).samconfig
	if diff := cmp.Diff(wantSamconfig, samconfigOf(text)); diff != "" {
		t.Errorf("-want +samconfig.toml\n%s", diff)
	}
	for _, c := range []struct{ after, old, new string }{
		{"[prod.deploy", "prod-latchkey", "latchkey"},
		{"[default.deploy", "resolve_s3 = true", "resolve_s3 = true\nregion = \"us-east-1\""},
		{"[default.deploy", "CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"},
		{"[default.deploy", "resolve_s3 = true\n", ""},
		{"[prod.deploy", "confirm_changeset = true", "confirm_changeset = false"},
		{"[local.local_start_api", "localhost", "0.0.0.0"},
		{"[local.local_start_api", "[local.local_start_api", "[local.start_api"},
		{"[prod.build", "cached = false", "cached = true"},
	} {
		if cmp.Equal(wantSamconfig, samconfigOf(withFault(t, text, c.after, c.old, c.new))) {
			t.Errorf("not noticed: %s after %s", c.new, c.after)
		}
	}
}

// samCalls runs make local-api with a program in the place of the SAM CLI that
// writes down how it was called: each call as its arguments, and the variables
// that were set for it.
func samCalls(t *testing.T, makefile string, shell ...string) (arguments []string, environments []map[string]string) {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n{ printf '%s ' \"$@\"; echo; env; echo '---'; } >>" + filepath.Join(dir, "calls") + "\n"
	for name, text := range map[string]string{"sam": script, "Makefile": makefile} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "make", "local-api")
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + dir + string(filepath.ListSeparator) + os.Getenv("PATH"), "HOME=" + dir}, shell...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make local-api: %v\n%s", err, out)
	}
	calls, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	for call := range strings.SplitSeq(strings.TrimSuffix(string(calls), "---\n"), "---\n") {
		first, rest, _ := strings.Cut(call, "\n")
		set := map[string]string{}
		for line := range strings.Lines(rest) {
			name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
			set[name] = value
		}
		arguments, environments = append(arguments, strings.TrimSpace(first)), append(environments, set)
	}
	return arguments, environments
}

// localProblems looks at what make local-api hands to the SAM CLI.
func localProblems(t *testing.T, d deployment) []string {
	t.Helper()
	var r report
	processor := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	called, with := samCalls(t, d.makefile)
	r.want("calls", called, []string{"build --config-env local",
		"local start-api --config-env local --add-host host.docker.internal:host-gateway --parameter-overrides Architecture=" + processor})
	if len(called) != 2 {
		return r.lines
	}
	r.want("processor of the build", with[0]["GOARCH"], runtime.GOARCH)
	base := "http://localhost:" + regexp.MustCompile(`port=(\d+)`).FindStringSubmatch(samconfigOf(d.samconfig)["local.local_start_api.parameters"])[1]
	for name, want := range map[string]string{
		"TABLE_NAME": "Flows", "ACCOUNTS_TABLE_NAME": "Accounts", "PUBLIC_BASE_URL": base, "LATCHKEY_SECRET_ARN": "",
		"AWS_ENDPOINT_URL_DYNAMODB": "http://host.docker.internal:8000",
	} {
		if got, set := with[1][name]; !set || got != want {
			r.addf("%s is %q (%v), want %q", name, got, set, want)
		}
		if !regexp.MustCompile(`\b` + name + `:`).MatchString(d.template) {
			r.addf("%s: the template does not declare it, so no function gets it", name)
		}
	}
	secret := with[1]["LATCHKEY_SECRET"]
	if _, again := samCalls(t, d.makefile); len(secret) < 43 || again[1]["LATCHKEY_SECRET"] == secret {
		r.addf("the deployment secret is %d characters, the same in each run: %v", len(secret), again[1]["LATCHKEY_SECRET"] == secret)
	}
	_, own := samCalls(t, d.makefile, "LATCHKEY_SECRET=mine", "AWS_ENDPOINT_URL_DYNAMODB=http://mine:1")
	r.want("what the shell has", fmt.Sprint(own[1]["LATCHKEY_SECRET"], " ", own[1]["AWS_ENDPOINT_URL_DYNAMODB"]), "mine http://mine:1")
	return r.lines
}

// TestLocalAPI is make local-api with everything but the SAM CLI itself and its
// containers, which nothing here has.
func TestLocalAPI(t *testing.T) {
	peer.Make(t)
	if _, err := exec.LookPath("openssl"); err != nil {
		peer.Absent(t, "openssl", "on Debian: apt-get install openssl")
	}
	d := readDeployment(t)
	for _, problem := range localProblems(t, d) {
		t.Error(problem)
	}
	for _, c := range [][2]string{
		{"GOARCH=$(arch) sam build", "sam build"},
		{"sam build --config-env local", "sam build"},
		{"LATCHKEY_SECRET_ARN= ", ""},
		{"$$(openssl rand -hex 32)", strings.Repeat("local", 13)},
		{"$$(openssl rand -hex 32)", "$$$$"},
		{"$${LATCHKEY_SECRET:-$$(openssl rand -hex 32)}", "$$(openssl rand -hex 32)"},
		{"PUBLIC_BASE_URL=http://localhost:3000", "PUBLIC_BASE_URL=http://localhost:3001"},
		{"ACCOUNTS_TABLE_NAME=Accounts ", ""},
		{"Architecture=$(arch:amd64=x86_64)", "Architecture=$(arch:x86_64=amd64)x"},
		{"sam local start-api --config-env local", "sam local start-api"},
		{"host.docker.internal:8000", "localhost:8000"},
		{" --add-host host.docker.internal:host-gateway", ""},
	} {
		planted := d
		planted.makefile = withFault(t, d.makefile, "local-api:", c[0], c[1])
		if len(localProblems(t, planted)) == 0 {
			t.Errorf("not noticed: %q in the place of %q", c[1], c[0])
		}
	}
}
