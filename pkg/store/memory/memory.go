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

// Store keeps logins in flight, grants, sign-ins, consents, sessions and tries.
// It is safe for concurrent use. Set its fields before the first call only.
type Store struct {
	// Now is the clock by which what is old is swept out; New sets time.Now.
	// Whether something has expired goes by the caller's clock.
	Now func() time.Time
	// Limit is how many of each kind are kept; New sets 50,000.
	Limit int

	mu       sync.Mutex
	logins   shelf[session.Record]
	grants   grants
	signIns  shelf[session.Record] // and consents
	sessions shelf[session.Entry]
	tries    shelf[user.Tries]
}

// New returns an empty Store.
func New() *Store {
	ends := func(r session.Record) time.Time { return r.ExpiresAt }
	return &Store{
		Now: time.Now, Limit: defaultLimit,
		logins:   newShelf(ends),
		grants:   newGrants(),
		signIns:  newShelf(ends),
		sessions: newShelf(func(e session.Entry) time.Time { return e.ExpiresAt }),
		tries:    newShelf(func(t user.Tries) time.Time { return t.ExpiresAt }),
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
	broom broom
}

func newShelf[R any](ends func(R) time.Time) shelf[R] {
	return shelf[R]{at: map[string]R{}, ends: ends}
}

// room reports whether there is room for one more.
func (h *shelf[R]) room(now time.Time, limit int) bool { return h.broom.room(h, now, limit) }

func (h *shelf[R]) len() int { return len(h.at) }

// sweep implements swept.
func (h *shelf[R]) sweep(at time.Time) {
	for key, r := range h.at {
		if !at.Before(h.ends(r)) {
			delete(h.at, key)
		}
	}
}

// swept is what a broom keeps tidy. sweep drops what had expired at the time.
type swept interface {
	len() int
	sweep(at time.Time)
}

// broom knows when to sweep.
type broom struct {
	puts int       // since the last sweep
	last time.Time // when the last sweep for room found none
}

// room sweeps once per so many puts as there are records, which makes it
// cheap on average, and when there are as many as the limit. It reports
// whether there is room for one more.
func (b *broom) room(h swept, now time.Time, limit int) bool {
	b.puts++
	if b.puts >= max(sweepEvery, h.len()) {
		b.puts = 0
		h.sweep(now.Add(-lateness))
	}
	if h.len() < limit {
		return true
	}
	if age := now.Sub(b.last); age >= 0 && age < time.Second {
		return false // a sweep has just found nothing
	}
	b.puts = 0
	h.sweep(now)
	if h.len() >= limit {
		b.last = now
		return false
	}
	return true
}
