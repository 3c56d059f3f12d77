package storetest

import (
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// LeaseRivals lets n callers, each with a nonce of its own, ask for the lease
// on one session at the same time, and again when it is over. It returns how
// many had it each time, and what was neither that nor session.ErrLeased with
// the winner's entry.
func LeaseRivals(t testing.TB, s Store, n int) (won [2]int, other []error) {
	t.Helper()
	now := second()
	in := putSignedIn(t, s, now)
	for round := range won {
		at := now.Add(time.Duration(round) * leaseTTL)
		entries, errs := make([]session.Entry, n), make([]error, n)
		name := func(i int) string { return "rival " + strconv.Itoa(round) + "." + strconv.Itoa(i) }
		together(n, func(i int) {
			entries[i], errs[i] = s.LeaseSession(t.Context(), in.entry.Key, 0, name(i), at, at.Add(leaseTTL))
		})
		kept := mustRead(t, s, in.entry.Key, at)
		for i, err := range errs {
			switch {
			case err == nil:
				won[round]++
				if kept.Lease != name(i) {
					t.Errorf("%s has the lease, and so has %s", name(i), kept.Lease)
				}
			case !errors.Is(err, session.ErrLeased):
				other = append(other, err)
				continue
			}
			sameEntry(t, "told", kept, entries[i])
		}
	}
	return won, other
}

func leaseRivals(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	for range 3 {
		if won, other := LeaseRivals(t, s.Store, 100); won != [2]int{1, 1} || len(other) > 0 {
			t.Fatalf("%v have the lease, want one and then one; others: %v", won, other)
		}
	}
}

// commitRivals: whoever thinks to have the lease, one refresh of a version is
// kept, and all others are shown it.
func commitRivals(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	const n = 8
	for range 30 {
		now := second()
		in := putSignedIn(t, s.Store, now)
		var entries, got [n]session.Entry
		var errs [n]error
		for i := range entries {
			entries[i] = in.refreshed(t, "rival "+strconv.Itoa(i), now)
		}
		together(n, func(i int) { got[i], errs[i] = s.Store.CommitSession(t.Context(), entries[i], now) })
		kept, won := mustRead(t, s.Store, in.entry.Key, now), 0
		for i, err := range errs {
			switch {
			case err == nil:
				won++
				sameEntry(t, "kept", committed(entries[i]), kept)
			case !errors.Is(err, session.ErrChanged):
				t.Error(err)
			}
			sameEntry(t, "told", kept, got[i])
		}
		if won != 1 {
			t.Fatalf("%d commits of one version", won)
		}
	}
}

// refreshRivals: each caller does what a refresh does. However they meet, the
// provider is asked once.
func refreshRivals(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	for range 20 {
		const n = 20
		now := second()
		in := putSignedIn(t, s.Store, now)
		var asked, refused [n]bool
		together(n, func(i int) {
			nonce := "rival " + strconv.Itoa(i)
			_, err := s.Store.LeaseSession(t.Context(), in.entry.Key, 0, nonce, now, now.Add(leaseTTL))
			if err == nil {
				asked[i] = true
				_, err = s.Store.CommitSession(t.Context(), in.refreshed(t, nonce, now), now)
			}
			refused[i] = errors.Is(err, session.ErrLeased) || errors.Is(err, session.ErrChanged)
			if err != nil && !refused[i] {
				t.Error(err)
			}
		})
		count := 0
		for i := range asked {
			if asked[i] == refused[i] {
				t.Errorf("rival %d: asked %v, refused %v", i, asked[i], refused[i])
			}
			if asked[i] {
				count++
			}
		}
		if kept := mustRead(t, s.Store, in.entry.Key, now); count != 1 || kept.Version != 1 {
			t.Fatalf("the provider was asked %d times, the session is at version %d", count, kept.Version)
		}
	}
}

// deletionRivals: whatever is under way when a session is deleted, or ended
// by its version, does not bring it back.
func deletionRivals(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	for round := range 40 {
		now := second()
		in := putSignedIn(t, s.Store, now)
		ended, deleted := error(session.ErrChanged), session.Entry{}
		together(7, func(i int) {
			nonce := "rival " + strconv.Itoa(i)
			var err error
			switch i {
			case 0:
				if round%2 == 0 {
					deleted, err = s.Store.DeleteSession(t.Context(), in.entry.Key)
				} else {
					ended = s.Store.EndSession(t.Context(), in.entry.Key, 0)
				}
			case 1, 2, 3:
				_, err = s.Store.CommitSession(t.Context(), in.refreshed(t, nonce, now), now)
			case 4, 5:
				if _, err = s.Store.LeaseSession(t.Context(), in.entry.Key, 0, nonce, now, now.Add(leaseTTL)); err == nil {
					err = s.Store.ReleaseSession(t.Context(), in.entry.Key, nonce, now.Add(time.Minute))
				}
			case 6:
				err = s.Store.SlideSession(t.Context(), in.entry.Key, now, now.Add(time.Minute), now.Add(idleTTL+time.Minute))
			}
			if err != nil && !errors.Is(err, session.ErrUnknown) && !errors.Is(err, session.ErrChanged) && !errors.Is(err, session.ErrLeased) {
				t.Error(err)
			}
		})
		_, err := s.Store.GetSession(t.Context(), in.entry.Key, now)
		switch {
		case round%2 == 0 && (!errors.Is(err, session.ErrUnknown) || cmp.Equal(deleted, session.Entry{})):
			t.Fatalf("deleted %+v; it is there: %v", deleted, err)
		case round%2 == 1 && errors.Is(ended, session.ErrChanged) != (err == nil):
			t.Fatalf("ended %v; it is there: %v", ended, err)
		}
	}
}
