package rp

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Logout answers GET /logout with a page that asks, and POST /logout: it ends
// the session here first, then revokes its refresh token at the provider as
// well as it can (RFC 7009), and leads to the provider's own logout if it has
// one (OpenID Connect RP-Initiated Logout §2).
//
// No ID token is sent as a hint: it would have to go through the browser.
//
// A form may ask for more: everywhere=1 ends all sessions of the person, and
// handle=H another one instead of this one.
type Logout struct {
	*Keeper
	// Provider is where the person signed in.
	Provider *provider.Provider
}

// ServeHTTP implements [http.Handler].
func (l *Logout) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refusal := method(w, r, http.MethodGet, http.MethodPost)
	switch {
	case refusal != nil:
	case r.Method == http.MethodGet:
		refusal = l.ask(w, r)
	default:
		refusal = l.do(w, r)
	}
	if refusal != nil {
		page.Refuse(w, r, refusal)
	}
}

// ask shows the confirmation and changes nothing.
func (l *Logout) ask(w http.ResponseWriter, r *http.Request) *oauth.Error {
	at, refusal := l.current(r)
	switch {
	case signedOut(refusal):
		see(w, "/")
		return nil
	case refusal != nil:
		return refusal
	}
	ring, err := l.Keys.Ring(r.Context(), "")
	if err != nil {
		return sessionDown(err)
	}
	page.ShowScripted(w, r, http.StatusOK, page.Logout(page.LogoutView{
		Action: logoutPath, Form: formToken(ring, at.entry.Key), Account: at.account(), Provider: called(l.Provider),
	}))
	return nil
}

// wish is what a request to sign out says.
type wish struct {
	script     bool // it comes from a script, which is told in JSON
	form       string
	everywhere bool
	handle     string
}

func readWish(r *http.Request) (wish, *oauth.Error) {
	script := r.Header.Get(csrfHeader) == "1"
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		if script {
			return wish{script: true}, nil
		}
		return wish{}, forged(nil)
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err == nil && len(body) > maxForm {
		err = errors.New("form too long")
	}
	var params oauth.Params
	if err == nil {
		params, err = oauth.ParseParams(string(body))
	}
	if err != nil {
		return wish{}, &oauth.Error{
			Code: oauth.InvalidRequest, RetryURL: logoutPath, Cause: err,
			Description: "This form arrived damaged. Nothing was changed; try again.",
		}
	}
	return wish{script: script, form: params["form"], everywhere: params["everywhere"] == "1", handle: params["handle"]}, nil
}

// do signs out.
func (l *Logout) do(w http.ResponseWriter, r *http.Request) *oauth.Error {
	if refusal := crossSite(r); refusal != nil {
		return refusal
	}
	want, refusal := readWish(r)
	if refusal != nil {
		return refusal
	}
	at, refusal := l.current(r)
	switch {
	case signedOut(refusal):
		l.leave(ending{w, baseOf(r)}, want, "/") // there is nothing left to do
		return nil
	case refusal != nil:
		return refusal
	}
	ctx := r.Context()
	if !want.script {
		ring, err := l.Keys.Ring(ctx, secret.KeyID(want.form))
		if err != nil {
			return sessionDown(err)
		}
		if !formTokenHolds(ring, want.form, at.entry.Key) {
			refusal := forged(nil)
			refusal.RetryURL = logoutPath
			return refusal
		}
	}
	if want.handle != "" && want.handle != session.Handle(at.entry.Key) {
		if _, err := l.endOne(ctx, at, want.handle); err != nil {
			return sessionDown(err)
		}
		l.leave(w, want, sessionPath)
		return nil
	}
	ctx, cancel := detached(ctx)
	defer cancel()
	if want.everywhere {
		if err := l.endOthers(ctx, at); err != nil {
			return sessionDown(err)
		}
	}
	if refusal := l.end(ctx, at); refusal != nil {
		return refusal
	}
	l.leave(ending{w, baseOf(r)}, want, l.atProvider(ctx, at, baseOf(r)))
	return nil
}

// end deletes the session. What it held is in at afterwards: a refresh may have
// changed it since it was read.
func (l *Logout) end(ctx context.Context, at *signed) *oauth.Error {
	last, err := l.Sessions.DeleteSession(ctx, at.entry.Key)
	if err != nil {
		return sessionDown(err)
	}
	if last.Key != "" && last.Version != at.entry.Version {
		if newest, refusal := l.open(ctx, last, at.Cookie); refusal == nil {
			*at = *newest
		}
	}
	logline.Add(ctx, slog.String("outcome", "logged_out"))
	return nil
}

// endOthers ends all sessions of a person but this one, which is the last to
// go: who is told that it did not work can try again. A store lists so many at
// a time.
func (l *Logout) endOthers(ctx context.Context, at *signed) error {
	for ended, more := map[string]bool{at.entry.Key: true}, true; more; {
		all, err := l.all(ctx, at)
		if err != nil {
			return err
		}
		more = false
		for _, e := range all {
			if ended[e.Key] {
				continue
			}
			if _, err := l.Sessions.DeleteSession(ctx, e.Key); err != nil {
				return err
			}
			ended[e.Key], more = true, true
		}
	}
	return nil
}

// atProvider revokes what the session held and returns where the browser goes
// to sign out there as well, "/" if nowhere.
func (l *Logout) atProvider(ctx context.Context, at *signed, base string) string {
	if at.Realm != l.Provider.Realm() {
		return "/" // another one was set up then; this one is to see no token of it
	}
	ep, err := l.Provider.Endpoints(ctx)
	if err != nil {
		logline.Add(ctx, slog.String("revocation", "no endpoints"))
		return "/"
	}
	revoke(ctx, l.Provider, ep, secret.NewText(at.AccessToken), secret.NewText(at.RefreshToken))
	if u := l.Provider.EndSessionURL(ep, base+"/"); u != "" {
		return u
	}
	return "/"
}

// revoke tells the provider that tokens are not needed any more, as well as it
// can: whether it worked is for the log only.
func revoke(ctx context.Context, p *provider.Provider, ep provider.Endpoints, access, refresh secret.Text) {
	if err := p.Revoke(ctx, ep, access, refresh); err != nil {
		logline.Add(ctx, slog.String("revocation", err.Error()))
	}
}

// leave answers a request to sign out.
func (l *Logout) leave(w http.ResponseWriter, want wish, to string) {
	if want.script {
		writeJSON(w, http.StatusOK, map[string]any{"logged_out": true, "redirect": to})
		return
	}
	see(w, to)
}

func baseOf(r *http.Request) string { return baseurl.From(r.Context()) }
