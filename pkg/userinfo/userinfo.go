// Package userinfo answers with the claims of the user that an access token
// stands for (OpenID Connect Core 1.0 §5.3).
//
// It never touches a cookie and never answers without the scope openid.
package userinfo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// Grants finds what was approved. GetGrant sees every write that came before
// it; its error is grant.ErrUnknown or a failure of the store.
type Grants interface {
	GetGrant(ctx context.Context, key string) (grant.Record, error)
}

// Users finds a user by name. The error is user.ErrUnknown or a failure of
// the store.
type Users interface {
	GetUser(ctx context.Context, name string) (user.User, error)
}

// Endpoint answers GET and POST /oauth/userinfo, and the OPTIONS that a
// browser sends before a script's request. An opaque access token and a JWT
// are treated alike: either stands only as long as its grant and its user do.
type Endpoint struct {
	// Keys verify the token.
	Keys secret.Keys
	// Grants and Users are asked for what the token stands for: one read
	// each, the second by the name that the first one gives.
	Grants Grants
	Users  Users
	// Now is the clock, time.Now in production.
	Now func() time.Time
}

// claims are what is known about a user (OpenID Connect Core §5.1). Whether an
// address of email was verified is not known, so nothing says it was.
type claims struct {
	Subject           string `json:"sub"`
	Name              string `json:"name,omitempty"`
	PreferredUsername string `json:"preferred_username,omitempty"`
	Email             string `json:"email,omitempty"`
}

// ServeHTTP implements [http.Handler].
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	// Any site's script may ask, since only the token in its hands matters:
	// no cookie is looked at.
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate")
	switch r.Method {
	case http.MethodGet, http.MethodPost:
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, POST")
		h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		h.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return
	default:
		h.Set("Allow", "GET, POST, OPTIONS")
		page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "This address answers GET and POST only."})
		return
	}
	token, refusal := bearer(r)
	if refusal != nil {
		refuse(w, r, refusal)
		return
	}
	c, err := e.claims(r.Context(), token)
	if err != nil {
		refuse(w, r, refusalOf(err))
		return
	}
	body, err := json.Marshal(c)
	if err != nil {
		panic("userinfo: " + err.Error()) // four strings always marshal
	}
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n')) // whoever asked has gone: nobody is left to tell
}

// Why a token is not answered.
var (
	errExpired = errors.New("userinfo: the token has expired")
	errUser    = errors.New("userinfo: the user is disabled or gone")
	errScope   = errors.New("userinfo: no openid")
)

// claims finds out whom token stands for, and what it may know.
func (e *Endpoint) claims(ctx context.Context, token string) (claims, error) {
	ring, err := e.Keys.Ring(ctx, grant.AccessKeyOf(token))
	if err != nil {
		return claims{}, err
	}
	t, err := grant.ParseAccess(token, baseurl.From(ctx), ring)
	if err != nil {
		return claims{}, err
	}
	if e.Now().Unix() >= t.Expires {
		return claims{}, errExpired
	}
	g, err := e.grant(ctx, t, ring)
	if err != nil {
		return claims{}, err
	}
	scopes := strings.Fields(g.Scope(t.Scopes))
	if g.User == "" || !slices.Contains(scopes, "openid") {
		return claims{}, errScope
	}
	u, err := e.Users.GetUser(ctx, g.User)
	switch {
	case err != nil:
		return claims{}, err
	case u.Disabled, u.Subject != g.Subject, g.AuthTime.Before(u.ValidFrom):
		return claims{}, errUser
	}
	c := claims{Subject: u.Subject}
	if slices.Contains(scopes, "profile") {
		c.Name, c.PreferredUsername = u.DisplayName, u.Name
	}
	if slices.Contains(scopes, "email") {
		c.Email = u.Email
	}
	return c, nil
}

// grant reads what t stands for, as long as it is alive.
func (e *Endpoint) grant(ctx context.Context, t grant.Token, ring *secret.Ring) (grant.Grant, error) {
	r, err := e.Grants.GetGrant(ctx, grant.KeyFor(t.GID))
	if err != nil {
		return grant.Grant{}, err
	}
	if err := r.Live(t.N, e.Now()); err != nil {
		return grant.Grant{}, err
	}
	g, err := r.Open(ring, t.GID)
	if errors.Is(err, secret.ErrUnknownKey) {
		if ring, err = e.Keys.Ring(ctx, r.SealedKey()); err != nil {
			return grant.Grant{}, err
		}
		g, err = r.Open(ring, t.GID)
	}
	return g, err
}
