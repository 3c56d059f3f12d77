package awssecret

import (
	"context"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Member holds the list when the secret is a JSON object.
const Member = "secrets"

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
// once it is there for [Notice]. Callers at the same time share one reading.
// When a reading fails, what was read before serves on for an hour, and for ten
// seconds nobody tries again; but if the wanted key is not in it, the error, an
// *oauth.Error, says so, since nobody knows whether that key is good.
type Keys struct {
	// Secret is where the list is.
	Secret *Secret

	turns reading[turn]
}

// Ring implements [secret.Keys].
func (k *Keys) Ring(ctx context.Context, wanted string) (*secret.Ring, error) {
	t, err := k.turns.get(ctx, k.Secret.Now, func(t *turn) bool { return t.has(wanted) }, k.Secret.turn)
	if err != nil {
		return nil, err
	}
	return t.at(k.Secret.Now()), nil
}
