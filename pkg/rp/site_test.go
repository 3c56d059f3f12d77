package rp_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

// watched wraps the sessions of a store: it counts the calls of each method,
// and hooks may fail one before it is done, or lose its reply afterwards.
type watched struct {
	rp.Sessions
	mu     sync.Mutex
	calls  map[string]int
	before func(method string) error
	after  func(method string) error
}

func (w *watched) count(method string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[method]
}

// reset forgets the counts and takes the hooks away.
func (w *watched) reset() { w.set(nil, nil) }

func (w *watched) set(before, after func(method string) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls, w.before, w.after = map[string]int{}, before, after
}

// enter counts a call and returns what the hooks say; the second one is for
// when the call is done.
func (w *watched) enter(method string) (func() error, error) {
	w.mu.Lock()
	w.calls[method]++
	before, after := w.before, w.after
	w.mu.Unlock()
	if before != nil {
		if err := before(method); err != nil {
			return nil, err
		}
	}
	return func() error {
		if after == nil {
			return nil
		}
		return after(method)
	}, nil
}

func (w *watched) PutSession(ctx context.Context, e session.Entry) error {
	_, err := through(w, "put", func() (struct{}, error) { return struct{}{}, w.Sessions.PutSession(ctx, e) })
	return err
}

func (w *watched) GetSession(ctx context.Context, key string, now time.Time) (session.Entry, error) {
	return through(w, "get", func() (session.Entry, error) { return w.Sessions.GetSession(ctx, key, now) })
}

func (w *watched) SlideSession(ctx context.Context, key string, seen, now, until time.Time) error {
	_, err := through(w, "slide", func() (struct{}, error) { return struct{}{}, w.Sessions.SlideSession(ctx, key, seen, now, until) })
	return err
}

func (w *watched) LeaseSession(ctx context.Context, key string, version uint32, nonce string, now, until time.Time) (session.Entry, error) {
	return through(w, "lease", func() (session.Entry, error) {
		return w.Sessions.LeaseSession(ctx, key, version, nonce, now, until)
	})
}

func (w *watched) CommitSession(ctx context.Context, e session.Entry, now time.Time) (session.Entry, error) {
	return through(w, "commit", func() (session.Entry, error) { return w.Sessions.CommitSession(ctx, e, now) })
}

func (w *watched) ReleaseSession(ctx context.Context, key, nonce string, until time.Time) error {
	_, err := through(w, "release", func() (struct{}, error) { return struct{}{}, w.Sessions.ReleaseSession(ctx, key, nonce, until) })
	return err
}

func (w *watched) EndSession(ctx context.Context, key string, version uint32) error {
	_, err := through(w, "end", func() (struct{}, error) { return struct{}{}, w.Sessions.EndSession(ctx, key, version) })
	return err
}

func (w *watched) DeleteSession(ctx context.Context, key string) (session.Entry, error) {
	return through(w, "delete", func() (session.Entry, error) { return w.Sessions.DeleteSession(ctx, key) })
}

func (w *watched) ListSessions(ctx context.Context, user string, now time.Time) ([]session.Entry, error) {
	return through(w, "list", func() ([]session.Entry, error) { return w.Sessions.ListSessions(ctx, user, now) })
}

func through[T any](w *watched, method string, call func() (T, error)) (T, error) {
	var none T
	done, err := w.enter(method)
	if err != nil {
		return none, err
	}
	got, err := call()
	if lost := done(); lost != nil {
		return none, lost
	}
	return got, err
}

// site is the client half in mode session: processes that share one store,
// one clock and one log.
type site struct {
	processes []*app
	sessions  *watched
	keeper    *rp.Keeper
	refresher []*rp.Refresher
	timeline  *rp.Timeline
}

