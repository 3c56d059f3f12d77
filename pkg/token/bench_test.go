package token_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/grant"
)

// cpu is the processor time this process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// sink keeps status and body of a response, and nothing else.
type sink struct {
	header http.Header
	status int
	body   strings.Builder
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(b []byte) (int, error) { return s.body.Write(b) }

// bench is a world with room for many grants, real time and no log.
func bench(b *testing.B) *world {
	w := newWorld(b)
	w.at.Store(time.Now().Unix())
	w.store.Limit = 1 << 40
	g := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))}
	w.http = g.Wrap(w.endpoint.Routes())
	return w
}

func (w *world) post(b *testing.B, body, authorization string) string {
	r := httptest.NewRequest("POST", base+"/oauth/tokenize", strings.NewReader(body))
	r.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	r.Header["Authorization"] = []string{authorization}
	s := &sink{header: http.Header{}}
	w.http.ServeHTTP(s, r)
	if s.status != http.StatusOK {
		b.Fatal(s.status, s.body.String())
	}
	return s.body.String()
}

func refreshTokenOf(body string) string {
	_, rest, _ := strings.Cut(body, `"refresh_token":"`)
	return rest[:grant.Len]
}

// Client authentication by secret and PKCE are included.
func benchExchange(b *testing.B, id, scope string) {
	w := bench(b)
	authorization := encoded(id + ":" + id + "-secret")
	codes := make([]string, 0, 4096)
	for b.Loop() {
		if len(codes) == 0 {
			b.StopTimer()
			for range cap(codes) {
				codes = append(codes, w.approve(id, func(g *grant.Grant) { g.Scopes = []string{scope} }))
			}
			b.StartTimer()
		}
		code := codes[len(codes)-1]
		codes = codes[:len(codes)-1]
		w.post(b, "grant_type=authorization_code&code="+code+"&redirect_uri=https%3A%2F%2Fapp.example%2Fcb&code_verifier="+verifier, authorization)
	}
}

func benchRefresh(b *testing.B, id, scope string, others int) {
	w := bench(b)
	for range others {
		w.approve("other")
	}
	a, _ := w.tokens(id, func(g *grant.Grant) { g.Scopes = []string{scope} })
	refreshToken, authorization := a.text("refresh_token"), encoded(id+":"+id+"-secret")
	runtime.GC()
	began := cpu()
	for b.Loop() {
		refreshToken = refreshTokenOf(w.post(b, "grant_type=refresh_token&refresh_token="+refreshToken, authorization))
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
}

func BenchmarkExchange(b *testing.B) {
	b.Run("opaque", func(b *testing.B) { benchExchange(b, "app", "email") })
	b.Run("opaque+id_token", func(b *testing.B) { benchExchange(b, "app", "openid") })
	b.Run("jwt", func(b *testing.B) { benchExchange(b, "jwt", "email") })
}

func BenchmarkRefresh(b *testing.B) {
	for _, others := range []int{0, 100_000} {
		b.Run("opaque/grants="+strconv.Itoa(others), func(b *testing.B) { benchRefresh(b, "app", "email", others) })
	}
	b.Run("jwt", func(b *testing.B) { benchRefresh(b, "jwt", "email", 0) })
}

func BenchmarkIntrospect(b *testing.B) {
	w := bench(b)
	a, _ := w.tokens("app")
	for b.Loop() {
		if got := w.introspect("app", a.text("access_token")); got.json["active"] != true {
			b.Fatal(got.raw)
		}
	}
}
