package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// Outcome is how many of a number of rivals ended in which way.
type Outcome struct {
	Won, Used int
	Other     []error
}

// Rivals lets n callers, each with a nonce of its own, claim one login at the
// same time.
func Rivals(t testing.TB, s Store, n int) Outcome {
	t.Helper()
	now := time.Now()
	l := put(t, s, now.Add(ttl))
	start, errs := make(chan struct{}), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			_, errs[i] = s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "rival "+strconv.Itoa(i), now)
		})
	}
	close(start)
	wg.Wait()
	var o Outcome
	for _, err := range errs {
		switch {
		case err == nil:
			o.Won++
		case errors.Is(err, session.ErrUsed):
			o.Used++
		default:
			o.Other = append(o.Other, err)
		}
	}
	return o
}

func rivals(t *testing.T, s Subject) {
	if s.NotAtomic != "" {
		t.Skip(s.NotAtomic)
	}
	const n = 100
	if o := Rivals(t, s.Store, n); o.Won != 1 || o.Used != n-1 {
		t.Errorf("%d won and %d were told it is used, want 1 and %d; others: %v", o.Won, o.Used, n-1, o.Other)
	}
}

func parallelPuts(t *testing.T, s Store) {
	const n = 20
	now := time.Now()
	all, errs := make([]login, n), make([]error, n)
	for i := range all {
		all[i] = newLogin(t, now.Add(ttl))
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = s.PutLogin(t.Context(), all[i].record) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	for _, l := range all {
		r, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n1", now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Open(l.State); err != nil {
			t.Error("the key gives the record of another login")
		}
	}
}

func budget(t *testing.T, s Subject) {
	now := time.Now()
	l := newLogin(t, now.Add(ttl))
	stranger := Browser("another cookie")
	steps := []struct {
		name          string
		do            func() error
		want          error
		writes, reads int
	}{
		{"put", func() error { return s.Store.PutLogin(t.Context(), l.record) }, nil, 1, 0},
		{"claim", func() error { return claim(t, s.Store, l, l.record.BrowserHash, now) }, nil, 1, 0},
		{"claim without a browser", func() error { return claim(t, s.Store, l, "", now) }, session.ErrOtherBrowser, 0, 1},
	}
	for _, step := range steps {
		w0, r0 := s.Operations()
		if err := step.do(); !errors.Is(err, step.want) {
			t.Errorf("%s: %v, want %v", step.name, err, step.want)
		}
		w1, r1 := s.Operations()
		if w1-w0 != step.writes || r1-r0 != step.reads {
			t.Errorf("%s took %d writes and %d reads, want %d and %d", step.name, w1-w0, r1-r0, step.writes, step.reads)
		}
	}
	// A refusal needs one write, and one read where the endpoint does not
	// return the old item.
	w0, r0 := s.Operations()
	if err := claim(t, s.Store, l, stranger, now); !errors.Is(err, session.ErrOtherBrowser) {
		t.Errorf("claim by a stranger: %v", err)
	}
	if w1, r1 := s.Operations(); w1-w0 != 1 || r1-r0 > 1 {
		t.Errorf("a refusal took %d writes and %d reads, want 1 and at most 1", w1-w0, r1-r0)
	}
}

func claim(t testing.TB, s Store, l login, browser string, now time.Time) error {
	_, err := s.ClaimLogin(t.Context(), l.record.Key, browser, "n1", now)
	return err
}
