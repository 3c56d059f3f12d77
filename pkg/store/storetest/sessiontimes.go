package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
)

func slide(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	want := in.entry
	move := func(what string, seen, at, until time.Time) {
		t.Helper()
		if err := s.SlideSession(t.Context(), want.Key, seen, at, until); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		mustKeep(t, s, want, now)
	}
	at := now.Add(20*time.Minute + 700*time.Millisecond)
	want.SeenAt, want.ExpiresAt = now.Add(20*time.Minute), now.Add(20*time.Minute+idleTTL)
	move("first", now, at, at.Add(idleTTL))
	move("the same again", now, at, at.Add(idleTTL))
	move("another who has seen what the first has", now, at.Add(time.Minute), at.Add(time.Minute+idleTTL))
	move("back", want.SeenAt, at.Add(time.Minute), at.Add(time.Minute))
	want.SeenAt = now.Add(22 * time.Minute)
	move("to where it is", now.Add(20*time.Minute), at.Add(2*time.Minute), at.Add(idleTTL))

	// It touches neither lease nor version, and a refresh is a sign of life.
	want = mustLease(t, s, want.Key, 0, "n1", at)
	want.SeenAt, want.ExpiresAt = now.Add(30*time.Minute), now.Add(30*time.Minute+idleTTL)
	move("leased", now.Add(22*time.Minute), now.Add(30*time.Minute), now.Add(30*time.Minute+idleTTL))
	want = committed(in.refreshed(t, "n1", now.Add(40*time.Minute)))
	mustCommit(t, s, in.refreshed(t, "n1", now.Add(40*time.Minute)), now)
	want.Sealed = mustRead(t, s, want.Key, now).Sealed
	move("refreshed since", now.Add(30*time.Minute), now.Add(41*time.Minute), now.Add(41*time.Minute+idleTTL))

	key := session.Key(session.NewCookie())
	if err := s.SlideSession(t.Context(), key, now, now, now.Add(idleTTL)); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("no such session: %v", err)
	}
	mustLack(t, s, key, now)
}

// absoluteEnd: whatever a caller asks for, the idle end is never after it.
func absoluteEnd(t *testing.T, s Store) {
	now := second()
	far := now.Add(2 * sessionTTL)
	in := putSignedIn(t, s, now, func(in *signedIn) { in.entry.ExpiresAt = far })
	in.entry.ExpiresAt = in.entry.MaxAt
	mustKeep(t, s, in.entry, now)
	in = putSignedIn(t, s, now)
	for i := range 2 {
		if err := s.SlideSession(t.Context(), in.entry.Key, in.entry.SeenAt, now.Add(time.Minute), far.Add(-time.Duration(i)*time.Minute)); err != nil {
			t.Error(err)
		}
		if got := mustRead(t, s, in.entry.Key, now); !got.ExpiresAt.Equal(in.entry.MaxAt) {
			t.Errorf("slid to %v, the absolute end is %v", got.ExpiresAt, in.entry.MaxAt)
		}
	}
	e := in.refreshed(t, "n1", now)
	e.ExpiresAt = far
	want := committed(e)
	want.ExpiresAt = want.MaxAt
	sameEntry(t, "committed", want, mustCommit(t, s, e, now))
	// No activity passes it.
	if _, err := s.GetSession(t.Context(), e.Key, e.MaxAt); !errors.Is(err, session.ErrExpired) {
		t.Errorf("at the absolute end: %v", err)
	}
	if err := s.SlideSession(t.Context(), e.Key, far, e.MaxAt, far); !errors.Is(err, session.ErrExpired) {
		t.Errorf("slid at the absolute end: %v", err)
	}
	mustKeep(t, s, want, now)
}

