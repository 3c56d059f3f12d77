package memory

import (
	"context"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// PutGrant keeps a new grant. One that is there already stays as it is, and
// that is no error: one form makes one grant, however often it is submitted.
func (s *Store) PutGrant(ctx context.Context, r grant.Record) error {
	if err := s.enter(ctx, "put grant"); err != nil {
		return err
	}
	defer s.leave()
	if _, there := s.grants.get(r.Key); there {
		return nil
	}
	if !s.grants.broom.room(&s.grants, s.Now(), s.Limit) {
		return wrap("put grant", errFull)
	}
	s.grants.add(&r)
	return nil
}

// GetGrant returns the grant under key. The error is grant.ErrUnknown. Whether
// the grant has ended is the caller's to see (grant.Record.Live).
func (s *Store) GetGrant(ctx context.Context, key string) (grant.Record, error) {
	if err := s.enter(ctx, "get grant"); err != nil {
		return grant.Record{}, err
	}
	defer s.leave()
	r, ok := s.grants.get(key)
	if !ok {
		return grant.Record{}, grant.ErrUnknown
	}
	return r, nil
}

// RedeemCode turns the code of the grant under key into its first tokens and
// returns the grant as it is then. Repeated with the same nonce it succeeds
// again, unless the grant was revoked since. The error is what d.Verdict says
// of the grant.
func (s *Store) RedeemCode(ctx context.Context, key string, d grant.Redemption) (grant.Record, error) {
	return s.change(ctx, "redeem code", key, d.Nonce, d)
}

// Rotate turns the refresh token of o.Seq into its successor and returns the
// grant as it is then. Repeated with the same nonce, and by anybody within the
// grace, it returns the successor that is out already. The error is what
// o.Verdict says of the grant.
func (s *Store) Rotate(ctx context.Context, key string, o grant.Rotation) (grant.Record, error) {
	return s.change(ctx, "rotate grant", key, o.Nonce, o)
}

// attempt is a grant.Redemption or a grant.Rotation.
type attempt interface {
	Verdict(grant.Record) (won bool, err error)
	Apply(grant.Record) grant.Record
}

func (s *Store) change(ctx context.Context, what, key, nonce string, a attempt) (grant.Record, error) {
	if nonce == "" {
		return grant.Record{}, wrap(what, errNoNonce)
	}
	if err := s.enter(ctx, what); err != nil {
		return grant.Record{}, err
	}
	defer s.leave()
	r, ok := s.grants.get(key)
	if !ok {
		return grant.Record{}, grant.ErrUnknown
	}
	won, err := a.Verdict(r)
	if err != nil {
		return grant.Record{}, err
	}
	if !won {
		r = a.Apply(r)
		for _, t := range times(&r) {
			*t = seconds(*t).UTC()
		}
		s.grants.set(&r)
	}
	return r, nil
}

// RevokeGrant ends the grant under key if its client has clientHash; "" is for
// any. Repeated it succeeds again, and a grant that does not exist is none to
// revoke: nil. The error is grant.ErrClient.
func (s *Store) RevokeGrant(ctx context.Context, key, clientHash string) error {
	if err := s.enter(ctx, "revoke grant"); err != nil {
		return err
	}
	defer s.leave()
	r, ok := s.grants.get(key)
	if !ok {
		return nil
	}
	if clientHash != "" && !secret.Equal(r.Client, clientHash) {
		return grant.ErrClient
	}
	r.Status = grant.Revoked
	s.grants.set(&r)
	return nil
}
