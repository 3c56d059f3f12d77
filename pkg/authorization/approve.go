package authorization

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// openID is the scope that an approval cannot leave out: without it the answer
// would be one of another protocol.
const openID = "openid"

// approvePage is what differs between one approve page and the next.
type approvePage struct {
	status  int // 200 if zero
	problem string
}

// showApprove shows what the client asks for; a client that does not want it
// shown gets consent_required.
func (e *Endpoint) showApprove(w http.ResponseWriter, r *http.Request, c client.Client, q request, s session.SignIn, p approvePage) {
	if q.prompts("none") {
		e.refuse(w, r, q, &oauth.Error{Code: oauth.ConsentRequired, Description: "The user has to approve this first."})
		return
	}
	text, refusal := e.seal(r, sealApprove, keepBrowser(w, r), form{Request: q, SignIn: session.SignInKey(s.ID), User: s.User})
	if refusal != nil {
		w.Header().Del("Set-Cookie")
		e.refuse(w, r, q, refusal)
		return
	}
	if p.status == 0 {
		p.status = http.StatusOK
	}
	v := page.ApproveView{
		Action: PathApprove, Form: text, Client: nameOf(c), Host: hostOf(q.Redirect), Account: s.User,
		Lasts: e.lasts(c), Remembered: remembers(c), Problem: p.problem,
	}
	for _, scope := range q.Scopes {
		v.Scopes = append(v.Scopes, page.Scope{Name: scope, Fixed: scope == openID})
	}
	page.ShowForm(w, r, p.status, page.Approve(v))
}

// lasts is how long the client can use what is approved, at the longest.
func (e *Endpoint) lasts(c client.Client) time.Duration {
	if c.AllowsGrant(client.RefreshToken) {
		return e.Lifetimes.RefreshMax
	}
	return e.Lifetimes.Access
}

// postApprove takes the user's decision.
func (e *Endpoint) postApprove(w http.ResponseWriter, r *http.Request) {
	values, refusal := fields(r)
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	f, root, refusal := e.open(r, sealApprove, values.Get("form"))
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	q := f.Request
	switch values.Get("do") {
	case "deny":
		e.refuse(w, r, q, &oauth.Error{Code: oauth.AccessDenied, Description: "The user did not approve."})
	case "switch":
		consent := q.prompts("consent")
		q.Prompt = []string{"select_account"}
		if consent {
			q.Prompt = append(q.Prompt, "consent")
		}
		e.again(w, r, q)
	case "approve":
		e.approve(w, r, f, root, values["scope"])
	default:
		page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Description: "The form came without a decision. Go back and choose one of its buttons."})
	}
}

// again sends the browser to where the request is looked at anew: the sign-in
// page if need be, or the approve page for whoever is signed in now.
func (e *Endpoint) again(w http.ResponseWriter, r *http.Request, q request) {
	location, refusal := e.onward(r, q, "")
	if refusal != nil {
		e.refuse(w, r, q, refusal)
		return
	}
	see(w, r, location)
}

