package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// What these types do not have, a workflow may not use: it is a condition, which
// can switch a job or a step off, another shell, a container, a matrix, a
// failure that is let pass, or a setting that reaches further than one step.
type (
	workflow struct {
		Name        string
		On          map[string]any
		Permissions map[string]string
		Concurrency map[string]any
		Env         map[string]string
		Jobs        map[string]job
	}
	job struct {
		Uses        string
		Needs       []string
		RunsOn      string `yaml:"runs-on"`
		Timeout     int    `yaml:"timeout-minutes"`
		Environment string
		Permissions map[string]string
		Steps       []step
	}
	step struct {
		Name string
		Uses string
		With map[string]any
		Env  map[string]string
		Dir  string `yaml:"working-directory"`
		Run  string
	}
)

// action is the name of what a step uses, without the commit.
func (s step) action() string { return strings.Split(s.Uses, "@")[0] }

var (
	pinned    = regexp.MustCompile(`^\s*(?:- )?uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)$`)
	localUse  = regexp.MustCompile(`^\./(\.github/workflows/[\w-]+\.yml)$`)
	toolRun   = regexp.MustCompile(`go (?:run|install) ([\w.-]+\.[a-z]+/\S+)`)
	pipTool   = regexp.MustCompile(`(?:pipx run --spec|pipx? install) (\S+)`)
	exactTool = regexp.MustCompile(`(?:@v|==)\d+\.\d+\.\d+$`)
	ourFile   = regexp.MustCompile(`(?:^|[\s"'=(])((?:\./)?(?:\.ci|\.github|cmd|docs|e2e|functions|pkg)/[\w./-]+|template\.yaml|samconfig\.toml|Makefile)`)
	exactGo   = regexp.MustCompile(`^1\.\d+\.\d+$`)
	weekly    = regexp.MustCompile(`^\d+ \d+ \* \* [0-6]$`)
	forbidden = regexp.MustCompile(`pull_request_target|workflow_run|@latest\b|\|\s*(?:ba)?sh\b|continue-on-error`)
	// stored is a credential that is kept, here or in the settings of the
	// repository, or a place for one.
	stored = regexp.MustCompile(`(?i)\bsecrets\b|access[-_]key|session[-_]token|[^-_]password|private[-_]key|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bgh[a-z]_\w{20}|github_pat_|BEGIN [A-Z ]*KEY`)
	// pasted are the keys whose values may have an expression: they get it as
	// a value, and no shell reads it.
	pasted = []string{"with", "env", "environment", "concurrency"}
)

// workflowProblems lists what is wrong with a workflow; exists says which
// files there are.
func workflowProblems(name, text string, exists func(string) bool) []string {
	var w workflow
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, args...)) }
	decoder := yaml.NewDecoder(strings.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&w); err != nil {
		report("%v", err)
	}
	if w.Env["GOFLAGS"] != "-mod=readonly" || w.Env["GOTOOLCHAIN"] != "local" || !exactGo.MatchString(w.Env["GO_VERSION"]) || len(w.Env) != 3 {
		report("the toolchain is not fixed: %v", w.Env)
	}
	for number, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		if found := forbidden.FindString(line); found != "" {
			report("line %d: forbidden: %s", number+1, found)
		}
		if found := stored.FindString(line); found != "" {
			report("line %d: a stored credential: %s", number+1, found)
		}
		_, uses, found := strings.Cut(line, "uses: ")
		if found && !pinned.MatchString(line) && !localUse.MatchString(uses) {
			report("line %d: not pinned by a commit, with its tag: %s", number+1, uses)
		}
	}
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err == nil {
		problems = append(problems, expressionProblems(name, "", &root)...)
	}
	for id, j := range w.Jobs {
		problems = append(problems, jobProblems(name+" "+id, j, exists)...)
	}
	problems = append(problems, dutyProblems(name, w)...)
	return append(problems, orderProblems(name, w)...)
}

// expressionProblems are the expressions below a node that the runner would
// paste into a script, a shell or what else is not a mere value.
func expressionProblems(name, key string, n *yaml.Node) []string {
	var problems []string
	if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, "${{") {
		problems = append(problems, fmt.Sprintf("%s: an expression in %s: %s", name, key, n.Value))
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue
			}
			key = n.Content[i-1].Value
		}
		if !slices.Contains(pasted, key) {
			problems = append(problems, expressionProblems(name, key, child)...)
		}
	}
	return problems
}

func jobProblems(name string, j job, exists func(string) bool) []string {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, args...)) }
	if j.Uses != "" {
		if m := localUse.FindStringSubmatch(j.Uses); m == nil || !exists(m[1]) {
			report("there is no %s", j.Uses)
		}
		return problems // the time is that of the jobs there
	}
	if j.RunsOn != "ubuntu-24.04" {
		report("runs on %q", j.RunsOn)
	}
	if j.Timeout < 1 || j.Timeout > 90 {
		report("%d minutes", j.Timeout)
	}
	if writes := slices.Contains(mapValues(j.Permissions), "write"); writes && j.Environment == "" {
		report("writes without an environment that could ask first")
	}
	for _, s := range j.Steps {
		switch {
		case s.action() == "actions/checkout" && s.With["persist-credentials"] != false:
			report("the checkout leaves its token behind")
		case s.action() == "actions/setup-go" && s.With["go-version"] != "${{ env.GO_VERSION }}":
			report("another Go: %v", s.With)
		case s.action() == "actions/setup-go" && !strings.HasPrefix(name, "test.yml") && s.With["cache"] != false:
			report("builds from a cache that others can fill")
		}
		problems = append(problems, runProblems(name, s, exists)...)
	}
	return problems
}

// runProblems looks at what a step types: only versions that are named, only
// files there are, and no failure that the job passes over.
func runProblems(name string, s step, exists func(string) bool) []string {
	var problems []string
	report := func(format string, args ...any) { problems = append(problems, name+": "+fmt.Sprintf(format, args...)) }
	for _, m := range append(toolRun.FindAllStringSubmatch(s.Run, -1), pipTool.FindAllStringSubmatch(s.Run, -1)...) {
		if !exactTool.MatchString(m[1]) {
			report("%s has no version", m[1])
		}
	}
	for _, m := range ourFile.FindAllStringSubmatch(s.Run, -1) {
		if !exists(m[1]) {
			report("there is no %s", m[1])
		}
	}
	for _, problem := range scriptProblems(s.Run) {
		report("%s", problem)
	}
	return problems
}

func mapValues(m map[string]string) []string {
	var values []string
	for _, v := range m {
		values = append(values, v)
	}
	return values
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

func TestWorkflows_P09_P10_P13(t *testing.T) {
	exists, commits, versions := inRepository(t), map[string]string{}, map[string]string{}
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*"))
	if err != nil || len(found) != len(starts) {
		t.Errorf("%d workflows, want %d: %v", len(found), len(starts), err)
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
	// What the workflow lints with is what .ci/run installs.
	lint := regexp.MustCompile(`\bcfn-lint==[\d.]+`)
	if mine, theirs := lint.FindString(read(t, ".github/workflows/test.yml")), lint.FindString(read(t, ".ci/run")); mine != theirs {
		t.Errorf("%s, but .ci/run has %s", mine, theirs)
	}
}
