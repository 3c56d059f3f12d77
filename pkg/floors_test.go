// Package pkg_test holds the house rules: which package may import which.
package pkg_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/latchkey-go/latchkey/"

// floors is the table of docs/decisions/0001: a package imports only from
// floors strictly below its own.
var floors = map[string]int{
	"pkg/secret": 0, "pkg/oauth": 0, "pkg/baseurl": 0, "pkg/logline": 0, "pkg/principal": 0,
	"pkg/env": 1, "pkg/pkce": 1, "pkg/page": 1, "pkg/jose": 1,
	"pkg/provider": 2, "pkg/session": 2, "pkg/client": 2, "pkg/user": 2, "pkg/grant": 2,
	"pkg/rp": 3, "pkg/idtoken": 3, "pkg/authorization": 3, "pkg/token": 3, "pkg/userinfo": 3, "pkg/discovery": 3,
	"pkg/gateway": 4, "pkg/doctor": 4, "pkg/store/dynamo": 4, "pkg/store/memory": 4, "pkg/store/storetest": 4, "pkg/store/awssecret": 4,
}

// onlyTests are packages that nothing but tests may import.
var onlyTests = []string{"pkg/store/storetest", "e2e"}

func floorOf(dir string) (int, bool) {
	if strings.HasPrefix(dir, "functions/") || dir == "cmd/latchkey" {
		return 5, true
	}
	f, ok := floors[dir]
	return f, ok
}

// TestFloors parses the sources itself, so that the test cache sees each file.
func TestFloors(t *testing.T) {
	seen := map[string]bool{}
	for _, root := range []string{"pkg", "functions", "cmd"} {
		walk(t, root, func(dir, file string, imports []string) {
			seen[dir] = true
			floor, known := floorOf(dir)
			if !known {
				t.Errorf("%s: package %s is on no floor", file, dir)
				return
			}
			for _, bad := range violations(dir, floor, imports) {
				t.Errorf("%s: %s", file, bad)
			}
		})
	}
	for dir := range floors {
		if !seen[dir] {
			t.Errorf("%s is in the table but not in the tree", dir)
		}
	}
}

// violations judges the imports of one file.
func violations(dir string, floor int, imports []string) []string {
	var bad []string
	for _, imp := range imports {
		if imp == "testing" && dir != "pkg/store/storetest" {
			bad = append(bad, "imports testing outside tests")
		}
		if (imp == "math/rand" || imp == "math/rand/v2") && dir != "pkg/store/storetest" {
			bad = append(bad, "imports "+imp+" where secrets are made")
		}
		if floor == 5 && strings.HasPrefix(dir, "functions/") && imp == module+"pkg/store/memory" {
			bad = append(bad, "a Lambda reaches the memory store")
		}
		below, ours := strings.CutPrefix(imp, module)
		if !ours {
			continue
		}
		for _, only := range onlyTests {
			if below == only || strings.HasPrefix(below, only+"/") {
				bad = append(bad, "imports "+below+", which is for tests")
			}
		}
		if f, known := floorOf(below); known && f >= floor {
			bad = append(bad, "floor "+strconv.Itoa(floor)+" imports "+below+" on floor "+strconv.Itoa(f))
		}
	}
	return bad
}

// TestFloorsCatch plants what TestFloors must find.
func TestFloorsCatch(t *testing.T) {
	for name, planted := range map[string]struct {
		dir string
		imp string
	}{
		"upwards":               {"pkg/session", module + "pkg/rp"},
		"sideways":              {"pkg/rp", module + "pkg/idtoken"},
		"test helper":           {"pkg/gateway", module + "e2e/peer"},
		"storetest":             {"cmd/latchkey", module + "pkg/store/storetest"},
		"memory in a Lambda":    {"functions/login", module + "pkg/store/memory"},
		"testing in production": {"pkg/rp", "testing"},
		"weak randomness":       {"pkg/secret", "math/rand/v2"},
	} {
		floor, _ := floorOf(planted.dir)
		if len(violations(planted.dir, floor, []string{planted.imp})) == 0 {
			t.Errorf("%s: nothing found", name)
		}
	}
}

func walk(t *testing.T, root string, visit func(dir, file string, imports []string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(".."), root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") || strings.Contains(p, "/testdata/") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", p), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		var imports []string
		for _, spec := range f.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports = append(imports, imp)
		}
		visit(path.Dir(p), p, imports)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
