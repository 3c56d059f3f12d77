package grant_test

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	oldRoot = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
	newRoot = "zyxwvutsrqponmlkjihgfedcbaABCDEFGHIJ0123456789"
)

func ringOf(t testing.TB, list string) *secret.Ring {
	t.Helper()
	r, err := secret.ParseRing(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestTokenRoundTrip(t *testing.T) {
	ring := ringOf(t, oldRoot)
	for name, want := range map[string]grant.Token{
		"code":    {Kind: grant.Code, GID: grant.NewGID(), Scopes: grant.All},
		"refresh": {Kind: grant.Refresh, GID: grant.NewGID(), N: 7, Scopes: grant.All},
		"access":  {Kind: grant.Access, GID: grant.NewGID(), N: 1<<32 - 1, Expires: 1 << 40, Scopes: 5},
		"zero":    {Kind: grant.Access, GID: strings.Repeat("A", 22)},
	} {
		s := want.Sign(ring.Newest())
		if s != want.Sign(ring.Newest()) || len(s) != grant.Len || !strings.HasPrefix(s, string(want.Kind)) {
			t.Errorf("%s: %q", name, s)
		}
		got, err := grant.Parse(s, want.Kind, ring)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if key := grant.KeyOf(s, want.Kind); key != ring.Newest().ID {
			t.Errorf("%s: names key %q", name, key)
		}
		for _, other := range []grant.Kind{grant.Code, grant.Access, grant.Refresh} {
			if other == want.Kind {
				continue
			}
			if _, err := grant.Parse(s, other, ring); !errors.Is(err, grant.ErrToken) {
				t.Errorf("%s as %s: %v", name, other, err)
			}
			if _, err := grant.Parse(string(other)+s[4:], other, ring); !errors.Is(err, grant.ErrToken) {
				t.Errorf("%s retagged %s: %v", name, other, err)
			}
		}
	}
}

// Every bit counts, and every byte has one spelling.
func TestOneSpelling_S95(t *testing.T) {
	ring := ringOf(t, oldRoot)
	s := grant.Token{Kind: grant.Access, GID: grant.NewGID(), N: 3, Expires: 1_800_000_000, Scopes: 3}.Sign(ring.Newest())
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=\n. "
	for i := range s {
		for _, c := range alphabet {
			bad := s[:i] + string(c) + s[i+1:]
			if bad == s {
				continue
			}
			if got, err := grant.Parse(bad, grant.Access, ring); err == nil || got != (grant.Token{}) {
				t.Fatalf("%q at %d: %+v", c, i, got)
			}
		}
	}
	for name, bad := range map[string]string{"empty": "", "tag": "lka_", "cut": s[:len(s)-1], "longer": s + "A", "padded": s + "=", "newline": s[:50] + "\n" + s[50:],
		"newlines for letters": "lka_" + strings.Repeat("\n", len(s)-4), "a newline for a letter": s[:50] + "\n" + s[51:], "few letters": s[:10] + strings.Repeat("\r", len(s)-10)} {
		if _, err := grant.Parse(bad, grant.Access, ring); !errors.Is(err, grant.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
		if grant.KeyOf(bad, grant.Access) != "" {
			t.Errorf("%s: names a key", name)
		}
	}
}

// Of another deployment, or of a key that is gone or yet to come.
func TestTokensAndKeys(t *testing.T) {
	before, both, after := ringOf(t, oldRoot), ringOf(t, newRoot+","+oldRoot), ringOf(t, newRoot)
	tok := grant.Token{Kind: grant.Refresh, GID: grant.NewGID(), N: 1, Scopes: grant.All}
	s, newer := tok.Sign(before.Newest()), tok.Sign(both.Newest())
	for name, tt := range map[string]struct {
		s    string
		ring *secret.Ring
		want error
	}{
		"old on both": {s, both, nil}, "new on both": {newer, both, nil}, "old, retired": {s, after, secret.ErrUnknownKey}, "new, not yet there": {newer, before, secret.ErrUnknownKey},
		"signed by one, naming the other": {s[:4] + rename(t, s, after.Newest().ID), both, grant.ErrToken},
	} {
		if _, err := grant.Parse(tt.s, grant.Refresh, tt.ring); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// rename puts another key id into the body of a token.
func rename(t *testing.T, s, id string) string {
	t.Helper()
	b, err := base64.RawURLEncoding.DecodeString(s[4:])
	if err != nil {
		t.Fatal(err)
	}
	copy(b[16:], id)
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestStrings_S64_S95(t *testing.T) {
	ring := ringOf(t, oldRoot)
	seen := map[string]bool{}
	for range 10_000 {
		gid := grant.NewGID()
		if len(gid) != 22 || seen[gid] {
			t.Fatalf("grant id %q", gid)
		}
		seen[gid] = true
		for _, kind := range []grant.Kind{grant.Code, grant.Access, grant.Refresh} {
			s := grant.Token{Kind: kind, GID: gid, N: 1}.Sign(ring.Newest())
			if seen[s] {
				t.Fatalf("repeated: %q", s)
			}
			seen[s] = true
		}
	}
}

// FuzzParseToken looks for a string, other than those that were signed, that
// passes; one that does must be what signing again gives.
func FuzzParseToken(f *testing.F) {
	ring := ringOf(f, oldRoot)
	for _, kind := range []grant.Kind{grant.Code, grant.Access, grant.Refresh} {
		tok := grant.Token{Kind: kind, GID: strings.Repeat("A", 22), N: 1, Expires: 1_800_000_000, Scopes: 1}
		f.Add(tok.Sign(ring.Newest()))
	}
	jwt, err := grant.Token{Kind: grant.Access, GID: strings.Repeat("A", 22), N: 1, Expires: 1_800_000_000, Scopes: 1}.SignJWT(ring.Newest(), grant.Claims{Issuer: issuer})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(jwt)
	f.Add("lka_")
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []grant.Kind{grant.Code, grant.Access, grant.Refresh} {
			if tok, err := grant.Parse(s, kind, ring); err == nil && tok.Sign(ring.Newest()) != s {
				t.Errorf("%q is another spelling of %+v", s, tok)
			}
		}
		if tok, err := grant.ParseAccess(s, issuer, ring); err == nil && (tok.GID != strings.Repeat("A", 22) || tok.N != 1) {
			t.Errorf("%q is %+v", s, tok)
		}
		_, _ = grant.KeyOf(s, grant.Access), grant.AccessKeyOf(s)
	})
}

// A jti that nobody here made names no grant.
func TestJWTWithAStrangeID_S78(t *testing.T) {
	ring := ringOf(t, oldRoot)
	gid := grant.NewGID()
	parse := func(id string) (grant.Token, error) {
		s, err := jose.Sign(ring.Newest(), jose.TypeAccess, grant.Claims{Issuer: issuer, ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return grant.ParseAccess(s, issuer, ring)
	}
	if got, err := parse(gid + ".c.5"); err != nil || got.N != 12 || got.Scopes != 5 || got.GID != gid {
		t.Errorf("%+v, %v", got, err)
	}
	for _, id := range []string{"", ".", "..", gid, gid + ".c", gid + ".c.", gid + "..5", gid + ".!.5", gid + ".c.5.5", gid + ".-1.5", gid + ".zzzzzzzz.5", gid + ".c.zzzzzzzz", gid[1:] + ".c.5", gid + "A.c.5", strings.Repeat("!", 22) + ".c.5"} {
		if got, err := parse(id); !errors.Is(err, grant.ErrToken) {
			t.Errorf("%q: %+v, %v", id, got, err)
		}
	}
}
