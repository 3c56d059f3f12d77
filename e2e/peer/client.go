package peer

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The client programs, by the npm package that does the work.
const (
	OpenIDClient = "openid-client"
	OAuth4WebAPI = "oauth4webapi"
)

// RunClient runs one of the client programs and returns the steps that it went
// through, in order. settings become JSON; the head of the program says which
// it takes. visit plays the person: it gets an authorization URL and returns
// where the walk ends, and it is called on the test's own goroutine. A step
// that fails ends the test.
func RunClient(t testing.TB, npmPackage string, settings map[string]string, visit func(authorize string) string) []string {
	t.Helper()
	argv := nodeProgram(t, strings.ReplaceAll(npmPackage, "-", "_")+".mjs", npmPackage)
	program(t, "person.mjs")
	config, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), argv[0], append(argv[1:], string(config))...)
	cmd.Dir = filepath.Join(e2eDir(t), "peer")
	complaints := &lockedBuffer{}
	cmd.Stderr = complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	steps, err := converse(stdout, stdin, visit)
	if ended := cmd.Wait(); err != nil || ended != nil {
		t.Fatalf("%s after %v: %v, %v\n%s", npmPackage, steps, err, ended, complaints)
	}
	return steps
}

// converse reads what a client program says until it ends.
func converse(from io.Reader, to io.Writer, visit func(string) string) (steps []string, err error) {
	lines := bufio.NewScanner(from)
	for lines.Scan() {
		var said struct{ Visit, Step string }
		if err := json.Unmarshal(lines.Bytes(), &said); err != nil {
			return steps, fmt.Errorf("not JSON: %s", lines.Bytes())
		}
		if said.Visit == "" {
			steps = append(steps, said.Step)
			continue
		}
		if _, err := fmt.Fprintln(to, visit(said.Visit)); err != nil {
			return steps, err
		}
	}
	return steps, lines.Err()
}
