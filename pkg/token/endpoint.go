package token

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// Grants keeps grants. RedeemCode and Rotate are atomic: of any number of
// callers exactly one applies its change, also when a reply is lost. Errors
// are grant.Err*; every other error means that nobody can tell.
type Grants interface {
	// PutGrant creates r. One that is there already stays, without an error.
	PutGrant(ctx context.Context, r grant.Record) error
	// RedeemCode applies d by one conditional write and returns the new image,
	// or what d.Verdict says of the old one.
	RedeemCode(ctx context.Context, key string, d grant.Redemption) (grant.Record, error)
	// Rotate is the same for a refresh token. Within the grace it returns the
	// image that is there.
	Rotate(ctx context.Context, key string, o grant.Rotation) (grant.Record, error)
	// GetGrant reads consistently.
	GetGrant(ctx context.Context, key string) (grant.Record, error)
	// RevokeGrant ends the grant if it exists and is that client's; an empty
	// clientHash is anybody's. Another client's is grant.ErrClient.
	RevokeGrant(ctx context.Context, key, clientHash string) error
}

// Clients finds a registered client, or answers client.ErrUnknown.
type Clients interface {
	GetClient(ctx context.Context, id string) (client.Client, error)
}

// Users finds a user by the tag of the name, which a refresh token carries, or
// answers user.ErrUnknown.
type Users interface {
	GetUserByTag(ctx context.Context, tag string) (user.User, error)
}

// Endpoint answers POST /oauth/tokenize (RFC 6749 §3.2): tokens for a code, a
// refresh token or a client's own credentials.
//
// It says nothing to scripts of other origins: a token belongs to a server or
// an app, and a browser's session is the client half's.
type Endpoint struct {
	// Keys sign and open.
	Keys secret.Keys
	// Clients are who may ask.
	Clients Clients
	// Users are looked at on every refresh: one who was disabled stops at
	// once.
	Users Users
	// Grants are what the tokens stand for.
	Grants Grants
	// Lifetimes are how long the tokens last.
	Lifetimes grant.Lifetimes
	// Now is the clock, time.Now in production.
	Now func() time.Time
}

// Routes serves this endpoint and its neighbours, which share its fields, at
// their paths. Each refuses other methods by itself.
func (e *Endpoint) Routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("/oauth/tokenize", e)
	mux.Handle("/oauth/token", e)
	mux.Handle("/oauth/revoke", &Revocation{Keys: e.Keys, Clients: e.Clients, Grants: e.Grants})
	mux.Handle("/oauth/introspect", &Introspection{Keys: e.Keys, Clients: e.Clients, Grants: e.Grants, Now: e.Now})
	mux.Handle("/oauth/jwks", &JWKS{Keys: e.Keys})
	return mux
}

// request is one token request of an authenticated client.
type request struct {
	client client.Client
	params oauth.Params
	now    time.Time // whole seconds, as records have them
	nonce  string    // makes a lost reply recognisable
}

// ServeHTTP implements [http.Handler].
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	params, c, refusal := admit(w, r, e.Clients)
	if refusal != nil {
		refuse(w, r, refusal)
		return
	}
	q := &request{client: c, params: params, now: e.Now().UTC().Truncate(time.Second), nonce: secret.Mint(128)}
	answer, refusal := e.answer(r.Context(), q)
	if refusal != nil {
		refuse(w, r, refusal)
		return
	}
	logline.Add(r.Context(), slog.String("outcome", "tokens"))
	reply(w, http.StatusOK, answer)
}

func (e *Endpoint) answer(ctx context.Context, q *request) (*answer, *oauth.Error) {
	grantType := q.params["grant_type"]
	var serve func(context.Context, *request) (*answer, *oauth.Error)
	switch grantType {
	case client.AuthorizationCode:
		serve = e.code
	case client.RefreshToken:
		serve = e.refresh
	case client.ClientCredentials:
		serve = e.credentials
	case "":
		return nil, invalid("grant_type is missing.")
	default:
		return nil, &oauth.Error{
			Code:        oauth.UnsupportedGrantType,
			Description: "This server knows the grant types authorization_code, refresh_token and client_credentials.",
		}
	}
	if !q.client.AllowsGrant(grantType) || grantType == client.ClientCredentials && q.client.Public() {
		return nil, &oauth.Error{Code: oauth.UnauthorizedClient, Description: "This client is not registered for the grant type " + grantType + "."}
	}
	logline.Add(ctx, slog.String("grant_type", grantType))
	if refusal := checkResource(ctx, q.params["resource"]); refusal != nil {
		return nil, refusal
	}
	return serve(ctx, q)
}

// refreshFor is how long a refresh token of c can stay unused.
func (e *Endpoint) refreshFor(c client.Client) time.Duration {
	if c.ID == client.FirstParty {
		return max(e.Lifetimes.Refresh, e.Lifetimes.FirstPartyRefresh)
	}
	return e.Lifetimes.Refresh
}

// parse reads a code or a refresh token. The error is grant.ErrToken for what
// is none, also under a key that is gone; every other one means that the keys
// cannot be had.
func parse(ctx context.Context, keys secret.Keys, s string, kind grant.Kind) (grant.Token, error) {
	ring, err := keys.Ring(ctx, grant.KeyOf(s, kind))
	if err != nil {
		return grant.Token{}, err
	}
	t, err := grant.Parse(s, kind, ring)
	if err != nil {
		return grant.Token{}, grant.ErrToken
	}
	return t, nil
}

// open opens a record and returns the ring that did. The error is
// grant.ErrUnknown for a record that nobody can open any more.
func open(ctx context.Context, keys secret.Keys, r grant.Record, gid string) (grant.Grant, *secret.Ring, error) {
	ring, err := keys.Ring(ctx, r.SealedKey())
	if err != nil {
		return grant.Grant{}, nil, err
	}
	g, err := r.Open(ring, gid)
	if err != nil {
		return grant.Grant{}, nil, grant.ErrUnknown
	}
	return g, ring, nil
}
