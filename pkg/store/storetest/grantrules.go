package storetest

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

func revocation(t *testing.T, s Store) {
	now := second()
	states := map[string]func(issued){
		"a code":    func(issued) {},
		"redeemed":  func(g issued) { mustRedeem(t, s, g, "n1", now) },
		"refreshed": func(g issued) { mustRedeem(t, s, g, "n1", now); mustRotate(t, s, g, 1, "r1", now) },
	}
	for name, bring := range states {
		t.Run(name, func(t *testing.T) {
			g := putGrant(t, s, now)
			bring(g)
			want := mustGet(t, s, g.record.Key)
			if err := s.RevokeGrant(t.Context(), g.record.Key, grant.Hash("another")); !errors.Is(err, grant.ErrClient) {
				t.Errorf("by another client: %v", err)
			}
			mustBe(t, s, want)
			want.Status = grant.Revoked
			for _, client := range []string{g.record.Client, g.record.Client, ""} {
				if err := s.RevokeGrant(t.Context(), g.record.Key, client); err != nil {
					t.Errorf("by client %q: %v", client, err)
				}
			}
			if err := s.RevokeGrant(t.Context(), g.record.Key, grant.Hash("another")); !errors.Is(err, grant.ErrClient) {
				t.Errorf("by another client, afterwards: %v", err)
			}
			for _, nonce := range []string{"n1", "n2"} {
				if _, err := s.RedeemCode(t.Context(), g.record.Key, g.redeem(nonce, now)); !errors.Is(err, grant.ErrRevoked) {
					t.Errorf("redeemed by %s: %v", nonce, err)
				}
			}
			for seq := range uint32(4) {
				if _, err := s.Rotate(t.Context(), g.record.Key, g.rotate(seq, "r1", now)); !errors.Is(err, grant.ErrRevoked) {
					t.Errorf("%d rotated: %v", seq, err)
				}
			}
			if err := s.PutGrant(t.Context(), g.record); err != nil {
				t.Errorf("put again: %v", err)
			}
			mustBe(t, s, want)
		})
	}
	key := grant.KeyFor(grant.NewGID())
	for _, client := range []string{"", grant.Hash("anybody")} {
		if err := s.RevokeGrant(t.Context(), key, client); err != nil {
			t.Errorf("a grant that never was: %v", err)
		}
	}
	if _, err := s.GetGrant(t.Context(), key); !errors.Is(err, grant.ErrUnknown) {
		t.Errorf("revoking made a grant: %v", err)
	}
}

// grantExpiry plays the TTL that is late: the record is there, its times over.
// That the refusal is in the write shows an attempt with a clock that is slow.
func grantExpiry(t *testing.T, s Store) {
	now := second()
	for name, ago := range map[string]time.Duration{"this second": 0, "a second ago": time.Second, "days ago": 72 * time.Hour} {
		t.Run("a code, "+name, func(t *testing.T) {
			g := putGrant(t, s, now.Add(-codeTTL-ago))
			for _, at := range []time.Time{now, now.Add(time.Second - time.Nanosecond)} {
				if _, err := s.RedeemCode(t.Context(), g.record.Key, g.redeem("n1", at)); !errors.Is(err, grant.ErrExpired) {
					t.Errorf("%v", err)
				}
			}
			mustBe(t, s, g.record)
			mustRedeem(t, s, g, "n2", now.Add(-ago-time.Second))
		})
		t.Run("a refresh token, "+name, func(t *testing.T) {
			start := now.Add(-refreshTTL - ago)
			g := putGrant(t, s, start)
			mustRedeem(t, s, g, "n1", start)
			want := mustGet(t, s, g.record.Key)
			for _, at := range []time.Time{now, now.Add(time.Second - time.Nanosecond)} {
				if _, err := s.Rotate(t.Context(), g.record.Key, g.rotate(1, "r1", at)); !errors.Is(err, grant.ErrExpired) {
					t.Errorf("%v", err)
				}
			}
			mustBe(t, s, want)
			mustRotate(t, s, g, 1, "r2", now.Add(-ago-time.Second))
		})
		t.Run("a grant, "+name, func(t *testing.T) {
			start := now.Add(-time.Minute - ago)
			g := putGrant(t, s, start, func(g *issued) { g.record.MaxAt = start.Add(time.Minute) })
			mustRedeem(t, s, g, "n1", start)
			want := mustGet(t, s, g.record.Key)
			if _, err := s.Rotate(t.Context(), g.record.Key, g.rotate(1, "r1", now)); !errors.Is(err, grant.ErrExpired) {
				t.Errorf("%v", err)
			}
			if err := want.Live(1, now); !errors.Is(err, grant.ErrExpired) {
				t.Errorf("introspected: %v", err)
			}
			mustBe(t, s, want)
		})
	}
}

