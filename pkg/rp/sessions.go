package rp

import (
	"context"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// Sessions keeps the sessions of signed-in browsers. Every read sees what
// every write that was acknowledged has left. Besides the errors named, a
// method fails with one that means that the outcome is not known.
type Sessions interface {
	// PutSession stores e. Storing the same entry again is no error.
	PutSession(ctx context.Context, e session.Entry) error
	// GetSession fails with session.ErrUnknown or ErrExpired.
	GetSession(ctx context.Context, key string, now time.Time) (session.Entry, error)
	// SlideSession moves the idle end to until and SeenAt to now, unless
	// another request has done so since seen, which is no error. It fails with
	// session.ErrUnknown or ErrExpired, and never brings a session back.
	SlideSession(ctx context.Context, key string, seen, now, until time.Time) error
	// LeaseSession gives the request that nonce names the lease on refreshing
	// version until until, and returns the entry as it then is. It fails with
	// session.ErrUnknown, ErrExpired, and, each with the entry, ErrChanged or
	// ErrLeased. Of any number of callers one has the lease at a time, also
	// when a reply is lost.
	LeaseSession(ctx context.Context, key string, version uint32, nonce string, now, until time.Time) (session.Entry, error)
	// CommitSession stores what e.Claim, the nonce of a request, has refreshed
	// e.Version to: Sealed, ExpiresAt and SeenAt of e, as version e.Version+1,
	// and ends the lease. It fails with session.ErrUnknown, ErrExpired and,
	// with the entry that is there, ErrChanged; it never brings a session back.
	CommitSession(ctx context.Context, e session.Entry, now time.Time) (session.Entry, error)
	// ReleaseSession turns the lease of nonce into a pause until until
	// (session.FailedLease). That there is no such lease is no error.
	ReleaseSession(ctx context.Context, key, nonce string, until time.Time) error
	// EndSession deletes the session if it still is at version, and fails with
	// session.ErrChanged if not. One that is not there is no error.
	EndSession(ctx context.Context, key string, version uint32) error
	// DeleteSession deletes the session whatever it is at and returns what it
	// was, the zero Entry if that is not known. One that is not there is no
	// error.
	DeleteSession(ctx context.Context, key string) (session.Entry, error)
	// ListSessions returns the live sessions of a user (session.UserOf),
	// newest first, at most fifty.
	ListSessions(ctx context.Context, user string, now time.Time) ([]session.Entry, error)
}
