package grant_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const issuer = "https://login.example.com"

func accessRing(t *testing.T, list string) *secret.Ring {
	t.Helper()
	r, err := secret.ParseRing(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Both forms of an access token say the same (RFC 9068 for the JWT).
func TestAccessTokenForms_S78(t *testing.T) {
	ring := accessRing(t, "a-new-secret-of-the-tests-0123456789-abcdefgh")
	want := grant.Token{Kind: grant.Access, GID: grant.NewGID(), N: 7, Expires: 1_800_000_300, Scopes: 5}
	jwt, err := want.SignJWT(ring.Newest(), grant.Claims{Issuer: issuer, Subject: "s", Audience: issuer, ClientID: "c", Expires: 1})
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{"opaque": want.Sign(ring.Newest()), "JWT": jwt} {
		got, err := grant.ParseAccess(s, issuer, ring)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if grant.AccessKeyOf(s) != ring.Newest().ID {
			t.Errorf("%s: key %q", name, grant.AccessKeyOf(s))
		}
		other := accessRing(t, "an-old-secret-of-the-tests-0123456789-abcdefg")
		if _, err := grant.ParseAccess(s, issuer, other); !errors.Is(err, secret.ErrUnknownKey) {
			t.Errorf("%s, another ring: %v", name, err)
		}
	}
}

func TestParseAccessRefuses_S78(t *testing.T) {
	ring := accessRing(t, "a-new-secret-of-the-tests-0123456789-abcdefgh")
	root := ring.Newest()
	token := grant.Token{Kind: grant.Access, GID: grant.NewGID(), N: 1, Expires: 1_800_000_300, Scopes: 1}
	claims := grant.Claims{Issuer: issuer, Subject: "s", Audience: issuer, ClientID: "c"}
	good, err := token.SignJWT(root, claims)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(typ string, c any) string {
		s, err := jose.Sign(root, typ, c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	elsewhere := claims
	elsewhere.Issuer = issuer + ".evil.example"
	foreign, _ := token.SignJWT(root, elsewhere)
	claims.Expires, claims.ID = token.Expires, strings.Repeat("A", 31)
	for name, s := range map[string]string{
		"another issuer":         foreign,
		"an ID token":            sign(jose.TypeID, claims),
		"a jti that is not ours": sign(jose.TypeAccess, claims),
		"a dot only":             ".",
		"cut":                    good[:len(good)-1],
		"a refresh token":        grant.Token{Kind: grant.Refresh, GID: token.GID, N: 1, Scopes: grant.All}.Sign(root),
		"empty":                  "",
	} {
		if got, err := grant.ParseAccess(s, issuer, ring); !errors.Is(err, grant.ErrToken) || got != (grant.Token{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
