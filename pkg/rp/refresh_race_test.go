package rp_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// crowd holds the first n reads until all have come: each finds the lease free.
func crowd(n int32) func(method string) error {
	var come atomic.Int32
	all := make(chan struct{})
	return func(method string) error {
		if method == "get" {
			if come.Add(1) == n {
				close(all)
			}
			<-all
		}
		return nil
	}
}

// Of 20 requests at 2 processes one asks the provider, which takes the second
// use of a refresh token for theft; all succeed. In every other round all of
// them want the lease.
func TestRefreshSingleFlight_C57(t *testing.T) {
	const rounds, tabs = 25, 20
	p, s, b := rotatingSite(t, 600, 2)
	for round := 1; round <= rounds; round++ {
		s.later(600 * time.Second)
		s.sessions.reset()
		together := round%2 == 1
		if together {
			s.sessions.set(nil, crowd(tabs))
		}
		told := 0
		for _, resp := range s.parallel(b, tabs) {
			refreshed := together || jsonOf(t, resp)["refreshed"] == true // false: came when it was done
			wantRefresh(t, resp, refreshed, 600)
			if refreshed {
				told++
			}
		}
		p.wantAsked(t, round)
		if n := s.sessions.count("commit"); n != 1 || told == 0 {
			t.Errorf("%d commits, %d told of a refresh", n, told)
		}
		if n := s.sessions.count("lease"); together && n != tabs {
			t.Errorf("%d tries for the lease", n)
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	if resp := b.fetch(http.MethodGet, "/session"); resp.StatusCode != http.StatusOK {
		t.Errorf("GET /session: %d %s", resp.StatusCode, bodyOf(resp))
	}
}

// Who has waited takes what the winner got, though it is soon due again by the
// time it is read: else one refresh would set off the next.
func TestRefreshSingleFlightShortLife_C57(t *testing.T) {
	up := newUpstream(t)
	p := rotating(up, 600)
	synctest.Test(t, func(t *testing.T) {
		s, b := signedInAt(t, up, 2)
		p.set(func(p *rotator) { p.life = 5 })
		s.later(600 * time.Second)
		gathered := crowd(20)
		s.sessions.set(nil, func(method string) error {
			if method == "get" && s.sessions.count("get") > 20 {
				time.Sleep(4200 * time.Millisecond) // due: 0.8 s of 5 s left
			}
			return gathered(method)
		})
		for _, resp := range s.parallel(b, 20) {
			wantRefresh(t, resp, true, 5)
		}
		p.wantAsked(t, 1)
	})
}

// hold makes the provider wait in the middle of a refresh until the returned
// function is called.
func (p *rotator) hold(t *testing.T) (release func()) {
	held, open := make(chan struct{}), true
	p.set(func(p *rotator) { p.held = held })
	release = func() {
		if open {
			open = false
			p.set(func(p *rotator) { p.held = nil })
			close(held)
		}
	}
	t.Cleanup(release) // before the server is closed, which waits for its requests
	return release
}

// While a slow provider is being asked, whoever has a token that still lives
// goes on with it, and the others get the new one.
func TestRefreshWaitsForWinner(t *testing.T) {
	for name, c := range map[string]struct {
		after     time.Duration
		refreshed bool // of the others
		expires   int
	}{
		"token expired":      {600 * time.Second, true, 600},
		"token not yet over": {560 * time.Second, false, 40},
	} {
		t.Run(name, func(t *testing.T) {
			p, s, b := rotatingSite(t, 600, 2)
			s.later(c.after)
			release := p.hold(t)
			first := make(chan *http.Response)
			go func() { first <- b.on(s.processes[1]).fetch(http.MethodPost, "/refresh") }()
			<-p.arrived
			s.sessions.reset()
			others := make(chan []*http.Response, 1)
			go func() { others <- s.parallel(b, 10) }()
			if c.refreshed {
				for s.sessions.count("get") < 20 { // each has looked again
					time.Sleep(time.Millisecond)
				}
				release()
			}
			for _, resp := range <-others {
				wantRefresh(t, resp, c.refreshed, c.expires)
			}
			if n := s.sessions.count("lease"); n != 0 {
				t.Errorf("%d tried for a lease that is taken", n)
			}
			release()
			wantRefresh(t, <-first, true, 600)
			p.wantAsked(t, 1)
		})
	}
}

// abandoned takes the lease for a request that never comes back.
func (s *site) abandoned(t *testing.T, cookie string) session.Entry {
	e, err := s.stored(t, cookie)
	if err == nil {
		e, err = s.sessions.Sessions.LeaseSession(t.Context(), e.Key, e.Version, secret.Mint(128), s.now(), s.now().Add(10*time.Second))
	}
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A winner that was killed is waited for no longer than its lease: until then
// 503 within the bound, and then another takes over.
func TestRefreshWinnerKilled(t *testing.T) {
	up := newUpstream(t)
	p := rotating(up, 600)
	synctest.Test(t, func(t *testing.T) {
		s, b := signedInAt(t, up, 2)
		s.later(600 * time.Second)
		lease := s.abandoned(t, b.cookies[sessionName])
		began := time.Now()
		for _, resp := range s.parallel(b, 4) {
			if wait := wantLater(t, resp, "provider_unavailable"); wait < 1*time.Second || wait > 3*time.Second {
				t.Errorf("Retry-After %v", wait)
			}
		}
		if d := time.Since(began); d < 7*time.Second || d > 8*time.Second {
			t.Errorf("they waited %v", d)
		}
		p.wantAsked(t, 0)
		if n := s.sessions.count("get"); n > 100 {
			t.Errorf("%d reads by 4 requests", n)
		}
		time.Sleep(lease.LeaseUntil.Sub(s.now()))
		wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
		p.wantAsked(t, 1)
	})
}

// Who waits when the lease of a killed winner ends takes over in the same
// request.
func TestRefreshTakesOver(t *testing.T) {
	up := newUpstream(t)
	p := rotating(up, 600)
	synctest.Test(t, func(t *testing.T) {
		s, b := signedInAt(t, up, 2)
		s.later(600 * time.Second)
		s.abandoned(t, b.cookies[sessionName])
		time.Sleep(4 * time.Second)
		for _, resp := range s.parallel(b, 6) {
			wantRefresh(t, resp, true, 600)
		}
		p.wantAsked(t, 1)
	})
}

// A request that is to end sooner waits less.
func TestRefreshWaitsWithinDeadline_F21(t *testing.T) {
	up := newUpstream(t)
	p := rotating(up, 600)
	synctest.Test(t, func(t *testing.T) {
		s, b := signedInAt(t, up, 1)
		s.later(600 * time.Second)
		s.abandoned(t, b.cookies[sessionName])
		s.processes[0].timeout = 4 * time.Second
		began := time.Now()
		wantLater(t, b.fetch(http.MethodPost, "/refresh"), "provider_unavailable")
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("waited %v of 4 s", d)
		}
		p.wantAsked(t, 0)
	})
}

// What a store takes too long to grant is not used: the lease would end while
// the provider is being asked, and the next request send the same token.
func TestRefreshLateLease_C57(t *testing.T) {
	up := newUpstream(t)
	p := rotating(up, 600)
	synctest.Test(t, func(t *testing.T) {
		s, b := signedInAt(t, up, 1)
		s.later(600 * time.Second)
		s.sessions.set(nil, func(method string) error {
			if method == "lease" {
				time.Sleep(6 * time.Second)
			}
			return nil
		})
		wantLater(t, b.fetch(http.MethodPost, "/refresh"), "provider_unavailable")
		p.wantAsked(t, 0)
		s.sessions.wantCalls(t, map[string]int{"get": 1, "lease": 1, "release": 1})
		s.sessions.reset()
		time.Sleep(2 * time.Second)
		wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
	})
}
