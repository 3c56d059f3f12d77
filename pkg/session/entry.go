package session

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// What a store answers about a session besides ErrUnknown and ErrExpired.
var (
	// ErrLeased: another request is refreshing the session, or has just failed
	// to and nobody is to try again yet (see Entry.Failed).
	ErrLeased = errors.New("session: leased")
	// ErrChanged: the session is at another version by now.
	ErrChanged = errors.New("session: changed")
)

// Entry is all that a store sees of a signed-in session. Times have whole
// seconds.
type Entry struct {
	// Key is "session#" and a hash of the id.
	Key string
	// User is a hash of provider and subject for the index by_user, "" for a
	// session of nobody in particular; Created orders it. Neither ever changes.
	User    string
	Created time.Time
	// Sealed is the Session, encrypted.
	Sealed []byte
	// Version counts the refreshes. Claim is the nonce of the request that
	// made the last one.
	Version uint32
	Claim   string
	// Lease is the nonce of the request that is refreshing the session, until
	// LeaseUntil; "" when nobody is.
	Lease      string
	LeaseUntil time.Time
	// SeenAt is when the idle end was last moved.
	SeenAt time.Time
	// ExpiresAt is the idle end and MaxAt the absolute one, never before it.
	// From the second of ExpiresAt on the session is over, whether a store
	// still has it or not.
	ExpiresAt, MaxAt time.Time
}

// NewestFirst orders sessions as they are listed.
func NewestFirst(a, b Entry) int {
	return cmp.Or(b.Created.Compare(a.Created), strings.Compare(a.Key, b.Key))
}

// FailedLease takes the place of a nonce while nobody is to try a refresh
// again. It is no nonce that anybody mints.
const FailedLease = "failed"

// Failed reports whether the lease is the pause after a refresh that failed.
func (e Entry) Failed() bool { return e.Lease == FailedLease }

// Expired reports whether the session is over, idle or for good.
func (e Entry) Expired(now time.Time) bool {
	return !now.Before(e.ExpiresAt) || !now.Before(e.MaxAt)
}

// JudgeLease says what e means to a request that wants to refresh version, and
// that nonce names: nil when the lease is free or its own, else ErrExpired,
// ErrChanged or ErrLeased, in that order of precedence.
func (e Entry) JudgeLease(version uint32, nonce string, now time.Time) error {
	switch {
	case e.Expired(now):
		return ErrExpired
	case e.Version != version:
		return ErrChanged
	case e.Lease != "" && now.Before(e.LeaseUntil) && !secret.Equal(e.Lease, nonce):
		return ErrLeased
	}
	return nil
}

// JudgeCommit says what e means to the request nonce that has refreshed
// version: nil when the version is still the same, or when the commit is
// there already and its own, else ErrExpired or ErrChanged. Whose the lease is
// does not matter: tokens that a provider has given are never thrown away.
func (e Entry) JudgeCommit(version uint32, nonce string, now time.Time) error {
	switch {
	case e.Expired(now):
		return ErrExpired
	case e.Version == version:
		return nil
	case e.Version == version+1 && nonce != "" && secret.Equal(e.Claim, nonce):
		return nil
	}
	return ErrChanged
}
