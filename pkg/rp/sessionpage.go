package rp

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/session"
)

const (
	sessionPath  = "/session"
	sessionsPath = "/sessions"
	logoutPath   = "/logout"
)

// Session answers what a browser asks about its own session, none of which
// keeps it alive:
//
//   - GET /session: who is signed in, as JSON or as a page
//   - GET /sessions: all sessions of that person, by handle
//   - DELETE /sessions/{handle}: ends one of them
//   - GET /: the front door
//   - GET /auth.js: the helper for scripts
type Session struct {
	*Keeper
	// Provider is where people sign in.
	Provider *provider.Provider
}

// ServeHTTP implements [http.Handler].
func (s *Session) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handle, one := strings.CutPrefix(r.URL.Path, sessionsPath+"/")
	switch {
	case r.URL.Path == "/":
		(&Front{Keeper: s.Keeper, Provider: s.Provider}).ServeHTTP(w, r)
	case r.URL.Path == "/auth.js":
		if refusal := method(w, r, http.MethodGet, http.MethodHead); refusal != nil {
			page.Refuse(w, r, refusal)
			return
		}
		page.Script(w, r)
	case r.URL.Path == sessionPath:
		s.own(w, r)
	case r.URL.Path == sessionsPath:
		s.list(w, r)
	case one && handle != "":
		s.end(w, r, handle)
	default:
		page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusNotFound, Description: "There is nothing at this address."})
	}
}

// own answers GET /session.
func (s *Session) own(w http.ResponseWriter, r *http.Request) {
	if refusal := method(w, r, http.MethodGet); refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	at, refusal := s.current(r)
	if refusal != nil {
		unauthenticated(w, r, refusal, sessionPath)
		return
	}
	if page.Navigation(r) {
		s.show(w, r, at)
		return
	}
	now := s.Now()
	writeJSON(w, http.StatusOK, map[string]any{
		"authenticated": true, "sub": at.Subject, "name": at.Name, "email": at.Email,
		"scope": at.Scope, "expires_in": seconds(at.rest(now)), "session_expires_in": seconds(at.entry.ExpiresAt.Sub(now)),
		"logout_url": logoutPath,
	})
}

// show is the page of a session.
func (s *Session) show(w http.ResponseWriter, r *http.Request, at *signed) {
	ring, err := s.Keys.Ring(r.Context(), "")
	if err != nil {
		page.Refuse(w, r, sessionDown(err))
		return
	}
	all, err := s.all(r.Context(), at)
	if err != nil {
		page.Refuse(w, r, sessionDown(err))
		return
	}
	now := s.Now()
	view := page.SessionView{
		Account: at.account(), Email: at.Email, Subject: at.Subject, Provider: called(s.Provider), Scopes: strings.Fields(at.Scope),
		TokenEnds: max(0, at.rest(now)).Truncate(time.Second), SessionEnds: at.entry.ExpiresAt.Sub(now).Truncate(time.Second),
		Action: logoutPath, Form: formToken(ring, at.entry.Key),
	}
	for _, e := range all {
		if e.Key != at.entry.Key {
			view.Others = append(view.Others, page.OtherSession{Handle: session.Handle(e.Key), Created: e.Created, LastSeen: e.SeenAt})
		}
	}
	page.ShowScripted(w, r, http.StatusOK, page.Session(view))
}

// list answers GET /sessions.
func (s *Session) list(w http.ResponseWriter, r *http.Request) {
	if refusal := method(w, r, http.MethodGet); refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	at, refusal := s.current(r)
	if refusal != nil {
		unauthenticated(w, r, refusal, sessionPath)
		return
	}
	all, err := s.all(r.Context(), at)
	if err != nil {
		page.Refuse(w, r, sessionDown(err))
		return
	}
	type row struct {
		Handle   string `json:"handle"`
		Created  string `json:"created"`
		LastSeen string `json:"last_seen"`
		Current  bool   `json:"current"`
	}
	rows := make([]row, 0, len(all))
	for _, e := range all {
		rows = append(rows, row{session.Handle(e.Key), timestamp(e.Created), timestamp(e.SeenAt), e.Key == at.entry.Key})
	}
	writeJSON(w, http.StatusOK, map[string]any{"sessions": rows})
}

// all lists the sessions of whoever at belongs to: that one at least, and it
// alone where the provider does not say who it is.
func (k *Keeper) all(ctx context.Context, at *signed) ([]session.Entry, error) {
	if at.entry.User == "" {
		return []session.Entry{at.entry}, nil
	}
	list, err := k.Sessions.ListSessions(ctx, at.entry.User, k.Now())
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if e.Key == at.entry.Key {
			return list, nil
		}
	}
	return append([]session.Entry{at.entry}, list...), nil // an index follows the table a moment later
}

// end answers DELETE /sessions/{handle}.
func (s *Session) end(w http.ResponseWriter, r *http.Request, handle string) {
	refusal := method(w, r, http.MethodDelete)
	if refusal == nil {
		refusal = ownScript(r)
	}
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	at, refusal := s.current(r)
	if refusal != nil {
		unauthenticated(w, r, refusal, sessionPath)
		return
	}
	ended, err := s.endOne(r.Context(), at, handle)
	switch {
	case err != nil:
		page.Refuse(w, r, sessionDown(err))
	case ended == "":
		page.Refuse(w, r, &oauth.Error{
			Code: oauth.InvalidRequest, Status: http.StatusNotFound, Description: "You have no session with this handle. It may have ended already.",
		})
	default:
		if ended == at.entry.Key {
			w = ending{w, baseOf(r)}
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// endOne deletes the one of a person's sessions that handle names, and returns
// its key, "" if there is none.
func (k *Keeper) endOne(ctx context.Context, at *signed, handle string) (string, error) {
	all, err := k.all(ctx, at)
	if err != nil {
		return "", err
	}
	for _, e := range all {
		if session.Handle(e.Key) == handle {
			_, err := k.Sessions.DeleteSession(ctx, e.Key)
			return e.Key, err
		}
	}
	return "", nil
}

// seconds is a duration in whole seconds, never less than none.
func seconds(d time.Duration) int64 { return max(0, int64(d/time.Second)) }

func timestamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic("rp: " + err.Error()) // strings and numbers always marshal
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