func emptyAttempts(t *testing.T, s Store) {
	now := second()
	g := putGrant(t, s, now)
	d := g.redeem("", now)
	if _, err := s.RedeemCode(t.Context(), g.record.Key, d); err == nil {
		t.Error("a redemption without a nonce won")
	}
	d = g.redeem("n1", now)
	d.Client = ""
	if _, err := s.RedeemCode(t.Context(), g.record.Key, d); !errors.Is(err, grant.ErrClient) {
		t.Errorf("a redemption by no client: %v", err)
	}
	mustBe(t, s, g.record)
	mustRedeem(t, s, g, "n1", now)
	want := mustGet(t, s, g.record.Key)
	if _, err := s.Rotate(t.Context(), g.record.Key, g.rotate(1, "", now)); err == nil {
		t.Error("a rotation without a nonce won")
	}
	o := g.rotate(1, "r1", now)
	o.Client = ""
	if _, err := s.Rotate(t.Context(), g.record.Key, o); !errors.Is(err, grant.ErrClient) {
		t.Errorf("a rotation by no client: %v", err)
	}
	mustBe(t, s, want)
}

// wholeGrant is the item that a record is kept as, schema version 1.
func wholeGrant(r grant.Record) map[string]any {
	return map[string]any{
		"pk": r.Key, "v": int64(1), "user": r.User, "created": r.Created.Unix(), "client": r.Client, "redirect": r.Redirect,
		"challenge": r.Challenge, "status": string(r.Status), "seq": int64(r.Seq), "code_expires_at": r.CodeExpiresAt.Unix(),
		"max_at": r.MaxAt.Unix(), "expires_at": r.ExpiresAt.Unix(), "sealed": r.Sealed,
	}
}

// CorruptGrants are items that no store may take for a grant, as changes to a
// whole one; as for Corrupt.
var CorruptGrants = []struct {
	Name, Attribute string
	Value           any
}{
	{"no version", "v", absent{}},
	{"a newer version", "v", int64(2)},
	{"version of the wrong type", "v", "1"},
	{"no client", "client", absent{}},
	{"client of the wrong type", "client", int64(7)},
	{"redirect of the wrong type", "redirect", int64(7)},
	{"challenge of the wrong type", "challenge", []byte("x")},
	{"no status", "status", absent{}},
	{"a status that is none", "status", "paused"},
	{"no sequence", "seq", absent{}},
	{"sequence of the wrong type", "seq", "0"},
	{"a sequence below zero", "seq", int64(-1)},
	{"a sequence beyond a token's", "seq", int64(1) << 32},
	{"end of the code of the wrong type", "code_expires_at", "9999999999"},
	{"no end of the grant", "max_at", absent{}},
	{"end of the grant of the wrong type", "max_at", nil},
	{"no expiry", "expires_at", absent{}},
	{"no payload", "sealed", absent{}},
	{"payload of the wrong type", "sealed", "text"},
}

