package peer

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// npmCI says how to get what lives in e2e/node_modules.
const npmCI = "install Node.js 20 or newer and run: cd e2e && npm ci"

// Absent ends the test because a part is missing: it skips, or it fails when
// LATCHKEY_REQUIRE_PARTS is 1 (as in CI, where every part is installed first).
// The message names the part and how to get it.
func Absent(t testing.TB, part, howToGet string) {
	t.Helper()
	if os.Getenv("LATCHKEY_REQUIRE_PARTS") == "1" {
		t.Fatalf("%s is not there and LATCHKEY_REQUIRE_PARTS=1; to get it: %s", part, howToGet)
	}
	t.Skipf("%s is not there; to get it: %s", part, howToGet)
}

// lookPath finds a program, or ends the test through Absent.
func lookPath(t testing.TB, program, howToGet string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		Absent(t, program, howToGet)
	}
	return path
}

// e2eDir is the folder e2e of the module that the test runs in. It walks up
// from the working directory, which "go test" sets to the package's folder;
// so it also works in a binary built with -trimpath.
func e2eDir(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("peer: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "e2e")
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("peer: no go.mod above the working directory")
		}
		dir = up
	}
}

// program is the path of a program file under e2e/peer. The file is opened
// here so that Go's test cache knows that the result depends on it.
func program(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(e2eDir(t), "peer", filepath.FromSlash(name))
	if _, err := os.ReadFile(path); err != nil {
		t.Fatalf("peer: %v", err)
	}
	return path
}

// nodeProgram returns the command line that runs a program of e2e/peer which
// needs one npm package, or ends the test through Absent.
func nodeProgram(t testing.TB, file, npmPackage string) []string {
	t.Helper()
	node := lookPath(t, "node", npmCI)
	manifest := filepath.Join(e2eDir(t), "node_modules", npmPackage, "package.json")
	present(t, "the npm package "+npmPackage, manifest, npmCI)
	return []string{node, program(t, file)}
}

// present looks for the file that shows a part to be installed, or ends the
// test through Absent. It reads the file, so that the test cache sees the part
// change.
func present(t testing.TB, part, file, howToGet string) {
	t.Helper()
	if _, err := os.ReadFile(file); errors.Is(err, fs.ErrNotExist) {
		Absent(t, part, howToGet)
	} else if err != nil {
		t.Fatalf("peer: %v", err)
	}
}

// Make ends a test that builds functions, by the Makefile as SAM does, where
// there is no make.
func Make(t testing.TB) {
	t.Helper()
	lookPath(t, "make", "on Debian: apt-get install make")
}
