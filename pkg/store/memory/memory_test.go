package memory_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

func TestLogins(t *testing.T) {
	storetest.Logins(t, func(*testing.T) storetest.Subject { return storetest.Subject{Store: memory.New()} })
}

// record is one of many, at a fixed clock.
func record(i int, expires time.Time) session.Record {
	return session.Record{Key: "login#" + strconv.Itoa(i), BrowserHash: "browser", Sealed: []byte("sealed"), ExpiresAt: expires}
}

func TestExpiredIsKeptForAWhileAndThenSwept(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := memory.New()
	s.Now = func() time.Time { return now }
	mustPut(t, s, record(0, now.Add(time.Second)))
	steps := []struct {
		name string
		wait time.Duration
		want error
	}{
		{"nine minutes later it is expired", 9 * time.Minute, session.ErrExpired},
		{"twenty minutes later it is unknown", 11 * time.Minute, session.ErrUnknown},
	}
	for _, step := range steps {
		now = now.Add(step.wait)
		for i := range 3000 {
			mustPut(t, s, record(1+i, now.Add(time.Minute)))
		}
		if _, err := s.ClaimLogin(t.Context(), "login#0", "browser", "n", now); !errors.Is(err, step.want) {
			t.Errorf("%s: got %v", step.name, err)
		}
	}
}

func TestFull(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := memory.New()
	s.Now, s.Limit = func() time.Time { return now }, 10
	for i := range 10 {
		mustPut(t, s, record(i, now.Add(time.Minute)))
	}
	for range 2 {
		if err := s.PutLogin(t.Context(), record(10, now.Add(time.Minute))); err == nil {
			t.Error("an eleventh live login was taken")
		}
	}
	if _, err := s.ClaimLogin(t.Context(), "login#0", "browser", "n", now); err != nil {
		t.Errorf("a full store does not answer: %v", err)
	}
	now = now.Add(time.Minute)
	mustPut(t, s, record(10, now.Add(time.Minute)))
	if _, err := s.ClaimLogin(t.Context(), "login#10", "browser", "n", now); err != nil {
		t.Errorf("the login that took the place of an expired one: %v", err)
	}
}

func TestCancelledRequestDoesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, now := memory.New(), time.Now()
	if err := s.PutLogin(ctx, record(0, now.Add(time.Minute))); !errors.Is(err, context.Canceled) {
		t.Errorf("put: %v", err)
	}
	if _, err := s.ClaimLogin(ctx, "login#0", "browser", "n", now); !errors.Is(err, context.Canceled) {
		t.Errorf("claim: %v", err)
	}
}

// The store shares no bytes with its callers.
func TestRecordIsACopy(t *testing.T) {
	s, now := memory.New(), time.Now()
	r := record(0, now.Add(time.Minute))
	mustPut(t, s, r)
	r.Sealed[0] = 'X'
	for range 2 {
		got, err := s.ClaimLogin(t.Context(), r.Key, "browser", "n", now)
		if err != nil || string(got.Sealed) != "sealed" {
			t.Fatalf("sealed %q, %v", got.Sealed, err)
		}
		got.Sealed[0] = 'Y'
	}
}

func mustPut(t *testing.T, s *memory.Store, r session.Record) {
	t.Helper()
	if err := s.PutLogin(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPutLogin(b *testing.B) {
	s, now := memory.New(), time.Now()
	keys := make([]session.Record, 1<<16) // under the limit, so puts replace
	for i := range keys {
		keys[i] = record(i, now.Add(10*time.Minute))
		keys[i].Sealed = make([]byte, 300)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := s.PutLogin(b.Context(), keys[i%len(keys)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClaimLogin(b *testing.B) {
	s, now := memory.New(), time.Now()
	r := record(0, now.Add(10*time.Minute))
	r.Sealed = make([]byte, 300)
	if err := s.PutLogin(b.Context(), r); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.ClaimLogin(b.Context(), r.Key, "browser", "n", now); err != nil {
			b.Fatal(err)
		}
	}
}
