package storetest

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// Tries runs the contract of a store that counts tries at a password (S-30).
func Tries(t *testing.T, open func(t *testing.T) Subject) {
	s := open(t)
	t.Run("the store does what user.Tries says", func(t *testing.T) { triesByTheRule(t, s.Store) })
	t.Run("a full bucket recovers", func(t *testing.T) { triesRecover(t, s.Store) })
	t.Run("never more than the limit pass together", func(t *testing.T) { parallelTries(t, s) })
	if s.Plant != nil {
		t.Run("what is no bucket of ours counts anew (F-12)", func(t *testing.T) { corruptTries(t, s) })
	}
	if s.Operations != nil {
		t.Run("operations keep to the budget", func(t *testing.T) { triesBudget(t, s) })
	}
}

func newBucket() string { return user.Bucket("account", secret.Mint(128)) }

// triesByTheRule walks the store and the rule side by side, at random but by a
// seed.
func triesByTheRule(t *testing.T, s Store) {
	for seed := range uint64(6) {
		dice, bucket, now := rand.New(rand.NewPCG(seed, 30)), newBucket(), second()
		var rule user.Tries
		limit := 1 + int(seed)
		for step := range 40 {
			now = now.Add([]time.Duration{0, time.Millisecond, 7 * time.Second, user.Pause, user.Pause - time.Second, user.Window}[dice.IntN(6)])
			if dice.IntN(5) == 0 {
				rule = rule.Return()
				if err := s.ReturnTry(t.Context(), bucket); err != nil {
					t.Fatal(err)
				}
				continue
			}
			var want time.Duration
			rule, want = rule.Take(limit, now)
			got, err := s.TakeTry(t.Context(), bucket, limit, now)
			if err != nil {
				t.Fatal(err)
			}
			if got != want {
				t.Fatalf("seed %d, step %d: wait %v, want %v", seed, step, got, want)
			}
		}
	}
}

func triesRecover(t *testing.T, s Store) {
	bucket, now := newBucket(), second()
	take := func(at time.Time, want time.Duration, what string) {
		t.Helper()
		if got, err := s.TakeTry(t.Context(), bucket, 5, at); err != nil || got != want {
			t.Errorf("%s: wait %v, %v, want %v", what, got, err, want)
		}
	}
	for range 5 {
		take(now, 0, "within the limit")
	}
	take(now, user.Pause, "over the limit")
	take(now.Add(20*time.Second), user.Pause-20*time.Second, "20 s later")
	take(now.Add(user.Pause), 0, "after the pause")
	take(now.Add(user.Pause), user.Pause, "at once after that")
	if err := s.ReturnTry(t.Context(), bucket); err != nil {
		t.Error(err)
	}
	take(now.Add(user.Pause), user.Pause, "that one given back, still full")
	take(now.Add(user.Window), 0, "when the window is over")
	if err := s.ReturnTry(t.Context(), newBucket()); err != nil {
		t.Errorf("a bucket that never was: %v", err)
	}
}

func parallelTries(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	const limit = 5
	for range 5 {
		bucket, now := newBucket(), second()
		for _, step := range []struct {
			name  string
			after time.Duration
			want  int32
		}{
			{"a new bucket", 0, limit},
			{"a full one after the pause", user.Pause, 1},
			{"one whose window is over", user.Window, limit},
		} {
			passed, failed := passTogether(t, s.Store, bucket, 50, limit, now.Add(step.after))
			if passed > step.want || passed+failed < step.want || failed > 5 {
				t.Fatalf("%s: %d passed and %d got an error, want %d", step.name, passed, failed, step.want)
			}
		}
	}
}

// passTogether lets n callers take a try at the same time. It returns how many
// may, and how many got an error: those may not, and may have used up a try.
func passTogether(t testing.TB, s Store, bucket string, n, limit int, now time.Time) (passed, failed int32) {
	t.Helper()
	var may, cannot atomic.Int32
	together(n, func(int) {
		wait, err := s.TakeTry(t.Context(), bucket, limit, now)
		switch {
		case err != nil:
			cannot.Add(1)
		case wait == 0:
			may.Add(1)
		case wait < 0 || wait > user.Pause:
			t.Errorf("wait %v", wait)
		}
	})
	return may.Load(), cannot.Load()
}

func corruptTries(t *testing.T, s Subject) {
	now := second()
	for name, change := range map[string]map[string]any{
		"control":                         nil,
		"no version":                      {"v": absent{}},
		"a newer version":                 {"v": int64(2)},
		"no count":                        {"fails": absent{}},
		"count of the wrong type":         {"fails": "9"},
		"no next":                         {"next_at": absent{}},
		"next of the wrong type":          {"next_at": nil},
		"no expiry":                       {"expires_at": absent{}},
		"expiry of the wrong type":        {"expires_at": "9999999999"},
		"expired, as the TTL has left it": {"expires_at": now.Unix()},
	} {
		t.Run(name, func(t *testing.T) {
			bucket := newBucket()
			item := map[string]any{
				"pk": bucket, "v": int64(1), "fails": int64(9), "next_at": now.Add(user.Pause).Unix(),
				"expires_at": now.Add(user.Window).Unix(), "claim": "n0",
			}
			for attribute, value := range change {
				if item[attribute] = value; value == (absent{}) {
					delete(item, attribute)
				}
			}
			s.Plant(t, item)
			var want []time.Duration
			if name == "control" {
				want = []time.Duration{user.Pause, user.Pause, user.Pause}
			} else {
				want = []time.Duration{0, 0, user.Pause}
			}
			for i := range want {
				if got, err := s.Store.TakeTry(t.Context(), bucket, 2, now); err != nil || got != want[i] {
					t.Errorf("try %d: wait %v, %v, want %v", i+1, got, err, want[i])
				}
			}
		})
	}
}

func triesBudget(t *testing.T, s Subject) {
	bucket, now := newBucket(), second()
	take := func(at time.Time) func() error {
		return func() error { _, err := s.Store.TakeTry(t.Context(), bucket, 2, at); return err }
	}
	steps := []struct {
		name          string
		do            func() error
		writes, reads int // reads at most: where the endpoint shows no old item
	}{
		{"first", take(now), 1, 0},
		{"second", take(now), 1, 0},
		{"refused", take(now), 1, 1},
		{"after the pause", take(now.Add(user.Pause)), 1, 0},
		{"given back", func() error { return s.Store.ReturnTry(t.Context(), bucket) }, 1, 0},
		{"the window over", take(now.Add(user.Window)), 2, 1},
	}
	for _, step := range steps {
		w0, r0 := s.Operations()
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if w1, r1 := s.Operations(); w1-w0 != step.writes || r1-r0 > step.reads {
			t.Errorf("%s took %d writes and %d reads, want %d and at most %d", step.name, w1-w0, r1-r0, step.writes, step.reads)
		}
	}
}