func corruptGrants(t *testing.T, s Subject) {
	now := second()
	t.Run("control: the whole item is a grant", func(t *testing.T) {
		g := newGrant(t, now)
		s.Plant(t, wholeGrant(g.record))
		mustBe(t, s.Store, g.record)
		mustRedeem(t, s.Store, g, "n1", now)
	})
	for _, c := range CorruptGrants {
		t.Run(c.Name, func(t *testing.T) {
			g := newGrant(t, now)
			item := maps.Clone(wholeGrant(g.record))
			if item[c.Attribute] = c.Value; c.Value == (absent{}) {
				delete(item, c.Attribute)
			}
			s.Plant(t, item)
			for name, do := range map[string]func() (grant.Record, error){
				"get": func() (grant.Record, error) { return s.Store.GetGrant(t.Context(), g.record.Key) },
				"redeem": func() (grant.Record, error) {
					return s.Store.RedeemCode(t.Context(), g.record.Key, g.redeem("n1", now))
				},
				"rotate": func() (grant.Record, error) { return s.Store.Rotate(t.Context(), g.record.Key, g.rotate(1, "n1", now)) },
			} {
				r, err := do()
				if !errors.Is(err, grant.ErrUnknown) || !cmp.Equal(r, grant.Record{}) {
					t.Errorf("%s: %+v, %v", name, r, err)
					continue
				}
				says := strings.Contains(err.Error(), "item's "+c.Attribute+" ") ||
					c.Attribute == "v" && strings.Contains(err.Error(), "schema version ")
				if !says || strings.Contains(err.Error(), g.record.Key) || strings.Contains(err.Error(), g.record.Client) {
					t.Errorf("%s: cause %q", name, err)
				}
			}
			if c.Attribute != "v" {
				return
			}
			// What a later release wrote is not touched, and not said to be revoked.
			was := lines(s.Dump(t))
			if err := s.Store.RevokeGrant(t.Context(), g.record.Key, ""); !errors.Is(err, grant.ErrUnknown) {
				t.Errorf("revoke: %v", err)
			}
			if !slices.Equal(was, lines(s.Dump(t))) {
				t.Error("it was touched")
			}
		})
	}
}

// lines are those of a dump, in an order.
func lines(dump []byte) []string {
	return slices.Sorted(strings.Lines(string(dump)))
}

func grantBudget(t *testing.T, s Subject) {
	now := second()
	g := newGrant(t, now)
	key := g.record.Key
	steps := []struct {
		name          string
		do            func() error
		writes, reads int
	}{
		{"put", func() error { return s.Store.PutGrant(t.Context(), g.record) }, 1, 0},
		{"put again", func() error { return s.Store.PutGrant(t.Context(), g.record) }, 1, 0},
		{"code exchange", func() error { _, err := s.Store.RedeemCode(t.Context(), key, g.redeem("n1", now)); return err }, 1, 0},
		{"refresh", func() error { _, err := s.Store.Rotate(t.Context(), key, g.rotate(1, "r1", now)); return err }, 1, 0},
		{"introspection", func() error { _, err := s.Store.GetGrant(t.Context(), key); return err }, 0, 1},
		{"revocation", func() error { return s.Store.RevokeGrant(t.Context(), key, g.record.Client) }, 1, 0},
		{"revocation again", func() error { return s.Store.RevokeGrant(t.Context(), key, "") }, 1, 0},
	}
	for _, step := range steps {
		w0, r0 := s.Operations()
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if w1, r1 := s.Operations(); w1-w0 != step.writes || r1-r0 != step.reads {
			t.Errorf("%s took %d writes and %d reads, want %d and %d", step.name, w1-w0, r1-r0, step.writes, step.reads)
		}
	}
	// A refusal needs one write, and one read where the endpoint does not
	// return the old item.
	w0, r0 := s.Operations()
	_, _ = s.Store.RedeemCode(t.Context(), key, g.redeem("n2", now))
	if w1, r1 := s.Operations(); w1-w0 != 1 || r1-r0 > 1 {
		t.Errorf("a refusal took %d writes and %d reads, want 1 and at most 1", w1-w0, r1-r0)
	}
}

func grantAtRest(t *testing.T, s Subject) {
	now := second()
	g := putGrant(t, s.Store, now)
	mustRedeem(t, s.Store, g, "n1", now)
	mustRotate(t, s.Store, g, 1, "r1", now)
	dump := s.Dump(t)
	if !bytes.Contains(dump, []byte(g.record.Key)) {
		t.Fatal("the dump does not even show the item's key")
	}
	root := ring.Newest()
	secrets := map[string]string{
		"grant id": g.GID, "user": g.User, "subject": g.Subject, "client": g.ClientID, "redirect URI": g.RedirectURI,
		"verifier": g.verifier, "nonce": g.Nonce, "a scope": `"email"`,
		"code":          grant.Token{Kind: grant.Code, GID: g.GID, Scopes: grant.All}.Sign(root),
		"refresh token": grant.Token{Kind: grant.Refresh, GID: g.GID, N: 2, Scopes: grant.All}.Sign(root),
	}
	if found := Leaks(dump, secrets); len(found) > 0 {
		t.Errorf("readable in the dump: %v", found)
	}
}
