package memory

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// PutLogin keeps r. It fails when the store is full of logins that have not
// expired.
func (s *Store) PutLogin(ctx context.Context, r session.Record) error {
	return s.putRecord(ctx, "put login", &s.logins, r)
}

// ClaimLogin consumes the login under key for the browser with browserHash
// and marks it with nonce. nonce is fresh for each request; repeated with the
// same one, ClaimLogin succeeds again.
//
// It answers with session.ErrUnknown, ErrExpired, ErrOtherBrowser or ErrUsed,
// in that order of precedence, with the record on ErrExpired and ErrUsed.
func (s *Store) ClaimLogin(ctx context.Context, key, browserHash, nonce string, now time.Time) (session.Record, error) {
	if nonce == "" {
		return session.Record{}, wrap("claim login", errNoNonce)
	}
	if err := s.enter(ctx, "claim login"); err != nil {
		return session.Record{}, err
	}
	defer s.leave()
	r, ok := s.logins.at[key]
	if !ok {
		return session.Record{}, session.ErrUnknown
	}
	err := r.Verdict(browserHash, nonce, now)
	switch {
	case errors.Is(err, session.ErrOtherBrowser):
		return session.Record{}, err
	case err == nil:
		r.Claim = nonce
		s.logins.at[key] = r
	}
	r.Sealed = bytes.Clone(r.Sealed)
	return r, err
}

func (s *Store) putRecord(ctx context.Context, what string, on *shelf[session.Record], r session.Record) error {
	r.Sealed = bytes.Clone(r.Sealed)
	r.Created, r.ExpiresAt = seconds(r.Created), seconds(r.ExpiresAt)
	if err := s.enter(ctx, what); err != nil {
		return err
	}
	defer s.leave()
	if !on.room(s.Now(), s.Limit) {
		return wrap(what, errFull)
	}
	on.at[r.Key] = r
	return nil
}

// seconds is what an item in a table would keep of t.
func seconds(t time.Time) time.Time { return t.Truncate(time.Second) }
