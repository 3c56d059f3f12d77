package rp

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// LoginTTL reads LOGIN_TTL: how long a login may take, ten minutes unless set,
// never longer than the login cookie lives.
func LoginTTL(e *env.Reader) time.Duration {
	return e.Duration("LOGIN_TTL", browserAge, time.Second, browserAge)
}

// Login answers GET /login: it stores a pending login and sends the browser to
// the provider with a PKCE challenge (RFC 6749 §4.1.1, RFC 7636 §4.3).
//
// It reads return_to, prompt and login_hint, compares provider with the
// configured one, and ignores every other parameter. Nothing is stored for
// another method, a prefetch or another host name.
type Login struct {
	// Provider is where the browser is sent.
	Provider *provider.Provider
	// Logins keeps the login until the callback.
	Logins Logins
	// TTL is how long a login may take; see LoginTTL.
	TTL time.Duration
	// Now is the clock, time.Now in production.
	Now func() time.Time
	// Timeline is told what happens; may be nil.
	Timeline *Timeline
}

// ServeHTTP implements [http.Handler].
func (l *Login) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := method(w, r, http.MethodGet); refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	base := baseurl.From(r.Context())
	if r.Host != baseurl.Host(base) {
		// The cookie has to be set where the callback will come in.
		w.Header().Set("Location", base+r.URL.RequestURI())
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	if refusal := l.start(w, r, base); refusal != nil {
		page.Refuse(w, r, refusal)
	}
}

// start begins one login. Nothing is written to w before the login is stored:
// one that cannot be finished must not begin.
func (l *Login) start(w http.ResponseWriter, r *http.Request, base string) *oauth.Error {
	began := time.Now()
	ask, refusal := l.read(r)
	if refusal != nil {
		return refusal
	}
	cookie, err := browser(r)
	if err != nil {
		return twoCookies(r, err)
	}
	if cookie == "" {
		cookie = secret.Mint(browserBits)
	}
	ctx := r.Context()
	ep, err := l.Provider.Endpoints(ctx)
	if err != nil {
		return refusalOf(err, ask.returnTo)
	}
	login := session.Login{
		State: session.NewState(), Browser: cookie, ExpiresAt: l.Now().Add(l.TTL),
		Verifier: pkce.NewVerifier(), Provider: l.Provider.Realm(),
		RedirectURI: base + "/callback", ReturnTo: ask.returnTo,
	}
	if l.Provider.OpenID() {
		login.Nonce = secret.Mint(256)
	}
	record, err := login.Seal()
	if err == nil {
		err = l.Logins.PutLogin(ctx, record)
	}
	if err != nil {
		refusal := storeDown(err)
		refusal.RetryURL = retryURL(ask.returnTo)
		return refusal
	}
	at := step{l.Timeline, trace(record.Key)}
	l.Timeline.begin(at.trace, began)
	at.started(ctx, began, ep.Authorize, l.Provider.Scope, l.Provider.OpenID())
	setBrowser(w, base, cookie)
	w.Header().Set("Location", l.Provider.AuthorizeURL(ep, provider.Authorization{
		RedirectURI: login.RedirectURI, State: login.State, Challenge: pkce.Challenge(login.Verifier),
		Nonce: login.Nonce, Prompt: ask.prompt, LoginHint: ask.loginHint,
	}))
	w.WriteHeader(http.StatusFound)
	return nil
}

// asked is what a request may say about the login it wants.
type asked struct{ returnTo, prompt, loginHint string }

// maxLoginHint bounds login_hint, in bytes.
const maxLoginHint = 256

func (l *Login) read(r *http.Request) (asked, *oauth.Error) {
	if page.Prefetch(r) {
		return asked{}, &oauth.Error{
			Code: oauth.InvalidRequest, RetryURL: loginPath,
			Description: "A sign-in is not fetched in advance. Open the link itself.",
		}
	}
	params, err := oauth.ParseParams(r.URL.RawQuery)
	if err != nil {
		return asked{}, malformed(err)
	}
	a := asked{prompt: params["prompt"], loginHint: params["login_hint"]}
	if a.returnTo, err = ReturnTo(params["return_to"]); err != nil {
		return asked{}, &oauth.Error{
			Code: oauth.InvalidRequest, RetryURL: loginPath, Cause: err,
			Description: "return_to has to be a path on this site, such as /account, of at most 2048 characters.",
		}
	}
	if p := params["provider"]; p != "" && p != l.Provider.Name {
		return asked{}, &oauth.Error{
			Code: oauth.InvalidRequest, RetryURL: retryURL(a.returnTo),
			Description: "This site does not sign in with that provider. Leave provider out.",
		}
	}
	if !promptKnown(a.prompt) || len(a.loginHint) > maxLoginHint {
		return asked{}, &oauth.Error{
			Code: oauth.InvalidRequest, RetryURL: retryURL(a.returnTo),
			Description: "prompt takes none, login, consent and select_account; login_hint at most 256 bytes.",
		}
	}
	return a, nil
}

// promptKnown accepts the values of OpenID Connect Core §3.1.2.1.
func promptKnown(prompt string) bool {
	for _, p := range strings.Fields(prompt) {
		switch p {
		case "none", "login", "consent", "select_account":
		default:
			return false
		}
	}
	return true
}

// twoCookies is the refusal of a browser that sends two different login cookies.
func twoCookies(r *http.Request, err error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.InvalidRequest, RetryURL: loginPath, Cause: err,
		Description: "This browser has two different cookies named " + browserCookie(baseurl.From(r.Context())) +
			". Delete this site's cookies and start signing in again.",
	}
}

// refusalOf turns what the provider package answered into a refusal that leads
// back to the same destination.
func refusalOf(err error, returnTo string) *oauth.Error {
	refusal := &oauth.Error{
		Code: oauth.ProviderError, Cause: err,
		Description: "The sign-in service did not answer in a usable way. Please try again.",
	}
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		copied := *e
		refusal = &copied
	}
	refusal.RetryURL = retryURL(returnTo)
	return refusal
}
