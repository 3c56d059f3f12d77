package peer_test

import (
	"bufio"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// hangVariable makes TestHangWithParts start its parts and wait to be killed.
const hangVariable = "PEER_TEST_HANG"

func TestHangWithParts(t *testing.T) {
	if os.Getenv(hangVariable) == "" {
		return // it is the other half of TestPartsEndWithAKilledTestRun
	}
	redirects := []string{redirectURI}
	os.Stdout.WriteString("part " + peer.Dynalite(t) + "\n")
	os.Stdout.WriteString("part " + peer.Moto(t) + "\n")
	os.Stdout.WriteString("part " + peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: redirects}).Issuer + "\n")
	os.Stdout.WriteString("part " + peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: redirects}).URL + "\n")
	select {}
}

func TestPartsEndWithAKilledTestRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("moto_server outlives a killed test run where there is no parent-death signal; run this on Linux")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestHangWithParts$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), hangVariable+"=1", "LATCHKEY_REQUIRE_PARTS=0")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var parts []string
	for lines := bufio.NewScanner(out); len(parts) < 4 && lines.Scan(); {
		if part, ok := strings.CutPrefix(lines.Text(), "part "); ok {
			parts = append(parts, part)
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if len(parts) < 4 {
		peer.Absent(t, "one of the four server parts", "see what the other tests of this package name")
	}
	for _, part := range parts {
		u, err := url.Parse(part)
		if err != nil {
			t.Fatal(err)
		}
		if !refuses(u.Host, 10*time.Second) {
			t.Errorf("%s still answers after its test run was killed", part)
		}
	}
}

// refuses waits until nobody listens at an address.
func refuses(address string, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return true
		}
		// The far side hangs up when it dies, which ends the wait at once.
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, _ = conn.Read(make([]byte, 1))
		conn.Close()
	}
	return false
}
