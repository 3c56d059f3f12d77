package memory_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
	"github.com/latchkey-go/latchkey/pkg/user"
)

func subject(*testing.T) storetest.Subject { return storetest.Subject{Store: memory.New()} }

func TestLogins(t *testing.T)  { storetest.Logins(t, subject) }
func TestGrants(t *testing.T)  { storetest.Grants(t, subject) }
func TestSignIns(t *testing.T) { storetest.SignIns(t, subject) }
func TestTries(t *testing.T)   { storetest.Tries(t, subject) }

func TestAccounts(t *testing.T) {
	storetest.Accounts(t, func(*testing.T) storetest.AccountSubject {
		return storetest.AccountSubject{Store: &memory.Accounts{}, Exists: memory.ErrExists}
	})
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

func TestGrantIsACopy(t *testing.T) {
	s := memory.New()
	r := grant.Record{Key: "grant#k", Client: "c", Status: grant.Active, Seq: 1, Sealed: []byte("sealed"),
		IdleAt: time.Now().Add(time.Hour), MaxAt: time.Now().Add(time.Hour), ExpiresAt: time.Now().Add(time.Hour)}
	if err := s.PutGrant(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	r.Sealed[0] = 'X'
	for seq := range uint32(3) {
		got, err := s.GetGrant(t.Context(), r.Key)
		if seq > 0 {
			got, err = s.Rotate(t.Context(), r.Key, grant.Rotation{Client: "c", Seq: seq, Nonce: "n", Now: time.Now(), IdleAt: r.IdleAt})
		}
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
	keys := make([]session.Record, 1<<15) // under the limit, so puts replace
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

func TestFullOfGrants(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s := memory.New()
	s.Now, s.Limit = func() time.Time { return now }, 3
	put := func(i int) error {
		return s.PutGrant(t.Context(), grant.Record{Key: "grant#" + strconv.Itoa(i), ExpiresAt: now.Add(time.Minute)})
	}
	for i := range 3 {
		if err := put(i); err != nil {
			t.Fatal(err)
		}
	}
	if put(3) == nil {
		t.Error("a fourth live grant was taken")
	}
	if err := put(2); err != nil {
		t.Errorf("one that is there already: %v", err)
	}
	mustPut(t, s, record(0, now.Add(time.Minute))) // each kind has its own room
	now = now.Add(time.Minute)
	if err := put(3); err != nil {
		t.Errorf("in the place of an expired one: %v", err)
	}
}

func TestNewAccounts(t *testing.T) {
	a, err := memory.NewAccounts([]user.User{{Name: "a"}}, []client.Client{{ID: "c"}})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := a.GetClient(t.Context(), "c"); err != nil || c.ID != "c" {
		t.Errorf("%+v, %v", c, err)
	}
	for name, users := range map[string][]user.User{"without a name": {{}}, "two of a name": {{Name: "a"}, {Name: "a", Email: "x"}}} {
		if _, err := memory.NewAccounts(users, nil); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// Refreshing costs the same however many grants there are.
func BenchmarkRotate(b *testing.B) {
	for _, n := range []int{1, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			s, now := memory.New(), time.Now()
			s.Limit = n + 1
			for i := range n {
				r := grant.Record{
					Key: "grant#" + strconv.Itoa(i), Client: "c", Status: grant.Active, Seq: 1, Sealed: make([]byte, 300),
					IdleAt: now.Add(time.Hour), MaxAt: now.Add(time.Hour), ExpiresAt: now.Add(time.Hour),
				}
				if err := s.PutGrant(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for seq := uint32(1); b.Loop(); seq++ {
				o := grant.Rotation{Client: "c", Seq: seq, Nonce: "n", Now: now, IdleAt: now.Add(time.Hour)}
				if _, err := s.Rotate(b.Context(), "grant#0", o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
