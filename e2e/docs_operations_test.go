package e2e_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

const runbook = "docs/operations.md"

// listed are the names in the first column of a table of the runbook. Every
// other cell has to say something.
func listed(t *testing.T, text, first string) []string {
	t.Helper()
	var names []string
	for _, row := range rows(strings.ReplaceAll(text, `\|`, ""), first) {
		for _, cell := range row {
			if len(cell) < 2 {
				t.Errorf("%s: a cell that says nothing: %v", row[0], row)
			}
		}
		names = append(names, quoted(row[0])...)
	}
	slices.Sort(names)
	return names
}

// productionSource is the text of all packages, tests aside.
func productionSource(t *testing.T) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = fs.WalkDir(os.DirFS(root), "pkg", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "pkg/doctor/") {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// found are the first groups of all matches, sorted and each once.
func found(text string, patterns ...string) []string {
	var all []string
	for _, pattern := range patterns {
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			all = append(all, m[1])
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// codes are the error codes that pkg/oauth declares.
func codes(t *testing.T) []string {
	t.Helper()
	return found(read(t, "pkg/oauth/error.go"), `(?m)^\s*[A-Z]\w+ +Code = "([a-z_]+)"$`)
}

func TestOperationsHasEveryAlarm_P17(t *testing.T) {
	alarms := found(read(t, "template.yaml"), `(?m)^  (\w+): \{Type: AWS::CloudWatch::Alarm,`)
	if diff := cmp.Diff(alarms, listed(t, read(t, runbook), "alarm")); diff != "" || len(alarms) < 8 {
		t.Errorf("-template +runbook\n%s", diff)
	}
}

func TestOperationsHasEveryErrorCode(t *testing.T) {
	want := codes(t)
	if diff := cmp.Diff(want, listed(t, read(t, runbook), "code")); diff != "" || len(want) < 25 {
		t.Errorf("-code +runbook\n%s", diff)
	}
}

// TestOperationsHasEveryOutcome compares the outcomes that are no error codes
// with the code, and with the filters of the template.
func TestOperationsHasEveryOutcome(t *testing.T) {
	source := productionSource(t)
	want := found(source,
		`slog\.String\("outcome", "([a-z_]+)"\)`,
		`\boutcome\([^\n"]*"([a-z_]+)"\)`,
		`\boutcome[A-Z]\w* *= "([a-z_]+)"`,
		`(?m)^\s*(?:allowed|denied|codeReplayed|refreshReused) += "([a-z_]+)"$`,
	)
	known := codes(t)
	for _, m := range regexp.MustCompile(`\$\.outcome = "([a-z_]+)"`).FindAllStringSubmatch(read(t, "template.yaml"), -1) {
		if !slices.Contains(known, m[1]) {
			want = append(want, m[1])
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), listed(t, read(t, runbook), "outcome")); diff != "" {
		t.Errorf("-code +runbook\n%s", diff)
	}
}

// TestOperationsHasEveryAttribute compares the attributes of a log line.
func TestOperationsHasEveryAttribute(t *testing.T) {
	want := append(found(productionSource(t), `slog\.(?:String|Int|Int64|Uint64|Float64|Bool|Duration|Time|Any)\("([a-z_]+)"`), "time", "level", "msg")
	slices.Sort(want)
	if diff := cmp.Diff(slices.Compact(want), listed(t, read(t, runbook), "attribute")); diff != "" {
		t.Errorf("-code +runbook\n%s", diff)
	}
}

// TestOperationsNamesWhatThereIs looks for the parameters, outputs and log
// groups that the runbook names.
func TestOperationsNamesWhatThereIs(t *testing.T) {
	text, template := read(t, runbook), read(t, "template.yaml")
	for _, name := range []string{"AlarmTopicArn", "DeploymentSecretArn", "ClientSecretArn", "LoginRate", "TokenBurst", "SignInRate", "RefreshMax", "SessionMax", "Alarms"} {
		if !strings.Contains(text, "`"+name+"`") || !strings.Contains(template, "\n  "+name+": {") {
			t.Errorf("%s: not in both", name)
		}
	}
	for _, group := range []string{"/aws/lambda/", "/aws/vendedlogs/"} {
		if !strings.Contains(text, "`"+group+"NAME") || !strings.Contains(template, "'"+group+"${AWS::StackName}") {
			t.Errorf("%s: not in both", group)
		}
	}
	for _, m := range regexp.MustCompile("latchkey ((?:doctor|keys|user|client)(?: [a-z-]+)?)").FindAllStringSubmatch(text, -1) {
		if command := "`latchkey " + strings.TrimSuffix(m[1], " --stack"); !strings.Contains(section(read(t, "README.md"), "Commands"), command) {
			t.Errorf("the README has no command %s", command)
		}
	}
}
