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
	var space [32]byte
	b := append(space[:0], make([]byte, n/8)...)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return encode(b)
}

// encode is base64url without padding, with one allocation.
func encode(b []byte) string {
	var space [64]byte
	return string(base64.RawURLEncoding.AppendEncode(space[:0], b))
}

// Minted reports whether s could have come from Mint(n): the right length and
// alphabet, and the one canonical spelling of its bytes.
func Minted(s string, n int) bool { return Bytes(s, n) != nil }

// Bytes returns the random bytes that s, a result of Mint(n), spells; nil if
// Mint cannot have made it.
func Bytes(s string, n int) []byte {
	if len(s) != base64.RawURLEncoding.EncodedLen(n/8) {
		return nil
	}
	b, err := strict.DecodeString(s)
	if err != nil || len(b) != n/8 { // the decoder skips line ends
		return nil
	}
	return b
}

// Tag returns 128 bits of a hash of s, 22 characters: a short name for what has
// a longer one. It hides nothing that can be guessed.
func Tag(s string) string {
	sum := sha256.Sum256([]byte("tag " + s))
	return encode(sum[:16])
}

var strict = base64.RawURLEncoding.Strict()

// Hash returns base64url(SHA-256(s)), 43 characters. It is meant for values
// with the entropy of Mint, not for passwords.
func Hash(s string) string {
	var space [64]byte // what is hashed on the way of a login fits
	sum := sha256.Sum256(append(space[:0], s...))
	return encode(sum[:])
}
