package authorization

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// maxName bounds a user's name at sign-in, in bytes.
const maxName = 256

// signInPage is what differs between one sign-in page and the next.
type signInPage struct {
	status  int // 200 if zero
	name    string
	problem string
	wait    time.Duration
}

// showSignIn shows the sign-in form; a client that does not want one shown
// gets login_required.
func (e *Endpoint) showSignIn(w http.ResponseWriter, r *http.Request, c client.Client, q request, p signInPage) {
	if q.prompts("none") {
		e.refuse(w, r, q, &oauth.Error{Code: oauth.LoginRequired, Description: "The user has to sign in first."})
		return
	}
	text, refusal := e.seal(r, sealSignIn, keepBrowser(w, r), form{Request: q})
	if refusal != nil {
		w.Header().Del("Set-Cookie")
		e.refuse(w, r, q, refusal)
		return
	}
	if p.status == 0 {
		p.status = http.StatusOK
	}
	page.ShowForm(w, r, p.status, page.SignIn(page.SignInView{
		Action: PathSignIn, Form: text, Client: nameOf(c), Host: hostOf(q.Redirect), Name: p.name, Problem: p.problem, Wait: p.wait,
	}))
}

// postSignIn checks a password. Where the browser goes afterwards is in the
// sealed form, and no parameter can change it.
func (e *Endpoint) postSignIn(w http.ResponseWriter, r *http.Request) {
	values, refusal := fields(r)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	f, _, refusal := e.open(r, sealSignIn, values.Get("form"))
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	q := f.Request
	if values.Get("do") == "cancel" {
		e.refuse(w, r, q, &oauth.Error{Code: oauth.AccessDenied, Description: "The user did not sign in."})
		return
	}
	c, ok := e.client(w, r, q)
	if !ok {
		return
	}
	name := values.Get("username")
	began := e.Now() // before the user is read: what changes from now on is newer
	u, wait, err := e.authenticate(r, name, values.Get("password"))
	switch {
	case wait > 0:
		outcome(r.Context(), string(oauth.RateLimited))
		w.Header().Set("Retry-After", page.Seconds(wait))
		e.showSignIn(w, r, c, q, signInPage{status: http.StatusTooManyRequests, name: shown(name), wait: wait})
	case errors.Is(err, errWrong):
		outcome(r.Context(), "wrong_password")
		// 400 and not 401, which would have to come with a WWW-Authenticate
		// challenge (RFC 9110 §15.5.2) and there is none for a form.
		e.showSignIn(w, r, c, q, signInPage{status: http.StatusBadRequest, name: shown(name), problem: "The user name or the password is not right."})
	case err != nil:
		e.refuse(w, r, q, down(err))
	default:
		e.signedIn(w, r, c, q, u, began)
	}
}

// shown is the name as the form shows it again.
func shown(name string) string {
	if len(name) > maxName {
		return ""
	}
	return name
}

var errWrong = errors.New("no such user, or a wrong password")

// authenticate checks name and password. wait is how long to wait before the
// next try, without a look at this one. An unknown name costs as much as a
// known one and fails alike.
func (e *Endpoint) authenticate(r *http.Request, name, password string) (u user.User, wait time.Duration, err error) {
	ctx := r.Context()
	tries, wait, err := e.takeTries(r, name)
	if wait > 0 || err != nil {
		return user.User{}, wait, err
	}
	hash := user.Absent()
	known := name != "" && len(name) <= maxName
	if known {
		u, err = e.Users.GetUser(ctx, name)
		switch {
		case errors.Is(err, user.ErrUnknown):
			known = false
		case err != nil:
			e.returnTries(ctx, tries)
			return user.User{}, 0, err
		default:
			hash = u.PasswordHash
		}
	}
	right, err := user.VerifyContext(ctx, hash, password)
	if err != nil {
		e.returnTries(ctx, tries)
		return user.User{}, 0, err
	}
	if !right || !known || u.Disabled {
		return user.User{}, 0, errWrong
	}
	e.returnTries(ctx, tries)
	return u, 0, nil
}

// signedIn starts a new sign-in, ends the one the browser had, and goes on
// with the request. The user is read once more afterwards: a new password, or
// an account disabled while the old one was being checked, has ended all
// sign-ins that were there, and this one was not yet.
func (e *Endpoint) signedIn(w http.ResponseWriter, r *http.Request, c client.Client, q request, u user.User, at time.Time) {
	s := session.SignIn{ID: session.NewSignInID(), User: u.Name, Subject: u.Subject, AuthTime: at, ExpiresAt: at.Add(SignInAge)}
	err := e.replaceSignIn(r, s)
	var again user.User
	if err == nil {
		again, err = e.Users.GetUser(r.Context(), u.Name)
	}
	if err == nil && again != u || errors.Is(err, user.ErrUnknown) {
		shrug(r.Context(), e.Flows.DeleteSignIn(r.Context(), session.SignInKey(s.ID)))
		outcome(r.Context(), "user_changed")
		e.showSignIn(w, r, c, q, signInPage{status: http.StatusBadRequest, name: shown(u.Name), problem: "This account was changed just now. Sign in again."})
		return
	}
	if err != nil {
		e.refuse(w, r, q, down(err))
		return
	}
	location, refusal := e.onward(r, q, session.SignInKey(s.ID))
	if refusal != nil {
		e.refuse(w, r, q, refusal)
		return
	}
	outcome(r.Context(), "signed_in")
	setCookie(w, r, signInCookie, s.Cookie(), SignInAge)
	e.remember(w, r, u.Name)
	keepBrowser(w, r)
	see(w, r, location)
}

func (e *Endpoint) replaceSignIn(r *http.Request, s session.SignIn) error {
	record, err := s.Seal()
	if err != nil {
		return err
	}
	if err := e.Flows.PutSignIn(r.Context(), record); err != nil {
		return err
	}
	if old, _ := signInID(r); old != "" {
		return e.Flows.DeleteSignIn(r.Context(), session.SignInKey(old))
	}
	return nil
}

// onward is the address that goes on with q. fresh is the key of a sign-in
// that it has just led to.
func (e *Endpoint) onward(r *http.Request, q request, fresh string) (string, *oauth.Error) {
	text, refusal := e.seal(r, sealContinue, browser(r), form{Request: q, SignIn: fresh})
	if refusal != nil {
		return "", refusal
	}
	return PathAuthorize + "?continue=" + url.QueryEscape(text), nil
}

// returnTries gives back what a try took; the answer does not depend on it.
func (e *Endpoint) returnTries(ctx context.Context, tries []string) {
	for _, bucket := range tries {
		shrug(ctx, e.Flows.ReturnTry(ctx, bucket))
	}
}
