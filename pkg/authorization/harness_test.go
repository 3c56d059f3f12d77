package authorization_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
	"github.com/latchkey-go/latchkey/pkg/user"
)

const (
	base      = "https://id.example"
	password  = "canary-password"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	root1     = "root-one-root-one-root-one-root-one-root-one"
	root2     = "root-two-root-two-root-two-root-two-root-two"
)

var errDown = errors.New("the store is down")

// counting wraps the store and counts operations; fail makes some of them fail.
type counting struct {
	authorization.Flows
	mu    sync.Mutex
	count map[string]int
	fail  map[string]bool
	last  grant.Record
}

func (c *counting) op(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[name]++
	if c.fail[name] || c.fail["all"] {
		return errDown
	}
	return nil
}

// ops are the operations since the last call, writes by name.
func (c *counting) ops() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.count
	c.count = map[string]int{}
	return got
}

func (c *counting) breakDown(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = map[string]bool{}
	for _, n := range names {
		c.fail[n] = true
	}
}

func (c *counting) PutGrant(ctx context.Context, r grant.Record) error {
	if err := c.op("PutGrant"); err != nil {
		return err
	}
	c.mu.Lock()
	c.last = r
	c.mu.Unlock()
	return c.Flows.PutGrant(ctx, r)
}

func (c *counting) PutSignIn(ctx context.Context, r session.Record) error {
	if err := c.op("PutSignIn"); err != nil {
		return err
	}
	return c.Flows.PutSignIn(ctx, r)
}

func (c *counting) DeleteSignIn(ctx context.Context, key string) error {
	if err := c.op("DeleteSignIn"); err != nil {
		return err
	}
	return c.Flows.DeleteSignIn(ctx, key)
}

func (c *counting) GetSignIn(ctx context.Context, a, b string) (session.Record, session.Record, error) {
	if err := c.op("GetSignIn"); err != nil {
		return session.Record{}, session.Record{}, err
	}
	return c.Flows.GetSignIn(ctx, a, b)
}

func (c *counting) PutConsent(ctx context.Context, r session.Record) error {
	if err := c.op("PutConsent"); err != nil {
		return err
	}
	return c.Flows.PutConsent(ctx, r)
}

func (c *counting) TakeTry(ctx context.Context, bucket string, limit int, now time.Time) (time.Duration, error) {
	if err := c.op("TakeTry"); err != nil {
		return 0, err
	}
	return c.Flows.TakeTry(ctx, bucket, limit, now)
}

func (c *counting) ReturnTry(ctx context.Context, bucket string) error {
	if err := c.op("ReturnTry"); err != nil {
		return err
	}
	return c.Flows.ReturnTry(ctx, bucket)
}

// accounts are users and clients that can be out of reach.
type accounts struct {
	*memory.Accounts
	usersDown, clientsDown atomic.Bool
}

func (a *accounts) GetUser(ctx context.Context, name string) (user.User, error) {
	if a.usersDown.Load() {
		return user.User{}, errDown
	}
	return a.Accounts.GetUser(ctx, name)
}

func (a *accounts) GetClient(ctx context.Context, id string) (client.Client, error) {
	if a.clientsDown.Load() {
		return client.Client{}, errDown
	}
	return a.Accounts.GetClient(ctx, id)
}

// ringSource is a ring that a test can change.
type ringSource struct{ p atomic.Pointer[secret.Ring] }

func (k *ringSource) Ring(context.Context, string) (*secret.Ring, error) {
	if r := k.p.Load(); r != nil {
		return r, nil
	}
	return nil, errDown
}

func (k *ringSource) set(t *testing.T, list string) *secret.Ring {
	t.Helper()
	ring, err := secret.ParseRing(list)
	if err != nil {
		t.Fatal(err)
	}
	k.p.Store(ring)
	return ring
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

// server is the endpoint behind the gateway, on the memory store.
type server struct {
	t        *testing.T
	base     string
	handler  http.Handler
	endpoint *authorization.Endpoint
	store    *memory.Store
	flows    *counting
	accounts *accounts
	keys     *ringSource
	log      *lockedBuffer
	offset   atomic.Int64 // nanoseconds added to the clock
}

func (s *server) now() time.Time          { return time.Now().Add(time.Duration(s.offset.Load())) }
func (s *server) advance(d time.Duration) { s.offset.Add(int64(d)) }

// cheap is a hash that costs next to nothing.
func cheap(p string) string {
	salt := []byte("somesalt")
	return fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", base64.RawStdEncoding.EncodeToString(salt),
		base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte(p), salt, 1, 8, 1, 32)))
}

