package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

// settingsOfTheCode are the names that a function or the command asks for.
func settingsOfTheCode(t *testing.T) []string {
	t.Helper()
	names := asked(slices.Collect(maps.Keys(readers)), nil)
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "cmd", "latchkey", "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?:\be\.[A-Z]\w+|os\.Getenv)\("([A-Z][A-Z0-9_]+)"`).FindAllStringSubmatch(string(text), -1) {
			names = append(names, m[1])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func settingsOf(readme string) []string {
	var names []string
	for _, row := range rows(section(readme, "Settings"), "name") {
		names = append(names, quoted(row[0])...)
	}
	slices.Sort(names)
	return names
}

func TestReadmeSettings(t *testing.T) {
	readme, want := read(t, "README.md"), settingsOfTheCode(t)
	if diff := cmp.Diff(want, settingsOf(readme)); diff != "" {
		t.Errorf("-code +README\n%s", diff)
	}
	for _, planted := range []struct{ old, new string }{
		{"| `LOGIN_TTL` |", "| `LOGIN_TTTL` |"},
		{"| `OAUTH_SCOPE` | scopes, separated by spaces |", "| `OAUTH_SCOPES` | scopes |"},
		{"| `LOG_LEVEL` |", "| `LOG_COLOUR` |"},
		{"| `REFRESH_GRACE` |", "| `REFRESH_GRADE` |"},
	} {
		if cmp.Equal(want, settingsOf(strings.Replace(readme, planted.old, planted.new, 1))) {
			t.Errorf("not noticed: %s", planted.old)
		}
	}
}

// TestReadmeDefaults holds the defaults and the older names of the table to
// what the readers do.
func TestReadmeDefaults(t *testing.T) {
	nothing := &env.Reader{Environ: []string{}}
	lifetimes := func(l grant.Lifetimes) map[string]time.Duration {
		return map[string]time.Duration{
			"CODE_TTL": l.Code, "ACCESS_TTL": l.Access, "REFRESH_TTL": l.Refresh, "REFRESH_GRACE": l.RefreshGrace,
			"REFRESH_MAX": l.RefreshMax, "SESSION_IDLE": l.FirstPartyRefresh,
		}
	}
	deployed, demo := lifetimes(grant.DefaultLifetimes), lifetimes(grant.DemoLifetimes)
	for _, row := range rows(section(read(t, "README.md"), "Settings"), "name") {
		name, def := quoted(row[0])[0], strings.Trim(row[2], "`")
		switch name {
		case "LOGIN_TTL":
			if d, err := time.ParseDuration(def); err != nil || d != rp.LoginTTL(nothing) {
				t.Errorf("%s: %q, the code has %v", name, def, rp.LoginTTL(nothing))
			}
		case "CALLBACK_MODE":
			if want := []string{rp.ModeJSON, rp.ModeSession}; !slices.Equal(quoted(row[2]), want) { // here, and in the functions
				t.Errorf("%s: %q, the code has %q", name, row[2], want)
			}
		}
		if want, ok := deployed[name]; ok {
			for i, want := range []time.Duration{want, demo[name]} {
				if d, err := time.ParseDuration(append(quoted(row[2]), "", "")[i]); err != nil || d != want {
					t.Errorf("%s: %q, the code has %v", name, row[2], want)
				}
			}
			delete(deployed, name)
		}
		if _, now, older := strings.Cut(row[1], "older name of "); older {
			e := &env.Reader{Environ: []string{name + "=https://a.example", quoted(now)[0] + "=https://b.example"}}
			for _, read := range readers {
				read(e)
			}
			if want := name + ": contradicts " + quoted(now)[0]; e.Err() == nil || !strings.Contains(e.Err().Error(), want) {
				t.Errorf("no %q in %v", want, e.Err())
			}
		}
	}
	for name := range deployed {
		t.Errorf("%s has no row", name)
	}
}

// deployProblems compares what the README says about the template with it:
// parameters, outputs, and what each function may do.
func deployProblems(readme, template string) []string {
	var problems []string
	deploy := section(readme, "Deploy")
	block := func(name string) string {
		_, rest, _ := strings.Cut(template, "\n"+name+":\n")
		return rest[:regexp.MustCompile(`(?m)^\S|\z`).FindStringIndex(rest)[0]]
	}
	logical := regexp.MustCompile(`(?m)^  ([A-Z]\w+):`)
	for _, table := range []string{"parameter", "output"} {
		var want, got []string
		for _, m := range logical.FindAllStringSubmatch(block(strings.ToUpper(table[:1])+table[1:]+"s"), -1) {
			want = append(want, m[1])
		}
		for rest := deploy; strings.Contains(rest, "\n| "+table+" |"); _, rest, _ = strings.Cut(rest, "\n| "+table+" |") {
			for _, row := range rows(rest, table) {
				got = append(got, quoted(row[0])...)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			problems = append(problems, table+"s, -template +README\n"+diff)
		}
	}
	granted := regexp.MustCompile(`(?:dynamodb|secretsmanager):(?:Batch)?(?:Get|Put|Update|Delete|Query|Scan|Describe)\w*`)
	for _, row := range rows(deploy, "function") {
		name := quoted(row[0])[0]
		_, role, found := strings.Cut(template, "\n  "+strings.ToUpper(name[:1])+name[1:]+"Role: {")
		role, _, _ = strings.Cut(role, "\n\n")
		var want, got []string
		for _, action := range granted.FindAllString(role, -1) {
			_, action, _ = strings.Cut(action, ":")
			want = append(want, action)
		}
		for _, cell := range row[1:] {
			got = append(got, quoted(cell)...)
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" || !found {
			problems = append(problems, name+", -template +README\n"+diff)
		}
	}
	if got, want := len(rows(deploy, "function")), strings.Count(template, "Type: AWS::Serverless::Function\n"); got != want {
		problems = append(problems, fmt.Sprintf("%d functions in the README, %d in the template", got, want))
	}
	return problems
}

func TestReadmeDeploy(t *testing.T) {
	readme, template := read(t, "README.md"), read(t, "template.yaml")
	for _, problem := range deployProblems(readme, template) {
		t.Error(problem)
	}
	for _, planted := range []struct{ old, new string }{
		{"| `AddUser` |", "| `MakeUser` |"},
		{"`RefreshGrace`, ", ""},
		{"| `userinfo` | `GetItem` |", "| `userinfo` | `PutItem` |"},
		{"| `login` | `PutItem` | | |\n", ""},
	} {
		if len(deployProblems(strings.Replace(readme, planted.old, planted.new, 1), template)) == 0 {
			t.Errorf("not noticed: %s", planted.old)
		}
	}
}

// presetRows are the rows that the README has to have.
func presetRows() [][]string {
	var table [][]string
	for _, p := range provider.Presets {
		if p.Name == "builtin" { // stands for "none"
			continue
		}
		base, endpoints, auth, state := "`"+p.Base+"`", "discovered", "basic", "unverified"
		if p.NeedsBase {
			base = "required, such as `" + p.Example + "`"
		}
		if !p.Issuer {
			endpoints = "`" + p.Paths.Authorize + "`, `" + p.Paths.Token + "`"
		}
		if p.Auth != "" {
			auth = string(p.Auth)
		}
		if p.ClientIDInBody {
			auth += ", and client_id in the body"
		}
		if p.Verified {
			state = "verified by a test"
		}
		table = append(table, []string{"`" + p.Name + "`", base, endpoints, "`" + p.Scope + "`", auth, state})
	}
	return table
}

func TestReadmePresets(t *testing.T) {
	readme := read(t, "README.md")
	if diff := cmp.Diff(presetRows(), rows(section(readme, "Provider presets"), "preset")); diff != "" {
		t.Errorf("-code +README\n%s", diff)
	}
	planted := strings.Replace(readme, "| basic | unverified |", "| basic | verified by a test |", 1)
	if cmp.Equal(presetRows(), rows(section(planted, "Provider presets"), "preset")) {
		t.Error("a preset that no test has met is called verified, and nobody notices")
	}
}

// TestReadmeCommandsAndFlags compares the table of commands with --help.
func TestReadmeCommandsAndFlags(t *testing.T) {
	help := func(args ...string) string {
		out, err := command(t, nil, append(args, "--help")...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v --help: %v\n%s", args, err, out)
		}
		return string(out)
	}
	want := map[string][]string{}
	_, list, _ := strings.Cut(help(), "Commands:")
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z][a-z -]*[a-z])(?: <[a-z]+>)?(?: \[flags\])?$`).FindAllStringSubmatch(list, -1) {
		want["latchkey "+m[1]] = nil
		for _, f := range regexp.MustCompile(`(?m)^ +(?:-\w, )?(--[a-z-]+)`).FindAllStringSubmatch(help(strings.Fields(m[1])...), -1) {
			if f[1] != "--help" {
				want["latchkey "+m[1]] = append(want["latchkey "+m[1]], f[1])
			}
		}
	}
	got := map[string][]string{}
	for _, row := range rows(section(read(t, "README.md"), "Commands"), "command") {
		got[quoted(row[0])[0]] = quoted(row[2])
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("-help +README\n%s", diff)
	}
}
