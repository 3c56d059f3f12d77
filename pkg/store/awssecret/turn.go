package awssecret

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Notice is how long a new first key is on the list before it signs and seals.
// By then every instance has read it, which takes MaxAge; every copy of the
// JWKS without it has ended, five minutes more (the max-age it is sent with);
// and there is a minute for clocks that differ and for an operator whose
// writing takes long. So nobody meets a key that he cannot look up.
const Notice = MaxAge + 5*time.Minute + time.Minute

// turn is a ring that may change hands: until due the key that signed before
// goes on signing, and from then on the first.
type turn struct {
	before, after *secret.Ring
	due           time.Time
}

// at is the ring at a time. A version that is dated in the future waits too:
// too late is safe, too early is not.
func (t *turn) at(now time.Time) *secret.Ring {
	if now.Before(t.due) {
		return t.before
	}
	return t.after
}

// turn reads the ring. The age of the first key is that of the version, so a
// version without a date is old. A key that is alone has nobody to wait for.
func (s *Secret) turn(ctx context.Context) (*turn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	now, err := s.fetch(ctx, current)
	if err != nil {
		return nil, err
	}
	ring, err := secret.ParseRing(now.text.Reveal())
	if err != nil {
		return nil, misconfigured(fmt.Errorf("awssecret: %w", err))
	}
	t := &turn{before: ring, after: ring, due: now.due()}
	if len(ring.Roots()) > 1 && s.Now().Before(t.due) {
		t.before = ring.SignWith(s.signedBefore(ctx, ring, now))
	}
	return t, nil
}

// due is when the first key of a version signs: long ago without a date.
func (v version) due() time.Time { return v.created.Add(Notice) }

// signedBefore is the id of the key that signed when the version now was made:
// the first of the version before; or its second, if that one was as new then
// and its first had not signed yet. Everybody knows it. If it was taken out, or
// the version before cannot be read, it is the second of the ring.
func (s *Secret) signedBefore(ctx context.Context, ring *secret.Ring, now version) string {
	second := ring.Roots()[1].ID
	last, err := s.fetch(ctx, previous)
	if err != nil {
		return second
	}
	was, err := secret.ParseRing(last.text.Reveal())
	if err != nil {
		return second
	}
	signed := was.Roots()[0]
	if len(was.Roots()) > 1 && now.created.Before(last.due()) {
		signed = was.Roots()[1]
	}
	if _, there := ring.Root(signed.ID); !there {
		return second
	}
	return signed.ID
}
