package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// Mint returns n random bits, base64url without padding. n is a multiple of
// eight; 256 bits make 43 characters and 128 bits 22 (RFC 6749 §10.10 asks
// for at least 128).
func Mint(n int) string {
	b := make([]byte, n/8)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

// Minted reports whether s could have come from Mint(n): the right length and
// alphabet, and the one canonical spelling of its bytes.
func Minted(s string, n int) bool {
	if len(s) != base64.RawURLEncoding.EncodedLen(n/8) {
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil
}

// Hash returns base64url(SHA-256(s)), 43 characters. It is meant for values
// with the entropy of Mint, not for passwords.
func Hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
