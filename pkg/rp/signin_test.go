package rp_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// alice is what most providers here say of whoever signs in.
const alice = `{"sub":"alice-1","name":"Alice Example","email":"alice@example.com"}`

// knows lets u say at its userinfo endpoint who it is, "" nothing usable.
func (u *upstream) knows(claims string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.userinfo = func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer canary-access") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, claims)
	}
}

// aliceSite is a site with a provider that knows alice and rotates tokens.
func aliceSite(t *testing.T, settings ...string) (*site, *rotator) {
	t.Helper()
	up := newUpstream(t)
	up.knows(alice)
	p := rotating(up, 3600)
	return newSite(t, up, 1, settings...), p
}

func (p *rotator) given() (revoked []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(revoked, p.revoked...)
}

// variant is the half of s with other parts.
type variant struct {
	base     string
	keeper   *rp.Keeper
	provider *provider.Provider
	idTokens rp.IDTokens
	timeline *rp.Timeline
}

func (v variant) of(s *site) *app {
	a := *s.processes[0]
	if v.base == "" {
		v.base = base
	}
	if v.keeper == nil {
		v.keeper = s.keeper
	}
	if v.provider == nil {
		v.provider = s.refresher[0].Provider
	}
	now, own := v.keeper.Now, &rp.Session{Keeper: v.keeper, Provider: v.provider}
	mux := http.NewServeMux()
	mux.Handle("/login", &rp.Login{Provider: v.provider, Logins: a.store, TTL: 10 * time.Minute, Now: now, Timeline: v.timeline})
	mux.Handle("/callback", &rp.Callback{Provider: v.provider, Logins: a.store, IDTokens: v.idTokens, Now: now, Keeper: v.keeper, Timeline: v.timeline})
	mux.Handle("/logout", &rp.Logout{Keeper: v.keeper, Provider: v.provider})
	mux.Handle("/api/whoami", (&rp.Authorizer{Keeper: v.keeper}).Guard(&rp.WhoAmI{}))
	mux.Handle("/{$}", own)
	mux.Handle("/session", own)
	mux.Handle("/sessions", own)
	a.handler = (&gateway.Gateway{BaseURL: v.base, SetHost: true, Logger: slog.New(slog.NewJSONHandler(a.log, nil))}).Wrap(gateway.Routes(mux))
	return &a
}

func setCookies(resp *http.Response, name string) (list []*http.Cookie) {
	for _, c := range resp.Cookies() {
		if c.Name == name {
			list = append(list, c)
		}
	}
	return list
}

func TestSessionBegins_C14_C46(t *testing.T) {
	s, _ := aliceSite(t)
	for query, want := range map[string]string{
		"":                                  "/session",
		"?return_to=%2Fapp%3Fx%3D1":         "/app?x=1",
		"?return_to=%2Fapp%3Fx%3D1%23part2": "/app?x=1#part2",
		"?return_to=%2F":                    "/",
		"?return_to=%2Fa%252Fb%3Fq%3D%2526": "/a%2Fb?q=%26",
	} {
		b := s.processes[0].browser()
		s.sessions.reset()
		resp := s.signIn(b, query)
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", query, got, want)
		}
		cookies := setCookies(resp, sessionName)
		if len(cookies) != 1 || len(resp.Cookies()) != 1 {
			t.Fatalf("cookies: %v", resp.Header["Set-Cookie"])
		}
		c := cookies[0]
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 7*24*3600 {
			t.Errorf("attributes: %s", c.Raw)
		}
		if len(c.Name)+len(c.Value) > 100 || len(c.Value) != 64 || !session.CookieLike(c.Value) {
			t.Errorf("%d characters of cookie", len(c.Name)+len(c.Value))
		}
		if resp.Header.Get("Cache-Control") != "no-store" || bodyOf(resp) != "" {
			t.Errorf("%v %q", resp.Header, bodyOf(resp))
		}
		if s.sessions.count("put") != 1 || len(s.sessions.calls) != 1 {
			t.Errorf("operations: %v", s.sessions.calls)
		}
		entry, err := s.sessions.Sessions.GetSession(t.Context(), session.Key(c.Value), time.Now())
		if err != nil || strings.Contains(entry.Key+entry.User+string(entry.Sealed), c.Value[:21]) || strings.Contains(string(entry.Sealed), "canary") {
			t.Errorf("what is kept: %v", err)
		}
	}
}

func TestSessionCookieOnLoopback_C46(t *testing.T) {
	const loopback = "http://127.0.0.1:8080"
	s, _ := aliceSite(t)
	b := variant{base: loopback}.of(s).browser()
	resp := s.signIn(b, "")
	cookies := setCookies(resp, "session")
	if len(cookies) != 1 || len(resp.Cookies()) != 1 {
		t.Fatalf("cookies: %v", resp.Header["Set-Cookie"])
	}
	if c := cookies[0]; c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("attributes: %s", c.Raw)
	}
	if resp := b.fetch("GET", "/session"); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
	}
	onHTTPS := &browser{app: s.processes[0], cookies: map[string]string{"session": b.cookies["session"]}}
	wantError(t, onHTTPS.fetch("GET", "/session"), 401, "not_authenticated")
}

func TestFixation_C45(t *testing.T) {
	s, _ := aliceSite(t)
	attacker := s.signedIn("")
	for name, planted := range map[string]string{"the attacker's session": attacker.cookies[sessionName], "a made-up value": session.NewCookie(), "no cookie of ours": "planted"} {
		victim := s.processes[0].browser()
		victim.cookies[sessionName] = planted
		s.signIn(victim, "")
		first := victim.cookies[sessionName]
		s.signIn(victim, "")
		second := victim.cookies[sessionName]
		if first == planted || second == planted || first == second {
			t.Errorf("%s: not rotated", name)
		}
		for _, old := range []string{planted, first} {
			was := &browser{app: s.processes[0], cookies: map[string]string{sessionName: old}}
			if resp := was.fetch("GET", "/session"); resp.StatusCode != 401 {
				t.Errorf("%s: an old value is good for %d", name, resp.StatusCode)
			}
			if _, err := s.sessions.GetSession(t.Context(), session.Key(old), time.Now()); !errors.Is(err, session.ErrUnknown) {
				t.Errorf("%s: the old session is still kept: %v", name, err)
			}
		}
		if resp := victim.fetch("GET", "/session"); resp.StatusCode != 200 {
			t.Errorf("%s: the new one: %d", name, resp.StatusCode)
		}
	}
	b := s.signedIn("")
	resp := b.get(callback("error", "access_denied", "state", b.login("").Get("state")))
	wantError(t, resp, 400, "access_denied")
	if resp := b.fetch("GET", "/session"); resp.StatusCode != 200 {
		t.Errorf("a login that failed has ended the session: %d", resp.StatusCode)
	}
}

var errStoreDown = errors.New("store is down")

func errorsOn(when bool) error {
	if when {
		return errStoreDown
	}
	return nil
}

func TestTwoSessionCookiesBeginNothing(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.processes[0].browser()
	url := callback("code", "good", "state", b.login("").Get("state"))
	two := http.Header{"Cookie": {sessionName + "=" + session.NewCookie() + "; " + sessionName + "=" + session.NewCookie()}}
	wantError(t, b.do("GET", url, nil, two), 400, "invalid_request")
	if n := b.app.store.claims.Load(); n != 0 {
		t.Errorf("%d claims", n)
	}
	if resp := b.get(url); resp.StatusCode != 303 {
		t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
	}
}
