package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// A change of a workflow is made twice: there, and here, where it says what the
// workflows are for. Steps are written as plain writes them; a version that is
// named stands as N, so that a newer one needs no change here.

// starts are the events that start each workflow, with what narrows them down.
var starts = map[string]map[string]string{
	"test.yml": {
		"push": `{"branches":["main"]}`, "pull_request": "null", "schedule": `[{"cron":"17 4 * * 1"}]`,
		"workflow_dispatch": "null", "workflow_call": "null",
	},
	"release.yml": {"push": `{"tags":["v*"]}`},
	"deploy.yml": {"workflow_dispatch": `{"inputs":{` +
		`"environment":{"required":true,"type":"environment"},` +
		`"stack":{"default":"latchkey","type":"string"}}}`},
}

// turns are the groups of which one runs at a time. Only a test may be broken
// off for a newer one.
var turns = map[string]string{
	"test.yml":    "test-${{ github.ref }}, newest only",
	"release.yml": "release-${{ github.ref }}",
	"deploy.yml":  "deploy-${{ inputs.stack }}",
}

// duty is what a job has to do. needs are the jobs that must have succeeded
// before, may are its permissions (none: as the workflow, which may read).
type duty struct {
	needs, environment, may string
	steps                   []string
}

const (
	source  = "actions/checkout persist-credentials=false"
	cached  = "actions/setup-go go-version=${{ env.GO_VERSION }}"
	freshGo = "actions/setup-go cache=false go-version=${{ env.GO_VERSION }}"
	assume  = "aws-actions/configure-aws-credentials aws-region=${{ vars.AWS_REGION }} role-session-name=latchkey-deploy role-to-assume=${{ vars.AWS_ROLE_ARN }}"
	samHere = "PIPX_BIN_DIR=${{ runner.temp }}/bin PIPX_HOME=${{ runner.temp }}/pipx pipx install aws-sam-cli==N"
)

var duties = map[string]duty{
	"test.yml checks":   {steps: []string{source, cached, "actions/setup-node node-version=24", "PIP_BREAK_SYSTEM_PACKAGES=1 .ci/run"}},
	"test.yml template": {steps: []string{source, cached, "pipx run --spec cfn-lint==N cfn-lint template.yaml", "go run github.com/rhysd/actionlint/cmd/actionlint@N"}},
	"test.yml reproducible": {steps: []string{source, freshGo, `git checkout-index --all --prefix="$RUNNER_TEMP/elsewhere/"
GOCACHE="$RUNNER_TEMP/cache-one" go run ./e2e/release -out "$RUNNER_TEMP/one"
cd "$RUNNER_TEMP/elsewhere"
GOCACHE="$RUNNER_TEMP/cache-two" go run ./e2e/release -out "$RUNNER_TEMP/two"
diff "$RUNNER_TEMP/one/SHA256SUMS" "$RUNNER_TEMP/two/SHA256SUMS"
cat "$RUNNER_TEMP/one/SHA256SUMS"`}},
	"test.yml vulnerabilities": {steps: []string{source, cached, "go mod verify", "go run golang.org/x/vuln/cmd/govulncheck@N ./..."}},

	"release.yml checks": {steps: []string{"./.github/workflows/test.yml"}},
	"release.yml build": {steps: []string{
		source, freshGo, "go mod download && go mod verify",
		`go run ./e2e/release -version "$GITHUB_REF_NAME" -out "$RUNNER_TEMP/dist"`,
		"actions/upload-artifact if-no-files-found=error name=dist path=${{ runner.temp }}/dist retention-days=5",
	}},
	"release.yml publish": {"build checks", "release", "attestations=write contents=write id-token=write", []string{
		"actions/download-artifact name=dist path=dist",
		"cd dist && sha256sum --check --strict SHA256SUMS",
		"actions/attest-build-provenance subject-checksums=dist/SHA256SUMS",
		"sigstore/cosign-installer cosign-release=N",
		"cd dist && cosign sign-blob --yes --bundle SHA256SUMS.sigstore.json SHA256SUMS",
		`GH_TOKEN=${{ github.token }} gh release create "$GITHUB_REF_NAME" --repo "$GITHUB_REPOSITORY" --verify-tag --generate-notes dist/*`,
	}},

	"deploy.yml deploy": {"", "${{ inputs.environment }}", "contents=read id-token=write", []string{
		source, freshGo, samHere, "\"$RUNNER_TEMP/bin/sam\" build\ngo build -o \"$RUNNER_TEMP/bin/latchkey\" ./cmd/latchkey", assume,
		`STACK=${{ inputs.stack }} "$RUNNER_TEMP/bin/sam" deploy --stack-name "$STACK" --no-confirm-changeset --no-fail-on-empty-changeset`,
		`STACK=${{ inputs.stack }} status=0
"$RUNNER_TEMP/bin/latchkey" doctor --stack "$STACK" >"$RUNNER_TEMP/report" || status=$?
cat "$RUNNER_TEMP/report"
if [ "$status" = 2 ] && grep -q '^To mend: 0\. Not checked: ' "$RUNNER_TEMP/report"; then
echo '::warning::Not everything could be checked; the report says what.'
status=0
fi
exit "$status"`,
	}},
}

