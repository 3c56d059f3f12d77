// Package memory keeps Latchkey's state in the memory of one process: for
// development and tests, and for "latchkey serve" without a table. It owns the
// same contract as the store on DynamoDB.
//
// It never outlives its process and is never used by a Lambda function, whose
// instances share no memory.
package memory

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/user"
)

const (
	// defaultLimit keeps the largest kind, logins of 3 KB with the longest
	// return_to, under about 200 MB.
	defaultLimit = 50_000
	// lateness is how long what has expired is kept, so that it is refused as
	// expired and not as unknown.
	lateness = 10 * time.Minute
	// sweepEvery is the least number of puts between two sweeps.
	sweepEvery = 1024
)

var (
	// errFull: there is no room, and nothing has expired.
	errFull    = errors.New("full of what has not expired")
	errNoNonce = errors.New("the nonce is empty")
)

// Store keeps logins in flight, grants, sign-ins, consents and tries. It is
// safe for concurrent use. Set its fields before the first call only.
type Store struct {
	// Now is the clock by which what is old is swept out; New sets time.Now.
	// Whether something has expired goes by the caller's clock.
	Now func() time.Time
	// Limit is how many of each kind are kept; New sets 50,000.
	Limit int

	mu      sync.Mutex
	logins  shelf[session.Record]
	grants  shelf[packed]
	signIns shelf[session.Record] // and consents
	tries   shelf[user.Tries]
}

// New returns an empty Store.
func New() *Store {
	ends := func(r session.Record) time.Time { return r.ExpiresAt }
	return &Store{
		Now: time.Now, Limit: defaultLimit,
		logins:  newShelf(ends),
		grants:  newShelf(packed.expires),
		signIns: newShelf(ends),
		tries:   newShelf(func(t user.Tries) time.Time { return t.ExpiresAt }),
	}
}

// enter locks the store for a method call, which errors name; leave must
// follow when there is no error.
func (s *Store) enter(ctx context.Context, what string) error {
	if err := ctx.Err(); err != nil {
		return wrap(what, err)
	}
	s.mu.Lock()
	return nil
}

func (s *Store) leave() { s.mu.Unlock() }

func wrap(what string, err error) error { return fmt.Errorf("memory: %s: %w", what, err) }

// shelf keeps records of one kind under their keys.
type shelf[R any] struct {
	at    map[string]R
	ends  func(R) time.Time
	puts  int       // since the last sweep
	swept time.Time // when the last sweep for room found none
}

func newShelf[R any](ends func(R) time.Time) shelf[R] {
	return shelf[R]{at: map[string]R{}, ends: ends}
}

// room sweeps once per so many puts as there are records, which makes it
// cheap on average, and when the shelf is full. It reports whether there is
// room for one more.
func (h *shelf[R]) room(now time.Time, limit int) bool {
	h.puts++
	if h.puts >= max(sweepEvery, len(h.at)) {
		h.sweep(now.Add(-lateness))
	}
	if len(h.at) < limit {
		return true
	}
	if age := now.Sub(h.swept); age >= 0 && age < time.Second {
		return false // a sweep has just found nothing
	}
	h.sweep(now)
	if len(h.at) >= limit {
		h.swept = now
		return false
	}
	return true
}

// sweep drops what had expired at the time.
func (h *shelf[R]) sweep(at time.Time) {
	h.puts = 0
	for key, r := range h.at {
		if !at.Before(h.ends(r)) {
			delete(h.at, key)
		}
	}
}
