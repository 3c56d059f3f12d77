package authorization

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// getAuthorize answers an authorization request, or goes on with one after a
// sign-in when the parameter continue carries it.
func (e *Endpoint) getAuthorize(w http.ResponseWriter, r *http.Request) {
	base := baseurl.From(r.Context())
	if r.Host != baseurl.Host(base) {
		// The cookies have to be set where the forms will come in.
		w.Header().Set("Location", base+r.URL.RequestURI())
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	if page.Prefetch(r) {
		page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Description: "A sign-in is not fetched in advance. Open the link itself."})
		return
	}
	raw := r.URL.RawQuery
	if id, _ := lone(raw, "client_id", false); id == "" {
		if text, _ := lone(raw, "continue", true); text != "" {
			e.resume(w, r, text)
			return
		}
	}
	if c, q, ok := e.admit(w, r, raw); ok {
		e.proceed(w, r, c, q, "", nil)
	}
}

// postAuthorize takes the same parameters from a form (OpenID Connect Core
// §3.1.2.1). A form that another site sends comes without our cookies, so the
// browser is asked to come again by GET.
func (e *Endpoint) postAuthorize(w http.ResponseWriter, r *http.Request) {
	raw, refusal := body(r)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	if r.URL.RawQuery != "" {
		raw += "&" + r.URL.RawQuery
	}
	if _, q, ok := e.admit(w, r, raw); ok {
		see(w, r, baseurl.From(r.Context())+q.path())
	}
}

// admit checks a request and answers it if it does not pass.
func (e *Endpoint) admit(w http.ResponseWriter, r *http.Request, raw string) (c client.Client, q request, ok bool) {
	c, q, refusal := e.locate(r.Context(), raw)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return c, q, false
	}
	if refusal := q.check(c, raw, e.Now()); refusal != nil {
		e.refuse(w, r, q, refusal)
		return c, q, false
	}
	return c, q, true
}

// resume goes on with a sealed request.
func (e *Endpoint) resume(w http.ResponseWriter, r *http.Request, text string) {
	f, root, refusal := e.open(r, sealContinue, text)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	if c, ok := e.client(w, r, f.Request); ok {
		e.proceed(w, r, c, f.Request, f.SignIn, root)
	}
}

// client reads the client of a request that was checked before: it may be gone
// or changed since.
func (e *Endpoint) client(w http.ResponseWriter, r *http.Request, q request) (client.Client, bool) {
	c, err := e.Clients.GetClient(r.Context(), q.ClientID)
	switch {
	case err != nil && !errors.Is(err, client.ErrUnknown):
		e.refuse(w, r, q, down(err))
	case err != nil || !c.MatchRedirect(q.Redirect):
		page.Refuse(w, r, lost("This application is not registered here any more.", err))
	default:
		return c, true
	}
	return client.Client{}, false
}

// proceed decides what comes next for a request that has passed every check:
// the sign-in page, the approve page, or the answer when all is known. fresh
// is the key of the sign-in that this very request has led to, "" if none.
// root is the key that had sealed the request, nil if it comes as it is. It
// reads once, and only for a browser that looks signed in; an answer without
// another page takes a look at the user besides.
func (e *Endpoint) proceed(w http.ResponseWriter, r *http.Request, c client.Client, q request, fresh string, root *secret.Root) {
	id, tag := signInID(r)
	if id == "" {
		e.showSignIn(w, r, c, q, signInPage{name: q.Hint})
		return
	}
	consentKey := ""
	if remembers(c) {
		consentKey = session.ConsentKey(tag, c.ID)
	}
	signInKey := session.SignInKey(id)
	record, consent, err := e.Flows.GetSignIn(r.Context(), signInKey, consentKey)
	if err != nil {
		e.refuse(w, r, q, down(err))
		return
	}
	s, err := record.OpenSignIn(id, e.Now())
	if err != nil || signInKey != fresh && stale(q, s, e.Now()) {
		e.showSignIn(w, r, c, q, signInPage{name: q.Hint})
		return
	}
	if !q.prompts("consent") && e.covers(r.Context(), consent, c, q, s) {
		u, err := e.Users.GetUser(r.Context(), s.User)
		switch {
		case err != nil && !errors.Is(err, user.ErrUnknown):
			e.refuse(w, r, q, down(err))
			return
		case err != nil || ended(u, s):
			e.expel(w, r, form{Request: q, SignIn: signInKey, User: s.User})
			return
		}
		if root == nil {
			ring, err := e.Keys.Ring(r.Context(), "")
			if err != nil {
				e.refuse(w, r, q, down(err))
				return
			}
			root = ring.Newest()
		}
		e.issue(w, r, q, s, q.Scopes, root)
		return
	}
	e.showApprove(w, r, c, q, s, approvePage{})
}

// stale reports a sign-in that the request does not want to rely on.
func stale(q request, s session.SignIn, now time.Time) bool {
	return q.prompts("login", "select_account") ||
		q.MaxAge != nil && (*q.MaxAge == 0 || now.Sub(s.AuthTime) > time.Duration(*q.MaxAge)*time.Second)
}

// remembers reports whether an approval of c is remembered: never that of a
// public client, whose name anybody can use (RFC 8252 §8.6), but for the
// stack's own, which is known by its redirect URI.
func remembers(c client.Client) bool { return !c.Public() || c.ID == client.FirstParty }

// covers reports whether the user has approved all of this before: every
// scope, for the same redirect URI. A consent that cannot be read is none.
func (e *Endpoint) covers(ctx context.Context, record session.Record, c client.Client, q request, s session.SignIn) bool {
	got, ok := e.consent(ctx, record, c, s)
	return ok && got.RedirectURI == q.Redirect && !slices.ContainsFunc(q.Scopes, func(scope string) bool { return !slices.Contains(got.Scopes, scope) })
}

func (e *Endpoint) consent(ctx context.Context, record session.Record, c client.Client, s session.SignIn) (session.Consent, bool) {
	if record.Key == "" || record.Key != session.ConsentKey(session.UserTag(s.User), c.ID) || !remembers(c) {
		return session.Consent{}, false
	}
	ring, err := e.Keys.Ring(ctx, secret.KeyID(string(record.Sealed)))
	if err != nil {
		return session.Consent{}, false
	}
	got, err := record.OpenConsent(ring, e.Now())
	return got, err == nil && got.User == s.User && got.ClientID == c.ID
}
