package e2e_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

var (
	testFunc  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w+)\(`)
	caseInID  = regexp.MustCompile(`_([CFPS])([0-9]{2})`)
	caseID    = regexp.MustCompile(`\b[CFPS]-[0-9]{2}\b`)
	testGroup = regexp.MustCompile("^`([^`]+_test\\.go)`: ((?:`\\w+`(?:, )?)+)$")
)

// testsOf maps each test file of the module to its test functions.
func testsOf(t *testing.T) map[string][]string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string][]string{}
	for _, dir := range []string{"cmd", "e2e", "functions", "pkg"} {
		err := fs.WalkDir(os.DirFS(root), dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if d.IsDir() && d.Name() == "node_modules" {
				return fs.SkipDir
			}
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(filepath.Join(root, path))
			for _, m := range testFunc.FindAllStringSubmatch(string(text), -1) {
				tests[path] = append(tests[path], m[1])
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return tests
}

// standardsProblems reads the tables of docs/standards.md: each test that a
// row names has to exist where the row says, and each case that a test is
// named after has to be in a row.
func standardsProblems(text string, tests map[string][]string) []string {
	var problems []string
	listed := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 4 {
			problems = append(problems, "not four cells: "+line)
			continue
		}
		if cell := strings.TrimSpace(cells[3]); cell != "test" {
			problems = append(problems, cellProblems(cell, tests)...)
		}
		for _, id := range caseID.FindAllString(cells[2], -1) {
			listed[id] = true
		}
	}
	for file, names := range tests {
		for _, name := range names {
			for _, m := range caseInID.FindAllStringSubmatch(name, -1) {
				if id := m[1] + "-" + m[2]; !listed[id] {
					problems = append(problems, fmt.Sprintf("%s: %s is about %s, which has no row", file, name, id))
				}
			}
		}
	}
	return problems
}

func cellProblems(cell string, tests map[string][]string) []string {
	var problems []string
	for group := range strings.SplitSeq(cell, "; ") {
		m := testGroup.FindStringSubmatch(group)
		if m == nil {
			problems = append(problems, "cannot be read: "+group)
			continue
		}
		for _, name := range quoted(m[2]) {
			if !slices.Contains(tests[m[1]], name) {
				problems = append(problems, m[1]+" has no "+name)
			}
		}
	}
	return problems
}

func TestStandards(t *testing.T) {
	text, tests := read(t, "docs/standards.md"), testsOf(t)
	problems := standardsProblems(text, tests)
	for _, problem := range problems {
		t.Error(problem)
	}
	for _, planted := range []struct{ name, old, new string }{
		{"a test that is not there", "`TestCallback_C21`", "`TestCallback_C20`"},
		{"a test in another file", "`pkg/rp/callback_test.go`: `TestCallback_C21`", "`pkg/rp/login_test.go`: `TestCallback_C21`"},
		{"a case without a row", "| C-21 |", "| |"},
		{"a row without a test", "`pkg/rp/callback_test.go`: `TestDeadline_F21`", ""},
	} {
		if !strings.Contains(text, planted.old) || len(standardsProblems(strings.Replace(text, planted.old, planted.new, 1), tests)) <= len(problems) {
			t.Errorf("not noticed: %s", planted.name)
		}
	}
}
