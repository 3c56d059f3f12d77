package token

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Introspection answers POST /oauth/introspect (RFC 7662): what a token is good
// for, to the confidential client it was issued to and to resource servers.
// About everything else it says the same: {"active":false}.
type Introspection struct {
	// Keys tell which tokens are ours.
	Keys secret.Keys
	// Clients are who may ask.
	Clients Clients
	// Grants are read once for each token of ours.
	Grants Grants
	// Now is the clock, time.Now in production. There is no leeway: both ends
	// of a token's life are this server's.
	Now func() time.Time
}

// inactive is all that is said about a token that is not active (§2.2).
type inactive struct {
	Active bool `json:"active"`
}

// active describes a token (§2.2). exp is in epoch seconds.
type active struct {
	Active    bool   `json:"active"`
	Scope     string `json:"scope,omitempty"`
	ClientID  string `json:"client_id"`
	TokenType string `json:"token_type,omitempty"`
	Expires   int64  `json:"exp"`
	Subject   string `json:"sub"`
	Issuer    string `json:"iss"`
}

// ServeHTTP implements [http.Handler].
func (i *Introspection) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	params, c, refusal := admit(w, r, i.Clients)
	switch {
	case refusal != nil:
	case c.Public():
		refusal = unauthenticated() // §2.1: not for whoever knows an id
	case params["token"] == "":
		refusal = invalid("token is missing.")
	}
	if refusal != nil {
		refuse(w, r, refusal)
		return
	}
	a, err := i.look(r.Context(), params["token"], c)
	switch {
	case err == nil:
		logline.Add(r.Context(), slog.String("outcome", "active"))
		reply(w, http.StatusOK, a)
	case errors.Is(err, errInactive):
		logline.Add(r.Context(), slog.String("outcome", "inactive"))
		reply(w, http.StatusOK, inactive{})
	default:
		refuse(w, r, unavailable(err))
	}
}

// errInactive stands for every reason not to say more.
var errInactive = errors.New("token: inactive")

func (i *Introspection) look(ctx context.Context, s string, c client.Client) (*active, error) {
	t, err := anyToken(ctx, i.Keys, s)
	switch {
	case errors.Is(err, grant.ErrToken):
		return nil, errInactive
	case err != nil:
		return nil, err
	}
	now := i.Now()
	if t.Kind == grant.Access && now.Unix() >= t.Expires {
		return nil, errInactive
	}
	r, err := i.Grants.GetGrant(ctx, grant.KeyFor(t.GID))
	switch {
	case errors.Is(err, grant.ErrUnknown):
		return nil, errInactive
	case err != nil:
		return nil, err
	}
	mine := secret.Equal(r.Client, grant.Hash(c.ID)) || c.ResourceServer
	if !mine || r.Live(t.N, now) != nil || t.Kind == grant.Refresh && (t.N != r.Seq || !now.Before(r.IdleAt)) {
		return nil, errInactive
	}
	g, _, err := open(ctx, i.Keys, r, t.GID)
	switch {
	case errors.Is(err, grant.ErrUnknown):
		return nil, errInactive
	case err != nil:
		return nil, err
	}
	a := &active{
		Active: true, Scope: g.Scope(t.Scopes), ClientID: g.ClientID, TokenType: "Bearer",
		Expires: t.Expires, Subject: subject(g), Issuer: baseurl.From(ctx),
	}
	if t.Kind == grant.Refresh {
		a.TokenType, a.Expires = "", r.IdleAt.Unix()
	}
	return a, nil
}
