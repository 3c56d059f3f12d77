package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// heavy are what the metadata function must do without: clients of a store
// and of a secret, JOSE, and whoever uses them.
var heavy = []string{
	"github.com/aws/aws-sdk-go-v2", "github.com/aws/smithy-go", "github.com/go-jose/go-jose", "github.com/coreos/go-oidc",
	"github.com/latchkey-go/latchkey/pkg/jose", "github.com/latchkey-go/latchkey/pkg/store",
}

// metadataSize builds the metadata function as the Makefile does, and looks at
// what is in it.
func metadataSize(dir, source string) measured {
	const most = 6_200_000
	row := measured{what: "metadata function, arm64 binary", limit: "6.2 MB"}
	if _, err := os.Stat(source); err != nil {
		row.ours, row.broken = "not there", true
		return row
	}
	size := sizeOf(source, filepath.Join(dir, "bootstrap"), "arm64")
	row.ours, row.broken = fmt.Sprintf("%.2f MB", float64(size)/1e6), size > most
	if found := contents(dir, source); len(found) > 0 {
		row.broken, row.ratio = true, "has "+strings.Join(found, ", ")
	}
	return row
}

func sizeOf(source, out, arch string) int64 {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", "lambda.norpc,nethttpomithttp2", "-ldflags", "-s -w -buildid=", "-o", out, source)
	cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch), os.Stderr
	check(cmd.Run())
	info, err := os.Stat(out)
	check(err)
	return info.Size()
}

// contents are the heavy modules and packages that source imports, and the
// deployment secret's ring if the linker found a use for it.
func contents(dir, source string) []string {
	var found []string
	packages := strings.Fields(output("go", "list", "-deps", "-tags", "lambda.norpc,nethttpomithttp2", source))
	for _, h := range heavy {
		if slices.ContainsFunc(packages, func(p string) bool { return p == h || strings.HasPrefix(p, h+"/") }) {
			found = append(found, h)
		}
	}
	whole := filepath.Join(dir, "metadata-with-symbols")
	output("go", "build", "-tags", "lambda.norpc,nethttpomithttp2", "-o", whole, source)
	if strings.Contains(output("go", "tool", "nm", whole), "/pkg/secret.ParseRing") {
		found = append(found, "secret.ParseRing")
	}
	return found
}

func output(command ...string) string {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	out, err := cmd.Output()
	check(err)
	return string(out)
}
