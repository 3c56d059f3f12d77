package memory_test

import (
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

var _ rp.Sessions = (*memory.Store)(nil)

func TestSessions(t *testing.T) { storetest.Sessions(t, subject) }

func entry(key string, now time.Time) session.Entry {
	return session.Entry{
		Key: key, User: "user", Created: now, Sealed: []byte("sealed"), SeenAt: now,
		ExpiresAt: now.Add(time.Minute), MaxAt: now.Add(time.Hour),
	}
}

// The store shares no bytes with its callers.
func TestSessionIsACopy(t *testing.T) {
	s, now := memory.New(), time.Unix(1_800_000_000, 0)
	e := entry("session#k", now)
	if err := s.PutSession(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	spoil := func(e session.Entry, err error) {
		t.Helper()
		if err != nil || string(e.Sealed) != "sealed" {
			t.Fatalf("sealed %q, %v", e.Sealed, err)
		}
		e.Sealed[0] = 'X'
	}
	spoil(e, nil)
	spoil(s.GetSession(t.Context(), e.Key, now))
	spoil(s.LeaseSession(t.Context(), e.Key, 0, "n1", now, now.Add(time.Second)))
	listed, err := s.ListSessions(t.Context(), "user", now)
	spoil(listed[0], err)
	next := entry(e.Key, now)
	next.Claim = "n1"
	spoil(s.CommitSession(t.Context(), next, now))
	spoil(next, nil)
	spoil(s.CommitSession(t.Context(), next, now)) // its own, again
	spoil(s.DeleteSession(t.Context(), e.Key))
}

func TestFullOfSessions(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := memory.New()
	s.Now, s.Limit = func() time.Time { return now }, 2
	for _, key := range []string{"session#1", "session#2", "session#2"} {
		if err := s.PutSession(t.Context(), entry(key, now)); err != nil {
			t.Fatal(err)
		}
	}
	if s.PutSession(t.Context(), entry("session#3", now)) == nil {
		t.Error("a third live session was taken")
	}
	mustPut(t, s, record(0, now.Add(time.Minute))) // each kind has its own room
	now = now.Add(time.Minute)
	if err := s.PutSession(t.Context(), entry("session#3", now)); err != nil {
		t.Errorf("in the place of an expired one: %v", err)
	}
}
