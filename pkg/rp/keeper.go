package rp

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Keeper finds and begins the sessions of signed-in browsers. It is safe for
// concurrent use.
type Keeper struct {
	// Sessions is where they are kept.
	Sessions Sessions
	// Keys gives the deployment secret, half of what opens a session; the
	// browser's cookie is the other half.
	Keys secret.Keys
	// Lifetimes are how long a session lasts.
	Lifetimes session.Lifetimes
	// Now is the clock, time.Now in production.
	Now func() time.Time
}

// signed is a live session as a request found it.
type signed struct {
	session.Session
	entry session.Entry
}

// account is what to call the person, "" when nobody said.
func (s *signed) account() string {
	for _, name := range []string{s.Name, s.Email, s.Subject} {
		if name != "" {
			return name
		}
	}
	return ""
}

// sessionCookie is the name of the cookie of a signed-in browser.
func sessionCookie(base string) string {
	if baseurl.Secure(base) {
		return "__Host-session"
	}
	return "session"
}

var errSessionCookies = errors.New("session cookie sent twice with different values")

// sessionValue returns the value of the session cookie, "" without one that
// could be ours. Identical duplicates are one cookie.
func sessionValue(r *http.Request) (string, error) {
	value := ""
	for i, c := range r.CookiesNamed(sessionCookie(baseurl.From(r.Context()))) {
		if i > 0 && c.Value != value {
			return "", errSessionCookies
		}
		value = c.Value
	}
	if !session.CookieLike(value) {
		return "", nil
	}
	return value, nil
}

// cookieFor is the Set-Cookie header of a session cookie; an empty value takes
// it away.
func cookieFor(base, value string, age time.Duration) string {
	c := &http.Cookie{
		Name: sessionCookie(base), Value: value, Path: "/", MaxAge: int(age / time.Second),
		Secure: baseurl.Secure(base), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c.String()
}

// ending takes the session cookie away with whatever is answered, a refusal
// too.
type ending struct {
	http.ResponseWriter
	base string
}

// WriteHeader implements [http.ResponseWriter].
func (e ending) WriteHeader(status int) {
	e.Header().Add("Set-Cookie", cookieFor(e.base, "", 0))
	e.ResponseWriter.WriteHeader(status)
}

// current reads the session of the browser that sent r: one read, none without
// a cookie. The refusal is NotAuthenticated without a cookie, SessionExpired
// with one that opens nothing any more.
func (k *Keeper) current(r *http.Request) (*signed, *oauth.Error) {
	cookie, err := sessionValue(r)
	switch {
	case err != nil:
		return nil, twoSessions(r, err)
	case cookie == "":
		return nil, &oauth.Error{Code: oauth.NotAuthenticated, RetryURL: loginPath, Description: "Nobody is signed in with this browser. Sign in first."}
	}
	return k.find(r.Context(), cookie)
}

// twoSessions is the refusal of a browser that sends two different session
// cookies.
func twoSessions(r *http.Request, err error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.InvalidRequest, RetryURL: loginPath, Cause: err,
		Description: "This browser has two different cookies named " + sessionCookie(baseurl.From(r.Context())) +
			". Delete this site's cookies and sign in again.",
	}
}

// find reads the session that cookie belongs to.
func (k *Keeper) find(ctx context.Context, cookie string) (*signed, *oauth.Error) {
	entry, err := k.Sessions.GetSession(ctx, session.Key(cookie), k.Now())
	if err != nil {
		return nil, sessionRefusal(err)
	}
	return k.open(ctx, entry, cookie)
}

// newKey is how long a key that nobody here knows may be one that another
// instance has read already, and this one has not: a ring is read again, but
// not for each request.
const newKey = 30 * time.Second

// rereads reports whether the deployment secret may change under way.
func (k *Keeper) rereads() bool {
	_, fixed := k.Keys.(*secret.Ring)
	return !fixed
}

// open opens an entry for its cookie.
func (k *Keeper) open(ctx context.Context, entry session.Entry, cookie string) (*signed, *oauth.Error) {
	ring, err := k.Keys.Ring(ctx, entry.SealedKey())
	if err != nil {
		return nil, sessionDown(err)
	}
	s, err := entry.Open(ring, cookie)
	switch {
	case errors.Is(err, secret.ErrUnknownKey) && k.rereads() && k.Now().Sub(entry.SeenAt) < newKey:
		return nil, sessionDown(err)
	case err != nil:
		return nil, over(err)
	}
	return &signed{Session: s, entry: entry}, nil
}

