package main

import (
	"io"
	"net"
	"os"
	"strings"
	"testing"
)

// Whoever listens for other machines is told who can sign in from there.
func TestDemoForOtherMachines_P20(t *testing.T) {
	for ip, want := range map[string]bool{"127.0.0.1": false, "::1": false, "0.0.0.0": true, "::": true, "192.0.2.7": true} {
		for name, known := range map[string]*fixtures{"demo": demoConfig(), "people of one's own": {}} {
			said := warnings(t, func() { (&server{found: known}).warn(&net.TCPAddr{IP: net.ParseIP(ip), Port: 3000}) })
			if got := strings.Contains(said, "other machines reach this server at "); got != (want && known.demo) {
				t.Errorf("%s, %s: %q", ip, name, said)
			}
		}
	}
}

// warnings is what do writes to standard error.
func warnings(t *testing.T, do func()) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stderr
	os.Stderr = w
	do()
	os.Stderr = was
	_ = w.Close()
	said, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}
