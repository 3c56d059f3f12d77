package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

// codeVerdicts has a case for each reason to refuse a code, alone and with the
// ones that give way to it. What the store says is what grant says of the
// record, and a refusal leaves the record as it was.
func codeVerdicts(t *testing.T, s Store) {
	now := second()
	redeemed := func(t *testing.T, g issued) { mustRedeem(t, s, g, "first", now) }
	revoked := func(t *testing.T, g issued) {
		redeemed(t, g)
		if err := s.RevokeGrant(t.Context(), g.record.Key, ""); err != nil {
			t.Fatal(err)
		}
	}
	rotated := func(t *testing.T, g issued) { redeemed(t, g); mustRotate(t, s, g, 1, "second", now) }
	client := func(d *grant.Redemption) { d.Client = grant.Hash("another") }
	redirect := func(d *grant.Redemption) { d.Redirect = grant.Hash("https://elsewhere.example/") }
	noRedirect := func(d *grant.Redemption) { d.Redirect = "" }
	verifier := func(d *grant.Redemption) { d.Challenge = grant.Hash("another verifier") }
	noVerifier := func(d *grant.Redemption) { d.Challenge = "" }
	late := func(d *grant.Redemption) { d.Now = now.Add(codeTTL) }
	firsts := func(d *grant.Redemption) { d.Nonce = "first" }
	cases := []struct {
		name   string
		before func(*testing.T, issued)
		shape  string
		wrong  []func(*grant.Redemption)
		want   error
	}{
		{name: "another client", wrong: []func(*grant.Redemption){client}, want: grant.ErrClient},
		{name: "another client, all else wrong too", wrong: []func(*grant.Redemption){client, redirect, verifier, late}, want: grant.ErrClient},
		{name: "another client, redeemed", before: redeemed, wrong: []func(*grant.Redemption){client, firsts}, want: grant.ErrClient},
		{name: "another client, revoked", before: revoked, wrong: []func(*grant.Redemption){client}, want: grant.ErrClient},
		{name: "another redirect URI", wrong: []func(*grant.Redemption){redirect}, want: grant.ErrRedirect},
		{name: "no redirect URI where there was one", wrong: []func(*grant.Redemption){noRedirect}, want: grant.ErrRedirect},
		{name: "a redirect URI where there was none", shape: "without a redirect URI", wrong: []func(*grant.Redemption){redirect}, want: grant.ErrRedirect},
		{name: "another redirect URI and verifier, redeemed", before: redeemed, wrong: []func(*grant.Redemption){redirect, verifier}, want: grant.ErrRedirect},
		{name: "another verifier", wrong: []func(*grant.Redemption){verifier}, want: grant.ErrVerifier},
		{name: "no verifier where there was a challenge", wrong: []func(*grant.Redemption){noVerifier}, want: grant.ErrVerifier},
		{name: "a verifier where there was no challenge (S-62)", shape: "without a challenge", wrong: []func(*grant.Redemption){verifier}, want: grant.ErrVerifier},
		{name: "another verifier, redeemed", before: redeemed, wrong: []func(*grant.Redemption){verifier, firsts}, want: grant.ErrVerifier},
		{name: "another verifier, late", wrong: []func(*grant.Redemption){verifier, late}, want: grant.ErrVerifier},
		{name: "revoked", before: revoked, want: grant.ErrRevoked},
		{name: "revoked, by the request that redeemed", before: revoked, wrong: []func(*grant.Redemption){firsts}, want: grant.ErrRevoked},
		{name: "redeemed (S-57)", before: redeemed, want: grant.ErrReplayed},
		{name: "redeemed, late", before: redeemed, wrong: []func(*grant.Redemption){late}, want: grant.ErrReplayed},
		{name: "redeemed by this request", before: redeemed, wrong: []func(*grant.Redemption){firsts}},
		{name: "redeemed by this request and refreshed", before: rotated, wrong: []func(*grant.Redemption){firsts}, want: grant.ErrReplayed},
		{name: "late", wrong: []func(*grant.Redemption){late}, want: grant.ErrExpired},
		{name: "in the last second", wrong: []func(*grant.Redemption){func(d *grant.Redemption) { d.Now = now.Add(codeTTL - time.Nanosecond) }}},
		{name: "right"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			shape := shapes["with all there is"]
			if c.shape != "" {
				shape = shapes[c.shape]
			}
			g := putGrant(t, s, now, shape)
			if c.before != nil {
				c.before(t, g)
			}
			d := g.redeem("mine", now)
			for _, wrong := range c.wrong {
				wrong(&d)
			}
			was := mustGet(t, s, g.record.Key)
			r, err := s.RedeemCode(t.Context(), g.record.Key, d)
			checkVerdict(t, s, was, r, err, c.want, d.Verdict, d.Apply)
		})
	}
	if _, err := s.RedeemCode(t.Context(), grant.KeyFor(grant.NewGID()), newGrant(t, now).redeem("mine", now)); !errors.Is(err, grant.ErrUnknown) {
		t.Errorf("no such grant: %v", err)
	}
}

