package token

import (
	"context"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// credentials gives a confidential client a token for itself (RFC 6749 §4.4):
// no user, no refresh token (§4.4.3), and a grant all the same, so that the
// token can be introspected and revoked.
func (e *Endpoint) credentials(ctx context.Context, q *request) (*answer, *oauth.Error) {
	scopes, ok := q.client.Requested(q.params["scope"])
	if !ok {
		return nil, &oauth.Error{Code: oauth.InvalidScope, Description: "This client is not registered for one of these scopes."}
	}
	ring, err := e.Keys.Ring(ctx, "")
	if err != nil {
		return nil, unavailable(err)
	}
	g := grant.Grant{GID: grant.NewGID(), ClientID: q.client.ID, Scopes: scopes}
	end := q.now.Add(e.Lifetimes.Access)
	r, err := g.Seal(ring.Newest(), grant.Record{
		Created: q.now, Status: grant.Active, Seq: 1, Claim: q.nonce, RotatedAt: q.now,
		CodeExpiresAt: q.now, IdleAt: end, MaxAt: end, ExpiresAt: end,
	})
	if err != nil {
		return nil, &oauth.Error{Code: oauth.ServerError, Description: "The grant could not be made.", Cause: err}
	}
	if err := e.Grants.PutGrant(ctx, r); err != nil {
		return nil, unavailable(err)
	}
	return e.issue(ctx, q, r, g, ring, full(g), full(g))
}
