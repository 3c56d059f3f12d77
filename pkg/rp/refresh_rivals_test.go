package rp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// A logout in the middle of a refresh stays one. It has revoked what there was;
// the tokens that come afterwards are nowhere, and nobody revokes them.
func TestRefreshDuringLogout(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 2)
	cookie := b.cookies[sessionName]
	s.later(600 * time.Second)
	release := p.hold(t)
	renewal := make(chan *http.Response)
	other := b.on(s.processes[1])
	other.cookies = map[string]string{sessionName: cookie}
	go func() { renewal <- other.fetch(http.MethodPost, "/refresh") }()
	<-p.arrived
	if resp := b.fetch(http.MethodPost, "/logout"); resp.StatusCode != http.StatusOK {
		t.Fatalf("POST /logout: %d %s", resp.StatusCode, bodyOf(resp))
	}
	release()
	wantOver(t, <-renewal)
	if e, err := s.stored(t, cookie); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("the session is back: %v %v", e.Key, err)
	}
	b.cookies[sessionName] = cookie
	if resp := b.fetch(http.MethodGet, "/session"); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("GET /session: %d", resp.StatusCode)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.revoked) != 1 || p.revoked[0] != "canary-refresh-1" {
		t.Errorf("revoked %q", p.revoked)
	}
}

// The same, with a session that reached its end meanwhile.
func TestRefreshDuringExpiry_C67(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1, "SESSION_IDLE=20m", "SESSION_MAX=20m")
	s.later(600 * time.Second)
	p.set(func(p *rotator) {
		p.instead = func(http.ResponseWriter, *http.Request) bool { s.later(600 * time.Second); return false }
	})
	wantOver(t, b.fetch(http.MethodPost, "/refresh"))
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.revoked) != 0 {
		t.Errorf("revoked %q", p.revoked)
	}
}

// commitElsewhere refreshes the session as a process does that nobody watches.
func (s *site) commitElsewhere(t *testing.T, cookie, access, refresh string) {
	ctx := context.Background()
	ring, err := s.keeper.Keys.Ring(ctx, "")
	if err != nil {
		t.Error(err)
		return
	}
	e, err := s.stored(t, cookie)
	if err != nil {
		t.Error(err)
		return
	}
	known, err := e.Open(ring, cookie)
	if err != nil {
		t.Error(err)
		return
	}
	known.AccessToken, known.RefreshToken = access, refresh
	known.IssuedAt, known.TokenExpiresAt = s.now().Unix(), s.now().Unix()+300
	if e, err = known.Seal(ring.Newest(), e); err == nil {
		e.Claim = secret.Mint(128)
		_, err = s.sessions.Sessions.CommitSession(ctx, e, s.now())
	}
	if err != nil {
		t.Error(err)
	}
}

// Whoever is refused, because another process was first, goes on with what that
// one got.
func TestRefreshRefusedAfterAnother_C58(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	p.set(func(p *rotator) {
		p.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			s.commitElsewhere(t, b.cookies[sessionName], "canary-access-other", "canary-refresh-other")
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return true
		}
	})
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 300)
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 300)
	p.wantAsked(t, 1)
	if n := s.sessions.count("end"); n != 0 {
		t.Errorf("%d tries to end the session", n)
	}
}

// So does who was too slow to store its own.
func TestRefreshStoredAfterAnother(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	p.set(func(p *rotator) {
		p.instead = func(http.ResponseWriter, *http.Request) bool {
			s.commitElsewhere(t, b.cookies[sessionName], "canary-access-other", "canary-refresh-other")
			return false
		}
	})
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), true, 300)
	if got, err := s.token(b, 0); err != nil || got.AccessToken != "canary-access-other" {
		t.Errorf("the session holds %v, %v", got, err)
	}
	if len(p.revoked) != 0 {
		t.Errorf("revoked %q", p.revoked)
	}
}

// A browser that hangs up in the middle does not stop a refresh.
func TestRefreshHangUp(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.later(600 * time.Second)
	release := p.hold(t)
	ctx, hangUp := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, base+"/refresh", nil)
	r.Header.Set("X-CSRF", "1")
	r.AddCookie(&http.Cookie{Name: sessionName, Value: b.cookies[sessionName]})
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.processes[0].handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	<-p.arrived
	hangUp()
	release()
	<-done
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 600)
	p.wantAsked(t, 1)
	if e, err := s.stored(t, b.cookies[sessionName]); err != nil || e.Version != 1 || e.Lease != "" {
		t.Errorf("version %d, lease %q, %v", e.Version, e.Lease, err)
	}
}
