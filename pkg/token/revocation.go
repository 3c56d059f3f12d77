package token

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Revocation answers POST /oauth/revoke (RFC 7009): any token of a grant ends
// the grant, with all its tokens, at once. A token that nobody knows is as
// good as revoked (§2.2). One that was issued to another client is refused and
// stays as it is: §2.1 has the client told. A token_type_hint changes nothing,
// since every token says what it is.
type Revocation struct {
	// Keys tell which tokens are ours.
	Keys secret.Keys
	// Clients are who may ask, public ones by their id alone (§2.1).
	Clients Clients
	// Grants are what is revoked.
	Grants Grants
}

// ServeHTTP implements [http.Handler].
func (v *Revocation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	params, c, refusal := admit(w, r, v.Clients)
	if refusal == nil && params["token"] == "" {
		refusal = invalid("token is missing.")
	}
	if refusal == nil {
		refusal = v.revoke(r.Context(), params["token"], grant.Hash(c.ID))
	}
	if refusal != nil {
		refuse(w, r, refusal)
		return
	}
	logline.Add(r.Context(), slog.String("outcome", "revoked"))
	uncached(w.Header())
	w.WriteHeader(http.StatusOK)
}

func (v *Revocation) revoke(ctx context.Context, s, clientHash string) *oauth.Error {
	t, err := anyToken(ctx, v.Keys, s)
	switch {
	case errors.Is(err, grant.ErrToken):
		return nil
	case err != nil:
		return unavailable(err)
	}
	err = v.Grants.RevokeGrant(ctx, grant.KeyFor(t.GID), clientHash)
	switch {
	case errors.Is(err, grant.ErrClient):
		return denied("The token was issued to another client.", err)
	case err != nil && !errors.Is(err, grant.ErrUnknown):
		return unavailable(err)
	}
	return nil
}

// anyToken reads a token of whatever kind: code, refresh token, and access
// token, opaque or JWT. The error is as of parse.
func anyToken(ctx context.Context, keys secret.Keys, s string) (grant.Token, error) {
	for _, kind := range []grant.Kind{grant.Code, grant.Refresh} {
		if strings.HasPrefix(s, string(kind)) {
			return parse(ctx, keys, s, kind)
		}
	}
	ring, err := keys.Ring(ctx, grant.AccessKeyOf(s))
	if err != nil {
		return grant.Token{}, err
	}
	t, err := grant.ParseAccess(s, baseurl.From(ctx), ring)
	if err != nil {
		return grant.Token{}, grant.ErrToken
	}
	return t, nil
}
