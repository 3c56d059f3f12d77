package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

// life is one kind of what a key makes, and how long it can be alive: setting
// is what decides about that, empty if it cannot be set.
type life struct {
	what, setting string
	long          time.Duration
}

// lives are those of the deployment: by its stack's parameters, or by the
// settings here, with which nobody knows of anything that it has not.
func (d *deployment) lives() ([]life, error) {
	e, mode, builtIn := &env.Reader{Partial: true}, rp.ModeSession, true
	if d.stack != nil {
		e, builtIn = d.stack.Reader(), d.stack.Holds(checks.BuiltIn)
		mode, e.Partial = rp.CallbackMode(e, mode), true
	}
	s, g := session.LifetimesFromEnv(e), grant.LifetimesFromEnv(e, grant.DefaultLifetimes)
	var all []life
	if mode == rp.ModeSession {
		all = append(all, life{"sessions", d.named("SESSION_MAX", "SessionMax"), s.Max})
	}
	if builtIn {
		all = append(all,
			life{"refresh tokens", d.named("REFRESH_MAX", "RefreshMax"), g.RefreshMax},
			life{"access tokens and ID tokens", d.named("ACCESS_TTL", "AccessTtl"), g.Access},
			life{"sign-in and approve forms that are open", "", formLife})
	}
	return all, e.Err()
}

// named is what decides about a lifetime here: a setting, or the stack's
// parameter.
func (d *deployment) named(setting, parameter string) string {
	if d.stack != nil {
		return parameter
	}
	return setting
}

// formLife is how long a form of the built-in server can be sent.
const formLife = 10 * time.Minute

// price says what ends when the key with the id is dropped now, one of several;
// empty if nothing does.
func (d *deployment) price(ctx context.Context, id string, lives []life, now time.Time) (string, error) {
	ring, due, err := d.ring(ctx, now)
	if err != nil {
		return "", err
	}
	if len(ring.Roots()) == 1 { // it was one of several when the list was read
		return "", awssecret.ErrChanged
	}
	first, signs := ring.Roots()[0].ID, ring.Newest().ID
	switch id {
	case signs:
		return "key " + id + " signs and seals now." + ends(lives, now, now) + "\n" + afterwards(ring, id, due), nil
	case first:
		then := "key " + signs + " goes on with that, and the rotation is undone."
		if next := ring.Roots()[1].ID; next != signs {
			then = "key " + signs + " goes on with that for eleven more minutes, and then key " + next + " takes over."
		}
		return fmt.Sprintf("key %s is the newest one, and is to sign and seal from %s on. Without it %s", id, minute(due), then), nil
	}
	until, err := d.firstSince(ctx, now)
	if err != nil {
		return "", err
	}
	if until.After(now) {
		until = now
	}
	list := ends(lives, until, now)
	if list == "" {
		return "", nil
	}
	return fmt.Sprintf("key %s may have signed and sealed until %s.%s\nFrom %s on nothing ends with it.", id, minute(until), list, minute(until.Add(longest(lives)))), nil
}

// ends lists what was made until a time and can be alive now, empty if nothing.
func ends(lives []life, until, now time.Time) string {
	var b strings.Builder
	for _, l := range lives {
		last := until.Add(l.long)
		if !last.After(now) {
			continue
		}
		fmt.Fprintf(&b, "\n  - %s, which can live until %s", l.what, minute(last))
		if l.setting != "" {
			b.WriteString(" (" + l.setting + " " + short(l.long) + ")")
		}
	}
	switch {
	case b.Len() == 0:
		return ""
	case strings.Contains(b.String(), "tokens"):
		b.WriteString("\nApprovals that were remembered are asked for once more. Who is signed in at the built-in server stays so.")
	}
	return " Of what it made, this ends at once:" + b.String()
}

// afterwards says how it goes on without the key that signs.
func afterwards(ring *secret.Ring, id string, due time.Time) string {
	next := ring.Roots()[0].ID
	if next == id {
		next = ring.Roots()[1].ID
	}
	then := "Logins fail now and then until every function has read the secret again, which takes five minutes at most."
	if due.IsZero() {
		return "Key " + next + ", which is older, signs and seals then. " + then + "\nTo end nothing, add a new key first (latchkey keys rotate), and drop this one when all of that is over."
	}
	return then + "\nTo end nothing, leave it: it signs until " + minute(due) + ", and can be dropped when all of that is over."
}

// firstSince is when the first key of the list signs at the latest, so that no
// other one does. A version without a date says nothing, so that it is now.
func (d *deployment) firstSince(ctx context.Context, now time.Time) (time.Time, error) {
	current, err := version(ctx, d.cfg, d.arn, awssecret.Member, "AWSCURRENT")
	if err != nil {
		return time.Time{}, err
	}
	since := current.created
	last, err := version(ctx, d.cfg, d.arn, awssecret.Member, "AWSPREVIOUS")
	if err == nil && firstOf(last.text) == firstOf(current.text) && !since.Before(last.created.Add(awssecret.Notice)) {
		since = last.created
	}
	if since.IsZero() {
		return now, nil
	}
	return since.Add(awssecret.Notice), nil
}

// firstOf is the id of a list's first key, empty for what is no list.
func firstOf(list secret.Text) string {
	ring, err := secret.ParseRing(list.Reveal())
	if err != nil {
		return ""
	}
	return ring.Roots()[0].ID
}

func longest(lives []life) time.Duration {
	var long time.Duration
	for _, l := range lives {
		long = max(long, l.long)
	}
	return long
}

// minute is a time for people to read, rounded up.
func minute(t time.Time) string {
	return t.UTC().Add(time.Minute - time.Nanosecond).Truncate(time.Minute).Format("2006-01-02 15:04 UTC")
}

// short is a duration without the zeros at its end.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
