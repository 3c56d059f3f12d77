// Package session is what one browser's state is made of: the pending login
// and, once it exists, the signed-in session. Sealing happens here and only
// here: a store is handed a Record and never sees inside it.
//
// It never talks HTTP and never reads a clock; the time comes in.
package session

import (
	"errors"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// What a store answers when a record cannot be claimed. Callers branch on
// them with errors.Is.
var (
	// ErrUnknown: there is no such record, or it is not readable as one (a
	// field is missing or of the wrong type, a newer schema version).
	ErrUnknown = errors.New("session: unknown")
	// ErrExpired: the record is there, but its time is over.
	ErrExpired = errors.New("session: expired")
	// ErrOtherBrowser: the record belongs to another browser.
	ErrOtherBrowser = errors.New("session: other browser")
	// ErrUsed: this browser has claimed the record before.
	ErrUsed = errors.New("session: used")
)

// Record is all that a store sees of a login, a sign-in or a consent.
type Record struct {
	// Key names the item: a prefix per kind, such as "login#", and a hash.
	Key string
	// BrowserHash is the hash of the browser's login cookie; logins only.
	BrowserHash string
	// User is a hash of the user's name and Created orders what belongs to
	// one user; sign-ins and consents only.
	User    string
	Created time.Time
	// Sealed is the payload, encrypted.
	Sealed []byte
	// ExpiresAt has whole seconds. From this second on the record is expired,
	// whether a store still has it or not.
	ExpiresAt time.Time
	// Claim is the nonce of the request that consumed the record; empty while
	// nobody has.
	Claim string
}

// Verdict says what r means to the request that nonce names, in a browser
// with browserHash: nil when the claim is this request's own or still free,
// else ErrExpired, ErrOtherBrowser or ErrUsed, in that order of precedence. An
// empty browserHash matches no record.
func (r Record) Verdict(browserHash, nonce string, now time.Time) error {
	switch {
	case !now.Before(r.ExpiresAt):
		return ErrExpired
	case browserHash == "" || !secret.Equal(r.BrowserHash, browserHash):
		return ErrOtherBrowser
	case r.Claim != "" && !secret.Equal(r.Claim, nonce):
		return ErrUsed
	}
	return nil
}
