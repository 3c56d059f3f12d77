package provider_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	code     = "SplxlOBeZQQYbYS6WxSbIA"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	redirect = "https://app.example/callback"
	good     = `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600,"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","scope":"read write","api_key":"k"}`
)

var (
	access     = secret.NewText("mF_9.B5f-4.1JqM")
	oldRefresh = secret.NewText("tGzv3JOkF0XG5Qx2TlKWIA~+/=")
)

// hit is a request as the far side saw it.
type hit struct {
	method, path string
	header       http.Header
	form         url.Values
	body         string
}

// far is a provider on this machine that remembers every request.
type far struct {
	*httptest.Server
	mu   sync.Mutex
	hits []hit
}

func newFar(t *testing.T, answer http.HandlerFunc) *far {
	t.Helper()
	f := &far{}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		f.mu.Lock()
		f.hits = append(f.hits, hit{r.Method, r.URL.EscapedPath(), r.Header, form, string(body)})
		f.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *far) seen() []hit {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]hit(nil), f.hits...)
}

func (f *far) endpoints() provider.Endpoints {
	return provider.Endpoints{Authorize: f.URL + "/authorize", Token: f.URL + "/token", UserInfo: f.URL + "/me", Revoke: f.URL + "/revoke", Issuer: f.URL}
}

// answer replies with JSON.
func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// client is a confidential client of f.
func client(change ...func(*provider.Provider)) *provider.Provider {
	p := &provider.Provider{Name: "custom", ClientID: "s6BhdRkqt3", Scope: "read write", Auth: provider.AuthBasic,
		Secret: func(context.Context) (secret.Text, error) { return secret.NewText("7Fjfp0ZBr1KtDRbnfVdmIw"), nil }}
	for _, f := range change {
		f(p)
	}
	return p
}

func exchange(ctx context.Context, p *provider.Provider, ep provider.Endpoints) (provider.Tokens, error) {
	return p.Exchange(ctx, ep, code, verifier, redirect)
}

// refusal is err as the *oauth.Error it has to be.
func refusal(t *testing.T, err error) *oauth.Error {
	t.Helper()
	var e *oauth.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v is no *oauth.Error", err)
	}
	if e.Description == "" || e.Cause == nil {
		t.Errorf("%#v: no description or no cause", e)
	}
	return e
}

// raw is a server below HTTP: serve gets every connection and its number,
// from 1, after nothing was read of it.
type raw struct {
	listener net.Listener
	mu       sync.Mutex
	posts    int
	conns    int
	open     []net.Conn
	wait     sync.WaitGroup
}

func newRaw(t *testing.T, serve func(s *raw, c net.Conn, number int)) *raw {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &raw{listener: l}
	s.wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			n := s.conns
			s.open = append(s.open, c)
			s.mu.Unlock()
			s.wait.Go(func() {
				defer func() { _ = c.Close() }()
				serve(s, c, n)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.mu.Lock()
		for _, c := range s.open {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.wait.Wait()
	})
	return s
}

// post reads one request with its body and counts it.
func (s *raw) post(r *bufio.Reader) bool {
	req, err := http.ReadRequest(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, req.Body)
	s.mu.Lock()
	s.posts++
	s.mu.Unlock()
	return true
}

func (s *raw) counts() (posts, conns int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.posts, s.conns
}

func (s *raw) endpoints() provider.Endpoints {
	base := "http://" + s.listener.Addr().String()
	return provider.Endpoints{Authorize: "http://x/", Token: base + "/token", UserInfo: base + "/me", Revoke: base + "/revoke"}
}
