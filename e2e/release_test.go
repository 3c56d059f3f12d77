package e2e_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// sources are what a release is built from.
var sources = []string{"go.mod", "go.sum", "Makefile", "functions", "pkg"}

// copied is a copy of the sources in a directory of its own.
func copied(t *testing.T, parts ...string) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(append([]string{t.TempDir()}, parts...)...)
	for _, name := range sources {
		from, to := filepath.Join(root, name), filepath.Join(dir, name)
		if info, err := os.Stat(from); err != nil {
			t.Fatal(err)
		} else if info.IsDir() {
			if err := os.CopyFS(to, os.DirFS(from)); err != nil {
				t.Fatal(err)
			}
		} else if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		} else if err := os.WriteFile(to, []byte(read(t, name)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// released runs the release command in dir and returns the files it made.
func released(t *testing.T, command, dir string, functions []string) map[string][]byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "dist")
	cmd := exec.CommandContext(t.Context(), command, "-out", out, "-arch", "arm64", "-version", "v0.0.0-test", "-only", strings.Join(functions, ","))
	cmd.Dir = dir
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, said)
		return nil
	}
	files := map[string][]byte{}
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(out, e.Name())); err != nil {
			t.Error(err)
		}
	}
	return files
}

// zipLimit is the most that a function's package may weigh, in bytes: what is
// larger starts slower. Go's deflate packs about 3 % looser than the zlib of
// the SAM CLI: what is 2.68 MB here is 2.6 MB there.
var zipLimit = map[string]int{
	"login": 3_300_000, "callback": 3_800_000,
	"authorize": 3_800_000, "token": 3_800_000, "userinfo": 3_800_000,
	"session": 3_800_000, "refresh": 3_800_000, "logout": 3_800_000, "authorizer": 3_800_000,
	"metadata": 2_600_000, "whoami": 2_600_000,
}

// TestRelease_P11_P12_P14 makes a release twice, in two directories of different
// length, and compares all of it. What it is made of is looked at as well:
// static binaries of a bounded size (P-14), and an inventory that says what is
// in them (P-11). On a laptop the second build is of one function of each half,
// in .ci/run of all of them.
func TestRelease_P11_P12_P14(t *testing.T) {
	if testing.Short() {
		t.Skip("go test -short: run it without")
	}
	t.Parallel()
	peer.Make(t)
	command := filepath.Join(t.TempDir(), "release")
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-o", command, "./release").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var all []string
	for id := range routesOf(nil) {
		all = append(all, strings.ToLower(id))
	}
	slices.Sort(all)
	again, whole := []string{"callback", "token"}, os.Getenv("LATCHKEY_REQUIRE_PARTS") == "1"
	if whole {
		again = all
	}
	first := released(t, command, copied(t, "a"), all)
	second := released(t, command, copied(t, "another", "place", "far-away"), again)
	if t.Failed() {
		return
	}
	for name, data := range second {
		if (whole || strings.HasSuffix(name, ".zip")) && !bytes.Equal(data, first[name]) {
			t.Errorf("two builds of %s differ", name)
		}
	}
	checkSums(t, first)
	listed := inventoried(t, first["sbom.cdx.json"])
	for _, name := range all {
		file := name + "_arm64.zip"
		t.Run(file, func(t *testing.T) {
			binary := unzipped(t, first[file])
			t.Logf("%d bytes, zipped %d", len(binary), len(first[file]))
			if size, limit := len(first[file]), zipLimit[name]; size > limit {
				t.Errorf("the package has %d bytes, want at most %d", size, limit)
			}
			checkStatic(t, binary)
			if diff := cmp.Diff(modulesIn(t, binary), listed[file]); diff != "" {
				t.Errorf("-binary +inventory\n%s", diff)
			}
		})
	}
}

// checkSums compares SHA256SUMS with the files, each of which has its line.
func checkSums(t *testing.T, files map[string][]byte) {
	t.Helper()
	sums := string(files["SHA256SUMS"])
	for name, data := range files {
		sum := sha256.Sum256(data)
		if line := hex.EncodeToString(sum[:]) + "  " + name + "\n"; name != "SHA256SUMS" && !strings.Contains(sums, line) {
			t.Errorf("SHA256SUMS has no %q", line)
		}
	}
	if got, want := strings.Count(sums, "\n"), len(files)-1; got != want {
		t.Errorf("SHA256SUMS has %d lines for %d files", got, want)
	}
}

// unzipped is the one file of a package, which Lambda has to be able to run.
func unzipped(t *testing.T, packed []byte) []byte {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		t.Fatal(err)
	}
	if len(r.File) != 1 || r.File[0].Name != "bootstrap" || r.File[0].Mode() != 0o755 {
		t.Fatalf("not one bootstrap that can be run: %v", r.File)
	}
	file, err := r.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

func checkStatic(t *testing.T, binary []byte) {
	t.Helper()
	file, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	if file.Machine != elf.EM_AARCH64 {
		t.Errorf("built for %v, want arm64", file.Machine)
	}
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("not static: %v", p.Type)
		}
	}
	if libraries, _ := file.ImportedLibraries(); len(libraries) > 0 {
		t.Errorf("links %v", libraries)
	}
	if root, err := stack.Root(); err != nil || bytes.Contains(binary, []byte(root)) {
		t.Errorf("it names the directory of the checkout: %v", err)
	}
}

// modulesIn are the modules that a binary was linked from, as `go version -m`
// prints them, each of which go.mod has to require in that version.
func modulesIn(t *testing.T, binary []byte) []string {
	t.Helper()
	info, err := buildinfo.Read(bytes.NewReader(binary))
	if err != nil {
		t.Fatal(err)
	}
	modules := []string{"std@" + strings.TrimPrefix(info.GoVersion, "go")}
	gomod := read(t, "go.mod")
	for _, m := range info.Deps {
		required := regexp.MustCompile(`(?m)^\s*` + regexp.QuoteMeta(m.Path) + ` ` + regexp.QuoteMeta(m.Version) + `(?: // indirect)?$`)
		if m.Replace != nil || !required.MatchString(gomod) {
			t.Errorf("%s %s is not what go.mod requires", m.Path, m.Version)
		}
		modules = append(modules, m.Path+"@"+m.Version)
	}
	slices.Sort(modules)
	return modules
}

// inventoried are the modules that the inventory names, by file.
func inventoried(t *testing.T, text []byte) map[string][]string {
	t.Helper()
	var bom struct {
		BomFormat, SpecVersion string
		Components             []struct{ Name, Version, Purl string }
		Dependencies           []struct {
			Ref       string
			DependsOn []string
		}
	}
	if err := json.Unmarshal(text, &bom); err != nil || bom.BomFormat != "CycloneDX" || bom.SpecVersion != "1.5" {
		t.Fatalf("%s %s, %v", bom.BomFormat, bom.SpecVersion, err)
	}
	known := map[string]string{}
	for _, c := range bom.Components {
		if c.Purl != "" {
			known[c.Purl] = c.Name + "@" + c.Version
		}
	}
	files := map[string][]string{}
	for _, d := range bom.Dependencies {
		for _, purl := range d.DependsOn {
			if known[purl] == "" {
				t.Errorf("%s depends on %s, which is no component", d.Ref, purl)
			}
			files[d.Ref] = append(files[d.Ref], known[purl])
		}
		slices.Sort(files[d.Ref])
	}
	return files
}
