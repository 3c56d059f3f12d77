// Package jose signs and verifies JSON Web Tokens with the deployment's own
// P-256 keys: ES256 and nothing else (RFC 7515, RFC 7518 §3.4).
//
// It never accepts an algorithm or a key that a token names by itself, and
// never reads a clock: claims such as exp are the caller's to check.
package jose

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// The types that go into the header, so that no token passes for one of
// another kind (RFC 8725 §3.11).
const (
	TypeID     = "JWT"    // an ID token
	TypeAccess = "at+jwt" // an access token (RFC 9068 §2.1)
)

// ErrToken: the token is not one that was ever signed here as that type.
var ErrToken = errors.New("jose: not a token of ours")

// maxLen is the length of the longest token that is looked at, in bytes.
const maxLen = 16 << 10

// Sign returns claims, as JSON, in a compact JWS (RFC 7515 §7.1) of type typ,
// signed with the key of root and naming it.
func Sign(root *secret.Root, typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("jose: sign: %w", err)
	}
	key, err := keyOf(root)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: root.ID}},
		(&jose.SignerOptions{}).WithType(jose.ContentType(typ)),
	)
	if err != nil {
		return "", fmt.Errorf("jose: sign: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("jose: sign: %w", err)
	}
	lower(jws.Signatures[0].Signature)
	token, err := jws.CompactSerialize()
	if err != nil {
		return "", fmt.Errorf("jose: sign: %w", err)
	}
	return token, nil
}

// Verify checks that token was signed with a key of ring as type typ, and
// decodes its claims into into. The error is ErrToken, or secret.ErrUnknownKey
// when the key that the token names is not on the ring; KeyOf tells which.
func Verify(ring *secret.Ring, typ, token string, into any) error {
	h, ok := read(token)
	if !ok || h.Type != typ {
		return ErrToken
	}
	root, ok := ring.Root(h.KeyID)
	if !ok {
		return secret.ErrUnknownKey
	}
	key, err := keyOf(root)
	if err != nil {
		return err
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrToken, err)
	}
	payload, err := jws.Verify(&key.PublicKey)
	if err == nil && !low(jws.Signatures[0].Signature) {
		return fmt.Errorf("%w: the signature is spelled in another way than ours", ErrToken)
	}
	if err != nil {
		return fmt.Errorf("%w: the signature is not of key %s", ErrToken, h.KeyID)
	}
	if err := json.Unmarshal(payload, into); err != nil {
		return fmt.Errorf("%w: the claims do not fit", ErrToken)
	}
	return nil
}

// KeyOf is the key id that a token names, "" if it is not like one of ours.
func KeyOf(token string) string {
	h, _ := read(token)
	return h.KeyID
}

type header struct{ Algorithm, KeyID, Type string }

// read takes a compact JWS apart as far as its header, which has exactly the
// three members that Sign puts there: whatever else a header could ask for,
// such as jku, jwk, x5c, crit or b64, is a reason to refuse. Each part has its
// one canonical spelling.
func read(token string) (header, bool) {
	parts := strings.Split(token, ".")
	if len(token) > maxLen || len(parts) != 3 || strings.ContainsAny(token, "\r\n") {
		return header{}, false
	}
	var first []byte
	for i, part := range parts {
		b, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || part == "" {
			return header{}, false
		}
		if i == 0 {
			first = b
		}
	}
	var members map[string]string
	if json.Unmarshal(first, &members) != nil || len(members) != 3 {
		return header{}, false
	}
	h := header{members["alg"], members["kid"], members["typ"]}
	return h, h.Algorithm == string(jose.ES256) && h.KeyID != "" && h.Type != ""
}
