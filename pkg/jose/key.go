package jose

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

const keyPurpose = "latchkey es256 v1"

// keys holds the key for what was derived from a root: the same secret read
// again is the same key.
var keys sync.Map // [32]byte to *ecdsa.PrivateKey

// keyOf is the signing key of root, always the same. The derived bytes are
// the private scalar; in the rare case that they are none, others are derived.
func keyOf(root *secret.Root) (*ecdsa.PrivateKey, error) {
	first := [32]byte(root.Bytes(keyPurpose))
	if key, ok := keys.Load(first); ok {
		return key.(*ecdsa.PrivateKey), nil
	}
	key, err := derive(root.Bytes)
	if err != nil {
		return nil, err
	}
	keys.Store(first, key)
	return key, nil
}

// derive takes the first usable scalar. One in 2^32 is none; eight in a row
// are a fault.
func derive(bytes func(purpose string) []byte) (*ecdsa.PrivateKey, error) {
	purpose := keyPurpose
	for i := range 8 {
		if i > 0 {
			purpose = keyPurpose + " " + strconv.Itoa(i)
		}
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes(purpose)); err == nil {
			return key, nil
		}
	}
	return nil, errors.New("jose: no signing key can be derived")
}

// JWKS is the JWK set (RFC 7517 §5) with the public key of every root of ring,
// newest first.
func JWKS(ring *secret.Ring) ([]byte, error) {
	var set jose.JSONWebKeySet
	for _, root := range ring.Roots() {
		key, err := keyOf(root)
		if err != nil {
			return nil, err
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: &key.PublicKey, KeyID: root.ID, Algorithm: string(jose.ES256), Use: "sig"})
	}
	b, err := json.Marshal(&set)
	if err != nil {
		return nil, fmt.Errorf("jose: JWKS: %w", err)
	}
	return b, nil
}
