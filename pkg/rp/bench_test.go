package rp_test

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

// bare is the least a login can be, with the library that everybody uses:
// state, verifier and a redirect, nothing remembered.
func bare(w http.ResponseWriter, r *http.Request) {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	state := base64.RawURLEncoding.EncodeToString(b)
	http.Redirect(w, r, bareConfig.AuthCodeURL(state, oauth2.S256ChallengeOption(oauth2.GenerateVerifier())), http.StatusFound)
}

var bareConfig = oauth2.Config{
	ClientID: "x", RedirectURL: base + "/callback", Scopes: []string{"read", "write"},
	Endpoint: oauth2.Endpoint{AuthURL: "https://provider.example/o/authorize/"},
}

func loginHandler() http.Handler {
	e := reader("OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=x")
	g := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))}
	store := memory.New()
	store.Limit = 1 << 30
	return g.Wrap(&rp.Login{Provider: provider.FromEnv(e), Logins: store, TTL: time.Minute, Now: time.Now})
}

// cpu is the processor time this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sink is a response that keeps its status only, so that the benchmark is not
// about recording.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

func benchHandler(b *testing.B, h http.Handler) {
	r := httptest.NewRequest(http.MethodGet, base+"/login", nil)
	runtime.GC()
	began := cpu()
	for b.Loop() {
		w := &sink{header: http.Header{}}
		h.ServeHTTP(w, r)
		if w.status != http.StatusFound {
			b.Fatal(w.status)
		}
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
}

// benchServer is the same over a kept connection: what one more login costs a
// server.
func benchServer(b *testing.B, h http.Handler) {
	s := httptest.NewServer(h)
	defer s.Close()
	c := s.Client()
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	began := cpu()
	for b.Loop() {
		request, _ := http.NewRequest(http.MethodGet, s.URL+"/login", nil)
		request.Host = "app.example"
		response, err := c.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusFound {
			b.Fatal(response.StatusCode)
		}
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
}

func BenchmarkLogin(b *testing.B) {
	b.Run("handler/latchkey", func(b *testing.B) { benchHandler(b, loginHandler()) })
	b.Run("handler/bare", func(b *testing.B) { benchHandler(b, http.HandlerFunc(bare)) })
	b.Run("server/latchkey", func(b *testing.B) { benchServer(b, loginHandler()) })
	b.Run("server/bare", func(b *testing.B) { benchServer(b, http.HandlerFunc(bare)) })
}
