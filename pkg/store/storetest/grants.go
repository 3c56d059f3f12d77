package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Grants runs the contract of a store of grants. open is called once; the
// store may be shared, since every key is random.
func Grants(t *testing.T, open func(t *testing.T) Subject) {
	s := open(t)
	t.Run("what was put is what is read", func(t *testing.T) { grantRoundTrip(t, s.Store) })
	t.Run("a second put changes nothing (S-41)", func(t *testing.T) { putTwice(t, s.Store) })
	t.Run("a redemption and its repeat", func(t *testing.T) { redemption(t, s.Store) })
	t.Run("a rotation and its repeat", func(t *testing.T) { rotation(t, s.Store) })
	t.Run("the verdict on a code has an order", func(t *testing.T) { codeVerdicts(t, s.Store) })
	t.Run("the verdict on a refresh token has an order", func(t *testing.T) { refreshVerdicts(t, s.Store) })
	t.Run("revoked is for ever (S-79, S-80)", func(t *testing.T) { revocation(t, s.Store) })
	t.Run("expired is refused while still there (F-10, S-63)", func(t *testing.T) { grantExpiry(t, s.Store) })
	t.Run("what comes empty wins nothing", func(t *testing.T) { emptyAttempts(t, s.Store) })
	t.Run("of rival redemptions one wins (S-58)", func(t *testing.T) { rivalRedemptions(t, s) })
	t.Run("parallel refreshes have one successor (S-69)", func(t *testing.T) { parallelRotations(t, s) })
	t.Run("nothing wins against a revocation", func(t *testing.T) { rivalRevocations(t, s) })
	if s.Plant != nil {
		t.Run("what is no grant of ours is unknown (F-12)", func(t *testing.T) { corruptGrants(t, s) })
	}
	if s.Operations != nil {
		t.Run("operations keep to the budget", func(t *testing.T) { grantBudget(t, s) })
	}
	if s.Dump != nil {
		t.Run("a dump shows no secret (S-94)", func(t *testing.T) { grantAtRest(t, s) })
	}
}

const (
	codeTTL    = time.Minute
	refreshTTL = 15 * time.Minute
	maxTTL     = 720 * time.Hour
	reuseGrace = time.Minute
)

// issued is a grant as the approve form makes one, and its record.
type issued struct {
	grant.Grant
	verifier string
	record   grant.Record
}

var ring = func() *secret.Ring {
	r, err := secret.ParseRing(secret.Mint(256))
	if err != nil {
		panic(err)
	}
	return r
}()

// newGrant makes a grant of its own user that was approved at a time.
func newGrant(t testing.TB, at time.Time, change ...func(*issued)) issued {
	t.Helper()
	g := issued{verifier: pkce.NewVerifier()}
	g.Grant = grant.Grant{
		GID: grant.NewGID(), ClientID: "client-" + secret.Mint(64), User: "user-" + secret.Mint(64), Subject: secret.Mint(128),
		Scopes: []string{"openid", "email"}, RedirectURI: "https://app.example/" + secret.Mint(64),
		Challenge: pkce.Challenge(g.verifier), Nonce: secret.Mint(128), AuthTime: at,
	}
	g.record = grant.Record{
		Created: at, Status: grant.Issued,
		CodeExpiresAt: at.Add(codeTTL), MaxAt: at.Add(maxTTL), ExpiresAt: at.Add(maxTTL + time.Hour),
	}
	for _, c := range change {
		c(&g)
	}
	r, err := g.Seal(ring.Newest(), g.record)
	if err != nil {
		t.Fatal(err)
	}
	g.record = r
	return g
}

func putGrant(t testing.TB, s Store, at time.Time, change ...func(*issued)) issued {
	t.Helper()
	g := newGrant(t, at, change...)
	if err := s.PutGrant(t.Context(), g.record); err != nil {
		t.Fatal(err)
	}
	return g
}

// redeem is the attempt that has everything right.
func (g issued) redeem(nonce string, now time.Time) grant.Redemption {
	return grant.Redemption{
		Client: g.record.Client, Redirect: g.record.Redirect, Challenge: g.record.Challenge,
		Nonce: nonce, Now: now, IdleAt: now.Add(refreshTTL),
	}
}

func (g issued) rotate(seq uint32, nonce string, now time.Time) grant.Rotation {
	return grant.Rotation{
		Client: g.record.Client, Seq: seq, Nonce: nonce, Now: now, IdleAt: now.Add(refreshTTL), Grace: reuseGrace,
	}
}

// second is a time that an item can have.
func second() time.Time { return time.Now().Truncate(time.Second) }

func mustRedeem(t testing.TB, s Store, g issued, nonce string, now time.Time) {
	t.Helper()
	if _, err := s.RedeemCode(t.Context(), g.record.Key, g.redeem(nonce, now)); err != nil {
		t.Fatal(err)
	}
}

