package rp

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

const (
	// pauseTime is how long nobody tries again after a refresh that failed.
	pauseTime, maxPause = 2 * time.Second, 30 * time.Second
	// refreshBudget is the time that must be left before a lease is taken.
	refreshBudget = storeReserve + 1500*time.Millisecond
)

// turn is one request's try at a refresh: all that it needs to go through with
// it once it has the lease.
type turn struct {
	*Refresher
	ep    provider.Endpoints
	ring  *secret.Ring
	s     *signed
	nonce string
	// ends is when the provider's answer has to be there, so that it can be
	// stored before the lease ends.
	ends time.Time
}

// ready checks, before a lease is taken, that a refresh could end: endpoints
// and secrets are there, and so is the time. While the token still lives, that
// it cannot is no refusal; there is no turn then.
func (f *Refresher) ready(ctx context.Context, s *signed, nonce string) (*turn, *oauth.Error) {
	t := &turn{Refresher: f, s: s, nonce: nonce}
	var err error
	if t.ep, err = f.Provider.Endpoints(ctx); err == nil {
		err = f.Provider.Ready(ctx)
	}
	if err == nil {
		t.ring, err = f.Keys.Ring(ctx, "")
	}
	if deadline, ok := ctx.Deadline(); err == nil && ok && time.Until(deadline) < refreshBudget {
		err = errors.New("too little time left before the lease")
	}
	switch {
	case err == nil:
		return t, nil
	case s.rest(f.Now()) > 0:
		logline.Add(ctx, slog.String("cause", "refresh put off: "+err.Error()))
		return nil, nil
	}
	return nil, unable(err)
}

// lease takes the lease. The error is that of [Sessions.LeaseSession].
func (t *turn) lease(ctx context.Context) (session.Entry, error) {
	now := t.Now()
	t.ends = time.Now().Add(leaseTime - time.Second - storeReserve) // a store has whole seconds
	if deadline, ok := ctx.Deadline(); ok && deadline.Add(-storeReserve).Before(t.ends) {
		t.ends = deadline.Add(-storeReserve)
	}
	entry, err := t.Sessions.LeaseSession(ctx, t.s.entry.Key, t.s.entry.Version, t.nonce, now, now.Add(leaseTime))
	if err == nil {
		t.s.entry = entry
	}
	return entry, err
}

// renew asks the provider for new tokens, once, and stores them. The request
// holds the lease, and asks nobody when too little of it is left: the next one
// would send the same refresh token meanwhile.
func (t *turn) renew(ctx context.Context) (*signed, *oauth.Error) {
	if time.Until(t.ends) < refreshBudget-storeReserve {
		return t.failed(ctx, errors.New("too little time left after the lease"))
	}
	asking, asked := context.WithDeadline(ctx, t.ends)
	defer asked()
	tokens, err := t.Provider.Refresh(asking, t.ep, secret.NewText(t.s.RefreshToken))
	switch {
	case errors.Is(err, provider.ErrRefreshRefused):
		return t.refused(ctx, err)
	case err != nil:
		return t.failed(ctx, err)
	}
	return t.commit(ctx, tokens)
}

// commit stores what the provider gave.
func (t *turn) commit(ctx context.Context, tokens provider.Tokens) (*signed, *oauth.Error) {
	now := t.Now()
	renewed, next := holding(t.s.Session, tokens, now), t.s.entry
	next.Claim, next.SeenAt, next.ExpiresAt = t.nonce, now.Truncate(time.Second), t.Lifetimes.Until(now, next.MaxAt)
	next, err := renewed.Seal(t.ring.Newest(), next)
	if err != nil {
		return nil, sessionDown(err)
	}
	entry, err := t.Sessions.CommitSession(ctx, next, now)
	switch {
	case err == nil:
		return &signed{Session: renewed, entry: entry}, nil
	case errors.Is(err, session.ErrChanged): // we were so slow that another request took over
		return t.open(ctx, entry, t.s.Cookie)
	case gone(err):
		// Ended meanwhile. The new tokens are nowhere but here, and are not
		// revoked: a new login may have ended this session, and some providers
		// would end its tokens too.
		return nil, over(err)
	}
	return nil, sessionDown(err) // the tokens may be stored, and are not given back
}

// refused ends a session whose refresh token the provider takes no more,
// unless another request has a new one, or is about to.
func (t *turn) refused(ctx context.Context, cause error) (*signed, *oauth.Error) {
	key, version := t.s.entry.Key, t.s.entry.Version
	entry, err := t.Sessions.GetSession(ctx, key, t.Now())
	if err == nil {
		err = entry.JudgeLease(version, t.nonce, t.Now())
	}
	if err == nil {
		if err = t.Sessions.EndSession(ctx, key, version); err == nil {
			return nil, over(cause)
		}
		if errors.Is(err, session.ErrChanged) {
			if entry, err = t.Sessions.GetSession(ctx, key, t.Now()); err == nil {
				err = session.ErrChanged
			}
		}
	}
	switch {
	case errors.Is(err, session.ErrChanged):
		return t.open(ctx, entry, t.s.Cookie)
	case errors.Is(err, session.ErrLeased):
		return nil, later(0, errors.New("another refresh took over"))
	}
	return nil, sessionRefusal(err)
}

// failed lets go of the lease after a failure that will pass. Whoever comes
// within the pause is told to come again, so that a provider that is down is
// not asked by everybody in turn.
func (t *turn) failed(ctx context.Context, cause error) (*signed, *oauth.Error) {
	refusal := unable(cause)
	now := t.Now()
	pause := min(max(pauseTime, refusal.RetryAfter), maxPause)
	if err := t.Sessions.ReleaseSession(ctx, t.s.entry.Key, t.nonce, now.Add(pause)); err != nil {
		logline.Add(ctx, slog.String("lease", "not released: "+err.Error())) // it ends by itself
	}
	if t.s.rest(now) > 0 {
		logline.Add(ctx, slog.String("cause", "refresh put off: "+cause.Error()))
		return t.s, nil
	}
	if refusal.Code == oauth.ProviderUnavailable {
		refusal.RetryAfter = max(refusal.RetryAfter, pause) // sooner is in vain
	}
	return nil, refusal
}

// unable is the refusal of a refresh that cannot be done now. The session
// stays, and so does a setting that has to be mended.
func unable(err error) *oauth.Error {
	own, ok := errors.AsType[*oauth.Error](err)
	switch {
	case ok && own.Code == oauth.ConfigError:
		return own
	case ok:
		return later(own.RetryAfter, own.Cause)
	}
	return later(0, err)
}
