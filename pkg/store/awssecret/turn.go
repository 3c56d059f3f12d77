package awssecret

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"
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

// has reports whether the ring will do for the wanted key, "" being any.
func (t *turn) has(wanted string) bool {
	_, there := t.after.Root(wanted)
	return there || wanted == ""
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
		t.before = ring.SignWith(s.known(ctx, ring, now).ID)
	}
	return t, nil
}

// due is when the first key of a version signs: long ago without a date.
func (v *version) due() time.Time { return v.created.Add(Notice) }

// known is the key that signs until the first of a new version may. The id of a
// version that an Operator has made says which. Of any other one, it is the
// newest key of which it is sure that everybody knew it when that was made: the
// first one that the version before has as well, if that was old by then. If it
// was new, or cannot be read, only the last key is sure.
func (s *Secret) known(ctx context.Context, ring *secret.Ring, now *version) *secret.Root {
	if root, there := ring.Root(signerOf(now.id)); there {
		return root
	}
	roots := ring.Roots()
	if last, err := s.fetch(ctx, previous); err == nil && !now.created.Before(last.due()) {
		if was, err := secret.ParseRing(last.text.Reveal()); err == nil {
			for _, root := range roots {
				if _, there := was.Root(root.ID); there {
					return root
				}
			}
		}
	}
	return roots[len(roots)-1]
}

// newID is a new id for a version until whose first key the one with the id
// signer signs. Secrets Manager wants 32 to 64 characters.
func newID(signer string) string {
	return fmt.Sprintf("%s%x-%x", ours, secret.Bytes(secret.Mint(128), 128), signer)
}

// signerOf reverses newID; it is empty for the id of a version by others.
func signerOf(id string) string {
	mine, found := strings.CutPrefix(id, ours)
	_, name, _ := strings.Cut(mine, "-")
	signer, err := hex.DecodeString(name)
	if !found || err != nil {
		return ""
	}
	return string(signer)
}

// ours starts the id of every version that an Operator makes.
const ours = "latchkey-"
