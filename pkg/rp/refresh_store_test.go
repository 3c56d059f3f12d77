package rp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

var errDown = errors.New("the store does not answer")

// on fails one method of the store, from its nth call on.
func on(method string, nth int) func(string) error {
	return func(called string) error {
		if called == method {
			if nth--; nth <= 0 {
				return errDown
			}
		}
		return nil
	}
}

// The store fails at one step of a refresh, before it is done or by losing the
// reply. The answer is 503, the provider is asked as often as it says, and
// nothing is given back that may be stored.
func TestRefreshStoreDown_F06(t *testing.T) {
	const ok, over = http.StatusOK, http.StatusUnauthorized
	for _, c := range []struct {
		name    string
		method  string
		lost    bool // the reply, after it was done
		nth     int
		refused bool // the provider says invalid_grant
		asked   int
		after   time.Duration // until the next request, with the store up again
		next    int           // its status
		askedBy int           // how often the provider has been asked by then
	}{
		{name: "read", method: "get", asked: 0, next: ok, askedBy: 1},
		{name: "read, reply lost", method: "get", lost: true, asked: 0, next: ok, askedBy: 1},
		{name: "lease", method: "lease", asked: 0, next: ok, askedBy: 1},
		{name: "lease, reply lost", method: "lease", lost: true, asked: 0, after: 10 * time.Second, next: ok, askedBy: 1},
		{name: "commit, reply lost", method: "commit", lost: true, asked: 1, next: ok, askedBy: 1},
		{name: "end", method: "end", refused: true, asked: 1, after: 10 * time.Second, next: over, askedBy: 2},
		{name: "end, reply lost", method: "end", lost: true, refused: true, asked: 1, next: over, askedBy: 1},
		{name: "read after a refusal", method: "get", nth: 2, refused: true, asked: 1, after: 10 * time.Second, next: over, askedBy: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, s, b := rotatingSite(t, 600, 1)
			s.later(600 * time.Second)
			if c.refused {
				p.set(func(p *rotator) { p.instead = refusals["400"] })
			}
			before, after := on(c.method, c.nth), (func(string) error)(nil)
			if c.lost {
				before, after = after, before
			}
			s.sessions.set(before, after)
			wantLater(t, b.fetch(http.MethodPost, "/refresh"), "store_unavailable")
			p.wantAsked(t, c.asked)
			s.sessions.reset()
			s.later(c.after)
			resp := b.fetch(http.MethodPost, "/refresh")
			if resp.StatusCode != c.next {
				t.Errorf("then: %d %s", resp.StatusCode, bodyOf(resp))
			}
			p.wantAsked(t, c.askedBy)
			if len(p.revoked) != 0 {
				t.Errorf("revoked %q", p.revoked)
			}
		})
	}
}

// A commit that was never made: the tokens may be anywhere, so they are not
// given back; a provider that rotates has seen the last of the old one.
func TestRefreshCommitNotMade_F20(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	s.sessions.set(on("commit", 1), nil)
	wantLater(t, b.fetch(http.MethodPost, "/refresh"), "store_unavailable")
	p.wantAsked(t, 1)
	if len(p.revoked) != 0 {
		t.Errorf("revoked %q", p.revoked)
	}
	s.sessions.reset()
	s.later(10 * time.Second)
	wantEnded(t, b.fetch(http.MethodPost, "/refresh"))
}

// The lease stays when it cannot be let go of, and ends by itself.
func TestRefreshNotReleased(t *testing.T) {
	for name, lost := range map[string]bool{"release": false, "release, reply lost": true} {
		t.Run(name, func(t *testing.T) {
			p, s, b := rotatingSite(t, 600, 1)
			s.later(600 * time.Second)
			p.set(func(p *rotator) { p.instead = answering(500, "text/plain", "") })
			if lost {
				s.sessions.set(nil, on("release", 1))
			} else {
				s.sessions.set(on("release", 1), nil)
			}
			wantLater(t, b.fetch(http.MethodPost, "/refresh"), "provider_unavailable")
			s.sessions.reset()
			p.set(func(p *rotator) { p.instead = nil })
			s.later(10 * time.Second)
			wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
			p.wantAsked(t, 2)
		})
	}
}

// stale answers the first reads with what was there before.
type stale struct {
	rp.Sessions
	old   session.Entry
	reads int
}

func (s *stale) GetSession(ctx context.Context, key string, now time.Time) (session.Entry, error) {
	if s.reads--; s.reads >= 0 {
		return s.old, nil
	}
	return s.Sessions.GetSession(ctx, key, now)
}

// A read that is behind costs a try for the lease, and never a second use of a
// refresh token.
func TestRefreshStaleRead_F11(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	old, err := s.stored(t, b.cookies[sessionName])
	if err != nil {
		t.Fatal(err)
	}
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
	s.sessions.reset()
	s.sessions.Sessions = &stale{Sessions: s.sessions.Sessions, old: old, reads: 1}
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
	s.sessions.wantCalls(t, map[string]int{"get": 1, "lease": 1})
	p.wantAsked(t, 1)
}

// Nor does it bring back a session that has ended.
func TestRefreshStaleReadOfEnded_F11(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	cookie := b.cookies[sessionName]
	s.later(600 * time.Second)
	old, err := s.stored(t, cookie)
	if err != nil {
		t.Fatal(err)
	}
	b.fetch(http.MethodPost, "/logout")
	b.cookies[sessionName] = cookie
	s.sessions.Sessions = &stale{Sessions: s.sessions.Sessions, old: old, reads: 1}
	wantOver(t, b.fetch(http.MethodPost, "/refresh"))
	p.wantAsked(t, 0)
}

// What an operator has to mend is said as it is, and not as an outage that
// passes by itself.
func TestMisconfiguredStoreIsSaid(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	s.sessions.set(func(string) error {
		return &oauth.Error{Code: oauth.ConfigError, Description: "The table cannot be used."}
	}, nil)
	for path, method := range map[string]string{"/session": "GET", "/sessions": "GET", "/refresh": "POST", "/logout": "POST"} {
		resp := b.fetch(method, path)
		if resp.StatusCode != 500 || jsonOf(t, resp)["error"] != "config_error" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, bodyOf(resp))
		}
	}
}
