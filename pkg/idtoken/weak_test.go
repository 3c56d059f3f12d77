package idtoken_test

import (
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// RFC 7518 §3.3 asks for 2048 bits.
func TestShortRSAKey_C69(t *testing.T) {
	t.Setenv("GODEBUG", "rsa1024min=0")
	private, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	short := signer{alg: jose.RS256, kid: "short", private: private}
	_, err = verify(verifier(), publish(t, short), short.sign(t, claims(nil)))
	if code(err) != oauth.ProviderError {
		t.Errorf("error %v, want a refusal", err)
	}
}