var codeAndRefresh = []string{client.AuthorizationCode, client.RefreshToken}

func clients() []client.Client {
	hash := secret.Hash("secret")
	basic := []string{client.SecretBasic}
	return []client.Client{
		{ID: "test_client", Name: "Example client", SecretHash: hash, RedirectURIs: []string{"https://www.example.com/redirect"}, Scopes: []string{"email"}, GrantTypes: codeAndRefresh, AuthMethods: basic, PKCEOptional: true},
		{
			ID: "web", Name: "Web app", SecretHash: hash, RedirectURIs: []string{"https://app.example/cb?keep=1&x=%20y", "https://app.example/cb2"},
			Scopes: []string{"openid", "profile", "email", "read"}, GrantTypes: codeAndRefresh, AuthMethods: basic,
			PostLogoutRedirectURIs: []string{"https://app.example/bye", "https://app.example/bye?a=1"},
		},
		{ID: "native", SecretHash: "", RedirectURIs: []string{"http://127.0.0.1/cb", "com.example.app:/cb"}, Scopes: []string{"read"}, GrantTypes: codeAndRefresh, AuthMethods: []string{client.None}},
		{ID: "machine", SecretHash: hash, RedirectURIs: []string{"https://m.example/cb"}, Scopes: []string{"read"}, GrantTypes: []string{client.ClientCredentials}, AuthMethods: basic},
		{ID: "noscope", Name: "No scope", SecretHash: hash, RedirectURIs: []string{"https://n.example/cb?"}, GrantTypes: []string{client.AuthorizationCode}, AuthMethods: basic, PKCEOptional: true},
	}
}

func newServer(t *testing.T) *server { return newServerAt(t, base) }

func newServerAt(t *testing.T, base string) *server {
	t.Helper()
	known, err := memory.NewAccounts([]user.User{
		{Name: "admin", Subject: "sub-admin", PasswordHash: cheap(password)},
		{Name: "bob", Subject: "sub-bob", PasswordHash: cheap(password)},
		{Name: "off", Subject: "sub-off", PasswordHash: cheap(password), Disabled: true},
		{Name: "costly", Subject: "sub-costly", PasswordHash: user.Hash(password)},
	}, clients())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, base: base, store: memory.New(), keys: &ringSource{}, log: &lockedBuffer{}, accounts: &accounts{Accounts: known}}
	s.store.Now = s.now
	s.flows = &counting{Flows: s.store, count: map[string]int{}}
	s.keys.set(t, root1)
	s.endpoint = &authorization.Endpoint{
		Keys: s.keys, Clients: &client.Registry{Clients: s.accounts, Now: s.now}, Users: s.accounts, Flows: s.flows,
		Lifetimes: grant.DefaultLifetimes, Now: s.now,
	}
	g := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	s.handler = g.Wrap(s.endpoint)
	return s
}

// browser is a person's browser: cookies and the headers of a navigation.
type browser struct {
	s       *server
	cookies map[string]string
	header  http.Header
	remote  string
	host    string
}

func (s *server) browser() *browser {
	return &browser{s: s, cookies: map[string]string{}, header: http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}}, remote: "198.51.100.7:1234"}
}

func (b *browser) do(method, target, contentType, body string) *http.Response {
	b.s.t.Helper()
	target = strings.TrimPrefix(target, b.s.base)
	r := httptest.NewRequest(method, b.s.base+target, strings.NewReader(body))
	for name, values := range b.header {
		r.Header[name] = values
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", contentType)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.RemoteAddr = b.remote
	if b.host != "" {
		r.Host = b.host
	}
	w := httptest.NewRecorder()
	b.s.handler.ServeHTTP(w, r)
	resp := w.Result()
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return resp
}

func (b *browser) get(target string) *http.Response {
	b.s.t.Helper()
	return b.do(http.MethodGet, target, "", "")
}

func (b *browser) post(path string, pairs ...string) *http.Response {
	b.s.t.Helper()
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, "application/x-www-form-urlencoded", v.Encode())
}

func bodyOf(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

var hidden = regexp.MustCompile(`name="form" value="([^"]*)"`)

// formOf is the sealed part of the form on a page.
func formOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	m := hidden.FindStringSubmatch(bodyOf(resp))
	if m == nil {
		t.Fatalf("no form: %d %v\n%s", resp.StatusCode, resp.Header, bodyOf(resp))
	}
	return html.UnescapeString(m[1])
}

// is tells which page an answer shows.
func is(resp *http.Response, path string) bool {
	return strings.Contains(bodyOf(resp), `action="`+path+`"`)
}

