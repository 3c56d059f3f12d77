package awssecret

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
)

const (
	// minAge is the least time between two readings that an unknown key asks
	// for: whoever makes up key ids does not make us read for each. It is also
	// how long nobody tries again after a reading that has failed.
	minAge = 10 * time.Second
	// maxStale is how long a value serves that cannot be read again. A key that
	// was retired is dead after it, and so is what nobody may read any more.
	maxStale = time.Hour
)

// reading is a value that is read again after MaxAge. Callers at the same time
// share one reading, and none of them can spoil it by leaving. A value is as
// old as the beginning of its reading: an instance may be frozen in the middle
// of one.
type reading[T any] struct {
	mu     sync.Mutex
	value  *T
	read   time.Time // when the reading of value began
	tried  time.Time // when the last one began
	err    error     // of that, once it has failed
	flight *flight[T]
}

// flight is one reading under way.
type flight[T any] struct {
	began time.Time
	done  chan struct{}
	value *T // when done, as err
	err   error
}

// get returns a value that is good, or one that was read less than minAge ago.
// When it cannot be read again, one that is good serves on until maxStale, and
// the log line says so; for one that is not good, the error says why nobody
// knows. Without any value, each caller reads.
func (r *reading[T]) get(ctx context.Context, now func() time.Time, good func(*T) bool, fetch func(context.Context) (*T, error)) (*T, error) {
	r.mu.Lock()
	at := now()
	switch {
	case r.value != nil && younger(at, r.read, MaxAge) && (good(r.value) || younger(at, r.read, minAge)):
		defer r.mu.Unlock()
		return r.value, nil
	case r.err != nil && younger(at, r.tried, minAge) && r.lasts(at):
		defer r.mu.Unlock()
		return r.instead(at, good, r.err)
	}
	f := r.flight
	if f == nil || !younger(at, f.began, timeout) { // one that takes longer was frozen
		f = &flight[T]{began: at, done: make(chan struct{})}
		r.flight, r.tried, r.err = f, at, nil
		go r.fly(logline.Detached(context.WithoutCancel(ctx)), f, fetch)
	}
	r.mu.Unlock()
	value, failed := f.wait(ctx)
	if failed == nil {
		return value, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	value, err := r.instead(now(), good, failed)
	if err == nil {
		logline.Add(ctx, slog.String("cause", "a secret was not read again: "+failed.Error()))
	}
	return value, err
}

// lasts reports whether there is a value that may serve on. r.mu is held.
func (r *reading[T]) lasts(at time.Time) bool {
	return r.value != nil && younger(at, r.read, maxStale)
}

// instead is the value if it can stand in for one that could not be read, and
// else why it could not. r.mu is held.
func (r *reading[T]) instead(at time.Time, good func(*T) bool, err error) (*T, error) {
	if r.lasts(at) && good(r.value) {
		return r.value, nil
	}
	return nil, err
}

// fly reads on behalf of all who wait, whichever of them leaves; the reading
// has its own time limit. What comes when another one has begun is old.
func (r *reading[T]) fly(ctx context.Context, f *flight[T], fetch func(context.Context) (*T, error)) {
	f.value, f.err = fetch(ctx)
	defer close(f.done)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.flight != f {
		return
	}
	r.flight, r.err = nil, f.err
	if f.err == nil {
		r.value, r.read = f.value, f.began
	}
}

func (f *flight[T]) wait(ctx context.Context) (*T, error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return nil, refusal(ctx.Err())
	}
}

// younger reports whether what was read at a time is younger than limit. It
// goes by the time of day: other clocks may stand still while an instance is
// frozen. After a clock was set back nobody knows, so it is not.
func younger(now, read time.Time, limit time.Duration) bool {
	age := now.Round(0).Sub(read.Round(0))
	return age >= 0 && age < limit
}
