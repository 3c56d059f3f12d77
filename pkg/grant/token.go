// Package grant is what a resource owner approved: one grant, one item. Codes,
// access tokens and refresh tokens are strings that name the grant and carry a
// MAC; none of them is stored, nor a hash of one.
//
// It is pure: it never talks HTTP, never reads a clock and never does I/O.
package grant

import (
	"bytes"
	"crypto/hmac"
	"encoding/base64"
	"encoding/binary"
	"errors"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Kind says what a token string is good for.
type Kind string

// The kinds. The text is the type tag that starts the string.
const (
	Code    Kind = "lkc_"
	Access  Kind = "lka_"
	Refresh Kind = "lkr_"
)

// ErrToken: the string is not one that was ever issued under the key it names.
var ErrToken = errors.New("grant: not a token of ours")

// gidBits is the entropy of a grant id: 22 characters.
const gidBits = 128

// NewGID returns a fresh grant id.
func NewGID() string { return secret.Mint(gidBits) }

// Token is what a token string says.
type Token struct {
	Kind Kind
	// GID is the grant's id, 22 characters.
	GID string
	// N counts redemptions and rotations: 0 in a code, 1 in the first tokens.
	N uint32
	// Expires is in epoch seconds; zero in a code and a refresh token, whose
	// ends are in the grant's item.
	Expires int64
	// Scopes is a bit for each of the grant's ordered scopes that the token
	// covers: what was approved in a code and a refresh token, and what was
	// asked for of that in an access token. All stands for every one.
	Scopes uint32
	// User is the tag of the user in a refresh token, 22 characters; empty in
	// every other one, and where there is no user.
	User string
}

const (
	tagLen = 4
	// body: grant id, key id, n, expiry, scopes, user tag; then the MAC.
	bodyLen    = 16 + secret.KeyIDLen + 4 + 8 + 4 + 16
	macLen     = 32
	macPurpose = "latchkey token v1"
)

// Len is the length of every token string.
var Len = tagLen + base64.RawURLEncoding.EncodedLen(bodyLen+macLen)

// Sign returns the token string: a type tag and, in base64url, a body of fixed
// width with 32 bytes of HMAC-SHA-256 over tag and body.
func (t Token) Sign(root *secret.Root) string {
	b := make([]byte, 0, tagLen+bodyLen+macLen)
	b = append(b, t.Kind...)
	b = append(b, secret.Bytes(t.GID, gidBits)...)
	b = append(b, root.ID...)
	b = binary.BigEndian.AppendUint32(b, t.N)
	b = binary.BigEndian.AppendUint64(b, uint64(t.Expires))
	b = binary.BigEndian.AppendUint32(b, t.Scopes)
	if t.User == "" {
		b = append(b, make([]byte, 16)...)
	} else {
		b = append(b, secret.Bytes(t.User, gidBits)...)
	}
	b = append(b, root.MAC(macPurpose, b)...)
	var space [128]byte
	return string(base64.RawURLEncoding.AppendEncode(append(space[:0], t.Kind...), b[tagLen:]))
}

// Parse reads a token string. Its MAC is compared in constant time. The error
// is ErrToken, or secret.ErrUnknownKey when the key that the string names is
// not on the ring; KeyOf tells which.
func Parse(s string, kind Kind, ring *secret.Ring) (Token, error) {
	b := decode(s, kind)
	if b == nil {
		return Token{}, ErrToken
	}
	body, mac := b[tagLen:tagLen+bodyLen], b[tagLen+bodyLen:]
	root, ok := ring.Root(keyOf(b))
	if !ok {
		return Token{}, secret.ErrUnknownKey
	}
	if !hmac.Equal(mac, root.MAC(macPurpose, b[:tagLen+bodyLen])) {
		return Token{}, ErrToken
	}
	rest := body[16+secret.KeyIDLen:]
	t := Token{
		Kind: kind, GID: base64.RawURLEncoding.EncodeToString(body[:16]),
		N: binary.BigEndian.Uint32(rest), Expires: int64(binary.BigEndian.Uint64(rest[4:])), Scopes: binary.BigEndian.Uint32(rest[12:]),
	}
	if user := rest[16:32]; !bytes.Equal(user, make([]byte, 16)) {
		t.User = base64.RawURLEncoding.EncodeToString(user)
	}
	return t, nil
}

// KeyOf is the key id that a token string names, "" if it is none.
func KeyOf(s string, kind Kind) string {
	if b := decode(s, kind); b != nil {
		return keyOf(b)
	}
	return ""
}

func keyOf(b []byte) string { return string(b[tagLen+16 : tagLen+16+secret.KeyIDLen]) }

// strict refuses bits after the last byte. With the length of s and of what
// comes out, that leaves each token one spelling.
var strict = base64.RawURLEncoding.Strict()

// decode returns tag, body and MAC, nil if s is not made of them.
func decode(s string, kind Kind) []byte {
	if len(s) != Len || Kind(s[:tagLen]) != kind {
		return nil
	}
	b := make([]byte, tagLen+bodyLen+macLen)
	n, err := strict.Decode(b[copy(b, kind):], []byte(s[tagLen:]))
	if err != nil || n != bodyLen+macLen { // the decoder skips line ends
		return nil
	}
	return b
}
