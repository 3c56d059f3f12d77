package rp_test

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// answering is a provider that answers every refresh with this.
func answering(status int, contentType, body string, header ...string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// silent is a provider that keeps the connection and says nothing.
func silent(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

func cutOff(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) }

const asJSON = "application/json"

// troubles are what a provider may do for a while. The session outlives it.
var troubles = []struct {
	name    string
	instead func(http.ResponseWriter, *http.Request) bool
	wait    time.Duration // Retry-After
}{
	{"500", answering(500, "text/html", "canary-oops"), 5 * time.Second},
	{"502 in JSON", answering(502, asJSON, `{"error":"server_error"}`), 5 * time.Second},
	{"503", answering(503, "text/plain", "", "Retry-After", "7"), 7 * time.Second},
	{"503 for an hour", answering(503, "text/plain", "", "Retry-After", "3600"), time.Hour},
	{"429", answering(429, asJSON, `{"error":"slow_down"}`, "Retry-After", "20"), 20 * time.Second},
	{"503 with invalid_grant", answering(503, asJSON, `{"error":"invalid_grant"}`), 5 * time.Second},
	{"no answer", silent, 5 * time.Second},
	{"connection cut", cutOff, 5 * time.Second},
	{"garbage", answering(200, "text/html", "<p>canary-garbage"), 2 * time.Second},
	{"no token", answering(200, asJSON, `{"token_type":"Bearer"}`), 2 * time.Second},
	{"redirect", answering(307, "text/plain", "", "Location", "/elsewhere"), 2 * time.Second},
	{"invalid_client", answering(401, asJSON, `{"error":"invalid_client"}`), 2 * time.Second},
	{"temporarily refused", answering(400, asJSON, `{"error":"invalid_request"}`), 2 * time.Second},
}

// troubled is a browser whose provider does this, and who lets a request last
// 4 s.
func troubled(t *testing.T, instead func(http.ResponseWriter, *http.Request) bool) (*rotator, *site, *browser) {
	p, s, b := rotatingSite(t, 600, 2)
	p.set(func(p *rotator) { p.instead = instead })
	for _, a := range s.processes {
		a.timeout = 4 * time.Second
	}
	return p, s, b
}

// Of a crowd one asks the provider, all hear 503, nobody asks again in the
// pause, and after it the session is as good as before.
func TestRefreshProviderInTrouble_F16(t *testing.T) {
	for _, c := range troubles {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, s, b := troubled(t, c.instead)
			s.later(600 * time.Second)
			s.sessions.set(nil, crowd(20))
			longest := time.Duration(0)
			for _, resp := range s.parallel(b, 20) {
				longest = max(longest, wantLater(t, resp, "provider_unavailable"))
			}
			if longest != c.wait {
				t.Errorf("Retry-After %v, want %v", longest, c.wait)
			}
			for range 3 {
				wantLater(t, b.fetch(http.MethodPost, "/refresh"), "provider_unavailable")
			}
			p.wantAsked(t, 1)
			if n := p.up.others.Load(); n != 0 {
				t.Errorf("%d requests elsewhere", n)
			}
			if resp := b.fetch(http.MethodGet, "/session"); resp.StatusCode != http.StatusOK {
				t.Errorf("GET /session: %d", resp.StatusCode)
			}
			p.set(func(p *rotator) { p.instead = nil })
			s.later(min(c.wait, 30*time.Second))
			wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
			p.wantAsked(t, 2)
		})
	}
}

// Who is told when to come again is not told a time within the pause.
func TestRefreshRetryAfterIsThePause(t *testing.T) {
	p, s, b := troubled(t, answering(200, asJSON, "{}"))
	s.later(600 * time.Second)
	wait := wantLater(t, b.fetch(http.MethodPost, "/refresh"), "provider_unavailable")
	p.set(func(p *rotator) { p.instead = nil })
	s.later(wait)
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
	p.wantAsked(t, 2)
}

// While the token lives, nobody is turned away.
func TestRefreshProviderInTroubleTokenLives_F16(t *testing.T) {
	for _, c := range troubles {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, s, b := troubled(t, c.instead)
			s.later(550 * time.Second)
			for range 3 {
				wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 50)
			}
			p.wantAsked(t, 1)
			got, err := s.token(b, 1)
			wantToken(t, got, err, "canary-access-1", 50*time.Second, s.now())
			p.wantAsked(t, 1)
		})
	}
}

var refusals = map[string]func(http.ResponseWriter, *http.Request) bool{
	"400":                                   answering(400, asJSON, `{"error":"invalid_grant","error_description":"canary-description"}`),
	"401":                                   answering(401, asJSON, `{"error":"invalid_grant"}`),
	"200 bad_refresh_token, as GitHub does": answering(200, asJSON, `{"error":"bad_refresh_token"}`),
}

func TestRefreshRefused_C58(t *testing.T) {
	for name, instead := range refusals {
		t.Run(name, func(t *testing.T) {
			p, s, b := troubled(t, instead)
			cookie := b.cookies[sessionName]
			s.later(600 * time.Second)
			s.sessions.set(nil, crowd(20))
			ended := 0
			for _, resp := range s.parallel(b, 20) {
				if resp.Header.Get("Set-Cookie") == "" {
					wantOver(t, resp)
					continue
				}
				wantEnded(t, resp)
				ended++
			}
			if ended != 1 {
				t.Errorf("%d requests of 20 say that they have ended the session", ended)
			}
			if _, err := s.stored(t, cookie); !errors.Is(err, session.ErrUnknown) {
				t.Errorf("the item: %v", err)
			}
			p.set(func(p *rotator) { p.instead = nil })
			for i := range 3 {
				other := s.processes[i%2].browser()
				other.cookies[sessionName] = cookie
				wantOver(t, other.fetch(http.MethodPost, "/refresh"))
			}
			p.wantAsked(t, 1)
			if len(p.revoked) != 0 {
				t.Errorf("revoked %q", p.revoked)
			}
		})
	}
	t.Run("while the access token lives", func(t *testing.T) {
		p, s, b := troubled(t, refusals["400"])
		s.later(550 * time.Second)
		wantEnded(t, b.fetch(http.MethodPost, "/refresh"))
		p.wantAsked(t, 1)
	})
}

// Somebody else at work on the same version is not cut short.
func TestRefreshRefusedWhileAnotherHasTheLease_C58(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	refuse := refusals["400"]
	p.set(func(p *rotator) {
		p.instead = func(w http.ResponseWriter, r *http.Request) bool {
			s.later(11 * time.Second) // this request slept through its lease
			s.abandoned(t, b.cookies[sessionName])
			return refuse(w, r)
		}
	})
	wantLater(t, b.fetch(http.MethodPost, "/refresh"), "provider_unavailable")
	if _, err := s.stored(t, b.cookies[sessionName]); err != nil {
		t.Errorf("the item: %v", err)
	}
}

// Too little time for a whole refresh: nothing is begun.
func TestRefreshTooLittleTime_F21(t *testing.T) {
	for _, left := range []time.Duration{time.Second, 3 * time.Second} {
		p, s, b := rotatingSite(t, 600, 1)
		s.processes[0].timeout = left
		s.later(550 * time.Second)
		wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 50)
		s.later(50 * time.Second)
		wantLater(t, b.fetch(http.MethodPost, "/refresh"), "provider_unavailable")
		p.wantAsked(t, 0)
		s.sessions.wantCalls(t, map[string]int{"get": 2})
	}
}
