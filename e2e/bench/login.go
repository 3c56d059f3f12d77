package main

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"syscall"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

const base = "https://app.example"

// bareLogin is the least a login can be: state, verifier and a redirect,
// nothing remembered.
func bareLogin(w http.ResponseWriter, r *http.Request) {
	mint := func() string {
		b := make([]byte, 32)
		_, _ = rand.Read(b)
		return base64.RawURLEncoding.EncodeToString(b)
	}
	v := url.Values{
		"response_type": {"code"}, "client_id": {"x"}, "redirect_uri": {base + "/callback"}, "scope": {"read write"},
		"state": {mint()}, "code_challenge": {pkce.Challenge(mint())}, "code_challenge_method": {"S256"},
	}
	http.Redirect(w, r, "https://provider.example/o/authorize/?"+v.Encode(), http.StatusFound)
}

// wholeLogin is ours as serve has it, log line included.
func wholeLogin() http.Handler {
	p := provider.FromEnv(&env.Reader{Environ: []string{"OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=x"}})
	g := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))}
	return g.Wrap(&rp.Login{Provider: p, Logins: memory.New(), TTL: time.Minute, Now: time.Now})
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
