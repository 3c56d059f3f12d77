package rp_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// overtaken holds a refresh of b's session at the provider, lets meanwhile
// happen, and returns what the refresh is answered with when the provider then
// answers so.
func overtaken(t *testing.T, p *rotator, s *site, b *browser, answer func(http.ResponseWriter, *http.Request) bool, meanwhile func()) *http.Response {
	t.Helper()
	s.later(600 * time.Second)
	p.set(func(p *rotator) { p.instead = answer })
	release := p.hold(t)
	tab := b.on(s.processes[1])
	tab.cookies = map[string]string{sessionName: b.cookies[sessionName]}
	late := make(chan *http.Response)
	go func() { late <- tab.fetch(http.MethodPost, "/refresh") }()
	<-p.arrived
	meanwhile()
	release()
	return <-late
}

// lateAnswers are what a provider may say to a refresh that was overtaken.
var lateAnswers = map[string]func(http.ResponseWriter, *http.Request) bool{
	"tokens":        answering(200, asJSON, `{"access_token":"canary-access-late","refresh_token":"canary-refresh-late","token_type":"Bearer","expires_in":600}`),
	"invalid_grant": refusals["400"],
}

// The same browser signs in again while a refresh of its old session is under
// way: the answer that comes too late leaves the new cookie where it is, and
// the provider is asked to revoke nothing that could be the new login's.
func TestRefreshDuringANewLogin(t *testing.T) {
	for name, answer := range lateAnswers {
		t.Run(name, func(t *testing.T) {
			p, s, b := rotatingSite(t, 600, 2)
			old := b.cookies[sessionName]
			late := overtaken(t, p, s, b, answer, func() { s.signIn(b, "") })
			wantOver(t, late)
			for _, path := range []string{"/session", "/sessions"} { // other tabs that have read the old cookie
				wantOver(t, s.with(old).fetch(http.MethodGet, path))
				wantRedirect(t, s.with(old).navigate(path), "/login?return_to=%2Fsession", "")
			}
			wantOver(t, s.with(old).fetch(http.MethodPost, "/refresh"))
			wantOver(t, s.with(old).fetch(http.MethodDelete, "/sessions/"+b.handle()))
			if b.cookies[sessionName] == old || !b.alive() {
				t.Error("the new session is lost")
			}
			if _, err := s.stored(t, old); !errors.Is(err, session.ErrUnknown) {
				t.Errorf("the old item: %v", err)
			}
			if got := p.given(); len(got) != 0 {
				t.Errorf("revoked %q", got)
			}
		})
	}
}

// So with a session that another browser has ended by its handle.
func TestRefreshDuringEndByHandle(t *testing.T) {
	for name, answer := range lateAnswers {
		t.Run(name, func(t *testing.T) {
			p, s, b := rotatingSite(t, 600, 2)
			other := s.signedIn("")
			wantOver(t, overtaken(t, p, s, b, answer, func() {
				if resp := other.fetch(http.MethodDelete, "/sessions/"+b.handle()); resp.StatusCode != http.StatusNoContent {
					t.Errorf("DELETE: %d %s", resp.StatusCode, bodyOf(resp))
				}
			}))
			if _, err := s.stored(t, b.cookies[sessionName]); !errors.Is(err, session.ErrUnknown) {
				t.Errorf("the item: %v", err)
			}
			if got := p.given(); len(got) != 0 || !other.alive() {
				t.Errorf("revoked %q; the other session is there: %v", got, other.alive())
			}
		})
	}
}

// A login ends the browser's old session first. Where that fails nothing begins,
// and the new tokens are given back.
func TestOldSessionCannotBeEnded_F20(t *testing.T) {
	for name, lost := range map[string]bool{"not deleted": false, "reply lost": true} {
		t.Run(name, func(t *testing.T) {
			s, p := aliceSite(t)
			b := s.signedIn("")
			old := b.cookies[sessionName]
			failing := func(method string) error { return errorsOn(method == "delete") }
			s.sessions.set(failing, nil)
			if lost {
				s.sessions.set(nil, failing)
			}
			resp := b.get(callback("code", "good", "state", b.login("?return_to=/x").Get("state")))
			wantError(t, resp, 503, "store_unavailable", "canary")
			if resp.Header.Get("Retry-After") == "" || refusal(t, resp).RetryURL != "/login?return_to=%2Fx" {
				t.Errorf("no way on: %v %s", resp.Header, bodyOf(resp))
			}
			s.sessions.wantCalls(t, map[string]int{"delete": 1})
			if got := p.given(); len(got) != 1 || got[0] != "canary-refresh-2" {
				t.Errorf("revoked %q", got)
			}
			s.sessions.reset()
			if b.cookies[sessionName] != old || b.alive() == lost {
				t.Errorf("the old session: the same cookie: %v, alive: %v", b.cookies[sessionName] == old, b.alive())
			}
			s.signIn(b, "")
			if !b.alive() || s.with(old).alive() {
				t.Error("afterwards")
			}
		})
	}
}