// replace ends the session that the browser of r has, if any, and begins
// another one.
func (k *Keeper) replace(ctx context.Context, r *http.Request, s session.Session) (cookie string, err error) {
	if old, err := sessionValue(r); err == nil && old != "" {
		if _, err := k.Sessions.DeleteSession(ctx, session.Key(old)); err != nil {
			return "", storeDown(err)
		}
	}
	return k.begin(ctx, baseOf(r), s)
}

// begin stores a new session and returns what the browser gets for it.
func (k *Keeper) begin(ctx context.Context, base string, s session.Session) (cookie string, err error) {
	ring, err := k.Keys.Ring(ctx, "")
	if err != nil {
		return "", sessionDown(err)
	}
	now := k.Now().Truncate(time.Second)
	s.Cookie = session.NewCookie()
	maxAt := now.Add(k.Lifetimes.Max)
	entry, err := s.Seal(ring.Newest(), session.Entry{Created: now, SeenAt: now, MaxAt: maxAt, ExpiresAt: k.Lifetimes.Until(now, maxAt)})
	if err == nil {
		err = k.Sessions.PutSession(ctx, entry)
	}
	if err != nil {
		return "", storeDown(err)
	}
	return cookieFor(base, s.Cookie, k.Lifetimes.Max), nil
}

// slide moves the idle end of s if it is time to. The refusal is that the
// session has ended meanwhile; a store that does not answer is no reason to
// turn away whom it has just vouched for.
func (k *Keeper) slide(ctx context.Context, s *signed) *oauth.Error {
	now := k.Now()
	if !k.Lifetimes.Due(s.entry, now) {
		return nil
	}
	err := k.Sessions.SlideSession(ctx, s.entry.Key, s.entry.SeenAt, now, k.Lifetimes.Until(now, s.entry.MaxAt))
	if gone(err) {
		return over(err)
	}
	if err != nil {
		logline.Add(ctx, slog.String("slide", "not done: "+err.Error()))
	}
	return nil
}

// gone reports that a session is not there any more.
func gone(err error) bool {
	return errors.Is(err, session.ErrUnknown) || errors.Is(err, session.ErrExpired)
}

// sessionRefusal is the refusal for what a store says of a session.
func sessionRefusal(err error) *oauth.Error {
	if gone(err) {
		return over(err)
	}
	return sessionDown(err)
}

// sessionDown is the refusal when the store, or the deployment secret, gave no
// usable answer about a session. Of what has to be mended first they say so
// themselves.
func sessionDown(err error) *oauth.Error {
	if own, ok := errors.AsType[*oauth.Error](err); ok {
		mend := *own
		return &mend
	}
	return &oauth.Error{
		Code: oauth.StoreUnavailable, RetryURL: sessionPath, RetryAfter: 2 * time.Second, Cause: err,
		Description: "This could not be looked up or stored just now. Please try again in a moment.",
	}
}

// over is the refusal of a cookie whose session has ended.
func over(cause error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.SessionExpired, RetryURL: loginPath, Cause: cause,
		Description: "Your session has ended. Sign in again.",
	}
}

// unauthenticated answers who is not signed in: a navigation is led to the
// login and comes back to returnTo, a program is told. A cookie that opens
// nothing any more stays where it is: this answer may be late, and the browser
// have the cookie of a new login by now.
func unauthenticated(w http.ResponseWriter, r *http.Request, refusal *oauth.Error, returnTo string) {
	if signedOut(refusal) && page.Navigation(r) && r.Method == http.MethodGet {
		logline.Add(r.Context(), slog.String("outcome", string(refusal.Code)))
		see(w, loginPath+"?"+oauth.Params{"return_to": returnTo}.Encode())
		return
	}
	page.Refuse(w, r, refusal)
}

// signedOut reports that a refusal means: there is no session.
func signedOut(refusal *oauth.Error) bool {
	return refusal != nil && (refusal.Code == oauth.NotAuthenticated || refusal.Code == oauth.SessionExpired)
}

// see sends the browser to another address, by GET (RFC 9110 §15.4.4).
func see(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.WriteHeader(http.StatusSeeOther)
}
