package e2e_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// directModules are the modules that go.mod requires and that are not marked
// as indirect.
func directModules(gomod string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^(?:require)?\s+(\S+\.\S+/\S+|\S+\.\S+) v\S+(.*)$`).FindAllStringSubmatch(gomod, -1) {
		if !strings.Contains(m[2], "// indirect") {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return names
}

func recordedModules(record string) []string {
	var names []string
	for _, row := range rows(record, "module") {
		if len(row) == 3 && row[2] != "" { // without a reason it does not count
			names = append(names, quoted(row[0])...)
		}
	}
	slices.Sort(names)
	return names
}

func TestModulesHaveAReason_P15(t *testing.T) {
	gomod, record := read(t, "go.mod"), read(t, "docs/decisions/0002-dependencies.md")
	if diff := cmp.Diff(directModules(gomod), recordedModules(record)); diff != "" {
		t.Errorf("-go.mod +record\n%s", diff)
	}
	for _, planted := range []string{
		strings.Replace(gomod, "require (\n", "require (\n\texample.com/another v1.0.0\n", 1),
		gomod + "\nrequire example.com/another v1.0.0\n",
		strings.Replace(gomod, "golang.org/x/oauth2 ", "example.com/oauth2 ", 1),
	} {
		if cmp.Equal(directModules(planted), recordedModules(record)) {
			t.Error("another module is not noticed")
		}
	}
}

func TestSecurityPolicy_P16(t *testing.T) {
	text := read(t, "SECURITY.md")
	says(t, text, "## Reporting a vulnerability", "## Supported versions", "## Response times", "## Threat model", "## Safe harbour")
	says(t, read(t, "docs/threats.md"), "## Assets", "## Assumptions", "## Attackers", "## Not a goal")
	if !strings.Contains(section(text, "Threat model"), "](docs/threats.md)") {
		t.Error("it does not lead to the threat model")
	}
	if !strings.Contains(text, "private vulnerability reporting") {
		t.Error("it does not say how to report in private")
	}
	if !strings.Contains(read(t, "CHANGELOG.md"), "\n## [Unreleased]\n") {
		t.Error("CHANGELOG.md has no section for what is not released")
	}
}

// says wants each heading in a text, and something under it.
func says(t *testing.T, text string, headings ...string) {
	t.Helper()
	for _, heading := range headings {
		_, body, found := strings.Cut(text, "\n"+heading+"\n")
		if body, _, _ = strings.Cut(body, "\n#"); !found || len(strings.TrimSpace(body)) < 40 {
			t.Errorf("%q is missing or says nothing", heading)
		}
	}
}
