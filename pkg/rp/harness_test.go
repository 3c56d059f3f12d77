package rp_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

const (
	base         = "https://app.example"
	clientID     = "client-1"
	clientSecret = "canary-client-secret"
	goodTokens   = `{"access_token":"canary-access","refresh_token":"canary-refresh","token_type":"Bearer","expires_in":3600,"scope":"read write","api_key":"k-1","nested":{"z":1,"a":[1,2]}}`
)

// upstream is a provider that records every request and answers as told.
type upstream struct {
	*httptest.Server
	mu     sync.Mutex
	forms  []url.Values
	auths  []string
	others atomic.Int32 // requests to paths that nobody should call
	answer func(w http.ResponseWriter, r *http.Request)
	// userinfo and revoke answer at those paths, 404 while nil.
	userinfo, revoke http.HandlerFunc
}

func newUpstream(t *testing.T) *upstream {
	t.Helper()
	u := &upstream{answer: func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, goodTokens)
	}}
	mux := http.NewServeMux()
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		u.mu.Lock()
		u.forms, u.auths = append(u.forms, form), append(u.auths, r.Header.Get("Authorization"))
		answer := u.answer
		u.mu.Unlock()
		answer(w, r)
	})
	for path, chosen := range map[string]*http.HandlerFunc{"/userinfo": &u.userinfo, "/revoke": &u.revoke} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			u.mu.Lock()
			answer := *chosen
			u.mu.Unlock()
			if answer == nil {
				answer = http.NotFound
			}
			answer(w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		u.others.Add(1)
		w.WriteHeader(http.StatusTeapot)
	})
	u.Server = httptest.NewServer(mux)
	t.Cleanup(u.Close)
	return u
}

func (u *upstream) hits() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.forms)
}

func (u *upstream) reply(status int, contentType, body string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// counting wraps a store and counts; hooks replace what it does.
type counting struct {
	rp.Logins
	puts, claims atomic.Int32
	put          func(context.Context, session.Record) error
	claim        func(ctx context.Context, key, browserHash, nonce string, now time.Time) (session.Record, error)
}

func (c *counting) PutLogin(ctx context.Context, r session.Record) error {
	c.puts.Add(1)
	if c.put != nil {
		return c.put(ctx, r)
	}
	return c.Logins.PutLogin(ctx, r)
}

func (c *counting) ClaimLogin(ctx context.Context, key, hash, nonce string, now time.Time) (session.Record, error) {
	c.claims.Add(1)
	if c.claim != nil {
		return c.claim(ctx, key, hash, nonce, now)
	}
	return c.Logins.ClaimLogin(ctx, key, hash, nonce, now)
}

// app is the two handlers behind the gateway, on the memory store.
type app struct {
	t       *testing.T
	handler http.Handler
	store   *counting
	up      *upstream
	log     *lockedBuffer
	clock   *atomic.Int64 // seconds added to the clock
	timeout time.Duration
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newApp starts the app against up; settings come on top of explicit endpoints
// at up and a confidential client.
func newApp(t *testing.T, up *upstream, settings ...string) *app {
	t.Helper()
	e := &env.Reader{Environ: append([]string{
		"OAUTH_AUTHORIZE_URL=" + up.URL + "/authorize", "OAUTH_TOKEN_URL=" + up.URL + "/token",
		"OAUTH_CLIENT_ID=" + clientID, "OAUTH_CLIENT_SECRET=" + clientSecret, "OAUTH_SCOPE=read write",
	}, settings...)}
	return startApp(t, up, e)
}

func startApp(t *testing.T, up *upstream, e *env.Reader) *app {
	t.Helper()
	a := &app{t: t, up: up, store: &counting{Logins: memory.New()}, log: &lockedBuffer{}, clock: &atomic.Int64{}}
	p := provider.FromEnv(e)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Now().Add(time.Duration(a.clock.Load()) * time.Second) }
	mux := http.NewServeMux()
	mux.Handle("/login", &rp.Login{Provider: p, Logins: a.store, TTL: 10 * time.Minute, Now: now})
	mux.Handle("/callback", &rp.Callback{Provider: p, Logins: a.store, IDTokens: &idtoken.Verifier{Now: now}, Now: now})
	g := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(a.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: time.Now}
	a.handler = g.Wrap(mux)
	return a
}

// browser is a person's browser: cookies and the headers of a navigation.
type browser struct {
	app     *app
	cookies map[string]string
	header  http.Header
}

func (a *app) browser() *browser {
	return &browser{app: a, cookies: map[string]string{}, header: http.Header{}}
}

func (b *browser) do(method, target string, body io.Reader, header http.Header) *http.Response {
	b.app.t.Helper()
	r := httptest.NewRequest(method, base+target, body)
	for name, values := range header {
		r.Header[name] = values
	}
	for name, values := range b.header {
		r.Header[name] = values
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if b.app.timeout > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), b.app.timeout)
		defer cancel()
		r = r.WithContext(ctx)
	}
	w := httptest.NewRecorder()
	b.app.handler.ServeHTTP(w, r)
	resp := w.Result()
	for _, c := range resp.Cookies() {
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return resp
}

func (b *browser) get(target string) *http.Response {
	b.app.t.Helper()
	return b.do(http.MethodGet, target, nil, nil)
}

// login starts a login and returns the parameters sent to the provider.
func (b *browser) login(query string) url.Values {
	b.app.t.Helper()
	resp := b.get("/login" + query)
	if resp.StatusCode != http.StatusFound {
		b.app.t.Fatalf("GET /login%s: %d %s", query, resp.StatusCode, bodyOf(resp))
	}
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		b.app.t.Fatal(err)
	}
	return u.Query()
}

// callback is what the provider would send the browser to.
func callback(params ...string) string {
	v := url.Values{}
	for i := 0; i < len(params); i += 2 {
		v.Set(params[i], params[i+1])
	}
	return "/callback?" + v.Encode()
}

func bodyOf(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

// wantError asserts ERR(status) of the cases: the status and code, no
// Location, no cookie, no-store, and nothing of the request in the answer.
func wantError(t *testing.T, resp *http.Response, status int, code string, secrets ...string) {
	t.Helper()
	body := bodyOf(resp)
	if resp.StatusCode != status || (code != "" && !strings.Contains(body, code)) {
		t.Errorf("got %d %s, want %d %s", resp.StatusCode, body, status, code)
	}
	if resp.Header.Get("Location") != "" || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("headers of a refusal: %v", resp.Header)
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(body, s) {
			t.Errorf("the refusal echoes %.40q", s)
		}
	}
}

// refusal reads the JSON of a refusal.
func refusal(t *testing.T, resp *http.Response) (r struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	RequestID   string `json:"request_id"`
	RetryURL    string `json:"retry_url"`
}) {
	t.Helper()
	if err := json.Unmarshal([]byte(bodyOf(resp)), &r); err != nil {
		t.Errorf("%v in %s", err, bodyOf(resp))
	}
	return r
}