func mustRotate(t testing.TB, s Store, g issued, seq uint32, nonce string, now time.Time) {
	t.Helper()
	if _, err := s.Rotate(t.Context(), g.record.Key, g.rotate(seq, nonce, now)); err != nil {
		t.Fatal(err)
	}
}

// mustBe checks what the store has.
func mustBe(t testing.TB, s Store, want grant.Record) {
	t.Helper()
	got, err := s.GetGrant(t.Context(), want.Key)
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("grant (-want +kept):\n%s", diff)
	}
}

// shapes of grants: with all there is, and with what may be absent.
var shapes = map[string]func(*issued){
	"with all there is":      func(*issued) {},
	"without a challenge":    func(g *issued) { g.Challenge = "" },
	"without a redirect URI": func(g *issued) { g.RedirectURI = "" },
	"without both":           func(g *issued) { g.Challenge, g.RedirectURI = "", "" },
	"a client's own": func(g *issued) {
		g.User, g.Subject, g.Challenge, g.RedirectURI = "", "", "", ""
		g.record.Status, g.record.Seq, g.record.CodeExpiresAt = grant.Active, 1, time.Time{}
	},
	"with times between seconds": func(*issued) {},
}

func grantRoundTrip(t *testing.T, s Store) {
	for name, shape := range shapes {
		t.Run(name, func(t *testing.T) {
			now := second()
			g := newGrant(t, now, shape)
			given := g.record
			if strings.Contains(name, "between") {
				given.MaxAt, given.Created = given.MaxAt.Add(900*time.Millisecond), given.Created.Add(time.Millisecond)
			}
			if err := s.PutGrant(t.Context(), given); err != nil {
				t.Fatal(err)
			}
			mustBe(t, s, g.record)
			got, err := s.GetGrant(t.Context(), g.record.Key)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := got.Open(ring, g.GID)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(g.Grant, opened); diff != "" {
				t.Errorf("grant (-sealed +opened):\n%s", diff)
			}
		})
	}
	if r, err := s.GetGrant(t.Context(), grant.KeyFor(grant.NewGID())); !errors.Is(err, grant.ErrUnknown) || !cmp.Equal(r, grant.Record{}) {
		t.Errorf("a grant that never was: %v", err)
	}
}

func putTwice(t *testing.T, s Store) {
	now := second()
	g := putGrant(t, s, now)
	again := g.record
	again.Client, again.Sealed, again.CodeExpiresAt = "another", []byte("another"), now.Add(time.Hour)
	for _, step := range []string{"as a code", "redeemed"} {
		want, err := s.GetGrant(t.Context(), g.record.Key)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutGrant(t.Context(), again); err != nil {
			t.Errorf("%s: %v", step, err)
		}
		mustBe(t, s, want)
		mustRedeem(t, s, g, "n1", now)
	}
}

func redemption(t *testing.T, s Store) {
	for name, shape := range shapes {
		if name == "a client's own" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			now := second()
			g := putGrant(t, s, now, shape)
			want := g.redeem("n1", now).Apply(g.record)
			for i := range 2 {
				at := now.Add(time.Duration(i) * 500 * time.Millisecond)
				got, err := s.RedeemCode(t.Context(), g.record.Key, g.redeem("n1", at))
				if err != nil {
					t.Fatalf("time %d: %v", i+1, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("time %d (-want +got):\n%s", i+1, diff)
				}
			}
			mustBe(t, s, want)
		})
	}
	t.Run("the end of the grant bounds the refresh token", func(t *testing.T) {
		now := second()
		g := putGrant(t, s, now, func(g *issued) { g.record.MaxAt = now.Add(time.Minute) })
		mustRedeem(t, s, g, "n1", now)
		mustBe(t, s, g.redeem("n1", now).Apply(g.record))
		if r, _ := s.GetGrant(t.Context(), g.record.Key); !r.IdleAt.Equal(r.MaxAt) {
			t.Errorf("it ends at %v, the grant at %v", r.IdleAt, r.MaxAt)
		}
	})
}

func rotation(t *testing.T, s Store) {
	now := second()
	g := putGrant(t, s, now, func(g *issued) { g.record.MaxAt = now.Add(refreshTTL + time.Minute) })
	mustRedeem(t, s, g, "n1", now)
	want := g.redeem("n1", now).Apply(g.record)
	for seq := uint32(1); seq < 4; seq++ { // the last ones reach the end of the grant
		at, nonce := now.Add(time.Duration(seq)*30*time.Second), "r"+secret.Mint(64)
		want = g.rotate(seq, nonce, at).Apply(want)
		for _, try := range []string{nonce, nonce, "another, in the grace"} {
			got, err := s.Rotate(t.Context(), g.record.Key, g.rotate(seq, try, at))
			if err != nil {
				t.Fatalf("%d by %s: %v", seq, try, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d by %s (-want +got):\n%s", seq, try, diff)
			}
		}
		mustBe(t, s, want)
	}
}
