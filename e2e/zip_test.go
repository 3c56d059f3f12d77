package e2e_test

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"maps"
	"slices"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// zipLimit is the most that a function's package may weigh, in bytes: what is
// larger starts slower. Go's deflate packs about 3 % looser than the zlib of
// the SAM CLI: what is 2.68 MB here is 2.6 MB there.
var zipLimit = map[string]int{
	"Login": 3_300_000, "Callback": 3_800_000,
	"Authorize": 3_800_000, "Token": 3_800_000, "Userinfo": 3_800_000,
	"Session": 3_800_000, "Refresh": 3_800_000, "Logout": 3_800_000, "Authorizer": 3_800_000,
	"Metadata": 2_600_000, "Whoami": 2_600_000,
}

// TestZipSize builds the functions as "sam build" does and packs them as
// "sam deploy" does; the Makefile's default says for which processor.
func TestZipSize_P14(t *testing.T) {
	for _, f := range slices.Sorted(maps.Keys(routesOf(nil))) {
		if zipLimit[f] == 0 {
			t.Errorf("%s: no limit", f)
		}
	}
	for id, limit := range zipLimit {
		t.Run(id, func(t *testing.T) {
			peer.Make(t)
			binary, err := stack.Build(id, "")
			if err != nil {
				t.Fatal(err)
			}
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
			size := zipped(t, binary)
			t.Logf("%s: %d bytes, zipped %d", id, len(binary), size)
			if size > limit {
				t.Errorf("the package has %d bytes, want at most %d", size, limit)
			}
		})
	}
}

func zipped(t *testing.T, binary []byte) int {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	entry, err := w.Create("bootstrap")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(binary); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Len()
}
