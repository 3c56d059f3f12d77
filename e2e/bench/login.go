package main

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

const base = "https://app.example"

// bareLogin is the least a login can be, with the library that everybody uses:
// state, verifier and a redirect, nothing remembered.
func bareLogin(w http.ResponseWriter, r *http.Request) {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	state := base64.RawURLEncoding.EncodeToString(b)
	http.Redirect(w, r, bareConfig.AuthCodeURL(state, oauth2.S256ChallengeOption(oauth2.GenerateVerifier())), http.StatusFound)
}

var bareConfig = oauth2.Config{
	ClientID: "x", RedirectURL: base + "/callback", Scopes: []string{"read", "write"},
	Endpoint: oauth2.Endpoint{AuthURL: "https://provider.example/o/authorize/"},
}

// wholeLogin is ours as serve has it, log line included.
func wholeLogin() http.Handler {
	p := provider.FromEnv(&env.Reader{Environ: []string{"OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=x"}})
	g := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))}
	store := memory.New()
	store.Limit = 1 << 30
	return g.Wrap(&rp.Login{Provider: p, Logins: store, TTL: time.Minute, Now: time.Now})
}

// sink is a response that keeps its status only: recording is not what is
// measured.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return len(b), nil }

// batch is the processor time that one request to h takes, of 2,000.
func batch(h http.Handler) time.Duration {
	const requests = 2000
	r := httptest.NewRequest(http.MethodGet, base+"/login", nil)
	runtime.GC()
	began := cpu()
	for range requests {
		w := &sink{header: http.Header{}}
		h.ServeHTTP(w, r)
		if w.status != http.StatusFound {
			panic(w.status)
		}
	}
	return (cpu() - began) / requests
}

// cpu is the processor time this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
