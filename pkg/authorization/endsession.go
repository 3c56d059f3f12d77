package authorization

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
)

// getEndSession signs out on behalf of a client (OpenID Connect RP-Initiated
// Logout §2): at once when the ID token is the signed-in user's, else it asks.
// It leads only to an address that is registered for the client.
func (e *Endpoint) getEndSession(w http.ResponseWriter, r *http.Request) {
	base := baseurl.From(r.Context())
	if r.Host != baseurl.Host(base) {
		w.Header().Set("Location", base+r.URL.RequestURI())
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	p, refusal := readParams(r.URL.RawQuery)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	d, refusal := e.departure(r.Context(), p)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	s, key, refusal := e.current(r)
	switch {
	case refusal != nil:
		page.Refuse(w, r, refusal)
	case s == nil || d.subject != "" && d.subject == s.Subject:
		e.signOut(w, r, key, d.goTo)
	default:
		e.askSignOut(w, r, s, d.goTo, d.client)
	}
}

// postEndSession takes the same parameters from a form and asks the browser to
// come again by GET, with its cookies.
func (e *Endpoint) postEndSession(w http.ResponseWriter, r *http.Request) {
	raw, refusal := body(r)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	if r.URL.RawQuery != "" {
		raw += "&" + r.URL.RawQuery
	}
	p, refusal := readParams(raw)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	see(w, r, baseurl.From(r.Context())+PathEndSession+"?"+p.Encode())
}

func readParams(raw string) (oauth.Params, *oauth.Error) {
	p, err := oauth.ParseParams(raw)
	if err != nil {
		return nil, lost("The request to sign out is malformed, or a parameter is repeated.", err)
	}
	return p, nil
}

// departure is what a logout request leads to.
type departure struct {
	subject string // of the ID token, "" without a usable one
	client  string // name for people, "" if nobody says
	goTo    string // complete, "" for our own page
}

func (e *Endpoint) departure(ctx context.Context, p oauth.Params) (d departure, refusal *oauth.Error) {
	id := p["client_id"]
	if hint := p["id_token_hint"]; hint != "" {
		sub, aud, err := e.hint(ctx, hint)
		switch {
		case errors.Is(err, jose.ErrToken):
			// A hint is a hint: the user is asked instead.
		case err != nil:
			return d, down(err)
		case id != "" && !slices.Contains(aud, id):
			return d, lost("id_token_hint was issued to another application than client_id.", nil)
		default:
			d.subject = sub
			if id == "" && len(aud) == 1 {
				id = aud[0]
			}
		}
	}
	uri := p["post_logout_redirect_uri"]
	if id == "" {
		if uri != "" {
			return d, lost("post_logout_redirect_uri needs a client_id or an id_token_hint beside it.", nil)
		}
		return d, nil
	}
	c, err := e.Clients.GetClient(ctx, id)
	switch {
	case errors.Is(err, client.ErrUnknown):
		return d, lost("No application with this client_id is registered here.", nil)
	case err != nil:
		return d, down(err)
	case uri != "" && !slices.Contains(c.PostLogoutRedirectURIs, uri):
		return d, lost("post_logout_redirect_uri is not registered for this application.", nil)
	}
	d.client, d.goTo = nameOf(c), uri
	if state := p["state"]; uri != "" && state != "" {
		sep := "?"
		if strings.Contains(uri, "?") {
			sep = "&"
		}
		d.goTo += sep + "state=" + url.QueryEscape(state)
	}
	return d, nil
}

// hint reads an ID token that we issued at some time; it may have expired. The
// error is jose.ErrToken for one that is not ours.
func (e *Endpoint) hint(ctx context.Context, token string) (sub string, aud []string, err error) {
	ring, err := e.Keys.Ring(ctx, jose.KeyOf(token))
	if err != nil {
		return "", nil, err
	}
	var claims struct {
		Issuer  string   `json:"iss"`
		Subject string   `json:"sub"`
		Aud     audience `json:"aud"`
	}
	if err := jose.Verify(ring, jose.TypeID, token, &claims); err != nil {
		return "", nil, jose.ErrToken // also when its key was retired
	}
	if claims.Issuer != baseurl.From(ctx) {
		return "", nil, jose.ErrToken
	}
	return claims.Subject, claims.Aud, nil
}

// audience is one string or a list of them (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON implements [json.Unmarshaler].
func (a *audience) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(a))
}