// sessionExpiry plays the TTL that is late: the session is there, one of its
// ends over. That the refusal is in the write shows the same session to a
// clock that is slow.
func sessionExpiry(t *testing.T, s Store) {
	now := second()
	for _, c := range []struct {
		name      string
		idle, max time.Duration
		want      error
	}{
		{"idle since a day", -24 * time.Hour, time.Hour, session.ErrExpired},
		{"idle since this second", 0, time.Hour, session.ErrExpired},
		{"over since a day", -24 * time.Hour, -24 * time.Hour, session.ErrExpired},
		{"over since this second", 0, 0, session.ErrExpired},
		{"over, and not idle", time.Hour, 0, session.ErrExpired},
		{"the last second", time.Second, time.Second, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := putSignedIn(t, s, now, func(in *signedIn) {
				in.entry.Created, in.entry.SeenAt = now.Add(-48*time.Hour), now.Add(-48*time.Hour)
				in.entry.ExpiresAt, in.entry.MaxAt = now.Add(c.idle), now.Add(c.max)
			})
			in.entry.ExpiresAt = now.Add(min(c.idle, c.max))
			slow := in.entry.ExpiresAt.Add(-time.Second)
			for _, at := range []time.Time{now, now.Add(time.Second - time.Nanosecond)} {
				var entries [3]session.Entry
				var errs [4]error
				entries[0], errs[0] = s.GetSession(t.Context(), in.entry.Key, at)
				if c.want != nil {
					entries[1], errs[1] = s.LeaseSession(t.Context(), in.entry.Key, 0, "n1", at, at.Add(leaseTTL))
					entries[2], errs[2] = s.CommitSession(t.Context(), in.refreshed(t, "n1", at), at)
					errs[3] = s.SlideSession(t.Context(), in.entry.Key, in.entry.SeenAt, at, at.Add(idleTTL))
				}
				for i, err := range errs {
					if !errors.Is(err, c.want) || err != nil && c.want == nil {
						t.Errorf("call %d at %v: %v, want %v", i, at, err, c.want)
					}
				}
				if c.want != nil && !cmp.Equal(entries, [3]session.Entry{}) {
					t.Errorf("an entry came with the refusal: %+v", entries)
				}
				if all, err := s.ListSessions(t.Context(), in.entry.User, at); err != nil || (len(all) == 1) != (c.want == nil) {
					t.Errorf("%d listed, %v", len(all), err)
				}
			}
			mustKeep(t, s, in.entry, slow)
			if was, err := s.DeleteSession(t.Context(), in.entry.Key); err != nil || !cmp.Equal(was, in.entry) {
				t.Errorf("deleted %+v, %v", was, err)
			}
		})
	}
}

func endSession(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	want := mustCommit(t, s, in.refreshed(t, "n1", now), now)
	for _, version := range []uint32{0, 2} {
		if err := s.EndSession(t.Context(), want.Key, version); !errors.Is(err, session.ErrChanged) {
			t.Errorf("at version %d: %v", version, err)
		}
		mustKeep(t, s, want, now)
	}
	mustLease(t, s, want.Key, 1, "n2", now) // whose the lease is does not matter
	for range 2 {
		if err := s.EndSession(t.Context(), want.Key, 1); err != nil {
			t.Error(err)
		}
		mustLack(t, s, want.Key, now)
	}
	over := putSignedIn(t, s, now.Add(-sessionTTL))
	if err := s.EndSession(t.Context(), over.entry.Key, 0); err != nil {
		t.Errorf("expired: %v", err)
	}
	mustLack(t, s, over.entry.Key, now.Add(-sessionTTL))
}

func deleteSession(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	want := mustLease(t, s, in.entry.Key, 0, "n1", now)
	for range 2 {
		got, err := s.DeleteSession(t.Context(), in.entry.Key)
		if err != nil {
			t.Error(err)
		}
		sameEntry(t, "deleted", want, got)
		want = session.Entry{}
		mustLack(t, s, in.entry.Key, now)
	}
	e := in.refreshed(t, "n1", now)
	if _, err := s.CommitSession(t.Context(), e, now); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("the refresh that was under way: %v", err)
	}
	if err := s.SlideSession(t.Context(), e.Key, now, now.Add(time.Minute), now.Add(idleTTL)); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("a sign of life: %v", err)
	}
	if _, err := s.LeaseSession(t.Context(), e.Key, 0, "n2", now, now.Add(leaseTTL)); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("another refresh: %v", err)
	}
	if err := s.ReleaseSession(t.Context(), e.Key, "n1", now.Add(time.Minute)); err != nil {
		t.Errorf("released: %v", err)
	}
	mustLack(t, s, e.Key, now)
}

func emptyNonces(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	for _, nonce := range []string{"", session.FailedLease} {
		if _, err := s.LeaseSession(t.Context(), in.entry.Key, 0, nonce, now, now.Add(leaseTTL)); err == nil {
			t.Errorf("nonce %q has the lease", nonce)
		}
		if _, err := s.CommitSession(t.Context(), in.refreshed(t, nonce, now), now); err == nil {
			t.Errorf("nonce %q committed", nonce)
		}
		if err := s.ReleaseSession(t.Context(), in.entry.Key, nonce, now.Add(time.Hour)); err == nil {
			t.Errorf("nonce %q released", nonce)
		}
	}
	mustKeep(t, s, in.entry, now)
}
