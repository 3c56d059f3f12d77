package e2e_test

import (
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// same makes two runs of one login equal: what is random becomes #.
var same = regexp.MustCompile(`(state=|code_challenge=|nonce=|login=|"(?:access|refresh)_token":"(?:lk[ar]_)?)[A-Za-z0-9_-]+(?:\.\.\.)?`)

func masked(s string) string { return strings.TrimSpace(same.ReplaceAllString(s, "$1#")) }

// TestTranscript types the README's curl commands into a shell and compares
// what comes back, header for header, but for the date and the length. What
// the README tells a person to do in a browser is done before a code is used.
func TestTranscript(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		peer.Absent(t, "curl", "on Debian: apt-get install curl")
	}
	readme := read(t, "README.md")
	authorize := regexp.MustCompile(`(?m)^http://localhost:3000(/oauth/authorize\?.+)$`).FindStringSubmatch(readme)
	if authorize == nil {
		t.Fatal("the README has no address to open")
	}
	s := startServe(t, "localhost:0", nil)
	there := strings.NewReplacer(s.base, "http://localhost:3000", url.QueryEscape(s.base), url.QueryEscape("http://localhost:3000"), "\r", "")
	unsteady := regexp.MustCompile(`(?m)^(?:Date|Content-Length): .*\n`)
	code, refresh, steps := "", "", 0
	for _, m := range block.FindAllStringSubmatch(readme, -1) {
		if m[1] != "console" {
			continue
		}
		for step := range strings.SplitSeq(strings.TrimPrefix(m[2], "$ "), "\n$ ") {
			line, want, _ := strings.Cut(step, "\n")
			if code == "" && strings.Contains(line, "$CODE") {
				code = signInAndApprove(t, person(nil), s.base, s.base+authorize[1], "approve").Query().Get("code")
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(line, "http://localhost:3000", s.base))
			cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "CODE="+code, "REFRESH_TOKEN="+refresh)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			got := unsteady.ReplaceAllString(there.Replace(string(out)), "")
			if diff := cmp.Diff(masked(want), masked(got)); diff != "" {
				t.Errorf("%s\n-README +now\n%s", line, diff)
			}
			if newest := regexp.MustCompile(`"refresh_token":"([^"]+)"`).FindStringSubmatch(string(out)); newest != nil {
				refresh = newest[1]
			}
			steps++
		}
	}
	if steps != len(shellLines(readme, "console")) || steps == 0 {
		t.Errorf("%d steps", steps)
	}
}
