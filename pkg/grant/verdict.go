package grant

import (
	"errors"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Why a grant cannot be used. Callers branch on them with errors.Is.
var (
	// ErrUnknown: there is no such grant, or it is not readable as one.
	ErrUnknown = errors.New("grant: unknown")
	// ErrExpired: the code, the refresh token or the grant is over.
	ErrExpired = errors.New("grant: expired")
	// ErrRevoked: the grant was ended.
	ErrRevoked = errors.New("grant: revoked")
	// ErrClient: it was issued to another client.
	ErrClient = errors.New("grant: another client's")
	// ErrRedirect: the redirect URI is not the authorization request's.
	ErrRedirect = errors.New("grant: another redirect URI")
	// ErrVerifier: the code_verifier is not the challenge's (RFC 7636 §4.6).
	ErrVerifier = errors.New("grant: wrong code_verifier")
	// ErrReplayed: the code was redeemed before, and everything else is right.
	// The grant is to be revoked (RFC 6749 §4.1.2).
	ErrReplayed = errors.New("grant: code used before")
	// ErrReused: a newer refresh token than this one is out, and the grace is
	// over. The grant is to be revoked (RFC 9700 §4.14.2).
	ErrReused = errors.New("grant: refresh token used before")
)

// Redemption is one attempt to trade a code for tokens.
type Redemption struct {
	Client    string // hash of the authenticated client's id
	Redirect  string // hash of the redirect_uri parameter, "" without one
	Challenge string // S256 of the code_verifier, "" without one
	Nonce     string // fresh for each request; makes a lost reply recognisable
	Now       time.Time
	IdleAt    time.Time // end of the first refresh token; never after MaxAt
}

// Apply is what a winning redemption makes of r.
func (d Redemption) Apply(r Record) Record {
	r.Status, r.Seq, r.Claim, r.RotatedAt, r.IdleAt = Active, 1, d.Nonce, d.Now, earlier(d.IdleAt, r.MaxAt)
	return r
}

// Verdict says what r means to d. nil with won false: d may be applied. nil
// with won true: d was applied already, and its reply was lost. The order
// matters: only an attempt with everything right counts as a replay, and a
// failed check never burns the code.
func (d Redemption) Verdict(r Record) (won bool, err error) {
	switch {
	case !secret.Equal(r.Client, d.Client):
		return false, ErrClient
	case !secret.Equal(r.Redirect, d.Redirect):
		return false, ErrRedirect
	case !secret.Equal(r.Challenge, d.Challenge):
		return false, ErrVerifier
	case r.Status == Revoked:
		return false, ErrRevoked
	case r.Status == Active && r.Seq == 1 && r.Claim != "" && secret.Equal(r.Claim, d.Nonce):
		return true, nil
	case r.Status == Active:
		return false, ErrReplayed
	case r.Status != Issued || r.Seq != 0:
		return false, ErrUnknown
	case !d.Now.Before(r.CodeExpiresAt):
		return false, ErrExpired
	}
	return false, nil
}

// Rotation is one attempt to trade a refresh token for its successor.
type Rotation struct {
	Client string // hash of the authenticated client's id
	Seq    uint32 // the N of the refresh token
	Nonce  string
	Now    time.Time
	IdleAt time.Time     // end of the successor; never after MaxAt
	Grace  time.Duration // how long the predecessor gets the same successor again
}

// Apply is what a winning rotation makes of r.
func (o Rotation) Apply(r Record) Record {
	r.Seq, r.Claim, r.RotatedAt, r.IdleAt = o.Seq+1, o.Nonce, o.Now, earlier(o.IdleAt, r.MaxAt)
	return r
}

// Verdict says what r means to o, as for Redemption. won is true also within
// the grace: the successor that is out already is the answer.
func (o Rotation) Verdict(r Record) (won bool, err error) {
	switch {
	case !secret.Equal(r.Client, o.Client):
		return false, ErrClient
	case r.Status == Revoked:
		return false, ErrRevoked
	case r.Status != Active || o.Seq == 0 || o.Seq > r.Seq:
		return false, ErrUnknown
	case !o.Now.Before(r.MaxAt):
		return false, ErrExpired
	case o.Seq == r.Seq && !o.Now.Before(r.IdleAt):
		return false, ErrExpired
	case o.Seq == r.Seq:
		return false, nil
	case o.Seq+1 == r.Seq && r.Claim != "" && secret.Equal(r.Claim, o.Nonce):
		return true, nil
	case o.Seq+1 == r.Seq && o.Now.Before(r.RotatedAt.Add(o.Grace)):
		return true, nil
	}
	return false, ErrReused
}

// Live reports whether an access token of n may be used: nil, ErrRevoked,
// ErrExpired or ErrUnknown. The token's own expiry is the caller's to check.
func (r Record) Live(n uint32, now time.Time) error {
	switch {
	case r.Status == Revoked:
		return ErrRevoked
	case r.Status != Active || n == 0 || n > r.Seq:
		return ErrUnknown
	case !now.Before(r.MaxAt):
		return ErrExpired
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
