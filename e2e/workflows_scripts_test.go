package e2e_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/latchkey-go/latchkey/pkg/doctor"
)

// What a script of a workflow says, it says with its exit status. So the scripts
// are run here as the runner does, bash -e, with stand-ins for the commands.

// standIn is a command that writes itself down, with its directory, and
// succeeds, unless it is the one that FAILS.
const standIn = `call="$PWD|${0##*/} $*"
echo "$call" >>"$CALLS"
[ "$call" != "$FAILS" ]
`

// words are what may be commands in a script.
var words = regexp.MustCompile(`[a-z][\w-]*`)

// builders stand in for git and go: each build leaves other checksums, or, with
// SUMS, always these.
const builders = `git() { mkdir -p "$RUNNER_TEMP/elsewhere"; }
go() {
	echo "$PWD|$GOCACHE|$*" >>"$CALLS"
	mkdir -p "${@: -1}"
	echo "${SUMS:-$(wc -l <"$CALLS")}" >"${@: -1}/SHA256SUMS"
}
`

// bench is a place to run a script in.
type bench struct{ dir, path string }

// newBench makes one, with what bash reads first and with programs, by their
// path, that are bash scripts. The caller removes it.
func newBench(first string, programs map[string]string) (bench, error) {
	dir, err := os.MkdirTemp("", "workflow")
	if err != nil {
		return bench{}, err
	}
	shell, err := exec.LookPath("bash")
	files := map[string]string{"first": first}
	for name, text := range programs {
		files[name] = "#!" + shell + "\n" + text
	}
	for name, text := range files {
		to := filepath.Join(dir, name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(to), 0o755), os.WriteFile(to, []byte(text), 0o755))
	}
	return bench{dir: dir, path: "/usr/bin:/bin"}, errors.Join(err, os.MkdirAll(filepath.Join(dir, "elsewhere"), 0o755))
}

// run runs the script and returns what it prints, its status, and the calls
// that it made.
func (b bench) run(script string, env ...string) (said string, status int, calls []string) {
	written := filepath.Join(b.dir, "calls")
	if err := os.WriteFile(written, nil, 0o600); err != nil {
		return err.Error(), -1, nil
	}
	cmd := exec.Command("bash", "-e", "-c", script)
	cmd.Dir = b.dir
	cmd.Env = append([]string{"PATH=" + b.path, "BASH_ENV=" + filepath.Join(b.dir, "first"), "CALLS=" + written, "RUNNER_TEMP=" + b.dir, "GITHUB_REF_NAME=v1"}, env...)
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return err.Error(), -1, nil
	}
	text, _ := os.ReadFile(written)
	return out.String(), cmd.ProcessState.ExitCode(), slices.Collect(strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n"))
}

var judged sync.Map // script -> what is wrong with it

// scriptProblems: a script succeeds if all its commands do, and if one of them
// fails it fails too.
func scriptProblems(script string) []string {
	if script == "" {
		return nil
	}
	if known, found := judged.Load(script); found {
		return known.([]string)
	}
	programs := map[string]string{".ci/run": standIn, "bin/sam": standIn, "bin/latchkey": standIn}
	for _, word := range words.FindAllString(script, -1) {
		programs["path/"+word] = standIn
	}
	b, err := newBench("", programs)
	if err != nil {
		return []string{err.Error()}
	}
	defer os.RemoveAll(b.dir)
	b.path = filepath.Join(b.dir, "path")
	var problems []string
	_, status, calls := b.run(script)
	switch {
	case status != 0:
		problems = append(problems, fmt.Sprintf("ends with %d though all is well: %s", status, script))
	case calls[0] == "":
		problems = append(problems, "does nothing: "+script)
	}
	for _, call := range calls {
		if _, status, _ := b.run(script, "FAILS="+call); status == 0 && call != "" {
			problems = append(problems, "passes over a failure: "+call[strings.LastIndex(call, "|")+1:])
		}
	}
	judged.Store(script, problems)
	return problems
}

// reproducibleProblems: two builds in two directories, neither of which finds
// what the other compiled, and a difference that is noticed.
func reproducibleProblems(script string) []string {
	b, err := newBench(builders, nil)
	if err != nil {
		return []string{err.Error()}
	}
	defer os.RemoveAll(b.dir)
	var problems []string
	if _, status, _ := b.run(script, "SUMS=same"); status != 0 {
		problems = append(problems, "two equal builds are not enough")
	}
	_, status, calls := b.run(script)
	if status == 0 {
		problems = append(problems, "a build that differs is not noticed")
	}
	if len(calls) != 2 || strings.Count(calls[0], "|") < 2 {
		return append(problems, fmt.Sprintf("%d builds", len(calls)))
	}
	one, two := strings.Split(calls[0], "|"), strings.Split(calls[1], "|")
	if one[0] == two[0] {
		problems = append(problems, "both are built in one directory")
	}
	if one[1] == two[1] || one[1] == "" || two[1] == "" {
		problems = append(problems, "the second may link what the first compiled")
	}
	return problems
}

// doctorProblems: the report is printed whatever it says; nothing but a clean
// one and one of what could not be checked lets the job go on.
func doctorProblems(script string) []string {
	b, err := newBench("", map[string]string{"bin/latchkey": `echo "$REPORT"; exit "$STATUS"`})
	if err != nil {
		return []string{err.Error()}
	}
	defer os.RemoveAll(b.dir)
	unchecked, problem := doctor.Finding{ID: "secret", Level: doctor.Unchecked, What: "unreadable"}, doctor.Finding{ID: "table", Level: doctor.Problem, What: "gone"}
	var problems []string
	for name, ended := range map[string]struct {
		findings []doctor.Finding
		status   int // instead of the report's
		passes   bool
	}{
		"nothing to do":                 {passes: true},
		"a secret that it may not read": {findings: []doctor.Finding{unchecked}, passes: true},
		"something to mend":             {findings: []doctor.Finding{problem}},
		"both":                          {findings: []doctor.Finding{unchecked, problem}},
		"a crash":                       {status: 2},
		"no program":                    {status: 127},
	} {
		report := doctor.NewReport(ended.findings, "", "")
		var text strings.Builder
		if err := report.Text(&text); err != nil {
			return []string{err.Error()}
		}
		wrote, status := strings.TrimSpace(text.String()), report.Exit
		if ended.status != 0 {
			wrote, status = "panic", ended.status
		}
		said, got, _ := b.run(script, "STACK=s", "REPORT="+wrote, fmt.Sprintf("STATUS=%d", status))
		if (got == 0) != ended.passes {
			problems = append(problems, fmt.Sprintf("doctor, %s: ends with %d", name, got))
		}
		if !strings.Contains(said, wrote) {
			problems = append(problems, "doctor, "+name+": the report is not shown")
		}
	}
	return problems
}
