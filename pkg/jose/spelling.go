package jose

import (
	"crypto/elliptic"
	"math/big"
)

// An ECDSA signature is two numbers, r and s, and with s the order less s is as
// good: everybody can make a second spelling of a token from the first. Ours
// have the smaller s, and no other is taken, so that a token is one string.

var (
	order = elliptic.P256().Params().N
	half  = new(big.Int).Rsh(order, 1)
)

// size is the length of each of the two numbers, in bytes (RFC 7518 §3.4).
const size = 32

// low reports whether a signature has the smaller s.
func low(signature []byte) bool {
	return len(signature) == 2*size && new(big.Int).SetBytes(signature[size:]).Cmp(half) <= 0
}

// lower gives a signature the smaller s.
func lower(signature []byte) {
	if len(signature) != 2*size || low(signature) {
		return
	}
	s := new(big.Int).SetBytes(signature[size:])
	s.Sub(order, s).FillBytes(signature[size:])
}
