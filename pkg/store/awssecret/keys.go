package awssecret

import (
	"context"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	// Member holds the list when the secret is a JSON object.
	Member = "secrets"
	// minAge is the least time between two readings that an unknown key asks
	// for: whoever makes up key ids does not make us read for each.
	minAge = 10 * time.Second
)

// KeysFromEnv gives the deployment's keys: from LATCHKEY_SECRET, or from the
// secret that LATCHKEY_SECRET_ARN names. Problems are left in e.
func KeysFromEnv(e *env.Reader) secret.Keys {
	list, arn := e.Secret("LATCHKEY_SECRET"), e.String("LATCHKEY_SECRET_ARN")
	stored := FromEnv(e, arn, Member)
	switch {
	case !list.IsZero() && arn != "":
		e.Report("LATCHKEY_SECRET", "contradicts LATCHKEY_SECRET_ARN", "remove one of the two")
	case stored != nil:
		return &Keys{Secret: stored}
	case list.IsZero() && !e.Given("LATCHKEY_SECRET"):
		e.Report("LATCHKEY_SECRET_ARN", "is not set, and LATCHKEY_SECRET is not either",
			"set LATCHKEY_SECRET_ARN to the ARN of the deployment's secret in Secrets Manager")
	case !list.IsZero():
		ring, err := secret.ParseRing(list.Reveal())
		if err == nil {
			return ring
		}
		e.Report("LATCHKEY_SECRET", err.Error(), "make one with: openssl rand -base64 48")
	}
	return nil
}

// Warm reads the ring of keys, so that the first request finds it read.
func Warm(keys secret.Keys) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := keys.Ring(ctx, "")
		return err
	}
}

// Keys is the deployment secret in Secrets Manager: a comma-separated list,
// or a JSON object with it as the member "secrets". It implements secret.Keys
// and is safe for concurrent use.
//
// A key that is not on the ring is looked for again, at most every ten
// seconds; the whole ring is read again after MaxAge, so that a retired key is
// forgotten. A new first key verifies and opens at once, and signs and seals
// once it is there for [Notice]. Callers at the same time share one reading. A
// failed reading is not kept: what was read before serves on, unless the wanted
// key is not in it, and then the error, an *oauth.Error, says so, since nobody
// knows whether that key is good.
type Keys struct {
	// Secret is where the list is.
	Secret *Secret

	mu     sync.Mutex
	ring   *turn
	read   time.Time // when ring was read
	flight *flight
}

// flight is one reading under way.
type flight struct {
	done chan struct{}
	err  error
}

// Ring implements [secret.Keys].
func (k *Keys) Ring(ctx context.Context, wanted string) (*secret.Ring, error) {
	k.mu.Lock()
	now := k.Secret.Now()
	if k.ring != nil && younger(now, k.read, MaxAge) && (k.has(wanted) || younger(now, k.read, minAge)) {
		ring := k.ring.at(now)
		k.mu.Unlock()
		return ring, nil
	}
	f := k.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		k.flight = f
		go k.fetch(context.WithoutCancel(ctx), f)
	}
	k.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, refusal(ctx.Err())
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if f.err != nil && (k.ring == nil || !k.has(wanted)) {
		return nil, f.err
	}
	return k.ring.at(k.Secret.Now()), nil
}

// has reports whether the ring will do for wanted. k.mu is held.
func (k *Keys) has(wanted string) bool {
	if k.ring == nil || wanted == "" {
		return k.ring != nil
	}
	_, ok := k.ring.after.Root(wanted)
	return ok
}

// fetch reads on behalf of all who wait, whichever of them leaves; the reading
// has its own time limit.
func (k *Keys) fetch(ctx context.Context, f *flight) {
	ring, err := k.Secret.turn(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.ring, k.read = ring, k.Secret.Now()
	}
	f.err, k.flight = err, nil
	close(f.done)
}
