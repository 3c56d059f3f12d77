package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"
)

// The parts of CycloneDX 1.5 that an inventory of Go modules needs. It has no
// serial number and no time: both would differ each time.
type (
	bom struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Component component `json:"component"`
	}
	component struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		PURL    string `json:"purl,omitempty"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

// inventory lists what the binaries say they were linked from, which is what
// `go version -m` prints: each module once, the standard library with the
// version of Go, and for each file the modules in it.
func inventory(version string, binaries map[string][]byte) ([]byte, error) {
	const module = "github.com/latchkey-go/latchkey"
	whole := component{Type: "application", Ref: module, Name: module, Version: version}
	b := bom{Format: "CycloneDX", Spec: "1.5", Version: 1, Metadata: metadata{whole}}
	modules := map[string]component{}
	var files []component
	for _, file := range slices.Sorted(maps.Keys(binaries)) {
		info, err := buildinfo.Read(bytes.NewReader(binaries[file]))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		deps := append([]*debug.Module{{Path: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}}, info.Deps...)
		in := dependency{Ref: file}
		for _, m := range deps {
			if m.Replace != nil {
				return nil, fmt.Errorf("%s: %s is replaced, so go.sum does not vouch for it", file, m.Path)
			}
			purl := "pkg:golang/" + m.Path + "@" + m.Version
			modules[purl] = component{Type: "library", Ref: purl, Name: m.Path, Version: m.Version, PURL: purl}
			in.DependsOn = append(in.DependsOn, purl)
		}
		files = append(files, component{Type: "application", Ref: file, Name: file, Version: version})
		b.Dependencies = append(b.Dependencies, in)
	}
	b.Components = files
	for _, purl := range slices.Sorted(maps.Keys(modules)) {
		b.Components = append(b.Components, modules[purl])
	}
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}
