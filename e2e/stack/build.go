package stack

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// Root is the module's folder: the nearest one above the working directory,
// which "go test" sets to the package's, that has a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("stack: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("stack: no go.mod above the working directory")
		}
		dir = up
	}
}

type built struct {
	once   sync.Once
	binary []byte
	err    error
}

var builds sync.Map // "<id> <goarch>" to *built

// Build makes a function's bootstrap with the Makefile's rule, as "sam build"
// does, and returns its bytes. An empty goarch leaves the choice to the
// Makefile. Each is built once per test binary.
//
// The sources are read here, in the test's own process: Go's test cache sees
// only what that opens, and would otherwise call an old result good after a
// change that only the build notices.
func Build(id, goarch string) ([]byte, error) {
	entry, _ := builds.LoadOrStore(id+" "+goarch, new(built))
	b := entry.(*built)
	b.once.Do(func() { b.binary, b.err = build(id, goarch) })
	return b.binary, b.err
}

func build(id, goarch string) ([]byte, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	if err := readSources(root); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bootstrap-")
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	defer os.RemoveAll(dir)
	args := []string{"--no-print-directory", "build-" + id, "ARTIFACTS_DIR=" + dir}
	if goarch != "" {
		args = append(args, "GOARCH="+goarch)
	}
	cmd := exec.Command("make", args...)
	cmd.Dir = root
	if goarch == "" {
		cmd.Env = without(os.Environ(), "GOARCH")
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("stack: make build-%s: %w\n%s", id, err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	return binary, nil
}

func without(environ []string, name string) []string {
	var kept []string
	for _, entry := range environ {
		if !strings.HasPrefix(entry, name+"=") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// readSources reads all that a bootstrap is made of.
func readSources(root string) error {
	for _, name := range []string{"Makefile", "go.mod", "go.sum", "functions", "pkg"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && d.Name() == "testdata":
				return filepath.SkipDir
			case d.IsDir() || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			_, err = os.ReadFile(path)
			return err
		})
		if err != nil {
			return fmt.Errorf("stack: sources: %w", err)
		}
	}
	return nil
}
