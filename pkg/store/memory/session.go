package memory

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// listMost is how many sessions are listed.
const listMost = 50

// PutSession keeps a new session. One that is there already stays as it is,
// and that is no error.
func (s *Store) PutSession(ctx context.Context, e session.Entry) error {
	if err := s.enter(ctx, "put session"); err != nil {
		return err
	}
	defer s.leave()
	if _, there := s.sessions.at[e.Key]; there {
		return nil
	}
	if !s.sessions.room(s.Now(), s.Limit) {
		return wrap("put session", errFull)
	}
	e.Created, e.SeenAt, e.MaxAt = seconds(e.Created), seconds(e.SeenAt), seconds(e.MaxAt)
	e.ExpiresAt, e.LeaseUntil = within(e.ExpiresAt, e.MaxAt), seconds(e.LeaseUntil)
	s.sessions.at[e.Key] = ownEntry(e)
	return nil
}

// within is the idle end: the absolute one bounds it.
func within(end, maxAt time.Time) time.Time {
	if end = seconds(end); end.After(maxAt) {
		return maxAt
	}
	return end
}

// ownEntry shares no bytes with e.
func ownEntry(e session.Entry) session.Entry {
	e.Sealed = bytes.Clone(e.Sealed)
	return e
}

// live returns the session under key. The error is session.ErrUnknown or
// ErrExpired.
func (s *Store) live(key string, now time.Time) (session.Entry, error) {
	e, ok := s.sessions.at[key]
	switch {
	case !ok:
		return session.Entry{}, session.ErrUnknown
	case e.Expired(now):
		return session.Entry{}, session.ErrExpired
	}
	return e, nil
}

// GetSession returns the session under key. The error is session.ErrUnknown or
// ErrExpired.
func (s *Store) GetSession(ctx context.Context, key string, now time.Time) (session.Entry, error) {
	if err := s.enter(ctx, "get session"); err != nil {
		return session.Entry{}, err
	}
	defer s.leave()
	e, err := s.live(key, now)
	return ownEntry(e), err
}

// SlideSession moves the idle end to until and the last sign of life to now.
// What another request has moved since seen, or further than until, stays
// where it is, and that is no error. The error is session.ErrUnknown or
// ErrExpired.
func (s *Store) SlideSession(ctx context.Context, key string, seen, now, until time.Time) error {
	if err := s.enter(ctx, "slide session"); err != nil {
		return err
	}
	defer s.leave()
	e, err := s.live(key, now)
	if err != nil {
		return err
	}
	if end := within(until, e.MaxAt); !e.SeenAt.After(seen) && !e.ExpiresAt.After(end) {
		e.SeenAt, e.ExpiresAt = seconds(now), end
		s.sessions.at[key] = e
	}
	return nil
}

// LeaseSession gives the request that nonce names the lease on refreshing
// version until until. nonce is fresh for each request; repeated with the same
// one, LeaseSession succeeds again. The error is session.ErrUnknown,
// ErrExpired, ErrChanged or ErrLeased, the last two with the entry.
func (s *Store) LeaseSession(ctx context.Context, key string, version uint32, nonce string, now, until time.Time) (session.Entry, error) {
	if !nonceLike(nonce) {
		return session.Entry{}, wrap("lease session", errNoNonce)
	}
	if err := s.enter(ctx, "lease session"); err != nil {
		return session.Entry{}, err
	}
	defer s.leave()
	e, err := s.live(key, now)
	if err != nil {
		return session.Entry{}, err
	}
	if err = e.JudgeLease(version, nonce, now); err == nil {
		e.Lease, e.LeaseUntil = nonce, seconds(until)
		s.sessions.at[key] = e
	}
	return ownEntry(e), err
}

// nonceLike: session.FailedLease stands where a nonce does, and is none.
func nonceLike(nonce string) bool { return nonce != "" && nonce != session.FailedLease }

// CommitSession stores what e.Claim, the nonce of a request, has refreshed
// e.Version to, and ends the lease, whoever has it. Repeated with the same
// nonce it succeeds again. The error is session.ErrUnknown, ErrExpired or,
// with the entry that is there, ErrChanged.
func (s *Store) CommitSession(ctx context.Context, e session.Entry, now time.Time) (session.Entry, error) {
	if !nonceLike(e.Claim) {
		return session.Entry{}, wrap("commit session", errNoNonce)
	}
	if err := s.enter(ctx, "commit session"); err != nil {
		return session.Entry{}, err
	}
	defer s.leave()
	there, err := s.live(e.Key, now)
	if err != nil {
		return session.Entry{}, err
	}
	if err = there.JudgeCommit(e.Version, e.Claim, now); err == nil && there.Version == e.Version {
		there.Sealed, there.Version, there.Claim = bytes.Clone(e.Sealed), e.Version+1, e.Claim
		there.ExpiresAt, there.SeenAt = within(e.ExpiresAt, there.MaxAt), seconds(e.SeenAt)
		there.Lease, there.LeaseUntil = "", time.Time{}
		s.sessions.at[e.Key] = there
	}
	return ownEntry(there), err
}

// ReleaseSession turns the lease of nonce into a pause until until. That there
// is no such lease, or no such session, is no error.
func (s *Store) ReleaseSession(ctx context.Context, key, nonce string, until time.Time) error {
	if !nonceLike(nonce) {
		return wrap("release session", errNoNonce)
	}
	if err := s.enter(ctx, "release session"); err != nil {
		return err
	}
	defer s.leave()
	if e, there := s.sessions.at[key]; there && e.Lease == nonce {
		e.Lease, e.LeaseUntil = session.FailedLease, seconds(until)
		s.sessions.at[key] = e
	}
	return nil
}

// EndSession deletes the session if it still is at version, and fails with
// session.ErrChanged if not. One that is not there is no error.
func (s *Store) EndSession(ctx context.Context, key string, version uint32) error {
	if err := s.enter(ctx, "end session"); err != nil {
		return err
	}
	defer s.leave()
	if e, there := s.sessions.at[key]; there && e.Version != version {
		return session.ErrChanged
	}
	delete(s.sessions.at, key)
	return nil
}

// DeleteSession deletes the session whatever it is at and returns what it was,
// expired or not: the zero Entry if there was none.
func (s *Store) DeleteSession(ctx context.Context, key string) (session.Entry, error) {
	if err := s.enter(ctx, "delete session"); err != nil {
		return session.Entry{}, err
	}
	defer s.leave()
	e := s.sessions.at[key]
	delete(s.sessions.at, key)
	return e, nil
}

// ListSessions returns the live sessions of a user (session.UserOf), newest
// first, at most fifty. It looks at all there is.
func (s *Store) ListSessions(ctx context.Context, user string, now time.Time) ([]session.Entry, error) {
	if user == "" {
		return nil, nil
	}
	if err := s.enter(ctx, "list sessions"); err != nil {
		return nil, err
	}
	defer s.leave()
	var live []session.Entry
	for _, e := range s.sessions.at {
		if e.User == user && !e.Expired(now) {
			live = append(live, ownEntry(e))
		}
	}
	slices.SortFunc(live, session.NewestFirst)
	return live[:min(len(live), listMost)], nil
}
