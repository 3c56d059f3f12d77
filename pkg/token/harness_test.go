package token_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
	"github.com/latchkey-go/latchkey/pkg/token"
	"github.com/latchkey-go/latchkey/pkg/user"
)

const (
	base     = "https://as.example"
	redirect = "https://app.example/cb"
	// unicode has everything that a sloppy reader of Basic gets wrong.
	unicode = "p:a+ss%wörd&=☃ 100%25"
)

var lifetimes = grant.Lifetimes{
	Code: time.Minute, Access: 5 * time.Minute, Refresh: 15 * time.Minute, RefreshGrace: time.Minute,
	RefreshMax: time.Hour, FirstPartyRefresh: 30 * time.Minute,
}

// world is the endpoints on a store in memory, with a clock that stands still
// and a count of what they ask of the store.
type world struct {
	t        testing.TB
	at       atomic.Int64 // epoch seconds
	ring     *secret.Ring
	accounts *memory.Accounts
	store    *memory.Store
	grants   *counted
	endpoint *token.Endpoint
	http     http.Handler
	log      *bytes.Buffer
}

func confidential(id, password string, change ...func(*client.Client)) client.Client {
	c := client.Client{
		ID: id, SecretHash: secret.Hash(password), RedirectURIs: []string{redirect},
		Scopes:      []string{"openid", "email", "read", "write"},
		GrantTypes:  []string{client.AuthorizationCode, client.RefreshToken, client.ClientCredentials},
		AuthMethods: []string{client.SecretBasic, client.SecretPost},
	}
	for _, f := range change {
		f(&c)
	}
	return c
}

func clients() []client.Client {
	return []client.Client{
		confidential("app", "app-secret"),
		confidential("other", "other-secret"),
		confidential("basic", "basic-secret", func(c *client.Client) { c.AuthMethods = []string{client.SecretBasic} }),
		confidential("post", "post-secret", func(c *client.Client) { c.AuthMethods = []string{client.SecretPost} }),
		confidential("uni:code app", unicode),
		confidential("jwt", "jwt-secret", func(c *client.Client) { c.JWT = true }),
		confidential("rs", "rs-secret", func(c *client.Client) { c.ResourceServer = true }),
		confidential("codeonly", "codeonly-secret", func(c *client.Client) { c.GrantTypes = []string{client.AuthorizationCode} }),
		confidential("test_client", "password", func(c *client.Client) { c.PKCEOptional, c.Scopes = true, []string{"email"} }),
		confidential("public", "", func(c *client.Client) {
			c.SecretHash, c.AuthMethods, c.GrantTypes = "", []string{client.None}, []string{client.AuthorizationCode, client.RefreshToken}
		}),
	}
}

const root = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, store: memory.New(), log: &bytes.Buffer{}}
	w.at.Store(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC).Unix())
	w.store.Now = w.now
	var err error
	if w.ring, err = secret.ParseRing(root); err != nil {
		t.Fatal(err)
	}
	if w.accounts, err = memory.NewAccounts([]user.User{{Name: "alice", Subject: "sub-alice"}}, clients()); err != nil {
		t.Fatal(err)
	}
	w.grants = &counted{Store: w.store}
	w.endpoint = &token.Endpoint{
		Keys: w.ring, Clients: &client.Registry{Clients: w.accounts, Now: w.now}, Users: w.accounts, Grants: w.grants, Lifetimes: lifetimes, Now: w.now,
	}
	w.serve()
	return w
}

