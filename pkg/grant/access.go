package grant

import (
	"errors"
	"strconv"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Claims are the claims of an access token that is a JWT (RFC 9068
// §2.2). Times are in epoch seconds.
type Claims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Expires  int64  `json:"exp"`
	IssuedAt int64  `json:"iat"`
	// ID names the grant, the number and the scopes, as an opaque token does:
	// that is how a JWT is found when it is revoked or introspected.
	ID    string `json:"jti"`
	Scope string `json:"scope,omitempty"`
}

// SignJWT returns t, an access token, as a JWT with the given claims; their ID
// and Expires are t's.
func (t Token) SignJWT(root *secret.Root, c Claims) (string, error) {
	c.ID = t.GID + "." + strconv.FormatUint(uint64(t.N), 36) + "." + strconv.FormatUint(uint64(t.Scopes), 36)
	c.Expires = t.Expires
	return jose.Sign(root, jose.TypeAccess, c)
}

// ParseAccess reads an access token of either kind; a JWT has to be issuer's
// (RFC 9068 §4). The error is ErrToken, or secret.ErrUnknownKey; AccessKeyOf
// tells which key. Whether the token has expired is the caller's to check.
func ParseAccess(s, issuer string, ring *secret.Ring) (Token, error) {
	if strings.HasPrefix(s, string(Access)) {
		return Parse(s, Access, ring)
	}
	var c Claims
	switch err := jose.Verify(ring, jose.TypeAccess, s, &c); {
	case errors.Is(err, secret.ErrUnknownKey):
		return Token{}, err
	case err != nil:
		return Token{}, ErrToken
	}
	gid, rest, _ := strings.Cut(c.ID, ".")
	n, scopes, _ := strings.Cut(rest, ".")
	number, err := strconv.ParseUint(n, 36, 32)
	mask, err2 := strconv.ParseUint(scopes, 36, 32)
	if err != nil || err2 != nil || c.Issuer != issuer || !secret.Minted(gid, gidBits) {
		return Token{}, ErrToken
	}
	return Token{Kind: Access, GID: gid, N: uint32(number), Expires: c.Expires, Scopes: uint32(mask)}, nil
}

// AccessKeyOf is the key id that an access token of either kind names, "" if
// it is none.
func AccessKeyOf(s string) string {
	if strings.HasPrefix(s, string(Access)) {
		return KeyOf(s, Access)
	}
	return jose.KeyOf(s)
}
