package e2e_test

import (
	"bytes"
	"fmt"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// read returns a file of the repository.
func read(t testing.TB, name string) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// documents are all pages of prose.
func documents(t *testing.T) []string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"README.md", "SECURITY.md", "CHANGELOG.md"}
	err = fs.WalkDir(os.DirFS(root), "docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// section is what stands under a heading of the second level.
func section(text, heading string) string {
	_, rest, _ := strings.Cut("\n"+text, "\n## "+heading+"\n")
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// rows are the cells of the table that has a heading of this first cell.
func rows(text, first string) [][]string {
	_, rest, _ := strings.Cut(text, "\n| "+first+" |")
	var table [][]string
	for i, line := range strings.Split(rest, "\n") {
		if i < 2 { // the rest of the heading, and the rule
			continue
		}
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		table = append(table, cells)
	}
	return table
}

// quoted returns what stands between backticks.
func quoted(cell string) []string {
	var all []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		all = append(all, m[1])
	}
	return all
}

var (
	docLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docPath = regexp.MustCompile("`((?:pkg|e2e|cmd|functions|docs)/[A-Za-z0-9_./-]+)`")
	notSlug = regexp.MustCompile(`[^a-z0-9 -]`)
)

// missing lists the links and the paths of a document that lead nowhere.
func missing(root, name, text string) []string {
	var lost []string
	exists := func(path string) bool {
		_, err := os.Stat(filepath.Join(root, filepath.FromSlash(path)))
		return err == nil
	}
	anchors := []string{}
	for line := range strings.Lines(text) {
		if heading := strings.TrimLeft(line, "#"); heading != line {
			anchors = append(anchors, strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), ""), " ", "-"))
		}
	}
	for _, m := range docLink.FindAllStringSubmatch(text, -1) {
		target, anchor, _ := strings.Cut(m[1], "#")
		switch {
		case strings.HasPrefix(m[1], "https://"):
		case target == "" && slices.Contains(anchors, anchor):
		case target != "" && exists(filepath.Join(filepath.Dir(name), target)):
		default:
			lost = append(lost, m[1])
		}
	}
	for _, m := range docPath.FindAllStringSubmatch(text, -1) {
		if !exists(strings.TrimSuffix(m[1], "/...")) {
			lost = append(lost, m[1])
		}
	}
	return lost
}

func TestDocumentsLeadSomewhere(t *testing.T) {
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range documents(t) {
		for _, lost := range missing(root, name, read(t, name)) {
			t.Errorf("%s: there is no %s", name, lost)
		}
	}
	for _, planted := range []string{"[a](docs/nowhere.md)", "[a](#nowhere)", "`pkg/nowhere`", "![a](docs/images/nowhere.png)"} {
		if len(missing(root, "README.md", planted)) == 0 {
			t.Errorf("not noticed: %s", planted)
		}
	}
}

func TestPicturesAreSmall(t *testing.T) {
	for _, name := range []string{"docs/images/signin.png", "docs/images/approve.png"} {
		text := read(t, name)
		if _, err := png.Decode(bytes.NewReader([]byte(text))); err != nil || len(text) > 60_000 {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
}

// imports are the packages of this module that a package imports, tests aside.
func imports(t *testing.T, root, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: no sources: %v", dir, err)
	}
	var found []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range regexp.MustCompile(`(?m)^\s*(?:import )?(?:\w+ )?"github.com/latchkey-go/latchkey/([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
			found = append(found, m[1])
		}
	}
	return found
}

// floorProblems compares the README's floors with the table that the floors
// test enforces. Every package that a program links has to be there.
func floorProblems(readme string, enforced map[string]string, linked []string) []string {
	var problems []string
	listed := map[string]bool{}
	for _, row := range rows(section(readme, "How it is built"), "floor") {
		for _, name := range quoted(row[1]) {
			listed[name] = true
			if row[0] == "5" { // not in the table: every main is there
				continue
			}
			if enforced[name] != row[0] {
				problems = append(problems, fmt.Sprintf("%s: floor %s in the README, %q in the test", name, row[0], enforced[name]))
			}
		}
	}
	for _, name := range linked {
		if !listed[name] {
			problems = append(problems, name+": a program links it, and the README does not have it")
		}
	}
	return problems
}

func TestReadmeFloors(t *testing.T) {
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	enforced := map[string]string{}
	for _, m := range regexp.MustCompile(`"(pkg/[a-z/]+)": (\d)`).FindAllStringSubmatch(read(t, "pkg/floors_test.go"), -1) {
		enforced[m[1]] = m[2]
	}
	linked := []string{"cmd/latchkey"}
	mains, err := filepath.Glob(filepath.Join(root, "functions", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, main := range mains {
		linked = append(linked, "functions/"+filepath.Base(main))
	}
	for i := 0; i < len(linked); i++ {
		for _, name := range imports(t, root, linked[i]) {
			if !slices.Contains(linked, name) {
				linked = append(linked, name)
			}
		}
	}
	readme := read(t, "README.md")
	problems := floorProblems(readme, enforced, linked)
	for _, problem := range problems {
		t.Error(problem)
	}
	for _, planted := range []struct{ old, new string }{
		{"`pkg/rp`, `pkg/idtoken`", "`pkg/rp`"},
		{"| 2 | `pkg/provider`", "| 3 | `pkg/provider`"},
		{"`functions/login`, ", ""},
	} {
		if len(floorProblems(strings.Replace(readme, planted.old, planted.new, 1), enforced, linked)) <= len(problems) {
			t.Errorf("not noticed: %s", planted.old)
		}
	}
}
