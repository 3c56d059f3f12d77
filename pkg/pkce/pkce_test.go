package pkce_test

import (
	"regexp"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/pkce"
)

// The vector of RFC 7636 appendix B.
func TestChallenge_RFC7636_AppendixB(t *testing.T) {
	const verifier, want = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	if got := pkce.Challenge(verifier); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNewVerifier_RFC7636_4_1(t *testing.T) {
	unreserved := regexp.MustCompile(`^[A-Za-z0-9._~-]{43}$`)
	seen := map[string]bool{}
	for range 1000 {
		v := pkce.NewVerifier()
		if !unreserved.MatchString(v) || seen[v] {
			t.Fatalf("bad or repeated verifier %q", v)
		}
		seen[v] = true
	}
}
