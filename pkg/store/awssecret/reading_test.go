package awssecret_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

// source is what a reading reads: each call of fetch takes the value that is
// there when it begins, and keeps it for as long as it is held.
type source struct {
	awssecret.Reading
	mu     sync.Mutex
	value  string
	err    error
	holds  time.Duration
	reads  int
	asleep time.Duration // time that has passed while the process was frozen
}

func (s *source) now() time.Time { return time.Now().Add(s.asleep) }

func (s *source) fetch(ctx context.Context) (*string, error) {
	logline.Add(ctx, slog.Bool("read", true))
	s.mu.Lock()
	s.reads++
	value, err, holds := s.value, s.err, s.holds
	s.mu.Unlock()
	select {
	case <-time.After(holds):
		return &value, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// get asks for a value that has the letters of wanted.
func (s *source) get(ctx context.Context, wanted string) (string, error) {
	good := func(v *string) bool { return strings.Contains(*v, wanted) }
	v, err := awssecret.Get(&s.Reading, ctx, s.now, good, s.fetch)
	if err != nil {
		return "", err
	}
	return *v, nil
}

func (s *source) gives(t *testing.T, when, want string) {
	t.Helper()
	if got, err := s.get(t.Context(), ""); got != want || err != nil {
		t.Errorf("%s: %q, %v; want %q", when, got, err, want)
	}
}

var errDown = &oauth.Error{Code: oauth.StoreUnavailable, Cause: errors.New("down")}

// What was read serves on through an outage. One request in ten seconds finds
// out how long it takes, and none after an hour is served.
func TestAnOutage_F13(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{value: "old"}
		s.gives(t, "at first", "old")
		s.err, s.holds = errDown, awssecret.Timeout-time.Millisecond
		time.Sleep(awssecret.MaxAge)
		for range 3 {
			began, reads := time.Now(), s.reads
			for range 20 {
				s.gives(t, "down", "old")
			}
			if waited := time.Since(began); s.reads != reads+1 || waited != s.holds {
				t.Errorf("%d readings, waited %v", s.reads-reads, waited)
			}
			time.Sleep(awssecret.MinAge)
		}
		reads := s.reads
		for range 20 {
			if _, err := s.get(t.Context(), "new"); !errors.Is(err, errDown) {
				t.Errorf("nobody knows whether this is good: %v", err)
			}
		}
		if s.reads != reads+1 {
			t.Errorf("%d readings for what nobody knows", s.reads-reads)
		}
		time.Sleep(awssecret.MaxStale)
		for range 2 {
			if got, err := s.get(t.Context(), ""); !errors.Is(err, errDown) {
				t.Errorf("after an hour: %q, %v", got, err)
			}
		}
		s.err, s.value = nil, "new"
		s.gives(t, "right again", "new")
	})
}

// The log line says that a secret could not be read, though all went well. The
// reading itself, which may end after its request, writes nothing there.
func TestAnOutageIsInTheLog_F13(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{value: "old"}
		ctx, line := logline.With(t.Context(), "id")
		_, err := s.get(ctx, "")
		quiet := line.Attrs()
		s.err = errDown
		time.Sleep(awssecret.MaxAge)
		_, err2 := s.get(ctx, "")
		attrs := line.Attrs()
		if err != nil || err2 != nil || len(quiet) != 0 || len(attrs) != 1 || attrs[0].Key != "cause" || !strings.Contains(attrs[0].Value.String(), "not read again: ") {
			t.Errorf("%v, %v; %v, then %v", err, err2, quiet, attrs)
		}
	})
}

// Everybody waits for one reading for as long as his own time lasts, and nobody
// who leaves ends it for the others.
func TestWaitingForAReading_F25(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{value: "v", holds: 2 * time.Second}
		var all sync.WaitGroup
		var mu sync.Mutex
		var ends []time.Duration
		began := time.Now()
		for i := range 20 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+2*(i%2))*time.Second)
				defer cancel()
				_, err := s.get(ctx, "")
				mu.Lock()
				defer mu.Unlock()
				if ends = append(ends, time.Since(began)); (err != nil) != (i%2 == 0) {
					t.Errorf("caller %d: %v", i, err)
				}
			})
		}
		all.Wait()
		slices.Sort(ends)
		if ends[9] != time.Second || ends[19] != 2*time.Second || s.reads != 1 {
			t.Errorf("%d readings, waited %v", s.reads, ends)
		}
		time.Sleep(awssecret.MaxAge)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := s.get(ctx, ""); got != "v" || err != nil {
			t.Errorf("who has a value and no time: %q, %v", got, err)
		}
		time.Sleep(s.holds) // the reading goes on
	})
}

// An instance that was frozen for hours uses nothing that it read before: not
// what it had, and not what it was reading when the last request had gone.
func TestFrozenForHours(t *testing.T) {
	const hours = 3 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		s := &source{value: "old"}
		s.gives(t, "at first", "old")
		s.asleep, s.value = hours, "new"
		s.gives(t, "thawed", "new")
		s.asleep, s.err = 2*hours, errDown
		if got, err := s.get(t.Context(), ""); !errors.Is(err, errDown) {
			t.Errorf("thawed in an outage: %q, %v", got, err)
		}
		s.err = nil
		s.gives(t, "the outage is over", "new")
		s.asleep, s.err = 2*hours+awssecret.MaxStale/4, errDown
		s.gives(t, "down again", "new")
		s.asleep, s.err, s.value, s.holds = 2*hours+awssecret.MaxStale/2, nil, "newer", time.Second
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { s.gives(t, "thawed, two at once", "newer") })
		}
		all.Wait()
	})
	for name, finished := range map[string]bool{"read to the end before the next request": true, "still under way at the next request": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &source{value: "old", holds: awssecret.Timeout - time.Millisecond}
				gone, leave := context.WithCancel(t.Context())
				leave()
				_, _ = s.get(gone, "")
				synctest.Wait()
				s.asleep, s.value, s.holds = hours, "new", 0
				if finished {
					time.Sleep(awssecret.Timeout)
				}
				s.gives(t, "thawed", "new")
				time.Sleep(awssecret.Timeout)
				s.gives(t, "when the old reading is over", "new")
				if s.reads != 2 {
					t.Errorf("%d readings", s.reads)
				}
			})
		})
	}
}