// refreshVerdicts is codeVerdicts for a refresh token. The grant has been
// rotated twice, the second time at now, and n 3 is out.
func refreshVerdicts(t *testing.T, s Store) {
	now := second()
	client := func(o *grant.Rotation) { o.Client = grant.Hash("another") }
	seq := func(n uint32) func(*grant.Rotation) { return func(o *grant.Rotation) { o.Seq = n } }
	at := func(d time.Duration) func(*grant.Rotation) {
		return func(o *grant.Rotation) { o.Now = now.Add(d) }
	}
	nonce := func(n string) func(*grant.Rotation) { return func(o *grant.Rotation) { o.Nonce = n } }
	noGrace := func(o *grant.Rotation) { o.Grace = 0 }
	type wrong = []func(*grant.Rotation)
	cases := []struct {
		name    string
		revoked bool
		code    bool
		wrong   wrong
		want    error
	}{
		{name: "another client (S-70)", wrong: wrong{client}, want: grant.ErrClient},
		{name: "another client, all else wrong too", revoked: true, wrong: wrong{client, seq(1), at(maxTTL)}, want: grant.ErrClient},
		{name: "another client, in the grace", wrong: wrong{client, seq(2), nonce("second")}, want: grant.ErrClient},
		{name: "revoked", revoked: true, want: grant.ErrRevoked},
		{name: "revoked, in the grace", revoked: true, wrong: wrong{seq(2)}, want: grant.ErrRevoked},
		{name: "revoked, by the request that rotated", revoked: true, wrong: wrong{seq(2), nonce("second")}, want: grant.ErrRevoked},
		{name: "revoked, reused", revoked: true, wrong: wrong{seq(1)}, want: grant.ErrRevoked},
		{name: "a code that nobody has redeemed", code: true, wrong: wrong{seq(1)}, want: grant.ErrUnknown},
		{name: "a code's own number", code: true, wrong: wrong{seq(0)}, want: grant.ErrUnknown},
		{name: "number 0", wrong: wrong{seq(0)}, want: grant.ErrUnknown},
		{name: "a number that is not out yet", wrong: wrong{seq(4)}, want: grant.ErrUnknown},
		{name: "the end of the grant", wrong: wrong{at(maxTTL)}, want: grant.ErrExpired},
		{name: "the end of the grant, reused", wrong: wrong{at(maxTTL), seq(1)}, want: grant.ErrExpired},
		{name: "the end of the token", wrong: wrong{at(refreshTTL)}, want: grant.ErrExpired},
		{name: "the last second of the token", wrong: wrong{at(refreshTTL - time.Nanosecond)}},
		{name: "reused (S-68)", wrong: wrong{seq(1)}, want: grant.ErrReused},
		{name: "reused by the request that rotated it once", wrong: wrong{seq(1), nonce("first")}, want: grant.ErrReused},
		{name: "the predecessor, the grace over", wrong: wrong{seq(2), at(reuseGrace)}, want: grant.ErrReused},
		{name: "the predecessor, no grace", wrong: wrong{seq(2), noGrace}, want: grant.ErrReused},
		{name: "the predecessor, the last second of the grace (S-69)", wrong: wrong{seq(2), at(reuseGrace - time.Nanosecond)}},
		{name: "the predecessor, by the request that rotated", wrong: wrong{seq(2), at(reuseGrace), nonce("second")}},
		{name: "the predecessor, by the request that rotated, no grace", wrong: wrong{seq(2), noGrace, nonce("second")}},
		{name: "right"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := putGrant(t, s, now)
			if !c.code {
				mustRedeem(t, s, g, "zeroth", now)
				mustRotate(t, s, g, 1, "first", now)
				mustRotate(t, s, g, 2, "second", now)
			}
			if c.revoked {
				if err := s.RevokeGrant(t.Context(), g.record.Key, g.record.Client); err != nil {
					t.Fatal(err)
				}
			}
			o := g.rotate(3, "mine", now)
			for _, wrong := range c.wrong {
				wrong(&o)
			}
			was := mustGet(t, s, g.record.Key)
			r, err := s.Rotate(t.Context(), g.record.Key, o)
			checkVerdict(t, s, was, r, err, c.want, o.Verdict, o.Apply)
		})
	}
	if _, err := s.Rotate(t.Context(), grant.KeyFor(grant.NewGID()), newGrant(t, now).rotate(1, "mine", now)); !errors.Is(err, grant.ErrUnknown) {
		t.Errorf("no such grant: %v", err)
	}
}

func mustGet(t *testing.T, s Store, key string) grant.Record {
	t.Helper()
	r, err := s.GetGrant(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// checkVerdict: got and err are what the store made of a record that was was.
func checkVerdict(t *testing.T, s Store, was, got grant.Record, err, want error,
	verdict func(grant.Record) (bool, error), apply func(grant.Record) grant.Record) {
	t.Helper()
	won, says := verdict(was)
	if !errors.Is(says, want) || says != nil && want == nil {
		t.Fatalf("the case is wrong: grant says %v, want %v", says, want)
	}
	if !errors.Is(err, want) || err != nil && want == nil {
		t.Errorf("error %v, want %v", err, want)
	}
	after, image := was, grant.Record{}
	if want == nil {
		if !won {
			after = apply(was)
			after.RotatedAt = after.RotatedAt.Truncate(time.Second)
			after.IdleAt = after.IdleAt.Truncate(time.Second)
		}
		image = after
	}
	if diff := cmp.Diff(image, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	mustBe(t, s, after)
}