// approve makes the grant. The sign-in must still be the one that the form was
// made for, and the user in good standing since.
func (e *Endpoint) approve(w http.ResponseWriter, r *http.Request, f form, root *secret.Root, chosen []string) {
	q := f.Request
	c, ok := e.client(w, r, q)
	if !ok {
		return
	}
	id, _ := signInID(r)
	if id == "" || session.SignInKey(id) != f.SignIn {
		e.again(w, r, q) // signed out meanwhile, or somebody else signed in
		return
	}
	s, consent, u, err := e.standing(r, c, f, id)
	switch {
	case errors.Is(err, session.ErrUnknown) || errors.Is(err, session.ErrExpired):
		e.again(w, r, q)
		return
	case errors.Is(err, user.ErrUnknown):
		e.expel(w, r, f)
		return
	case err != nil:
		e.refuse(w, r, q, down(err))
		return
	case ended(u, s):
		e.expel(w, r, f)
		return
	}
	var scopes []string
	for _, scope := range q.Scopes {
		if scope == openID || slices.Contains(chosen, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(scopes) == 0 && len(q.Scopes) > 0 {
		e.showApprove(w, r, c, q, s, approvePage{http.StatusBadRequest, "Leave at least one permission ticked, or deny the request."})
		return
	}
	if e.issue(w, r, q, s, scopes, root) && remembers(c) {
		e.rememberConsent(r, c, q, s, scopes, consent)
	}
}

// standing reads, side by side, the sign-in with the consent and the user.
func (e *Endpoint) standing(r *http.Request, c client.Client, f form, id string) (s session.SignIn, consent session.Record, u user.User, err error) {
	var userErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		u, userErr = e.Users.GetUser(r.Context(), f.User)
	}()
	consentKey := ""
	if remembers(c) {
		consentKey = session.ConsentKey(session.UserTag(f.User), c.ID)
	}
	record, consent, err := e.Flows.GetSignIn(r.Context(), f.SignIn, consentKey)
	if err == nil {
		s, err = record.OpenSignIn(id, e.Now())
	}
	<-done
	if err == nil && s.User != f.User {
		err = session.ErrUnknown
	}
	if err == nil {
		err = userErr
	}
	return s, consent, u, err
}

// ended reports a sign-in that the user's account has outlived: disabled, or
// with a new password since.
func ended(u user.User, s session.SignIn) bool { return u.Disabled || u.ValidFrom.After(s.AuthTime) }

// expel ends the sign-in of a user who may not go on, and asks for another.
func (e *Endpoint) expel(w http.ResponseWriter, r *http.Request, f form) {
	shrug(r.Context(), e.Flows.DeleteSignIn(r.Context(), f.SignIn))
	location, refusal := e.onward(r, f.Request, "")
	if refusal != nil {
		e.refuse(w, r, f.Request, refusal)
		return
	}
	outcome(r.Context(), "user_ended")
	setCookie(w, r, signInCookie, "", 0)
	see(w, r, location)
}

// issue makes the grant and answers the client with its code. The same request
// and sign-in make the same grant and the same code, however often.
func (e *Endpoint) issue(w http.ResponseWriter, r *http.Request, q request, s session.SignIn, scopes []string, root *secret.Root) bool {
	now := e.Now().Truncate(time.Second)
	g := grant.Grant{
		GID:      base64.RawURLEncoding.EncodeToString(derive(root, q, session.SignInKey(s.ID))),
		ClientID: q.ClientID, User: s.User, Subject: s.Subject, Scopes: q.Scopes,
		Challenge: q.Challenge, Nonce: q.Nonce, AuthTime: s.AuthTime.Truncate(time.Second),
	}
	if q.Named {
		g.RedirectURI = q.Redirect
	}
	record := grant.Record{
		Created: now, Status: grant.Issued,
		CodeExpiresAt: now.Add(e.Lifetimes.Code), IdleAt: now.Add(e.Lifetimes.Code), MaxAt: now.Add(e.Lifetimes.RefreshMax),
	}
	record.ExpiresAt = record.MaxAt
	if last := time.Unix(q.Born, 0).Add(requestAge + time.Minute); record.ExpiresAt.Before(last) {
		record.ExpiresAt = last
	}
	// What was ticked is in the code. The grant is of the request: a form that
	// is sent again with other ticks makes no second one, and each code says
	// what it gives.
	ticked, _ := g.Mask(scopes)
	record, err := g.Seal(root, record)
	if err == nil {
		err = e.Flows.PutGrant(r.Context(), record)
	}
	if err != nil {
		e.refuse(w, r, q, down(err))
		return false
	}
	outcome(r.Context(), "approved")
	back(w, r, q.Redirect, "state", q.State,
		"code", grant.Token{Kind: grant.Code, GID: g.GID, Scopes: ticked}.Sign(root),
		"scope", strings.Join(scopes, " "), "iss", baseurl.From(r.Context()))
	return true
}

// rememberConsent keeps what was approved. What was asked for and not ticked
// is forgotten, what was approved before and not asked for now stays. Should
// it fail, the user is asked again next time.
func (e *Endpoint) rememberConsent(r *http.Request, c client.Client, q request, s session.SignIn, scopes []string, old session.Record) {
	ctx := r.Context()
	all := slices.Clone(scopes)
	if got, ok := e.consent(ctx, old, c, s); ok && got.RedirectURI == q.Redirect {
		for _, scope := range got.Scopes {
			if !slices.Contains(q.Scopes, scope) {
				all = append(all, scope)
			}
		}
	}
	ring, err := e.Keys.Ring(ctx, "")
	if err != nil {
		shrug(ctx, err)
		return
	}
	record, err := session.Consent{
		User: s.User, ClientID: c.ID, RedirectURI: q.Redirect, Scopes: all, ExpiresAt: e.Now().Add(ConsentAge),
	}.Seal(ring)
	if err == nil {
		err = e.Flows.PutConsent(ctx, record)
	}
	shrug(ctx, err)
}

// nameOf is how people know a client.
func nameOf(c client.Client) string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// hostOf is where a redirect URI leads: the host, or the scheme of an app.
func hostOf(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return uri
	case u.Host != "":
		return u.Host
	}
	return u.Scheme
}
