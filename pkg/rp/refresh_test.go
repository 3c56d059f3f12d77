package rp_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

const sessionName = "__Host-session"

// signedInAt signs a browser in at n processes, against a provider whose access
// tokens last life seconds. Whatever the test does, nothing secret may be in
// the log at the end (C-49).
func signedInAt(t *testing.T, up *upstream, n int, settings ...string) (*site, *browser) {
	t.Helper()
	up.mu.Lock()
	up.userinfo = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"sub":"user-1","name":"Ada"}`)
	}
	up.mu.Unlock()
	s := newSite(t, up, n, settings...)
	b := s.signedIn("")
	s.quiet(t, b)
	s.sessions.reset()
	return s, b
}

func rotatingSite(t *testing.T, life, n int, settings ...string) (*rotator, *site, *browser) {
	t.Helper()
	up := newUpstream(t)
	p := rotating(up, life)
	s, b := signedInAt(t, up, n, settings...)
	return p, s, b
}

// quiet checks, when the test is over, what is in the log.
func (s *site) quiet(t *testing.T, b *browser) {
	cookies := maps.Clone(b.cookies)
	t.Cleanup(func() {
		log := s.processes[0].log.String()
		if !strings.Contains(log, `"status"`) {
			t.Errorf("no log: %.200s", log)
		}
		for _, v := range cookies {
			if v != "" && strings.Contains(log, v) {
				t.Errorf("a cookie is in the log")
			}
		}
		if i := strings.Index(log, "canary-"); i >= 0 {
			t.Errorf("the log holds %.60q", log[i:])
		}
	})
}

// later moves the clock of every process.
func (s *site) later(d time.Duration) { s.processes[0].clock.Add(int64(d / time.Second)) }

func (s *site) now() time.Time { return s.keeper.Now() }

// stored is the session's item, whatever the hooks say.
func (s *site) stored(t *testing.T, cookie string) (session.Entry, error) {
	return s.sessions.Sessions.GetSession(t.Context(), session.Key(cookie), s.now())
}

// asked is how often the provider was asked for new tokens, and how often
// with an old refresh token.
func (p *rotator) asked() (refreshes, reuses int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refreshes, p.reuses
}

func (p *rotator) wantAsked(t *testing.T, want int) {
	t.Helper()
	if n, reuses := p.asked(); n != want || reuses != 0 {
		t.Errorf("the provider was asked %d times, %d times with an old token; want %d, 0", n, reuses, want)
	}
}

// parallel is n times POST /refresh at once, by turns through the processes.
func (s *site) parallel(b *browser, n int) []*http.Response {
	got := make([]*http.Response, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		tab := b.on(s.processes[i%len(s.processes)])
		tab.cookies = maps.Clone(b.cookies)
		wg.Go(func() {
			<-start
			got[i] = tab.fetch(http.MethodPost, "/refresh")
		})
	}
	close(start)
	wg.Wait()
	return got
}

// wantRefresh checks a 200 of POST /refresh: the token lasts expires seconds, or
// a few less.
func wantRefresh(t *testing.T, resp *http.Response, refreshed bool, expires int) {
	t.Helper()
	body := bodyOf(resp)
	if resp.StatusCode != http.StatusOK {
		t.Errorf("got %d %s, want 200", resp.StatusCode, body)
		return
	}
	m := jsonOf(t, resp)
	left, ok := m["expires_in"].(float64)
	if len(m) != 2 || m["refreshed"] != refreshed || !ok || int(left) > expires || int(left) < max(0, expires-5) {
		t.Errorf("got %s, want refreshed %v, expires_in %d", body, refreshed, expires)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("headers %v", resp.Header)
	}
	if strings.Contains(fmt.Sprint(body, resp.Header), "canary") {
		t.Errorf("a token is in the answer: %s", body)
	}
}

// wantOver checks the 401 of a session that has ended: the cookie goes with the
// attributes that it came with.
func wantOver(t *testing.T, resp *http.Response) {
	t.Helper()
	if resp.StatusCode != http.StatusUnauthorized || refusal(t, resp).Error != "session_expired" {
		t.Errorf("got %d %s, want 401 session_expired", resp.StatusCode, bodyOf(resp))
	}
	const gone = sessionName + "=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"
	if got := resp.Header.Values("Set-Cookie"); len(got) != 1 || got[0] != gone {
		t.Errorf("Set-Cookie %q, want %q", got, gone)
	}
}

// wantLater checks a 503 and returns how long to wait.
func wantLater(t *testing.T, resp *http.Response, code string) time.Duration {
	t.Helper()
	wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if resp.StatusCode != http.StatusServiceUnavailable || refusal(t, resp).Error != code || err != nil || wait < 1 {
		t.Errorf("got %d, Retry-After %q, %s; want 503 %s", resp.StatusCode, resp.Header.Get("Retry-After"), bodyOf(resp), code)
	}
	if resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Location") != "" {
		t.Errorf("headers %v", resp.Header)
	}
	return time.Duration(wait) * time.Second
}

// wantCalls checks the operation budget: these calls of the store and no other.
func (w *watched) wantCalls(t *testing.T, want map[string]int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !maps.Equal(w.calls, want) {
		t.Errorf("the store was asked %v, want %v", w.calls, want)
	}
}

var (
	notDueCalls  = map[string]int{"get": 1}
	refreshCalls = map[string]int{"get": 1, "lease": 1, "commit": 1}
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
