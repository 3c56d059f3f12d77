package user

import (
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// How often a password may be guessed. Tries are counted before the password
// is looked at and given back after a success, so that guesses made at the
// same time cannot pass together.
const (
	// Window is how long tries against one bucket are remembered, counted from
	// the first one.
	Window = 15 * time.Minute
	// Pause is how long a full bucket waits between two tries. It bounds what
	// a stranger's guesses can cost an owner.
	Pause = time.Minute
	// AccountLimit and SourceLimit are how many tries in a Window go without a
	// pause: against one account, from one network address, and from one
	// browser that has signed in to the account before.
	AccountLimit = 5
	SourceLimit  = 20
	KnownLimit   = 5
)

// BucketPrefix starts the key of every bucket.
const BucketPrefix = "try#"

// Bucket is the key of the bucket that counts tries by kind ("account",
// "source" or "known") against what.
func Bucket(kind, what string) string { return BucketPrefix + secret.Hash(kind+" "+what) }

// Tries is the state of one bucket; the zero value is one that nobody has
// tried. Times have whole seconds.
type Tries struct {
	// Fails is the number of tries in this window that have not succeeded.
	Fails int
	// NextAt is when the next try may be looked at, once the bucket is full.
	NextAt time.Time
	// ExpiresAt ends the window: from this second on the bucket is empty.
	ExpiresAt time.Time
}

// Take counts one try. Over the limit it counts nothing and returns how long
// to wait: more than nothing, and at most Pause.
func (t Tries) Take(limit int, now time.Time) (Tries, time.Duration) {
	now = now.Truncate(time.Second)
	if !now.Before(t.ExpiresAt) {
		t = Tries{ExpiresAt: now.Add(Window)}
	}
	if t.Fails >= limit && now.Before(t.NextAt) {
		return t, min(t.NextAt.Sub(now), Pause)
	}
	t.Fails++
	t.NextAt = now.Add(Pause)
	return t, 0
}

// Return gives one try back.
func (t Tries) Return() Tries {
	t.Fails = max(t.Fails-1, 0)
	return t
}
