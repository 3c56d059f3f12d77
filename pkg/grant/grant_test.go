package grant_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

func approved() grant.Grant {
	return grant.Grant{
		GID: grant.NewGID(), ClientID: "canary-client", User: "canary-user", Subject: "canary-sub", Scopes: []string{"openid", "canary-scope", "read"},
		RedirectURI: "https://canary.example/cb", Challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", Nonce: "canary-nonce",
		AuthTime: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC),
	}
}

func TestSealAndOpen(t *testing.T) {
	ring := ringOf(t, oldRoot)
	g := approved()
	r, err := g.Seal(ring.Newest(), grant.Record{Status: grant.Issued})
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Open(ringOf(t, newRoot+","+oldRoot), g.GID)
	if err != nil || !cmp.Equal(got, g) {
		t.Errorf("%v: %s", err, cmp.Diff(g, got))
	}
	if r.Key != grant.KeyFor(g.GID) || r.Client != grant.Hash(g.ClientID) || r.User != grant.Hash(g.User) || r.Redirect != grant.Hash(g.RedirectURI) ||
		r.Challenge != g.Challenge || r.SealedKey() != ring.Newest().ID || r.Status != grant.Issued {
		t.Errorf("%+v", r)
	}
}

func TestRecordRevealsNothing_S94(t *testing.T) {
	g := approved()
	r, err := g.Seal(ringOf(t, oldRoot).Newest(), grant.Record{})
	if err != nil {
		t.Fatal(err)
	}
	r2, _ := g.Seal(ringOf(t, oldRoot).Newest(), grant.Record{})
	if string(r.Sealed) == string(r2.Sealed) {
		t.Error("sealed twice to the same bytes")
	}
	dump := fmt.Sprintf("%+v %s", r, r.Sealed)
	if strings.Contains(dump, "canary") || strings.Contains(dump, g.GID) {
		t.Errorf("the record has something in clear: %s", dump)
	}
}

// A dump of the table and the deployment secret do not open a grant, nor do
// its payload in another's place, another's id, or another key.
func TestOpenRefuses_P02(t *testing.T) {
	ring := ringOf(t, oldRoot)
	g, h := approved(), approved()
	r, _ := g.Seal(ring.Newest(), grant.Record{})
	s, _ := h.Seal(ring.Newest(), grant.Record{})
	swapped, cut, short, flipped := r, r, r, r
	swapped.Sealed, cut.Sealed, short.Sealed = s.Sealed, r.Sealed[:len(r.Sealed)-1], r.Sealed[:3]
	flipped.Sealed = append([]byte{}, r.Sealed...)
	flipped.Sealed[len(flipped.Sealed)/2] ^= 1
	moved := r
	moved.Key = s.Key
	for name, tt := range map[string]struct {
		r    grant.Record
		gid  string
		ring *secret.Ring
		want error
	}{
		"swapped": {swapped, g.GID, ring, grant.ErrUnknown}, "cut": {cut, g.GID, ring, grant.ErrUnknown}, "short": {short, g.GID, ring, grant.ErrUnknown},
		"flipped": {flipped, g.GID, ring, grant.ErrUnknown}, "moved": {moved, g.GID, ring, grant.ErrUnknown}, "another id": {r, h.GID, ring, grant.ErrUnknown},
		"no id": {r, "", ring, grant.ErrUnknown}, "empty": {grant.Record{}, g.GID, ring, grant.ErrUnknown}, "retired": {r, g.GID, ringOf(t, newRoot), secret.ErrUnknownKey},
	} {
		if got, err := tt.r.Open(tt.ring, tt.gid); !errors.Is(err, tt.want) || got.ClientID != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestSealRefuses(t *testing.T) {
	root := ringOf(t, oldRoot).Newest()
	many, none := approved(), approved()
	many.Scopes = make([]string, grant.MaxScopes+1)
	none.GID = "x"
	for name, g := range map[string]grant.Grant{"33 scopes": many, "no id": none} {
		if _, err := g.Seal(root, grant.Record{}); err == nil {
			t.Errorf("%s: sealed", name)
		}
	}
	many.Scopes = many.Scopes[1:]
	if _, err := many.Seal(root, grant.Record{}); err != nil {
		t.Errorf("32 scopes: %v", err)
	}
}

func TestMask_S71(t *testing.T) {
	g := grant.Grant{Scopes: []string{"a", "b", "c"}}
	for _, tt := range []struct {
		scopes []string
		mask   uint32
		ok     bool
		scope  string
	}{
		{nil, 0, true, ""}, {[]string{"a"}, 1, true, "a"}, {[]string{"c", "a"}, 5, true, "a c"}, {[]string{"a", "a"}, 1, true, "a"},
		{[]string{"a", "b", "c"}, 7, true, "a b c"}, {[]string{"d"}, 0, false, ""}, {[]string{"a", "d"}, 0, false, ""}, {[]string{"A"}, 0, false, ""}, {[]string{""}, 0, false, ""},
	} {
		mask, ok := g.Mask(tt.scopes)
		if mask != tt.mask || ok != tt.ok || g.Scope(mask) != tt.scope {
			t.Errorf("%v: %b, %v, %q", tt.scopes, mask, ok, g.Scope(mask))
		}
	}
	if g.Scope(grant.All) != "a b c" {
		t.Errorf("all: %q", g.Scope(grant.All))
	}
}