// serve takes up changes to the endpoint.
func (w *world) serve() {
	g := &gateway.Gateway{BaseURL: base, Now: w.now, Logger: slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	w.http = g.Wrap(w.endpoint.Routes())
}

func (w *world) now() time.Time          { return time.Unix(w.at.Load(), 0).UTC() }
func (w *world) after(d time.Duration)   { w.at.Add(int64(d / time.Second)) }
func (w *world) key(code string) string  { return grant.KeyFor(w.gid(code)) }
func (w *world) user(change user.User)   { _ = w.accounts.PutUser(context.Background(), change, false) }
func (w *world) counts() (wr, rd uint32) { return w.grants.writes.Load(), w.grants.reads.Load() }

func (w *world) gid(code string) string {
	tok, err := grant.Parse(code, grant.Code, w.ring)
	if err != nil {
		w.t.Fatal(err)
	}
	return tok.GID
}

var verifier = strings.Repeat("v", 43)

// approve makes a grant as the authorization endpoint does, and returns its
// code. change adapts it first.
func (w *world) approve(clientID string, change ...func(*grant.Grant)) string {
	w.t.Helper()
	g := grant.Grant{
		GID: grant.NewGID(), ClientID: clientID, User: "alice", Subject: "sub-alice", Scopes: []string{"openid", "email", "read"},
		RedirectURI: redirect, Challenge: pkce.Challenge(verifier), Nonce: "n-0S6_WzA2Mj", AuthTime: w.now(),
	}
	for _, f := range change {
		f(&g)
	}
	now := w.now()
	r, err := g.Seal(w.ring.Newest(), grant.Record{
		Created: now, Status: grant.Issued, CodeExpiresAt: now.Add(lifetimes.Code), IdleAt: now.Add(lifetimes.RefreshMax),
		MaxAt: now.Add(lifetimes.RefreshMax), ExpiresAt: now.Add(lifetimes.RefreshMax),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.PutGrant(context.Background(), r); err != nil {
		w.t.Fatal(err)
	}
	return grant.Token{Kind: grant.Code, GID: g.GID, Scopes: grant.All}.Sign(w.ring.Newest())
}

// response is what came back.
type response struct {
	status int
	header http.Header
	raw    string
	json   map[string]any
}

func (a response) text(name string) string { s, _ := a.json[name].(string); return s }
func (a response) number(name string) int  { n, _ := a.json[name].(float64); return int(n) }

// send serves one request; change adapts it first.
func (w *world) send(method, target, body string, change ...func(*http.Request)) response {
	w.t.Helper()
	r := httptest.NewRequest(method, base+target, strings.NewReader(body))
	if body != "" || method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, f := range change {
		f(r)
	}
	rec := httptest.NewRecorder()
	w.http.ServeHTTP(rec, r)
	a := response{status: rec.Code, header: rec.Header(), raw: rec.Body.String()}
	if len(a.raw) > 0 {
		if err := json.Unmarshal([]byte(a.raw), &a.json); err != nil {
			w.t.Fatalf("%s %s: not JSON: %q", method, target, a.raw)
		}
	}
	return a
}

func basic(id, password string) func(*http.Request) {
	return func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(password)) }
}

// as authenticates a client of this world in its usual way.
func as(id string) func(*http.Request) {
	switch id {
	case "test_client":
		return basic(id, "password")
	case "uni:code app":
		return basic(id, unicode)
	}
	return basic(id, id+"-secret")
}

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

// exchange redeems a code of the client with everything right but for what
// pairs change; an empty value leaves a parameter out.
func (w *world) exchange(id, code string, pairs ...string) response {
	w.t.Helper()
	return w.token(id, append([]string{
		"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier,
	}, pairs...)...)
}

func (w *world) refresh(id, refreshToken string, pairs ...string) response {
	w.t.Helper()
	return w.token(id, append([]string{"grant_type", "refresh_token", "refresh_token", refreshToken}, pairs...)...)
}

func (w *world) token(id string, pairs ...string) response {
	w.t.Helper()
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			v.Del(pairs[i])
		}
	}
	if id == "public" || id == client.FirstParty {
		v.Set("client_id", id)
		return w.send(http.MethodPost, "/oauth/tokenize", v.Encode())
	}
	return w.send(http.MethodPost, "/oauth/tokenize", v.Encode(), as(id))
}

func (w *world) introspect(id, tok string) response {
	w.t.Helper()
	return w.send(http.MethodPost, "/oauth/introspect", form("token", tok), as(id))
}

func (w *world) revoke(id, tok string) response {
	w.t.Helper()
	return w.send(http.MethodPost, "/oauth/revoke", form("token", tok), as(id))
}

// tokens redeems a fresh code and insists on success.
func (w *world) tokens(id string, change ...func(*grant.Grant)) (a response, code string) {
	w.t.Helper()
	code = w.approve(id, change...)
	a = w.exchange(id, code)
	if a.status != http.StatusOK {
		w.t.Fatalf("exchange: %d %s", a.status, a.raw)
	}
	return a, code
}

// refused checks the shape of RFC 6749 §5.2.
func refused(t testing.TB, name string, a response, status int, code string) {
	t.Helper()
	if a.status != status || a.text("error") != code {
		t.Errorf("%s: %d %s, want %d %s", name, a.status, a.raw, status, code)
	}
	description := a.text("error_description")
	if description == "" || strings.ContainsFunc(description, func(r rune) bool { return r < 0x20 || r > 0x7e || r == '"' || r == '\\' }) {
		t.Errorf("%s: error_description %q", name, description)
	}
	if len(a.json) != 2 || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" ||
		a.header.Get("Content-Type") != "application/json" || a.header.Get("Location") != "" {
		t.Errorf("%s: shape: %s %v", name, a.raw, a.header)
	}
	if status == http.StatusUnauthorized && !strings.HasPrefix(a.header.Get("WWW-Authenticate"), `Basic realm="`) {
		t.Errorf("%s: WWW-Authenticate: %v", name, a.header)
	}
}

func (w *world) isDead(name, access, refreshToken string) {
	w.t.Helper()
	if a := w.introspect("rs", access); a.raw != "{\"active\":false}\n" {
		w.t.Errorf("%s: access token: %s", name, a.raw)
	}
	if refreshToken != "" {
		if a := w.introspect("rs", refreshToken); a.raw != "{\"active\":false}\n" {
			w.t.Errorf("%s: refresh token: %s", name, a.raw)
		}
	}
}

func (w *world) isAlive(name string, tokens ...string) {
	w.t.Helper()
	for i, s := range tokens {
		if a := w.introspect("rs", s); a.json["active"] != true {
			w.t.Errorf("%s: token %d is dead", name, i)
		}
	}
}