// newSite starts n processes against up. The settings come on top of explicit
// endpoints at up, userinfo, revocation and logout among them, and a
// confidential client.
func newSite(t *testing.T, up *upstream, n int, settings ...string) *site {
	t.Helper()
	environ := append([]string{
		"OAUTH_AUTHORIZE_URL=" + up.URL + "/authorize", "OAUTH_TOKEN_URL=" + up.URL + "/token",
		"OAUTH_USERINFO_URL=" + up.URL + "/userinfo", "OAUTH_REVOKE_URL=" + up.URL + "/revoke",
		"OAUTH_END_SESSION_URL=" + up.URL + "/end_session",
		"OAUTH_CLIENT_ID=" + clientID, "OAUTH_CLIENT_SECRET=" + clientSecret, "OAUTH_SCOPE=read write",
	}, settings...)
	ring, err := secret.ParseRing(secret.Mint(256))
	if err != nil {
		t.Fatal(err)
	}
	kept, clock, log := memory.New(), &atomic.Int64{}, &lockedBuffer{}
	now := func() time.Time { return time.Now().Add(time.Duration(clock.Load()) * time.Second) }
	s := &site{sessions: &watched{Sessions: kept, calls: map[string]int{}}, timeline: &rp.Timeline{}}
	for range n {
		e := &env.Reader{Environ: environ}
		p, lifetimes := provider.FromEnv(e), session.LifetimesFromEnv(e)
		if err := e.Err(); err != nil {
			t.Fatal(err)
		}
		s.keeper = &rp.Keeper{Sessions: s.sessions, Keys: ring, Lifetimes: lifetimes, Now: now}
		a := &app{t: t, up: up, store: &counting{Logins: kept}, log: log, clock: clock}
		mux := http.NewServeMux()
		mux.Handle("/{$}", &rp.Front{Keeper: s.keeper, Provider: p, Timeline: s.timeline})
		mux.Handle("/login", &rp.Login{Provider: p, Logins: a.store, TTL: 10 * time.Minute, Now: now, Timeline: s.timeline})
		mux.Handle("/callback", &rp.Callback{Provider: p, Logins: a.store, IDTokens: &idtoken.Verifier{Now: now}, Now: now, Keeper: s.keeper, Timeline: s.timeline})
		own := &rp.Session{Keeper: s.keeper, Provider: p}
		for _, path := range []string{"/session", "/sessions", "/sessions/{handle}", "/auth.js"} {
			mux.Handle(path, own)
		}
		refresher := &rp.Refresher{Keeper: s.keeper, Provider: p}
		mux.Handle("/refresh", &rp.Refresh{Refresher: refresher})
		mux.Handle("/logout", &rp.Logout{Keeper: s.keeper, Provider: p})
		mux.Handle("/api/whoami", (&rp.Authorizer{Keeper: s.keeper}).Guard(&rp.WhoAmI{}))
		g := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now}
		a.handler = g.Wrap(gateway.Routes(mux))
		s.processes, s.refresher = append(s.processes, a), append(s.refresher, refresher)
	}
	return s
}

// signedIn is a browser that has signed in through process 0.
func (s *site) signedIn(query string) *browser {
	b := s.processes[0].browser()
	s.signIn(b, query)
	return b
}

// signIn walks b through a login and returns the answer of /callback.
func (s *site) signIn(b *browser, query string) *http.Response {
	b.app.t.Helper()
	sent := b.login(query)
	resp := b.get(callback("code", "good", "state", sent.Get("state")))
	if resp.StatusCode != http.StatusSeeOther {
		b.app.t.Fatalf("GET /callback: %d %s", resp.StatusCode, bodyOf(resp))
	}
	return resp
}

// on is the same browser, its requests met by another process.
func (b *browser) on(a *app) *browser { return &browser{app: a, cookies: b.cookies, header: b.header} }

// fetch is a request of a script of this site.
func (b *browser) fetch(method, target string) *http.Response {
	return b.do(method, target, nil, http.Header{"X-Csrf": {"1"}, "Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"cors"}})
}

// navigate is a person who follows a link of this site.
func (b *browser) navigate(target string) *http.Response {
	return b.do(http.MethodGet, target, nil, http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}, "Accept": {"text/html"}})
}

// jsonOf reads an answer that is a JSON object.
func jsonOf(t *testing.T, resp *http.Response) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(bodyOf(resp)), &m); err != nil {
		t.Errorf("%v in %d %s", err, resp.StatusCode, bodyOf(resp))
	}
	return m
}

// formOf is the body of a form.
func formOf(fields ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return v
}
