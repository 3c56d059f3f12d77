package rp

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

const (
	// maxCode bounds an authorization code, in bytes.
	maxCode = 4096
	// maxForm bounds a form_post body, in bytes.
	maxForm = 16 << 10
	// minBudget is the time that must be left before a login is claimed:
	// with less, the exchange could not end and the login would be lost.
	minBudget = 1500 * time.Millisecond
	// storeReserve is kept, of the request's time, for storing what a provider
	// has given. In mode session it comes on top of minBudget.
	storeReserve = 2 * time.Second
)

// IDTokens verifies the ID token of an OpenID Connect login. It is an
// interface so that only binaries which verify link a JOSE library.
type IDTokens interface {
	// Verify checks raw against the provider's keys, the client id and nonce
	// (OpenID Connect Core §3.1.3.7). Its errors are *oauth.Error.
	Verify(ctx context.Context, p *provider.Provider, ep provider.Endpoints, raw secret.Text, nonce string, accessToken secret.Text) (provider.Identity, error)
}

// Callback answers GET /callback: it claims the pending login for this browser,
// exchanges the code and answers with the provider's token response, or with a
// session (RFC 6749 §4.1.2 to §4.1.4).
//
// POST, for providers that answer with response_mode=form_post, is turned into
// that GET: the form comes from another site, so that the Lax cookie that ties
// the login to the browser is not with it.
type Callback struct {
	// Provider is where the code is exchanged.
	Provider *provider.Provider
	// Logins keeps the pending logins.
	Logins Logins
	// IDTokens is needed when the provider's scope has openid.
	IDTokens IDTokens
	// Keeper begins a session with each login, and no token leaves the server
	// (mode "session"). With nil the answer is the provider's token response
	// (mode "json").
	Keeper *Keeper
	// Timeline is told what happens; may be nil.
	Timeline *Timeline
	// Now is the clock, time.Now in production.
	Now func() time.Time
}

// ServeHTTP implements [http.Handler].
func (c *Callback) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refusal := method(w, r, http.MethodGet, http.MethodPost)
	switch {
	case refusal != nil:
	case r.Method == http.MethodPost:
		refusal = bounce(w, r)
	default:
		refusal = c.finish(w, r)
	}
	if refusal != nil {
		page.Refuse(w, r, refusal)
	}
}

// bounce sends a form_post answer on as a GET with the same parameters.
func bounce(w http.ResponseWriter, r *http.Request) *oauth.Error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/x-www-form-urlencoded" {
		return malformed(errors.New("form_post without a urlencoded form"))
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil || len(body) > maxForm {
		return malformed(errors.New("form_post body unreadable or too long"))
	}
	params, err := oauth.ParseParams(string(body))
	if err != nil {
		return malformed(err)
	}
	query := params.Encode()
	if len(query) > maxForm/2 {
		return malformed(errors.New("form_post longer than a redirect can carry"))
	}
	w.Header().Set("Location", "/callback?"+query)
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// writeTokens passes the provider's token response on as it came.
func writeTokens(w http.ResponseWriter, t provider.Tokens) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(t.Raw)
}

// answer is what the provider sent the browser back with.
type answer struct {
	state, code, browser   string
	errorCode, description string
}

