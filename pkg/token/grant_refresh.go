package token

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// refresh trades a refresh token for its successor (RFC 6749 §6) by one
// conditional write and, at the same time, one read of the user. A token that
// comes after its successor and after the grace ends the grant (RFC 9700
// §4.14.2).
//
// Should the read fail, the same request may be sent again in the grace.
// Without a grace, and where a scope has to be checked before anything is used
// up, the record is read first.
func (e *Endpoint) refresh(ctx context.Context, q *request) (*answer, *oauth.Error) {
	if q.params["refresh_token"] == "" {
		return nil, invalid("refresh_token is missing.")
	}
	t, err := parse(ctx, e.Keys, q.params["refresh_token"], grant.Refresh)
	switch {
	case errors.Is(err, grant.ErrToken):
		return nil, denied("The refresh token is not one of this server's.", err)
	case err != nil:
		return nil, unavailable(err)
	}
	o := grant.Rotation{
		Client: grant.Hash(q.client.ID), Seq: t.N, Nonce: q.nonce, Now: q.now,
		IdleAt: q.now.Add(e.refreshFor(q.client)), Grace: e.Lifetimes.RefreshGrace,
	}
	owner := e.owner(ctx, t.User)
	defer func() { _, _ = owner() }() // nothing goes on after the answer
	if q.params["scope"] != "" || o.Grace == 0 {
		if refusal := e.look(ctx, q, t, o, owner); refusal != nil {
			return nil, refusal
		}
	}
	r, refusal := e.rotate(ctx, t.GID, o)
	if refusal != nil {
		return nil, refusal
	}
	g, ring, refusal := e.opened(ctx, r, t.GID)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := e.checkUser(ctx, r, g, owner); refusal != nil {
		return nil, refusal
	}
	mask, refusal := narrow(q, g, t)
	if refusal != nil {
		return nil, refusal
	}
	return e.issue(ctx, q, r, g, ring, mask, t.Scopes&full(g))
}

// owner starts to read the user with the tag, and returns how to wait for it.
func (e *Endpoint) owner(ctx context.Context, tag string) func() (user.User, error) {
	read := struct {
		user user.User
		err  error
		done chan struct{}
	}{done: make(chan struct{})}
	go func() {
		defer close(read.done)
		read.user, read.err = e.Users.GetUserByTag(ctx, tag)
	}()
	return func() (user.User, error) {
		<-read.done
		return read.user, read.err
	}
}

// narrow reads the scope parameter: fewer scopes for this access token, all of
// them again with the next one.
func narrow(q *request, g grant.Grant, t grant.Token) (uint32, *oauth.Error) {
	mask, ok := narrowed(g, q.params["scope"], t.Scopes&full(g))
	if !ok {
		return 0, &oauth.Error{Code: oauth.InvalidScope, Description: "A refresh gives at most the scopes that were approved (RFC 6749 section 6)."}
	}
	return mask, nil
}

// look decides from a read what would be refused after the write. What the
// write itself refuses is left to it.
func (e *Endpoint) look(ctx context.Context, q *request, t grant.Token, o grant.Rotation, owner func() (user.User, error)) *oauth.Error {
	r, err := e.Grants.GetGrant(ctx, grant.KeyFor(t.GID))
	if err != nil && !errors.Is(err, grant.ErrUnknown) {
		return unavailable(err)
	}
	if err != nil {
		return nil
	}
	if _, err := o.Verdict(r); err != nil {
		return nil
	}
	g, _, refusal := e.opened(ctx, r, t.GID)
	if refusal != nil {
		return refusal
	}
	if refusal := e.checkUser(ctx, r, g, owner); refusal != nil {
		return refusal
	}
	_, refusal = narrow(q, g, t)
	return refusal
}

func (e *Endpoint) rotate(ctx context.Context, gid string, o grant.Rotation) (grant.Record, *oauth.Error) {
	key := grant.KeyFor(gid)
	r, err := e.Grants.Rotate(ctx, key, o)
	if err == nil {
		return r, nil
	}
	if errors.Is(err, grant.ErrReused) {
		if revoked := e.Grants.RevokeGrant(ctx, key, o.Client); revoked != nil {
			return r, unavailable(revoked)
		}
	}
	if why, ok := whyNot(refreshReasons, err); ok {
		return r, denied(why, err)
	}
	return r, unavailable(err)
}

var refreshReasons = []reason{
	{grant.ErrUnknown, "The refresh token is unknown; it may have expired long ago. The user has to sign in again."},
	{grant.ErrExpired, "The refresh token has expired. The user has to sign in again."},
	{grant.ErrRevoked, "The refresh token has been revoked. The user has to sign in again."},
	{grant.ErrClient, "The refresh token was issued to another client."},
	{grant.ErrReused, "The refresh token was used before, and a newer one is out. Both are revoked now; the user has to sign in again."},
}

func (e *Endpoint) opened(ctx context.Context, r grant.Record, gid string) (grant.Grant, *secret.Ring, *oauth.Error) {
	g, ring, err := open(ctx, e.Keys, r, gid)
	switch {
	case errors.Is(err, grant.ErrUnknown):
		return g, nil, denied("The key that this grant was sealed with has been retired. The user has to sign in again.", err)
	case err != nil:
		return g, nil, unavailable(err)
	}
	return g, ring, nil
}

// checkUser ends the grant of a user who is gone, disabled, or has a new
// password since the sign-in.
func (e *Endpoint) checkUser(ctx context.Context, r grant.Record, g grant.Grant, owner func() (user.User, error)) *oauth.Error {
	u, err := owner()
	why := ""
	switch {
	case errors.Is(err, user.ErrUnknown), err == nil && (u.Name != g.User || u.Subject != g.Subject):
		why = "The user's account is gone."
	case err != nil:
		return unavailable(err)
	case u.Disabled:
		why = "The user's account is disabled."
	case since(r, g).Before(u.ValidFrom.Truncate(time.Second)):
		why = "The user's password has changed since. The user has to sign in again."
	default:
		return nil
	}
	if err := e.Grants.RevokeGrant(ctx, r.Key, ""); err != nil {
		return unavailable(err)
	}
	return denied(why, nil)
}

// since is when the user proved to be there, at the latest when the grant was
// made.
func since(r grant.Record, g grant.Grant) time.Time {
	if g.AuthTime.IsZero() {
		return r.Created
	}
	return g.AuthTime
}
