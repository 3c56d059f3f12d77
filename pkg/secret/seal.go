package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
)

// ErrSealed is returned by Open when the key, the name or the bytes do not
// belong together. It does not say which.
var ErrSealed = errors.New("secret: sealed bytes do not open")

// Key seals and opens with AES-256-GCM.
type Key struct{ aead cipher.AEAD }

// Derive makes a Key from random with HKDF-SHA-256. random has to be at least
// 32 bytes of a random generator's own output: it is used as the pseudorandom
// key itself, and the extract step left out (RFC 5869 §3.3). purpose separates
// keys derived from the same bytes.
func Derive(random []byte, purpose string) Key {
	raw, err := hkdf.Expand(sha256.New, random, purpose, 32)
	if err != nil {
		panic("secret: " + err.Error()) // 32 bytes are always to be had
	}
	return newKey(raw)
}

// newKey is the Key of 32 bytes that are as good as random.
func newKey(raw []byte) Key {
	block, err := aes.NewCipher(raw)
	if err != nil {
		panic("secret: " + err.Error()) // 32 bytes are a key
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("secret: " + err.Error())
	}
	return Key{aead}
}

// Seal encrypts plain and binds it to name (the additional data), so that
// sealed bytes moved to another item do not open there.
func (k Key) Seal(plain []byte, name string) []byte {
	return k.aead.Seal(nil, nil, plain, []byte(name))
}

// Open reverses Seal. Every failure is ErrSealed.
func (k Key) Open(sealed []byte, name string) ([]byte, error) {
	plain, err := k.aead.Open(nil, nil, sealed, []byte(name))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
