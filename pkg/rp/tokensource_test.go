package rp_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// request is one that b sends, as a handler behind the gateway sees it.
func request(b *browser) *http.Request {
	r := httptest.NewRequest(http.MethodGet, base+"/api/me", nil)
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r.WithContext(baseurl.With(r.Context(), base))
}

// token is what a function at a process gets for a request of b.
func (s *site) token(b *browser, process int) (*oauth2.Token, error) {
	return s.refresher[process].TokenSource(request(b)).Token()
}

func wantToken(t *testing.T, got *oauth2.Token, err error, access string, life time.Duration, now time.Time) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	left := got.Expiry.Sub(now)
	if got.AccessToken != access || got.Type() != "Bearer" || got.RefreshToken != "" || left > life || left < life-5*time.Second {
		t.Errorf("token %q, %s, refresh token %q, %v left; want %q, %v", got.AccessToken, got.Type(), got.RefreshToken, left, access, life)
	}
}

func TestTokenSource(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 2)
	got, err := s.token(b, 0)
	wantToken(t, got, err, "canary-access-1", 600*time.Second, s.now())
	p.wantAsked(t, 0)
	s.sessions.wantCalls(t, notDueCalls)

	s.later(600 * time.Second)
	s.sessions.reset()
	source := s.refresher[0].TokenSource(request(b))
	for range 3 {
		got, err = source.Token()
		wantToken(t, got, err, "canary-access-2", 600*time.Second, s.now())
	}
	p.wantAsked(t, 1)
	s.sessions.wantCalls(t, refreshCalls)

	got, err = s.token(b, 1) // another process has it too
	wantToken(t, got, err, "canary-access-2", 600*time.Second, s.now())
	s.later(600 * time.Second)
	got, err = s.token(b, 1)
	wantToken(t, got, err, "canary-access-3", 600*time.Second, s.now())
	p.wantAsked(t, 2)
}

func TestTokenSourcesAtOnce_C57(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 2)
	for round := 1; round <= 5; round++ {
		s.later(600 * time.Second)
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				got, err := s.token(b, i%2)
				wantToken(t, got, err, []string{"", "canary-access-2", "canary-access-3", "canary-access-4", "canary-access-5", "canary-access-6"}[round], 600*time.Second, s.now())
			})
		}
		wg.Wait()
		p.wantAsked(t, round)
	}
}

func TestTokenSourceErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(p *rotator, s *site, b *browser)
		want  oauth.Code
	}{
		{"no cookie", func(_ *rotator, _ *site, b *browser) { delete(b.cookies, sessionName) }, oauth.NotAuthenticated},
		{"unknown cookie", func(_ *rotator, _ *site, b *browser) { b.cookies[sessionName] = session.NewCookie() }, oauth.SessionExpired},
		{"signed out", func(_ *rotator, _ *site, b *browser) {
			cookie := b.cookies[sessionName]
			b.fetch(http.MethodPost, "/logout")
			b.cookies[sessionName] = cookie
		}, oauth.SessionExpired},
		{"refresh refused", func(p *rotator, _ *site, _ *browser) { p.set(func(p *rotator) { p.current = "another" }) }, oauth.SessionExpired},
		{"provider down", func(p *rotator, _ *site, _ *browser) {
			p.set(func(p *rotator) { p.instead = answering(http.StatusServiceUnavailable, "text/plain", "down") })
		}, oauth.ProviderUnavailable},
		{"store down", func(_ *rotator, s *site, _ *browser) {
			s.sessions.set(func(string) error { return errors.New("down") }, nil)
		}, oauth.StoreUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, s, b := rotatingSite(t, 600, 1)
			s.later(600 * time.Second)
			c.spoil(p, s, b)
			got, err := s.token(b, 0)
			if own, ok := errors.AsType[*oauth.Error](err); !ok || own.Code != c.want || got != nil {
				t.Errorf("%v, %v; want %s", got, err, c.want)
			}
		})
	}
	t.Run("ended, no refresh token", func(t *testing.T) {
		up := newUpstream(t)
		p := rotating(up, 600)
		p.extra = func(answer map[string]any, _ string, _ int) { delete(answer, "refresh_token") }
		s, b := signedInAt(t, up, 1)
		got, err := s.token(b, 0)
		wantToken(t, got, err, "canary-access-1", 600*time.Second, s.now())
		s.later(600 * time.Second)
		if _, err := s.token(b, 0); !hasCode(err, oauth.SessionExpired) {
			t.Error(err)
		}
	})
	t.Run("two cookies", func(t *testing.T) {
		_, s, b := rotatingSite(t, 600, 1)
		r := request(b)
		r.AddCookie(&http.Cookie{Name: sessionName, Value: session.NewCookie()})
		if _, err := s.refresher[0].TokenSource(r).Token(); !hasCode(err, oauth.InvalidRequest) {
			t.Error(err)
		}
	})
	t.Run("the request is over", func(t *testing.T) {
		p, s, b := rotatingSite(t, 600, 1)
		s.later(600 * time.Second)
		ctx, cancel := context.WithCancel(request(b).Context())
		source := s.refresher[0].TokenSource(request(b).WithContext(ctx))
		cancel()
		if _, err := source.Token(); !hasCode(err, oauth.StoreUnavailable) {
			t.Error(err)
		}
		p.wantAsked(t, 0)
	})
}

func hasCode(err error, code oauth.Code) bool {
	own, ok := errors.AsType[*oauth.Error](err)
	return ok && own.Code == code
}

// A token's error comes out of a client whole, for the handler to pass on.
func TestTokenSourceInClient(t *testing.T) {
	_, s, b := rotatingSite(t, 600, 1)
	delete(b.cookies, sessionName)
	r := request(b)
	client := oauth2.NewClient(r.Context(), s.refresher[0].TokenSource(r))
	if _, err := client.Get("http://127.0.0.1:1/"); !hasCode(err, oauth.NotAuthenticated) {
		t.Error(err)
	}
}

// After a change of OAUTH_PROVIDER the new provider sees no token of the old
// one: neither in a refresh nor through a function.
func TestRefreshAtAnotherProvider(t *testing.T) {
	p, s, b := rotatingSite(t, 600, 1)
	s.refresher[0].Provider.Name = "another"
	if _, err := s.token(b, 0); !hasCode(err, oauth.SessionExpired) {
		t.Error(err)
	}
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 600)
	s.later(600 * time.Second)
	wantRefresh(t, b.fetch(http.MethodPost, "/refresh"), false, 0)
	p.wantAsked(t, 0)
}
