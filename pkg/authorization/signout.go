package authorization

import (
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// getSignOut shows the sign-out form, or that nobody is signed in.
func (e *Endpoint) getSignOut(w http.ResponseWriter, r *http.Request) {
	base := baseurl.From(r.Context())
	if r.Host != baseurl.Host(base) {
		w.Header().Set("Location", base+PathSignOut)
		w.WriteHeader(http.StatusTemporaryRedirect)
		return
	}
	s, _, refusal := e.current(r)
	switch {
	case refusal != nil:
		page.Refuse(w, r, refusal)
	case s == nil:
		page.Show(w, r, http.StatusOK, page.SignedOut())
	default:
		e.askSignOut(w, r, s, "", "")
	}
}

// current reads the browser's sign-in, nil without a live one, and its key, ""
// without a cookie.
func (e *Endpoint) current(r *http.Request) (*session.SignIn, string, *oauth.Error) {
	id, _ := signInID(r)
	if id == "" {
		return nil, "", nil
	}
	key := session.SignInKey(id)
	record, _, err := e.Flows.GetSignIn(r.Context(), key, "")
	if err != nil {
		return nil, key, down(err)
	}
	s, err := record.OpenSignIn(id, e.Now())
	if err != nil {
		return nil, key, nil
	}
	return &s, key, nil
}

// askSignOut shows the form that signs s out and leads to the address goTo, or
// to our own page if that is "". client is who asks, if known.
func (e *Endpoint) askSignOut(w http.ResponseWriter, r *http.Request, s *session.SignIn, goTo, client string) {
	text, refusal := e.seal(r, sealSignOut, keepBrowser(w, r), form{SignIn: session.SignInKey(s.ID), Goto: goTo})
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	page.ShowForm(w, r, http.StatusOK, page.SignOut(page.SignOutView{Action: PathSignOut, Form: text, Account: s.User, Client: client}))
}

// postSignOut signs out.
func (e *Endpoint) postSignOut(w http.ResponseWriter, r *http.Request) {
	values, refusal := fields(r)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	f, _, refusal := e.open(r, sealSignOut, values.Get("form"))
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	if id, _ := signInID(r); id != "" && session.SignInKey(id) != f.SignIn {
		see(w, r, PathSignOut) // somebody else is signed in by now: ask again
		return
	}
	e.signOut(w, r, f.SignIn, f.Goto)
}

// signOut ends the sign-in under key and leads to goTo, or to the page that
// says so.
func (e *Endpoint) signOut(w http.ResponseWriter, r *http.Request, key, goTo string) {
	if key != "" {
		if err := e.Flows.DeleteSignIn(r.Context(), key); err != nil {
			page.Refuse(w, r, down(err))
			return
		}
		setCookie(w, r, signInCookie, "", 0)
	}
	outcome(r.Context(), "signed_out")
	if goTo == "" {
		goTo = PathSignOut
	}
	see(w, r, goTo)
}
