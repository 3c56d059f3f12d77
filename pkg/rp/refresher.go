package rp

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

const (
	// leaseTime is how long one request may refresh a session before another
	// takes over: longer than the provider and the store may take together.
	leaseTime = 10 * time.Second
	// waitTime is how long a request waits for another one's refresh.
	waitTime = 8 * time.Second
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
	if s.Realm != f.Provider.Realm() || !s.due(f.Now()) {
		return s, nil // another provider was set up then: this one is to see no token of it
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

// later is the refusal of a refresh that nobody can do now.
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
