package authorization_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
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
