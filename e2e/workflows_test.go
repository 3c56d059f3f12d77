package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

type (
	workflow struct {
		On          map[string]any
		Permissions map[string]string
		Concurrency map[string]any
		Env         map[string]string
		Defaults    map[string]any
		Jobs        map[string]job
	}
	job struct {
		Uses        string
		RunsOn      string `yaml:"runs-on"`
		Timeout     int    `yaml:"timeout-minutes"`
		Environment string
		Permissions map[string]string
		Steps       []step
	}
	step struct {
		Uses string
		Run  string
		Env  map[string]string
		With map[string]any
	}
)

// triggers are the events that start each workflow, and nothing else does.
var triggers = map[string][]string{
	"test.yml":    {"pull_request", "push", "schedule", "workflow_call", "workflow_dispatch"},
	"release.yml": {"push"},
	"deploy.yml":  {"workflow_dispatch"},
}

// writes are the jobs that may do more than read, with what they may.
var writes = map[string]map[string]string{
	"release.yml publish": {"contents": "write", "id-token": "write", "attestations": "write"},
	"deploy.yml deploy":   {"contents": "read", "id-token": "write"},
}

var (
	pinned    = regexp.MustCompile(`^\s*(?:- )?uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$`)
	localUse  = regexp.MustCompile(`^\./(\.github/workflows/[\w-]+\.yml)$`)
	toolRun   = regexp.MustCompile(`go (?:run|install) ([\w.-]+\.[a-z]+/\S+)`)
	pipTool   = regexp.MustCompile(`(?:pipx run --spec|pip install) (\S+)`)
	ourFile   = regexp.MustCompile(`(?:^|[\s"'=(])((?:\./)?(?:\.ci|\.github|cmd|docs|e2e|functions|pkg)/[\w./-]+|template\.yaml|samconfig\.toml|Makefile)`)
	exactGo   = regexp.MustCompile(`^1\.\d+\.\d+$`)
	weekly    = regexp.MustCompile(`^\d+ \d+ \* \* [0-6]$`)
	forbidden = regexp.MustCompile(`pull_request_target|workflow_run|\bsecrets\b|@latest\b|\|\s*(?:ba)?sh\b|continue-on-error`)
)

// workflowProblems lists what is wrong with a workflow; exists says which
// files there are.
func workflowProblems(name, text string, exists func(string) bool) []string {
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return []string{err.Error()}
	}
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, args...)) }
	var events []string
	for event := range w.On {
		events = append(events, event)
	}
	if slices.Sort(events); !slices.Equal(events, triggers[name]) {
		report("starts on %v, want %v", events, triggers[name])
	}
	if !cmp.Equal(w.Permissions, map[string]string{"contents": "read"}) {
		report("permissions are %v, want contents: read", w.Permissions)
	}
	if w.Concurrency["group"] == nil {
		report("no concurrency group")
	}
	if w.Env["GOFLAGS"] != "-mod=readonly" || w.Env["GOTOOLCHAIN"] != "local" || !exactGo.MatchString(w.Env["GO_VERSION"]) {
		report("the toolchain is not fixed: %v", w.Env)
	}
	for number, line := range strings.Split(text, "\n") {
		if found := forbidden.FindString(line); found != "" && !strings.HasPrefix(strings.TrimSpace(line), "#") {
			report("line %d: %s", number+1, found)
		}
		_, uses, found := strings.Cut(line, "uses: ")
		if found && !pinned.MatchString(line) && !localUse.MatchString(uses) {
			report("line %d: not pinned by a commit, with its tag: %s", number+1, uses)
		}
	}
	for id, j := range w.Jobs {
		problems = append(problems, jobProblems(name+" "+id, j, exists)...)
	}
	return problems
}

func jobProblems(name string, j job, exists func(string) bool) []string {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, args...)) }
	if !cmp.Equal(j.Permissions, writes[name]) {
		report("may do %v, want %v", j.Permissions, writes[name])
	}
	if writes[name] != nil && j.Environment == "" {
		report("writes without an environment that could ask first")
	}
	if j.Uses != "" {
		if m := localUse.FindStringSubmatch(j.Uses); m == nil || !exists(m[1]) {
			report("there is no %s", j.Uses)
		}
		return problems
	}
	if j.RunsOn != "ubuntu-24.04" {
		report("runs on %q", j.RunsOn)
	}
	if j.Timeout < 1 || j.Timeout > 90 {
		report("%d minutes", j.Timeout)
	}
	for _, s := range j.Steps {
		action, _, _ := strings.Cut(s.Uses, "@")
		switch {
		case action == "actions/checkout" && s.With["persist-credentials"] != false:
			report("the checkout leaves its token behind")
		case action == "actions/setup-go" && s.With["go-version"] != "${{ env.GO_VERSION }}":
			report("another Go: %v", s.With)
		case action == "actions/setup-go" && writes[name] != nil && s.With["cache"] != false:
			report("builds from a cache that others can fill")
		}
		problems = append(problems, runProblems(name, s, exists)...)
	}
	return problems
}