// finish ends one login. The order is the point of it: everything that can be
// refused without consuming the login comes before the claim.
func (c *Callback) finish(w http.ResponseWriter, r *http.Request) *oauth.Error {
	began := time.Now()
	params, err := oauth.ParseParams(r.URL.RawQuery)
	if err != nil {
		return malformed(err)
	}
	a := answer{state: params["state"], code: params["code"], errorCode: params["error"], description: params["error_description"]}
	if refusal := a.check(); refusal != nil {
		return refusal
	}
	ctx, at := r.Context(), c.follow(r.Context(), a.state)
	var refusal *oauth.Error
	if a.browser, refusal = c.cookies(r); refusal != nil {
		return refusal
	}
	ep, err := c.Provider.Endpoints(ctx)
	if err != nil {
		return refusalOf(err, "")
	}
	iss, present := params["iss"]
	if err := c.Provider.CheckIssuer(ep, iss, present); err != nil {
		return at.fail(began, refusalOf(err, ""))
	}
	if err := c.ready(ctx); err != nil {
		return refusalOf(err, "")
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < c.budget() {
		return &oauth.Error{
			Code: oauth.ProviderUnavailable, RetryURL: loginPath, RetryAfter: time.Second,
			Description: "There was no time left to finish this sign-in. Reload this page.",
			Cause:       errors.New("too little time left before the claim"),
		}
	}
	// From here on the login is spent, so a browser that hangs up does not
	// stop it half-way: only the time limit does.
	ctx, cancel := detached(ctx)
	defer cancel()
	login, again, refusal := c.claim(r.WithContext(ctx), a)
	switch {
	case refusal != nil:
		return at.fail(began, refusal)
	case again:
		see(w, login.ReturnTo)
		return nil
	}
	at.claimed(began, present)
	if a.errorCode != "" {
		return at.fail(began, refusalOf(c.Provider.Refused(a.errorCode, a.description), login.ReturnTo))
	}
	return c.answer(w, r.WithContext(ctx), ep, a.code, login, at)
}

// ready reports that the secrets can be read which the end of a login needs.
func (c *Callback) ready(ctx context.Context) error {
	if err := c.Provider.Ready(ctx); err != nil || c.Keeper == nil {
		return err
	}
	if _, err := c.Keeper.Keys.Ring(ctx, ""); err != nil {
		return sessionDown(err)
	}
	return nil
}

// cookies returns the value of the login cookie, "" without one. With two
// session cookies that differ a new session would not be found.
func (c *Callback) cookies(r *http.Request) (string, *oauth.Error) {
	value, err := browser(r)
	if err != nil {
		return "", twoCookies(r, err)
	}
	if c.Keeper != nil {
		if _, err := sessionValue(r); err != nil {
			return "", twoSessions(r, err)
		}
	}
	return value, nil
}

// budget is the time that must be left before a login is claimed.
func (c *Callback) budget() time.Duration {
	if c.Keeper == nil {
		return minBudget
	}
	return minBudget + storeReserve
}

// answer trades the code for tokens and gives the browser what the mode says.
func (c *Callback) answer(w http.ResponseWriter, r *http.Request, ep provider.Endpoints, code string, login session.Login, at step) *oauth.Error {
	ctx, began := r.Context(), time.Now()
	asking, asked := ctx, func() {}
	if c.Keeper != nil {
		asking, asked = before(ctx, storeReserve)
	}
	defer asked()
	tokens, err := c.Provider.Exchange(asking, ep, code, login.Verifier, login.RedirectURI)
	if err != nil {
		return at.fail(began, refusalOf(err, login.ReturnTo))
	}
	at.exchanged(began, tokens)
	began = time.Now()
	who, err := c.identify(asking, ep, tokens, login)
	if err != nil {
		if c.Keeper != nil { // nobody will ever have these tokens
			revoke(ctx, c.Provider, ep, tokens.AccessToken, tokens.RefreshToken)
		}
		return at.fail(began, refusalOf(err, login.ReturnTo))
	}
	at.identified(began, who, c.Provider.OpenID())
	if c.Keeper == nil {
		writeTokens(w, tokens)
		return nil
	}
	return c.signIn(w, r, ep, login, tokens, who, at)
}

// before is ctx with less time: what is left of it for is kept for what follows.
func before(ctx context.Context, reserve time.Duration) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline.Add(-reserve))
}

// detached keeps the values and the deadline of ctx, but not its end.
func detached(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	if !ok {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, deadline)
}

// check refuses an answer that no provider's redirect looks like.
func (a answer) check() *oauth.Error {
	switch {
	case a.state == "":
		return malformed(errors.New("no state"))
	case a.code == "" && a.errorCode == "":
		return malformed(errors.New("neither code nor error"))
	case a.code != "" && a.errorCode != "":
		return malformed(errors.New("both code and error"))
	case len(a.code) > maxCode:
		return malformed(errors.New("code too long"))
	case !session.StateLike(a.state):
		return stateUnknown(nil)
	}
	return nil
}
