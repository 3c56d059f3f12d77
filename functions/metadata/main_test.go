package main_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

const (
	// maxSize is the promise for the deployed binary, in bytes.
	maxSize = 6_200_000
	// The function reads no table and no secret and signs nothing, so what does
	// any of it is not in the binary.
	unwanted = `aws-sdk-go-v2|aws/smithy-go|go-jose|latchkey/pkg/(store|jose|grant|user|client|token|authorization)|^golang.org/x/crypto|^golang.org/x/oauth2`
)

// TestWhatIsInTheBinary builds the function as the Makefile does and looks at
// what is linked.
func TestWhatIsInTheBinary(t *testing.T) {
	sources(t)
	list := exec.Command("go", "list", "-deps", ".")
	deps, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(deps), "latchkey/pkg/discovery") {
		t.Fatalf("go list says %s", deps)
	}
	bad := regexp.MustCompile(unwanted)
	for _, dep := range strings.Fields(string(deps)) {
		if bad.MatchString(dep) {
			t.Errorf("%s is linked", dep)
		}
	}
	peer.Make(t)
	dir := t.TempDir()
	build := exec.Command("make", "-C", "../..", "build-Metadata", "GOARCH=arm64", "ARTIFACTS_DIR="+dir)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	info, err := os.Stat(filepath.Join(dir, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() > maxSize {
		t.Errorf("the binary has %d bytes, more than %d", info.Size(), maxSize)
	}
}

// sources reads what the binary is made of, so that the test cache notices a
// change.
func sources(t *testing.T) {
	t.Helper()
	for _, file := range []string{"../../go.mod", "../../Makefile"} {
		if _, err := os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	for _, root := range []string{".", "../../pkg"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				_, err = os.ReadFile(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
