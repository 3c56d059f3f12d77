package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// leaseVerdicts has a case for each reason to refuse a lease on version 1, of
// a session that was refreshed once, alone and with those that give way to it.
func leaseVerdicts(t *testing.T, s Store) {
	now := second()
	lease := func(t *testing.T, e session.Entry) { mustLease(t, s, e.Key, 1, "first", now) }
	paused := func(t *testing.T, e session.Entry) {
		lease(t, e)
		if err := s.ReleaseSession(t.Context(), e.Key, "first", now.Add(leaseTTL)); err != nil {
			t.Fatal(err)
		}
	}
	cases := []struct {
		name    string
		before  func(*testing.T, session.Entry)
		version uint32
		nonce   string
		at      time.Time
		want    error
	}{
		{name: "free", version: 1},
		{name: "its own", before: lease, version: 1, nonce: "first"},
		{name: "its own, and longer", before: lease, version: 1, nonce: "first", at: now.Add(time.Second)},
		{name: "leased", before: lease, version: 1, want: session.ErrLeased},
		{name: "leased, the last second", before: lease, version: 1, at: now.Add(leaseTTL - time.Nanosecond), want: session.ErrLeased},
		{name: "leased, and over", before: lease, version: 1, at: now.Add(leaseTTL)},
		{name: "paused", before: paused, version: 1, want: session.ErrLeased},
		{name: "paused, by the request that paused", before: paused, version: 1, nonce: "first", want: session.ErrLeased},
		{name: "paused, and over", before: paused, version: 1, at: now.Add(leaseTTL)},
		{name: "at another version", version: 0, want: session.ErrChanged},
		{name: "at a version that is not yet", version: 2, want: session.ErrChanged},
		{name: "at another version, leased", before: lease, version: 0, want: session.ErrChanged},
		{name: "at another version, its own lease", before: lease, version: 0, nonce: "first", want: session.ErrChanged},
		{name: "expired", version: 1, at: now.Add(idleTTL), want: session.ErrExpired},
		{name: "expired, its own lease", before: lease, version: 1, nonce: "first", at: now.Add(idleTTL), want: session.ErrExpired},
		{name: "expired, at another version", version: 0, at: now.Add(idleTTL), want: session.ErrExpired},
		{name: "the last second", version: 1, at: now.Add(idleTTL - time.Nanosecond)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := putSignedIn(t, s, now)
			mustCommit(t, s, in.refreshed(t, "zeroth", now), now)
			if c.before != nil {
				c.before(t, in.entry)
			}
			nonce, at := "mine", now
			if c.nonce != "" {
				nonce = c.nonce
			}
			if !c.at.IsZero() {
				at = c.at
			}
			was := mustRead(t, s, in.entry.Key, now)
			if says := was.JudgeLease(c.version, nonce, at); !errors.Is(says, c.want) || says != nil && c.want == nil {
				t.Fatalf("the case is wrong: session says %v, want %v", says, c.want)
			}
			after := was
			if c.want == nil {
				after.Lease, after.LeaseUntil = nonce, at.Add(leaseTTL).Truncate(time.Second)
			}
			got, err := s.LeaseSession(t.Context(), was.Key, c.version, nonce, at, at.Add(leaseTTL))
			checkEntry(t, s, after, got, err, c.want, now)
		})
	}
	if _, err := s.LeaseSession(t.Context(), session.Key(session.NewCookie()), 0, "mine", now, now.Add(leaseTTL)); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("no such session: %v", err)
	}
}

