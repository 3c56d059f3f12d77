package rp_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

func TestRefreshWhenDue(t *testing.T) {
	for _, c := range []struct {
		name      string
		life      int // expires_in, 0: left out
		after     time.Duration
		refreshed bool
		expires   int
	}{
		{"new", 3600, 0, false, 3600},
		{"more than a minute left", 3600, 3530 * time.Second, false, 70},
		{"a minute left", 3600, 3540 * time.Second, true, 3600},
		{"expired", 3600, 4000 * time.Second, true, 3600},
		{"short life, more than a fifth left", 100, 70 * time.Second, false, 30},
		{"short life, a fifth left", 100, 80 * time.Second, true, 100},
		{"unknown life, not yet", 0, 3530 * time.Second, false, 70},
		{"unknown life, a minute short of an hour", 0, 3540 * time.Second, true, 3600},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, s, b := rotatingSite(t, c.life, 1, "SESSION_IDLE=240h", "SESSION_MAX=240h")
			s.later(c.after)
			wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), c.refreshed, c.expires)
			if !c.refreshed {
				p.wantAsked(t, 0)
				s.sessions.wantCalls(t, notDueCalls)
				return
			}
			p.wantAsked(t, 1)
			s.sessions.wantCalls(t, refreshCalls)
			wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, c.expires)
			p.wantAsked(t, 1)
		})
	}
}

func TestRefreshWithoutRefreshToken(t *testing.T) {
	up := newUpstream(t)
	p := rotating(up, 600)
	p.extra = func(answer map[string]any, _ string, _ int) { delete(answer, "refresh_token") }
	s, b := signedInAt(t, up, 1)
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 600)
	s.later(700 * time.Second)
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 0)
	p.wantAsked(t, 0)
	s.sessions.wantCalls(t, map[string]int{"get": 2})
}

// A provider that sends no new refresh token means the old one (RFC 6749 §6).
func TestRefreshTokenKept(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	p.set(func(p *rotator) {
		p.extra = func(answer map[string]any, _ string, _ int) {
			delete(answer, "refresh_token")
			p.current = "canary-refresh-1"
		}
	})
	for range 3 {
		s.later(600 * time.Second)
		wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
	}
	p.wantAsked(t, 3)
}

// Scope left out of the answer is the scope there was (RFC 6749 §5.1, §6).
func TestRefreshScope(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	for _, c := range []struct{ answer, want any }{
		{nil, "read write"}, {"read", "read"}, {nil, "read"}, {"read admin", "read admin"},
	} {
		p.set(func(p *rotator) {
			p.extra = func(answer map[string]any, _ string, _ int) {
				if delete(answer, "scope"); c.answer != nil {
					answer["scope"] = c.answer
				}
			}
		})
		s.later(600 * time.Second)
		wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
		if got := jsonOf(t, b.fetch(http.MethodGet, "/session"))["scope"]; got != c.want {
			t.Errorf("scope %v after %v, want %v", got, c.answer, c.want)
		}
	}
}

// Every refresh keeps the session alive, to its absolute end and not a second
// further.
func TestRefreshNeverPassesTheEnd_C67(t *testing.T) {
	for name, life := range map[string]int{"each renews the token": 900, "the token outlives the session": 90000} {
		t.Run(name, func(t *testing.T) {
			p, s, b := rotatingSite(t, life, 1, "SESSION_IDLE=20m", "SESSION_MAX=2h")
			first, err := s.stored(t, b.cookies[sessionName])
			if err != nil {
				t.Fatal(err)
			}
			for at := 15 * time.Minute; at < 2*time.Hour; at += 15 * time.Minute {
				s.later(15 * time.Minute)
				if resp := b.fetch(http.MethodPost, "/refresh"); resp.StatusCode != http.StatusOK {
					t.Fatalf("after %v: %d %s", at, resp.StatusCode, bodyOf(resp))
				}
				e, err := s.stored(t, b.cookies[sessionName])
				if err != nil || !e.MaxAt.Equal(first.MaxAt) || e.ExpiresAt.After(e.MaxAt) {
					t.Fatalf("after %v: ends %v, for good %v, %v", at, e.ExpiresAt, e.MaxAt, err)
				}
				if idle := e.ExpiresAt.Sub(s.now()); idle < 19*time.Minute && !e.ExpiresAt.Equal(e.MaxAt) {
					t.Fatalf("after %v: the idle end has not moved: %v left", at, idle)
				}
			}
			asked, _ := p.asked()
			s.later(15 * time.Minute)
			wantOver(t, b.fetch(http.MethodPost, "/refresh"))
			p.wantAsked(t, asked)
		})
	}
}

func TestRefreshIdleSession_C67(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1, "SESSION_IDLE=20m", "SESSION_MAX=2h")
	s.later(20 * time.Minute)
	wantOver(t, b.fetch(http.MethodPost, "/refresh"))
	p.wantAsked(t, 0)
}

func TestRefreshUnauthenticated(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	for name, cookie := range map[string]string{"none": "", "no cookie of ours": "canary-x"} {
		other := s.processes[0].browser()
		other.cookies[sessionName] = cookie
		if resp := other.fetch(http.MethodPost, "/refresh"); resp.StatusCode != http.StatusUnauthorized || refusal(t, resp).Error != "not_authenticated" {
			t.Errorf("%s: %d %s", name, resp.StatusCode, bodyOf(resp))
		}
	}
	s.sessions.wantCalls(t, map[string]int{})
	unknown := s.processes[0].browser()
	unknown.cookies[sessionName] = session.NewCookie()
	wantOver(t, unknown.fetch(http.MethodPost, "/refresh"))
	b.header = http.Header{"Cookie": {sessionName + "=" + session.NewCookie()}} // and its own
	if resp := b.fetch(http.MethodPost, "/refresh"); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("two cookies: %d %s", resp.StatusCode, bodyOf(resp))
	}
	p.wantAsked(t, 0)
}

func TestRefreshCSRF_C66(t *testing.T) {
	for name, header := range map[string]http.Header{
		"no X-CSRF":                 {"Sec-Fetch-Site": {"same-origin"}},
		"X-CSRF: 0":                 {"X-Csrf": {"0"}, "Sec-Fetch-Site": {"same-origin"}},
		"Sec-Fetch-Site cross-site": {"X-Csrf": {"1"}, "Sec-Fetch-Site": {"cross-site"}},
		"Sec-Fetch-Site same-site":  {"X-Csrf": {"1"}, "Sec-Fetch-Site": {"same-site"}},
		"Origin of another site":    {"X-Csrf": {"1"}, "Origin": {"https://evil.example"}},
		"Origin null":               {"X-Csrf": {"1"}, "Origin": {"null"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, s, b := rotatingSite(t, 600, 1)
			s.later(600 * time.Second)
			resp := b.do(http.MethodPost, "/refresh", nil, header)
			wantError(t, resp, http.StatusForbidden, "csrf_required")
			if h := resp.Header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("headers %v", h)
			}
			p.wantAsked(t, 0)
			s.sessions.wantCalls(t, map[string]int{})
			wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 600)
		})
	}
	t.Run("a program without Origin is let in with X-CSRF", func(t *testing.T) {
		_, s, b := rotatingSite(t, 600, 1)
		s.later(600 * time.Second)
		wantRefresh(t, b.do(http.MethodPost, "/refresh", nil, http.Header{"X-Csrf": {"1"}}), true, 600)
	})
}

func TestRefreshMethods(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		resp := b.fetch(method, "/refresh")
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != http.MethodPost {
			t.Errorf("%s: %d, Allow %q", method, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
	p.wantAsked(t, 0)
}
