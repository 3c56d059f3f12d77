package rp_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
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

// wantOver checks the 401 of a session that has ended. It may come late, so the
// cookie stays.
func wantOver(t *testing.T, resp *http.Response) {
	t.Helper()
	wantExpired(t, resp)
}

// wantEnded checks the 401 of the one request that ended the session: the
// cookie goes, with the attributes that it came with.
func wantEnded(t *testing.T, resp *http.Response) {
	t.Helper()
	wantExpired(t, resp, cleared)
}

func wantExpired(t *testing.T, resp *http.Response, cookies ...string) {
	t.Helper()
	if resp.StatusCode != http.StatusUnauthorized || refusal(t, resp).Error != "session_expired" {
		t.Errorf("got %d %s, want 401 session_expired", resp.StatusCode, bodyOf(resp))
	}
	if got := resp.Header.Values("Set-Cookie"); !slices.Equal(got, cookies) {
		t.Errorf("Set-Cookie %q, want %q", got, cookies)
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
