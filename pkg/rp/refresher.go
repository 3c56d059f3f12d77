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
	// leaseTime is how long one request may refresh a session before another
	// takes over: longer than the provider and the store may take together.
	leaseTime = 10 * time.Second
	// pauseTime is how long nobody tries again after a refresh that failed.
	pauseTime, maxPause = 2 * time.Second, 30 * time.Second
	// waitTime is how long a request waits for another one's refresh.
	waitTime = 8 * time.Second
	// refreshBudget is the time that must be left before a lease is taken.
	refreshBudget = storeReserve + 1500*time.Millisecond
	// firstPoll and lastPoll are how often it looks meanwhile.
	firstPoll, lastPoll = 50 * time.Millisecond, 400 * time.Millisecond
	// unknownLife is what an access token is taken to last when the provider
	// does not say.
	unknownLife = time.Hour
	// margin is the rest of a token's life in which it is renewed, a fifth of
	// a short one's.
	margin = time.Minute
)

// Refresher renews the access tokens of sessions. Of any number of requests in
// any number of processes, one asks the provider (RFC 6749 §6); the others go
// on with the token there is, or wait for the new one. So a provider that takes
// the use of an old refresh token for theft (RFC 9700 §4.14.2) never sees one.
type Refresher struct {
	*Keeper
	// Provider is where the tokens come from.
	Provider *provider.Provider
}

// rest is what is left of the access token's life; it may be negative.
func (s *signed) rest(now time.Time) time.Duration {
	return time.Unix(s.TokenExpiresAt, 0).Sub(now)
}

// due reports whether the access token is to be renewed, as far as it can be.
func (s *signed) due(now time.Time) bool {
	life := time.Duration(s.TokenExpiresAt-s.IssuedAt) * time.Second
	return s.RefreshToken != "" && s.rest(now) <= min(margin, life/5)
}

// holding is s with the tokens that the provider gave at now.
func holding(s session.Session, t provider.Tokens, now time.Time) session.Session {
	s.AccessToken = t.AccessToken.Reveal()
	if !t.RefreshToken.IsZero() { // else the old one stays good (RFC 6749 §6)
		s.RefreshToken = t.RefreshToken.Reveal()
	}
	if t.Scope != "" {
		s.Scope = t.Scope
	}
	life := t.ExpiresIn
	if life == 0 {
		life = unknownLife
	}
	s.IssuedAt, s.TokenExpiresAt = now.Unix(), now.Add(life).Unix()
	return s
}

// fresh returns s, or what has become of it, with an access token that is not
// about to end, as far as there can be one: a session without a refresh token
// is returned as it is.
func (f *Refresher) fresh(ctx context.Context, s *signed) (*signed, *oauth.Error) {
	if s.Provider != f.Provider.Name {
		return s, nil // another one was set up then; this one is to see no token of it
	}
	// A browser that hangs up does not stop a refresh half-way: the lease would
	// stay, or the provider have spent the refresh token.
	going, done := detached(ctx)
	defer done()
	nonce, found, deadline := secret.Mint(128), s.entry.Version, time.Now().Add(waitTime)
	for pause := firstPoll; ; pause = min(2*pause, lastPoll) {
		now := f.Now()
		if !s.due(now) || s.entry.Version != found && s.rest(now) > 0 {
			return s, nil // what another request has just got will do, however short its life
		}
		entry, err := s.entry, s.entry.JudgeLease(s.entry.Version, nonce, now)
		if err == nil {
			t, refusal := f.ready(ctx, s, nonce)
			switch {
			case refusal != nil:
				return nil, refusal
			case t == nil:
				return s, nil
			}
			if entry, err = t.lease(going); err == nil {
				return t.renew(going)
			}
		}
		var refusal *oauth.Error
		switch {
		case errors.Is(err, session.ErrChanged):
			if s, refusal = f.open(ctx, entry, s.Cookie); refusal != nil {
				return nil, refusal
			}
			continue
		case !errors.Is(err, session.ErrLeased):
			return nil, sessionRefusal(err)
		case s.rest(now) > 0:
			return s, nil
		case entry.Failed():
			return nil, later(entry.LeaseUntil.Sub(now), errors.New("another refresh has just failed"))
		case !wait(ctx, pause, deadline):
			return nil, later(entry.LeaseUntil.Sub(f.Now()), errors.New("another refresh takes too long"))
		}
		if s, refusal = f.find(ctx, s.Cookie); refusal != nil {
			return nil, refusal
		}
	}
}

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
		return nil, storeDown(err)
	}
	entry, err := t.Sessions.CommitSession(ctx, next, now)
	switch {
	case err == nil:
		return &signed{Session: renewed, entry: entry}, nil
	case errors.Is(err, session.ErrChanged): // we were so slow that another request took over
		return t.open(ctx, entry, t.s.Cookie)
	case gone(err): // signed out meanwhile: what came too late is worth nothing to anybody
		revoke(ctx, t.Provider, t.ep, tokens.AccessToken, tokens.RefreshToken)
		return nil, over(err)
	}
	return nil, storeDown(err) // the tokens may be stored, and are not given back
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

func later(wait time.Duration, cause error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.ProviderUnavailable, RetryAfter: max(wait, time.Second), Cause: cause,
		Description: "The session could not be refreshed just now. It is still there; try again in a moment.",
	}
}

// wait pauses for d, and reports false when ctx or the deadline come first.
func wait(ctx context.Context, d time.Duration, deadline time.Time) bool {
	if end, ok := ctx.Deadline(); ok && end.Add(-time.Second).Before(deadline) {
		deadline = end.Add(-time.Second)
	}
	if time.Until(deadline) < d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