// runProblems looks at what a step types: no expression, which the runner
// would paste into the script, only versions that are named, only files there
// are.
func runProblems(name string, s step, exists func(string) bool) []string {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, args...)) }
	if strings.Contains(s.Run, "${{") {
		report("an expression in a script: %s", s.Run)
	}
	for _, m := range toolRun.FindAllStringSubmatch(s.Run, -1) {
		if !regexp.MustCompile(`@v\d+\.\d+\.\d+$`).MatchString(m[1]) {
			report("%s has no version", m[1])
		}
	}
	for _, m := range pipTool.FindAllStringSubmatch(s.Run, -1) {
		if !strings.Contains(m[1], "==") {
			report("%s has no version", m[1])
		}
	}
	for _, m := range ourFile.FindAllStringSubmatch(s.Run, -1) {
		if !exists(m[1]) {
			report("there is no %s", m[1])
		}
	}
	return problems
}

// inRepository says whether there is such a file or folder.
func inRepository(t *testing.T) func(string) bool {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) bool {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(name)))
		return err == nil
	}
}

func TestWorkflows_P09_P10(t *testing.T) {
	exists, commits, versions := inRepository(t), map[string]string{}, map[string]string{}
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*"))
	if err != nil || len(found) != len(triggers) {
		t.Errorf("%d workflows, want %d: %v", len(found), len(triggers), err)
	}
	for _, path := range found {
		name := filepath.Base(path)
		text := read(t, ".github/workflows/"+name)
		for _, problem := range workflowProblems(name, text, exists) {
			t.Error(problem)
		}
		for line := range strings.Lines(text) {
			if m := pinned.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil {
				if other := commits[m[1]]; other != "" && other != m[2]+" "+m[3] {
					t.Errorf("%s: %s at two commits", name, m[1])
				}
				commits[m[1]] = m[2] + " " + m[3]
			}
			if _, version, found := strings.Cut(line, "GO_VERSION: "); found {
				versions[strings.TrimSpace(version)] = name
			}
		}
	}
	minor := regexp.MustCompile(`(?m)^go (1\.\d+)`).FindStringSubmatch(read(t, "go.mod"))[1]
	if len(versions) != 1 || !strings.HasPrefix(fmt.Sprint(versions), "map['"+minor+".") {
		t.Errorf("versions of Go: %v, go.mod has %s", versions, minor)
	}
}

// TestWorkflowMutations plants what the rules are against.
func TestWorkflowMutations(t *testing.T) {
	exists := inRepository(t)
	for _, planted := range []struct{ file, old, new string }{
		{"test.yml", "@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", "@v5"},
		{"test.yml", "907a8 # v5.0.0", "907a8"},
		{"test.yml", "persist-credentials: false", "persist-credentials: true"},
		{"test.yml", "  pull_request:\n", "  pull_request_target:\n"},
		{"test.yml", "  contents: read", "  contents: write"},
		{"test.yml", "permissions:\n  contents: read\n", ""},
		{"test.yml", "    timeout-minutes: 90\n", ""},
		{"test.yml", "GOTOOLCHAIN: local", "GOTOOLCHAIN: auto"},
		{"test.yml", "GO_VERSION: '1.26.8'", "GO_VERSION: '1.26'"},
		{"test.yml", "govulncheck@v1.8.0", "govulncheck@latest"},
		{"test.yml", "cfn-lint==1.51.0", "cfn-lint"},
		{"test.yml", "run: .ci/run", "run: .ci/walk"},
		{"test.yml", "go run ./e2e/release", "go run ./e2e/releases"},
		{"release.yml", `"$GITHUB_REF_NAME"`, "${{ github.ref_name }}"},
		{"release.yml", "github.token", "secrets.TOKEN"},
		{"release.yml", "./.github/workflows/test.yml", "./.github/workflows/tests.yml"},
		{"release.yml", "      id-token: write\n", "      id-token: write\n      packages: write\n"},
		{"release.yml", "    environment: release\n", ""},
		{"deploy.yml", "          cache: false\n", ""},
		{"deploy.yml", "  workflow_dispatch:", "  push:\n  workflow_dispatch:"},
		{"deploy.yml", "concurrency:\n  group: deploy-${{ inputs.stack }}\n", "concurrency:\n"},
	} {
		text := read(t, ".github/workflows/"+planted.file)
		changed := strings.Replace(text, planted.old, planted.new, 1)
		if changed == text || len(workflowProblems(planted.file, changed, exists)) == 0 {
			t.Errorf("%s: not noticed: %q", planted.file, planted.new)
		}
	}
}