// commitVerdicts is leaseVerdicts for a commit of version 1.
func commitVerdicts(t *testing.T, s Store) {
	now := second()
	cases := []struct {
		name   string
		before []string // who has committed versions 1, 2, ... before
		lease  string   // who has the lease then
		late   bool
		want   error
	}{
		{name: "without a lease"},
		{name: "with the lease", lease: "mine"},
		{name: "with another's lease", lease: "another"},
		{name: "committed by this request", before: []string{"mine"}},
		{name: "committed by this request, leased since", before: []string{"mine"}, lease: "another"},
		{name: "committed by another", before: []string{"another"}, want: session.ErrChanged},
		{name: "committed by another, leased since", before: []string{"another"}, lease: "third", want: session.ErrChanged},
		{name: "committed by this request, and since by another", before: []string{"mine", "another"}, want: session.ErrChanged},
		{name: "committed twice by this request", before: []string{"mine", "mine"}, want: session.ErrChanged},
		{name: "expired", late: true, want: session.ErrExpired},
		{name: "expired, committed by this request", before: []string{"mine"}, late: true, want: session.ErrExpired},
		{name: "expired, committed by another", before: []string{"another"}, late: true, want: session.ErrExpired},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := putSignedIn(t, s, now)
			in.entry = mustCommit(t, s, in.refreshed(t, "zeroth", now), now)
			at, e := now, in.refreshed(t, "mine", now.Add(time.Minute))
			if c.late {
				at = now.Add(idleTTL)
			}
			for _, nonce := range c.before {
				in.entry = mustCommit(t, s, in.refreshed(t, nonce, now), now)
			}
			if c.lease != "" {
				mustLease(t, s, e.Key, in.entry.Version, c.lease, now)
			}
			was := mustRead(t, s, e.Key, now)
			if says := was.JudgeCommit(e.Version, e.Claim, at); !errors.Is(says, c.want) || says != nil && c.want == nil {
				t.Fatalf("the case is wrong: session says %v, want %v", says, c.want)
			}
			after := was
			if c.want == nil && was.Version == e.Version {
				after = committed(e)
			}
			got, err := s.CommitSession(t.Context(), e, at)
			checkEntry(t, s, after, got, err, c.want, now)
		})
	}
	e := newSignedIn(t, now).refreshed(t, "mine", now)
	if got, err := s.CommitSession(t.Context(), e, now); !errors.Is(err, session.ErrUnknown) || !cmp.Equal(got, session.Entry{}) {
		t.Errorf("no such session: %v", err)
	}
	mustLack(t, s, e.Key, now)
}

func mustRead(t testing.TB, s Store, key string, now time.Time) session.Entry {
	t.Helper()
	e, err := s.GetSession(t.Context(), key, now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// checkEntry: got and err are the answer of a store that then has after. A
// refusal shows the entry only where another request has made it so.
func checkEntry(t *testing.T, s Store, after, got session.Entry, err, want error, now time.Time) {
	t.Helper()
	if !errors.Is(err, want) || err != nil && want == nil {
		t.Errorf("error %v, want %v", err, want)
	}
	if errors.Is(want, session.ErrExpired) {
		sameEntry(t, "answer", session.Entry{}, got)
	} else {
		sameEntry(t, "answer", after, got)
	}
	mustKeep(t, s, after, now)
}

func leaseOver(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	mustLease(t, s, in.entry.Key, 0, "first", now)
	later := now.Add(leaseTTL)
	mustLease(t, s, in.entry.Key, 0, "second", later)
	if _, err := s.LeaseSession(t.Context(), in.entry.Key, 0, "first", later, later.Add(leaseTTL)); !errors.Is(err, session.ErrLeased) {
		t.Errorf("the first again: %v", err)
	}
	// The first has its tokens after all: they are kept, and the second learns it.
	e := in.refreshed(t, "first", later)
	sameEntry(t, "committed late", committed(e), mustCommit(t, s, e, later))
	got, err := s.CommitSession(t.Context(), in.refreshed(t, "second", later), later)
	checkEntry(t, s, committed(e), got, err, session.ErrChanged, later)
	if err := s.ReleaseSession(t.Context(), e.Key, "second", later.Add(leaseTTL)); err != nil {
		t.Error(err)
	}
	mustKeep(t, s, committed(e), later)
}

func release(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	want := mustLease(t, s, in.entry.Key, 0, "first", now)
	let := func(nonce string, until time.Time) {
		t.Helper()
		if err := s.ReleaseSession(t.Context(), in.entry.Key, nonce, until); err != nil {
			t.Errorf("by %s: %v", nonce, err)
		}
		mustKeep(t, s, want, now)
	}
	let("another", now)
	want.Lease, want.LeaseUntil = session.FailedLease, now.Add(2*time.Second)
	if !want.Failed() {
		t.Error("a pause is not told from a lease")
	}
	let("first", now.Add(2*time.Second))
	let("first", now.Add(time.Hour)) // the repeat changes nothing
	let("another", now.Add(time.Hour))
	later := now.Add(2 * time.Second)
	want = mustLease(t, s, in.entry.Key, 0, "second", later)
	let("first", now.Add(time.Hour))
	if err := s.ReleaseSession(t.Context(), session.Key(session.NewCookie()), "first", now); err != nil {
		t.Errorf("no such session: %v", err)
	}
}
