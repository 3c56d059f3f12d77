package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// mustList checks what is listed for a user.
func mustList(t testing.TB, s Store, user string, now time.Time, want ...session.Entry) {
	t.Helper()
	got, err := s.ListSessions(t.Context(), user, now)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func listSessions(t *testing.T, s Store) {
	now := second()
	name := "sub-" + secret.Mint(64)
	of := func(in *signedIn) { in.Subject = name }
	older, newer := putSignedIn(t, s, now.Add(-10*time.Minute), of), putSignedIn(t, s, now, of)
	middle := putSignedIn(t, s, now.Add(-5*time.Minute), of)
	putSignedIn(t, s, now.Add(-idleTTL), of)                                                // expired
	putSignedIn(t, s, now, func(in *signedIn) { in.Subject, in.Realm = name, "elsewhere" }) // another person
	putSignedIn(t, s, now, func(in *signedIn) { in.Subject = "" })                          // nobody
	if err := s.PutSignIn(t.Context(), session.Record{                                      // what else a user may have in the index
		Key: session.SignInPrefix + secret.Mint(64), User: newer.entry.User, Created: now, Sealed: []byte("x"), ExpiresAt: now.Add(ttl),
	}); err != nil {
		t.Fatal(err)
	}
	user := newer.entry.User
	mustList(t, s, user, now, newer.entry, middle.entry, older.entry)

	older.entry = mustCommit(t, s, older.refreshed(t, "n1", now), now)
	middle.entry = mustLease(t, s, middle.entry.Key, 0, "n2", now)
	mustList(t, s, user, now, newer.entry, middle.entry, older.entry)
	if err := s.EndSession(t.Context(), middle.entry.Key, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := s.DeleteSession(t.Context(), newer.entry.Key); err != nil {
		t.Fatal(err)
	}
	mustList(t, s, user, now, older.entry)
	if err := s.EndUser(t.Context(), user); err != nil { // as an operator does
		t.Fatal(err)
	}
	mustList(t, s, user, now)
	mustList(t, s, "", now)
	mustList(t, s, session.UserOf("cashmere", secret.Mint(64)), now)
}

// listMany: fifty at most, and those that have expired, however many and
// however new, hide none that lives.
func listMany(t *testing.T, s Store) {
	const n, alive, most = 130, 55, 50
	now := second()
	name, all := "sub-"+secret.Mint(64), make([]signedIn, n)
	for i := range all {
		all[i] = newSignedIn(t, now.Add(-time.Duration(i)*time.Second), func(in *signedIn) {
			if in.Subject = name; i < n-alive {
				in.entry.ExpiresAt = now
			}
		})
	}
	errs := make([]error, n)
	together(n, func(i int) { errs[i] = s.PutSession(t.Context(), all[i].entry) })
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	var want []session.Entry
	for _, in := range all[n-alive:][:most] {
		want = append(want, in.entry)
	}
	mustList(t, s, all[0].entry.User, now, want...)
	// Signing out everywhere repeats until none is left.
	for range 3 {
		left, err := s.ListSessions(t.Context(), all[0].entry.User, now)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range left {
			if _, err := s.DeleteSession(t.Context(), e.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	mustList(t, s, all[0].entry.User, now)
	mustLack(t, s, all[n-1].entry.Key, now)
}

func mustListOne(t testing.TB, s Store, user string, now time.Time) {
	t.Helper()
	if all, err := s.ListSessions(t.Context(), user, now); err != nil || len(all) != 1 {
		t.Errorf("%d listed, %v", len(all), err)
	}
}
