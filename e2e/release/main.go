// Command release makes what a release consists of, from the checkout that it
// is started in: each function as a zip, an inventory of the modules in them
// (CycloneDX), and the checksums of all that. Two runs on one source with one
// version of Go give the same bytes, wherever and whenever they run.
//
// It never downloads anything but the modules that go.sum names, and never
// signs or uploads.
package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	log.SetFlags(0)
	version := flag.String("version", "unreleased", "version that the inventory states")
	out := flag.String("out", "", "directory for the files; required")
	archs := flag.String("arch", "arm64,amd64", "architectures to build for, as Go calls them")
	only := flag.String("only", "", "functions to build, by folder (default all)")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	names, err := functions()
	if *only != "" {
		names = strings.Split(*only, ",")
	}
	if err == nil {
		err = release(*out, *version, names, strings.Split(*archs, ","))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// release writes all files into out, which it makes.
func release(out, version string, names, archs []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	files := map[string][]byte{}
	binaries := map[string][]byte{}
	for _, arch := range archs {
		for _, name := range names {
			binary, err := build(name, arch)
			if err != nil {
				return err
			}
			file := fmt.Sprintf("%s_%s.zip", name, arch)
			binaries[file] = binary
			if files[file], err = pack(binary); err != nil {
				return err
			}
		}
	}
	text, err := inventory(version, binaries)
	if err != nil {
		return err
	}
	files["sbom.cdx.json"] = text
	files["SHA256SUMS"] = sums(files)
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(out, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// functions are the names of the folders in functions, sorted.
func functions() ([]string, error) {
	mains, err := filepath.Glob("functions/*/main.go")
	if err != nil {
		return nil, err
	}
	if len(mains) == 0 {
		return nil, errors.New("there is no functions folder here: start this at the top of the checkout")
	}
	var names []string
	for _, main := range mains {
		names = append(names, filepath.Base(filepath.Dir(main)))
	}
	slices.Sort(names)
	return names, nil
}

// build returns the binary of a function, made by the rule that `sam build`
// uses.
func build(name, arch string) ([]byte, error) {
	dir, err := os.MkdirTemp("", "release")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("make", "-s", "build-"+name, "GOARCH="+arch, "ARTIFACTS_DIR="+dir)
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make build-%s: %w\n%s", name, err, said)
	}
	return os.ReadFile(filepath.Join(dir, "bootstrap"))
}

// pack returns a zip that Lambda takes for provided.al2023. Its time is fixed:
// a zip has no earlier one.
func pack(binary []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	header := &zip.FileHeader{Name: "bootstrap", Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(binary); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// sums are the lines that sha256sum would print, in the order of the names.
func sums(files map[string][]byte) []byte {
	var lines bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256(files[name]), name)
	}
	return lines.Bytes()
}
