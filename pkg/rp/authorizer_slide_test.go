package rp_test

import (
	"net/http"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Nothing is remembered from one decision to the next.
func TestAuthorizerKeepsNothing_C65(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	for range 3 {
		if resp := b.whoAmI(); resp.StatusCode != 200 {
			t.Fatal(resp.StatusCode)
		}
	}
	if _, err := s.sessions.DeleteSession(t.Context(), session.Key(b.cookies[sessionName])); err != nil {
		t.Fatal(err)
	}
	wantDenied(t, "revoked a moment ago", b.whoAmI())
}

func TestAuthorizerSlides_C67(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	cookie := b.cookies[sessionName]
	at := func(hours float64) *http.Response {
		s.sessions.reset()
		s.processes[0].clock.Store(int64(hours * 3600))
		return s.with(cookie).whoAmI()
	}
	first, err := s.stored(t, cookie)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		hours  float64
		slides int
	}{{0.5, 0}, {0.99, 0}, {1.01, 1}, {1.5, 0}, {1.99, 0}, {2.02, 1}, {2.03, 0}, {26, 1}, {26.5, 0}} {
		if resp := at(tt.hours); resp.StatusCode != 200 || s.sessions.count("slide") != tt.slides || s.sessions.count("get") != 1 {
			t.Errorf("after %v h: %d, %v", tt.hours, resp.StatusCode, s.sessions.calls)
		}
	}
	if resp := at(50.1); resp.StatusCode != 403 {
		t.Errorf("idle for a day: %d", resp.StatusCode)
	}
	for hours := 49.9; hours < 168; hours += 23 {
		if resp := at(hours); resp.StatusCode != 200 {
			t.Fatalf("after %v h, always in use: %d", hours, resp.StatusCode)
		}
	}
	if resp := at(167.9); resp.StatusCode != 200 {
		t.Errorf("just before the absolute end: %d", resp.StatusCode)
	}
	last, err := s.stored(t, cookie)
	if err != nil || !last.MaxAt.Equal(first.MaxAt) || last.ExpiresAt.After(last.MaxAt) {
		t.Errorf("%v: idle %v, absolute %v, at first %v", err, last.ExpiresAt, last.MaxAt, first.MaxAt)
	}
	if at(167.95); s.sessions.count("slide") != 0 {
		t.Error("the absolute end was to be moved")
	}
	wantDenied(t, "the absolute end", at(168))
}

func TestAuthorizerSlidesShortSessions_C67(t *testing.T) {
	s, _ := aliceSite(t, "SESSION_IDLE=40s", "SESSION_MAX=100s")
	cookie := s.signedIn("").cookies[sessionName]
	s.sessions.reset()
	for _, tt := range []struct{ after, status, slides int }{{8, 200, 0}, {12, 200, 1}, {48, 200, 2}, {62, 200, 3}, {75, 200, 3}, {98, 200, 3}, {101, 403, 3}} {
		s.processes[0].clock.Store(int64(tt.after))
		if resp := s.with(cookie).whoAmI(); resp.StatusCode != tt.status || s.sessions.count("slide") != tt.slides {
			t.Errorf("after %d s: %d, %d slides", tt.after, resp.StatusCode, s.sessions.count("slide"))
		}
	}
}

func TestWhoAmI(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	a := *s.processes[0]
	unguarded := &browser{app: &a, cookies: b.cookies}
	a.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(&rp.WhoAmI{}).ServeHTTP(w, r.WithContext(baseurl.With(r.Context(), base)))
	})
	for _, header := range []http.Header{{}, {"X-Principal": {`{"sub":"alice-1"}`}, "X-Amzn-Oidc-Identity": {"alice-1"}}} {
		wantError(t, unguarded.do("GET", "/api/whoami?sub=alice-1", nil, header), 401, "not_authenticated", "alice")
	}
	for _, m := range []string{"POST", "HEAD"} {
		if resp := b.do(m, "/api/whoami", nil, http.Header{"Origin": {base}}); resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET" {
			t.Errorf("%s: %d", m, resp.StatusCode)
		}
	}
}
