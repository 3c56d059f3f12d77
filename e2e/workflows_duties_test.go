package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// duties is what the workflows have to do, as pieces of their scripts and as
// actions, in this order.
var duties = map[string][]string{
	"test.yml checks":          {"actions/checkout", "actions/setup-go", ".ci/run"},
	"test.yml template":        {"cfn-lint==1.51.0 cfn-lint template.yaml"},
	"test.yml reproducible":    {"go run ./e2e/release -out \"$RUNNER_TEMP/one\"", "GOCACHE=", "go run ./e2e/release -out \"$RUNNER_TEMP/two\"", "diff "},
	"test.yml vulnerabilities": {"go mod verify", "golang.org/x/vuln/cmd/govulncheck@"},
	"release.yml build":        {"go mod verify", "go run ./e2e/release", "actions/upload-artifact"},
	"release.yml publish":      {"actions/download-artifact", "sha256sum --check --strict", "actions/attest-build-provenance", "cosign sign-blob", "gh release create"},
	"deploy.yml deploy":        {"sam build", "aws-actions/configure-aws-credentials", "sam deploy"},
}

// dutyProblems compares the jobs of a workflow with its duties.
func dutyProblems(name, text string) []string {
	var w workflow
	if err := yaml.Unmarshal([]byte(text), &w); err != nil {
		return []string{err.Error()}
	}
	var problems []string
	for key, want := range duties {
		file, id, _ := strings.Cut(key, " ")
		if file != name {
			continue
		}
		var all strings.Builder
		for _, s := range w.Jobs[id].Steps {
			fmt.Fprintln(&all, s.Uses, s.Run)
		}
		rest := all.String()
		for _, piece := range want {
			_, after, found := strings.Cut(rest, piece)
			if !found {
				problems = append(problems, fmt.Sprintf("%s: no %q where it belongs", key, piece))
				continue
			}
			rest = after
		}
	}
	return problems
}

func TestWorkflowsDoTheirWork_P10_P13(t *testing.T) {
	for name := range triggers {
		for _, problem := range dutyProblems(name, read(t, ".github/workflows/"+name)) {
			t.Error(problem)
		}
	}
	for _, planted := range []struct{ file, old, new string }{
		{"test.yml", "golang.org/x/vuln/cmd/govulncheck", "example.com/other"},
		{"test.yml", "cfn-lint==1.51.0", "cfn-lint==1.50.0"},
		{"release.yml", "      - name: The files are those that were built\n        working-directory: dist\n        run: sha256sum --check --strict SHA256SUMS\n", ""},
		{"deploy.yml", "run: sam build", "run: true"},
	} {
		text := read(t, ".github/workflows/"+planted.file)
		changed := strings.Replace(text, planted.old, planted.new, 1)
		if changed == text || len(dutyProblems(planted.file, changed)) == 0 {
			t.Errorf("%s: not noticed: %q", planted.file, planted.new)
		}
	}
	// What the workflow lints with is what .ci/run installs.
	if !strings.Contains(read(t, ".ci/run"), "'cfn-lint==1.51.0'") {
		t.Error(".ci/run has another cfn-lint")
	}
}

// TestDependabot_P10 holds the schedule of the checks, and of the updates.
func TestDependabot_P10(t *testing.T) {
	var test workflow
	if err := yaml.Unmarshal([]byte(read(t, ".github/workflows/test.yml")), &test); err != nil {
		t.Fatal(err)
	}
	times, _ := test.On["schedule"].([]any)
	if len(times) != 1 || !weekly.MatchString(fmt.Sprint(times[0].(map[string]any)["cron"])) {
		t.Errorf("not once a week: %v", times)
	}
	var updates struct {
		Updates []struct {
			Ecosystem string `yaml:"package-ecosystem"`
			Directory string
			Schedule  struct{ Interval string }
		}
	}
	if err := yaml.Unmarshal([]byte(read(t, ".github/dependabot.yml")), &updates); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range updates.Updates {
		got = append(got, u.Ecosystem+" "+u.Directory+" "+u.Schedule.Interval)
	}
	if want := []string{"gomod / weekly", "github-actions / weekly", "npm /e2e weekly"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
