// Package memory keeps Latchkey's state in the memory of one process: for
// development and tests, and for "latchkey serve" without a table. It owns the
// same contract as the store on DynamoDB.
//
// It never outlives its process and is never used by a Lambda function, whose
// instances share no memory.
package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

const (
	// defaultLimit keeps the store under about 100 MB.
	defaultLimit = 100_000
	// grace is how long an expired login is kept, so that its browser is told
	// that it came late and not that nobody knows it.
	grace = 10 * time.Minute
	// sweepEvery is the least number of puts between two sweeps.
	sweepEvery = 1024
)

// errFull: there is no room, and nothing has expired.
var errFull = errors.New("full of live logins")

// Store keeps logins in flight. It is safe for concurrent use. Set its fields
// before the first call only.
type Store struct {
	// Now is the clock by which old logins are swept out; New sets time.Now.
	// Whether a login has expired goes by the caller's clock.
	Now func() time.Time
	// Limit is how many logins are kept; New sets 100,000.
	Limit int

	mu     sync.Mutex
	logins map[string]session.Record
	puts   int       // since the last sweep
	swept  time.Time // when the last sweep for room found none
}

// New returns an empty Store.
func New() *Store {
	return &Store{Now: time.Now, Limit: defaultLimit, logins: map[string]session.Record{}}
}

// PutLogin keeps r. It fails when the store is full of logins that have not
// expired.
func (s *Store) PutLogin(ctx context.Context, r session.Record) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("memory: put login: %w", err)
	}
	r.Sealed = bytes.Clone(r.Sealed)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.makeRoom(); err != nil {
		return fmt.Errorf("memory: put login: %w", err)
	}
	s.logins[r.Key] = r
	return nil
}

// makeRoom sweeps once per so many puts as there are logins, which makes it
// cheap on average, and when the store is full.
func (s *Store) makeRoom() error {
	s.puts++
	if s.puts >= max(sweepEvery, len(s.logins)) {
		s.sweep(s.Now().Add(-grace))
	}
	if len(s.logins) < s.Limit {
		return nil
	}
	now := s.Now()
	if age := now.Sub(s.swept); age >= 0 && age < time.Second {
		return errFull // a sweep has just found nothing
	}
	s.sweep(now)
	if len(s.logins) >= s.Limit {
		s.swept = now
		return errFull
	}
	return nil
}

// sweep drops what had expired at the time.
func (s *Store) sweep(at time.Time) {
	s.puts = 0
	for key, r := range s.logins {
		if !at.Before(r.ExpiresAt) {
			delete(s.logins, key)
		}
	}
}

// ClaimLogin consumes the login under key for the browser with browserHash
// and marks it with nonce. nonce is fresh for each request; repeated with the
// same one, ClaimLogin succeeds again.
//
// It answers with session.ErrUnknown, ErrExpired, ErrOtherBrowser or ErrUsed,
// in that order of precedence, with the record on ErrExpired and ErrUsed.
func (s *Store) ClaimLogin(ctx context.Context, key, browserHash, nonce string, now time.Time) (session.Record, error) {
	if err := ctx.Err(); err != nil {
		return session.Record{}, fmt.Errorf("memory: claim login: %w", err)
	}
	if nonce == "" {
		return session.Record{}, errors.New("memory: claim login: the nonce is empty")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.logins[key]
	if !ok {
		return session.Record{}, session.ErrUnknown
	}
	err := r.Verdict(browserHash, nonce, now)
	switch {
	case errors.Is(err, session.ErrOtherBrowser):
		return session.Record{}, err
	case err == nil:
		r.Claim = nonce
		s.logins[key] = r
	}
	r.Sealed = bytes.Clone(r.Sealed)
	return r, err
}
