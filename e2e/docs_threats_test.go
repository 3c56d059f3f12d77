package e2e_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// threatProblems reads docs/threats.md: it has its parts, each attack has a
// defence and a test that exists, and a case that a test is named after stands
// in its row.
func threatProblems(text string, tests map[string][]string) []string {
	var problems []string
	for _, heading := range []string{"Assets", "Assumptions", "Attackers", "Not a goal"} {
		if len(strings.TrimSpace(section(text, heading))) < 200 {
			problems = append(problems, heading+" is missing or says nothing")
		}
	}
	attacks := 0
	for rest := text; strings.Contains(rest, "\n| attack |"); _, rest, _ = strings.Cut(rest, "\n| attack |") {
		for _, row := range rows(rest, "attack") {
			attacks++
			if len(row) != 4 || len(row[0]) < 10 || len(row[1]) < 10 {
				problems = append(problems, fmt.Sprintf("not an attack and its defence: %q", row))
				continue
			}
			problems = append(problems, cellProblems(row[3], tests)...)
			ids := caseID.FindAllString(row[2], -1)
			if len(ids) == 0 && row[2] != "-" {
				problems = append(problems, row[0]+": no case")
			}
			for _, id := range ids {
				if named := strings.Replace(id, "-", "", 1); !knownCase(named, tests) {
					problems = append(problems, row[0]+": no test at all is named after "+id)
				}
			}
		}
	}
	if attacks < 50 {
		problems = append(problems, fmt.Sprintf("only %d attacks", attacks))
	}
	return problems
}

// knownCase says whether a test bears the case in its name.
func knownCase(id string, tests map[string][]string) bool {
	bears := regexp.MustCompile(`_` + id + `(?:_|$)`)
	for _, names := range tests {
		if slices.ContainsFunc(names, bears.MatchString) {
			return true
		}
	}
	return false
}

func TestThreats(t *testing.T) {
	text, tests := read(t, "docs/threats.md"), testsOf(t)
	problems := threatProblems(text, tests)
	for _, problem := range problems {
		t.Error(problem)
	}
	for _, planted := range []struct{ name, old, new string }{
		{"a test that is not there", "`TestFixation_C45`", "`TestFixation_C44`"},
		{"a test in another file", "`pkg/rp/signin_test.go`: `TestFixation_C45`", "`pkg/rp/login_test.go`: `TestFixation_C45`"},
		{"an attack without a test", "`e2e/docs_modules_test.go`: `TestModulesHaveAReason_P15`", ""},
		{"an attack without a defence", "| S256, whatever the metadata says |", "| |"},
		{"a case that no test is about", "| C-39 |", "| C-99 |"},
		{"a part that is gone", "## Attackers\n", "## Others\n"},
	} {
		if !strings.Contains(text, planted.old) || len(threatProblems(strings.Replace(text, planted.old, planted.new, 1), tests)) <= len(problems) {
			t.Errorf("not noticed: %s", planted.name)
		}
	}
}
