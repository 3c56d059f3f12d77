package e2e_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// runbookCommands are the commands of a text that call latchkey, each from the
// command on: "keys retire ID --stack NAME".
func runbookCommands(text string) []string {
	var list []string
	for _, m := range regexp.MustCompile("(?m)`(?:[A-Z_]+=\\S+ )*latchkey ([a-z][^`\n]*)`").FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

// commandProblems asks the help of each command for its name and its flags.
func commandProblems(text string, help func(words ...string) (string, error)) []string {
	var problems []string
	for _, line := range runbookCommands(text) {
		words := strings.Fields(line)
		n := 1
		if words[0] != "doctor" && words[0] != "serve" {
			n = min(2, len(words))
		}
		said, err := help(words[:n]...)
		if err != nil {
			problems = append(problems, line+": there is no such command")
			continue
		}
		given, takes := 0, strings.Count(strings.SplitN(said, "\n", 2)[0], "<")
		for i := n; i < len(words); i++ {
			if !strings.HasPrefix(words[i], "--") {
				given++
				continue
			}
			flag := regexp.MustCompile(`(?m)^ +(?:-\w, )?` + regexp.QuoteMeta(words[i]) + `(=\S+)?\s`).FindStringSubmatch(said)
			if flag == nil {
				problems = append(problems, line+": there is no flag "+words[i])
			} else if flag[1] != "" {
				i++ // its value
			}
		}
		if given > takes {
			problems = append(problems, line+": too many words")
		}
	}
	return problems
}

// TestOperationsCommandsAndFlags compares every latchkey command of the runbook
// with what the program takes.
func TestOperationsCommandsAndFlags(t *testing.T) {
	known := map[string]string{}
	help := func(words ...string) (string, error) {
		key := strings.Join(words, " ")
		if said, ok := known[key]; ok {
			return said, nil
		}
		out, err := command(t, nil, append(slices.Clone(words), "--help")...).CombinedOutput()
		if err == nil {
			known[key] = string(out)
		}
		return string(out), err
	}
	text := read(t, runbook)
	for _, problem := range commandProblems(text, help) {
		t.Error(problem)
	}
	for _, want := range []string{"keys rotate", "keys retire", "keys show", "user add", "user passwd", "client list", "client add", "client rotate-secret", "doctor"} {
		if known[want] == "" {
			t.Errorf("%s is not in the runbook; there are %v", want, slices.Sorted(maps.Keys(known)))
		}
	}
	for _, planted := range []string{"`latchkey keys show --stock NAME`", "`latchkey keys forget ID`", "`X=y latchkey user remove ada bob`", "`latchkey user disable ada --name X`", "`latchkey doctor --stack NAME --all`"} {
		if len(commandProblems(planted, help)) == 0 {
			t.Errorf("not noticed: %s", planted)
		}
	}
}