// A is a valid request of a client with changes: name and value in turn, a
// value of "-" leaves the parameter out.
func A(clientID string, changes ...string) string {
	v := url.Values{"client_id": {clientID}, "response_type": {"code"}, "state": {"st-1"}}
	switch clientID {
	case "test_client":
		v.Set("redirect_uri", "https://www.example.com/redirect")
	case "web":
		v.Set("redirect_uri", "https://app.example/cb2")
	case "native":
		v.Set("redirect_uri", "http://127.0.0.1:40001/cb")
	case "machine":
		v.Set("redirect_uri", "https://m.example/cb")
	case client.FirstParty:
		v.Set("redirect_uri", base+"/callback")
	}
	if clientID != "test_client" && clientID != "noscope" {
		v.Set("code_challenge", challenge)
		v.Set("code_challenge_method", "S256")
	}
	for i := 0; i < len(changes); i += 2 {
		if v.Set(changes[i], changes[i+1]); changes[i+1] == "-" {
			v.Del(changes[i])
		}
	}
	return authorization.PathAuthorize + "?" + v.Encode()
}

// signIn goes through the sign-in page of target and returns what follows it.
func (b *browser) signIn(target, name string) *http.Response {
	b.s.t.Helper()
	resp := b.post(authorization.PathSignIn, "form", formOf(b.s.t, b.get(target)), "username", name, "password", password, "do", "signin")
	if resp.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("signing in: %d\n%s", resp.StatusCode, bodyOf(resp))
	}
	return b.get(resp.Header.Get("Location"))
}

// approvePage is the approve form of target, for a user who signs in first if
// need be.
func (b *browser) approvePage(target string) string {
	b.s.t.Helper()
	resp := b.get(target)
	if is(resp, authorization.PathSignIn) {
		resp = b.signIn(target, "admin")
	}
	if !is(resp, authorization.PathApprove) {
		b.s.t.Fatalf("no approve page: %d %v\n%s", resp.StatusCode, resp.Header, bodyOf(resp))
	}
	return formOf(b.s.t, resp)
}

// allow approves target with the scopes and returns the answer's parameters.
func (b *browser) allow(target string, scopes ...string) url.Values {
	b.s.t.Helper()
	pairs := []string{"form", b.approvePage(target), "do", "approve"}
	for _, s := range scopes {
		pairs = append(pairs, "scope", s)
	}
	return answer(b.s.t, b.post(authorization.PathApprove, pairs...))
}

// answer is the query of a redirect to a client.
func answer(t *testing.T, resp *http.Response) url.Values {
	t.Helper()
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusFound || strings.HasPrefix(u.String(), base+"/oauth") || strings.HasPrefix(u.String(), "/") {
		t.Fatalf("no redirect to a client: %d %v\n%s", resp.StatusCode, resp.Header, bodyOf(resp))
	}
	return u.Query()
}

// wantREDIR asserts REDIR(code) of the cases.
func wantREDIR(t *testing.T, resp *http.Response, to, code, state string) {
	t.Helper()
	location := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusFound && resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, to) {
		t.Fatalf("got %d to %q, want a redirect to %s\n%s", resp.StatusCode, location, to, bodyOf(resp))
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	if len(q["error"]) != 1 || q.Get("error") != code || q.Get("state") != state || len(q["state"]) > 1 || len(q["iss"]) != 1 || q.Get("iss") != base || q.Has("code") {
		t.Errorf("got %s, want error=%s, state=%q and iss", location, code, state)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("header %v", resp.Header)
	}
}

// wantPAGE asserts PAGE(status) of the cases.
func wantPAGE(t *testing.T, resp *http.Response, status int) {
	t.Helper()
	if resp.StatusCode != status || resp.Header.Get("Location") != "" || !strings.Contains(bodyOf(resp), "<h1>") || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v, want a page with %d\n%s", resp.StatusCode, resp.Header, status, bodyOf(resp))
	}
}

// grantOf opens the grant that a code stands for.
func (s *server) grantOf(code string) grant.Grant {
	s.t.Helper()
	ring := s.keys.p.Load()
	token, err := grant.Parse(code, grant.Code, ring)
	if err != nil {
		s.t.Fatal(err)
	}
	record, err := s.store.GetGrant(context.Background(), grant.KeyFor(token.GID))
	if err != nil {
		s.t.Fatal(err)
	}
	g, err := record.Open(ring, token.GID)
	if err != nil {
		s.t.Fatal(err)
	}
	return g
}
