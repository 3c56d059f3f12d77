package rp

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
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
)

// IDTokens verifies the ID token of an OpenID Connect login. It is an
// interface so that only binaries which verify link a JOSE library.
type IDTokens interface {
	// Verify checks raw against the provider's keys, the client id and nonce
	// (OpenID Connect Core §3.1.3.7). Its errors are *oauth.Error.
	Verify(ctx context.Context, p *provider.Provider, ep provider.Endpoints, raw secret.Text, nonce string, accessToken secret.Text) (provider.Identity, error)
}

// Callback answers GET /callback: it claims the pending login for this browser,
// exchanges the code and answers with the provider's token response
// (RFC 6749 §4.1.2 to §4.1.4).
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
		var tokens provider.Tokens
		if tokens, refusal = c.finish(r); refusal == nil {
			writeTokens(w, tokens)
		}
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
func (c *Callback) finish(r *http.Request) (provider.Tokens, *oauth.Error) {
	params, err := oauth.ParseParams(r.URL.RawQuery)
	if err != nil {
		return provider.Tokens{}, malformed(err)
	}
	a := answer{state: params["state"], code: params["code"], errorCode: params["error"], description: params["error_description"]}
	if refusal := a.check(); refusal != nil {
		return provider.Tokens{}, refusal
	}
	if a.browser, err = browser(r); err != nil {
		return provider.Tokens{}, twoCookies(r, err)
	}
	ctx := r.Context()
	ep, err := c.Provider.Endpoints(ctx)
	if err != nil {
		return provider.Tokens{}, refusalOf(err, "")
	}
	iss, present := params["iss"]
	if err := c.Provider.CheckIssuer(ep, iss, present); err != nil {
		return provider.Tokens{}, refusalOf(err, "")
	}
	if err := c.Provider.Ready(ctx); err != nil {
		return provider.Tokens{}, refusalOf(err, "")
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < minBudget {
		return provider.Tokens{}, &oauth.Error{
			Code: oauth.ProviderUnavailable, RetryURL: loginPath, RetryAfter: time.Second,
			Description: "There was no time left to finish this sign-in. Reload this page.",
			Cause:       errors.New("too little time left before the claim"),
		}
	}
	// From here on the login is spent, so a browser that hangs up does not
	// stop it half-way: only the time limit does.
	ctx, cancel := detached(ctx)
	defer cancel()
	login, refusal := c.claim(ctx, a)
	if refusal != nil {
		return provider.Tokens{}, refusal
	}
	if a.errorCode != "" {
		return provider.Tokens{}, refusalOf(c.Provider.Refused(a.errorCode, a.description), login.ReturnTo)
	}
	tokens, err := c.exchange(ctx, ep, a.code, login)
	if err != nil {
		return provider.Tokens{}, refusalOf(err, login.ReturnTo)
	}
	return tokens, nil
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

// claim consumes the pending login, once, for this browser and this request.
func (c *Callback) claim(ctx context.Context, a answer) (session.Login, *oauth.Error) {
	hash := ""
	if a.browser != "" {
		hash = secret.Hash(a.browser)
	}
	record, err := c.Logins.ClaimLogin(ctx, session.LoginKey(a.state), hash, secret.Mint(128), c.Now())
	if err == nil {
		login, err := record.Open(a.state)
		if err != nil {
			return session.Login{}, stateUnknown(err)
		}
		if login.Provider != c.Provider.Name {
			return session.Login{}, &oauth.Error{
				Code: oauth.StateUnknown, RetryURL: retryURL(login.ReturnTo),
				Description: "This site's sign-in service was changed meanwhile. Start signing in again.",
			}
		}
		return login, nil
	}
	retry := loginPath
	if hash != "" && record.BrowserHash == hash {
		if login, err := record.Open(a.state); err == nil {
			retry = retryURL(login.ReturnTo)
		}
	}
	refusal := verdict(err)
	refusal.RetryURL = retry
	return session.Login{}, refusal
}

// verdict says why a login could not be claimed.
func verdict(err error) *oauth.Error {
	switch {
	case errors.Is(err, session.ErrUnknown):
		return stateUnknown(err)
	case errors.Is(err, session.ErrExpired):
		return &oauth.Error{
			Code: oauth.LoginExpired, Cause: err,
			Description: "This sign-in took too long. Start signing in again.",
		}
	case errors.Is(err, session.ErrOtherBrowser):
		return &oauth.Error{
			Code: oauth.WrongBrowser, Cause: err,
			Description: "This sign-in was not started in this browser, or longer ago than ten minutes. Start signing in again, here.",
		}
	case errors.Is(err, session.ErrUsed):
		return &oauth.Error{
			Code: oauth.StateUsed, Cause: err,
			Description: "This sign-in was finished already. If you are not signed in, start again.",
		}
	default:
		return storeDown(err)
	}
}

func stateUnknown(cause error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.StateUnknown, RetryURL: loginPath, Cause: cause,
		Description: "This sign-in is not known here: it is too old, or its address was changed. Start signing in again.",
	}
}

// exchange trades the code for tokens and, with openid, verifies who it is.
func (c *Callback) exchange(ctx context.Context, ep provider.Endpoints, code string, login session.Login) (provider.Tokens, error) {
	tokens, err := c.Provider.Exchange(ctx, ep, code, login.Verifier, login.RedirectURI)
	if err != nil {
		return provider.Tokens{}, err
	}
	if c.Provider.OpenID() {
		if _, err := c.IDTokens.Verify(ctx, c.Provider, ep, tokens.IDToken, login.Nonce, tokens.AccessToken); err != nil {
			return provider.Tokens{}, err
		}
	}
	return tokens, nil
}

// CallbackMode reads CALLBACK_MODE, how a login is answered. This version
// knows "json": the provider's token response, and nothing kept.
func CallbackMode(e *env.Reader) string {
	if e.String("CALLBACK_MODE") == "session" {
		e.Report("CALLBACK_MODE", "session is not in this version, which answers with the tokens as JSON and keeps nothing", "set CALLBACK_MODE=json, or leave it out")
		return "json"
	}
	return e.OneOf("CALLBACK_MODE", "json", "json")
}
