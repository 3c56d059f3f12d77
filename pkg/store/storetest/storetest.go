// Package storetest is the contract that every store passes, and the faults
// with which one that is reached over HTTP is tried.
//
// It is for tests only and never decides by itself what a store can do: what
// a store lacks is said by its test, with the reason.
package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Store is what the contract is about: what a Flows table does.
type Store interface {
	PutLogin(ctx context.Context, r session.Record) error
	ClaimLogin(ctx context.Context, key, browserHash, nonce string, now time.Time) (session.Record, error)

	PutGrant(ctx context.Context, r grant.Record) error
	RedeemCode(ctx context.Context, key string, d grant.Redemption) (grant.Record, error)
	Rotate(ctx context.Context, key string, o grant.Rotation) (grant.Record, error)
	GetGrant(ctx context.Context, key string) (grant.Record, error)
	RevokeGrant(ctx context.Context, key, clientHash string) error

	PutSignIn(ctx context.Context, r session.Record) error
	DeleteSignIn(ctx context.Context, key string) error
	GetSignIn(ctx context.Context, signInKey, consentKey string) (signIn, consent session.Record, err error)
	PutConsent(ctx context.Context, r session.Record) error
	EndUser(ctx context.Context, userHash string) error
	ForgetUser(ctx context.Context, userHash string) error

	PutSession(ctx context.Context, e session.Entry) error
	GetSession(ctx context.Context, key string, now time.Time) (session.Entry, error)
	SlideSession(ctx context.Context, key string, seen, now, until time.Time) error
	LeaseSession(ctx context.Context, key string, version uint32, nonce string, now, until time.Time) (session.Entry, error)
	CommitSession(ctx context.Context, e session.Entry, now time.Time) (session.Entry, error)
	ReleaseSession(ctx context.Context, key, nonce string, until time.Time) error
	EndSession(ctx context.Context, key string, version uint32) error
	DeleteSession(ctx context.Context, key string) (session.Entry, error)
	ListSessions(ctx context.Context, user string, now time.Time) ([]session.Entry, error)

	TakeTry(ctx context.Context, bucket string, limit int, now time.Time) (wait time.Duration, err error)
	ReturnTry(ctx context.Context, bucket string) error
}

// Subject is a store under test and what its test can do with it.
type Subject struct {
	Store Store

	// NotAtomic says why rivals cannot be judged on this store; empty means
	// that they can. It is meant for moto, whose threads interleave within one
	// conditional write.
	NotAtomic string

	// Dump returns all that the store keeps, keys and values as they are. Nil
	// for a store that keeps nothing outside of the process.
	Dump func(t testing.TB) []byte

	// Plant puts an item past the store's methods. Values are string, int64,
	// []byte or nil, by attribute name. Nil for a store without raw items.
	Plant func(t testing.TB, item map[string]any)

	// Operations returns how many writes and reads the store has had to make
	// so far. Nil for a store that makes none.
	Operations func() (writes, reads int)
}

// ttl is how long the suite's logins live.
const ttl = 10 * time.Minute

// login is a pending login as /login makes one, and its record.
type login struct {
	session.Login
	record session.Record
}

func newLogin(t testing.TB, expires time.Time) login {
	t.Helper()
	l := session.Login{
		State: session.NewState(), Browser: secret.Mint(128), ExpiresAt: expires,
		Verifier: pkce.NewVerifier(), Nonce: secret.Mint(128), Provider: "builtin",
		RedirectURI: "http://localhost:3000/callback", ReturnTo: "/after",
	}
	r, err := l.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return login{l, r}
}

// put makes a login that expires at the given time and gives it to the store.
func put(t testing.TB, s Store, expires time.Time) login {
	t.Helper()
	l := newLogin(t, expires)
	if err := s.PutLogin(t.Context(), l.record); err != nil {
		t.Fatal(err)
	}
	return l
}

// Browser returns the hash under which a store knows a browser by its cookie.
func Browser(cookie string) string { return secret.Hash(cookie) }