var version = regexp.MustCompile(`(@|==|\b)v?\d+\.\d+\.\d+\b`)

// plain writes a step in one form: what it uses with what, or its directory,
// its variables and its script, line by line.
func plain(s step) string {
	text := s.action()
	for _, key := range slices.Sorted(maps.Keys(s.Env)) {
		text += " " + key + "=" + s.Env[key]
	}
	for _, key := range slices.Sorted(maps.Keys(s.With)) {
		text += fmt.Sprintf(" %s=%v", key, s.With[key])
	}
	if s.Dir != "" {
		text += " cd " + s.Dir + " &&"
	}
	for line := range strings.Lines(s.Run) {
		text += "\n" + strings.Join(strings.Fields(line), " ")
	}
	if s.Uses == "" {
		text = strings.Replace(text, "\n", " ", 1)
	}
	return version.ReplaceAllString(strings.TrimSpace(text), "${1}N")
}

// pairs writes a map as words, sorted.
func pairs(m map[string]string) string {
	var words []string
	for key, value := range m {
		words = append(words, key+"="+value)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// dutyProblems compares a workflow and its jobs with what is stated.
func dutyProblems(name string, w workflow) []string {
	var problems []string
	compare := func(where, what string, want, got any) {
		if diff := cmp.Diff(want, got); diff != "" {
			problems = append(problems, fmt.Sprintf("%s: %s is not what is stated: -want +got\n%s", where, what, diff))
		}
	}
	events := map[string]string{}
	for event, narrowed := range w.On {
		events[event] = narrow(narrowed)
	}
	compare(name, "the start", starts[name], events)
	compare(name, "the default permission", "contents=read", pairs(w.Permissions))
	turn := fmt.Sprint(w.Concurrency["group"])
	if w.Concurrency["cancel-in-progress"] != false {
		turn += ", newest only"
	}
	compare(name, "the group", turns[name], turn)
	for id := range w.Jobs {
		if _, stated := duties[name+" "+id]; !stated {
			problems = append(problems, name+" "+id+": a job that nobody stated")
		}
	}
	for key, want := range duties {
		file, id, _ := strings.Cut(key, " ")
		j, found := w.Jobs[id]
		switch {
		case file != name:
			continue
		case !found:
			problems = append(problems, key+": the job is missing")
			continue
		}
		slices.Sort(j.Needs)
		compare(key, "what it needs", want.needs, strings.Join(j.Needs, " "))
		compare(key, "the environment", want.environment, j.Environment)
		compare(key, "the permission", want.may, pairs(j.Permissions))
		got := []string{}
		if j.Uses != "" {
			got = append(got, j.Uses)
		}
		for _, s := range j.Steps {
			got = append(got, plain(s))
		}
		compare(key, "a step", want.steps, got)
	}
	return problems
}

// narrow writes what narrows an event down; descriptions are for people.
func narrow(event any) string {
	if m, ok := event.(map[string]any); ok {
		inputs, _ := m["inputs"].(map[string]any)
		for _, input := range inputs {
			if fields, ok := input.(map[string]any); ok {
				delete(fields, "description")
			}
		}
	}
	text, err := json.Marshal(event)
	if err != nil {
		return err.Error()
	}
	return string(text)
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

// TestOperationsDeployRoleReadsNoSecret: what the workflow could read, it could
// print or send, and from the deployment secret come all tokens.
func TestOperationsDeployRoleReadsNoSecret(t *testing.T) {
	reads := func(text string) []string {
		r, err := readDeployRole(text)
		if err != nil {
			return []string{err.Error()}
		}
		var problems []string
		for _, s := range r.policy {
			for _, action := range s.Action {
				for _, call := range []string{"secretsmanager:GetSecretValue", "secretsmanager:BatchGetSecretValue", "secretsmanager:PutSecretValue"} {
					if matched, err := path.Match(action, call); matched || err != nil {
						problems = append(problems, action+" of "+strings.Join(s.Resource, " "))
					}
				}
			}
		}
		return problems
	}
	text := read(t, runbook)
	for _, problem := range reads(text) {
		t.Error(problem)
	}
	for _, more := range []string{"secretsmanager:GetSecretValue", "secretsmanager:Get*", "secretsmanager:*Value", "secretsmanager:?etSecretValue", "*"} {
		changed := strings.Replace(text, `"secretsmanager:DescribeSecret",`, `"secretsmanager:DescribeSecret", "`+more+`",`, 1)
		if changed == text || len(reads(changed)) == 0 {
			t.Errorf("not noticed: %s", more)
		}
	}
	if said := section(text, "Deploy from GitHub"); !strings.Contains(said, "must not have `secretsmanager:GetSecretValue` on the deployment secret") {
		t.Error("the runbook does not say why the role may not read the secret")
	}
}
