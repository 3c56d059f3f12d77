package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

// together lets n callers start at the same time and waits for all.
func together(n int, do func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { <-start; do(i) })
	}
	close(start)
	wg.Wait()
}

// races are how many rivals meet how often.
var races = []struct{ rivals, rounds int }{{8, 150}, {100, 5}}

func rivalRedemptions(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	for _, race := range races {
		for round := range race.rounds {
			if won, other := RedeemRivals(t, s.Store, race.rivals); won != 1 || len(other) > 0 {
				t.Fatalf("%d rivals, round %d: %d won, want 1; neither that nor replayed: %v", race.rivals, round, won, other)
			}
		}
	}
}

// RedeemRivals lets n callers, each with a nonce of its own, redeem one code at
// the same time, and checks that the grant is the winner's. It returns how many
// won, and what was neither winning nor grant.ErrReplayed.
func RedeemRivals(t testing.TB, s Store, n int) (won int, other []error) {
	t.Helper()
	now := second()
	g := putGrant(t, s, now)
	records, errs := make([]grant.Record, n), make([]error, n)
	together(n, func(i int) {
		records[i], errs[i] = s.RedeemCode(t.Context(), g.record.Key, g.redeem("rival "+strconv.Itoa(i), now))
	})
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			if records[i].Claim != "rival "+strconv.Itoa(i) {
				t.Errorf("rival %d won with the record of %q", i, records[i].Claim)
			}
			mustBe(t, s, records[i])
		case !errors.Is(err, grant.ErrReplayed):
			other = append(other, err)
		}
	}
	return won, other
}

func parallelRotations(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	for _, race := range races {
		for round := range race.rounds {
			if errs := ParallelRotations(t, s.Store, race.rivals); len(errs) > 0 {
				t.Fatalf("%d callers, round %d: %v", race.rivals, round, errs)
			}
		}
	}
}

// ParallelRotations lets n callers refresh with one token at the same time, and
// checks that all who were answered have the same successor and that it works.
// It returns what went wrong for the others.
func ParallelRotations(t testing.TB, s Store, n int) (failed []error) {
	t.Helper()
	now := second()
	g := putGrant(t, s, now)
	mustRedeem(t, s, g, "n1", now)
	records, errs := make([]grant.Record, n), make([]error, n)
	together(n, func(i int) {
		records[i], errs[i] = s.Rotate(t.Context(), g.record.Key, g.rotate(1, "rival "+strconv.Itoa(i), now.Add(time.Duration(i)*time.Millisecond)))
	})
	var successor grant.Record
	for i, err := range errs {
		switch {
		case err != nil:
			failed = append(failed, err)
		case successor.Key == "":
			successor = records[i]
		case !cmp.Equal(records[i], successor):
			t.Errorf("two successors: %v", cmp.Diff(successor, records[i]))
		}
	}
	if len(failed) == n {
		return failed
	}
	if successor.Seq != 2 {
		t.Errorf("the successor is number %d, want 2", successor.Seq)
	}
	mustBe(t, s, successor)
	mustRotate(t, s, g, 2, "next", now)
	return failed
}

// rivalRevocations: a replay that has seen the winner revokes while others
// refresh and redeem. Whatever they were told before, afterwards it is revoked.
func rivalRevocations(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	now := second()
	for range 20 {
		g := putGrant(t, s.Store, now)
		together(9, func(i int) {
			nonce := "rival " + strconv.Itoa(i)
			switch i % 3 {
			case 0:
				_, _ = s.Store.RedeemCode(t.Context(), g.record.Key, g.redeem(nonce, now))
			case 1:
				_, _ = s.Store.Rotate(t.Context(), g.record.Key, g.rotate(1, nonce, now))
			default:
				if err := s.Store.RevokeGrant(t.Context(), g.record.Key, ""); err != nil {
					t.Error(err)
				}
			}
		})
		r, err := s.Store.GetGrant(t.Context(), g.record.Key)
		if err != nil || r.Status != grant.Revoked {
			t.Fatalf("%s, %v", r.Status, err)
		}
	}
}
