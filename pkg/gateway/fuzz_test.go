package gateway_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/gateway"
)

// FuzzEvent: whatever an event says, the answer is the handler's, a 4xx or a
// config_error, the query arrives as it was sent, and there is exactly one
// line in the log. The strings replace parts of the event, since random bytes
// seldom stay JSON.
func FuzzEvent(f *testing.F) {
	names, err := filepath.Glob("testdata/*.json")
	if err != nil || len(names) == 0 {
		f.Fatal("no fixtures", err)
	}
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, false, "", "", "", "", "", "", "")
		f.Add(raw, true, "POST", "/a%2f b?#//", "code=%zz&state=\x7f", "x-forwarded-host", "a,b", "a=1; b", "%%%")
	}
	f.Fuzz(func(t *testing.T, raw []byte, set bool, method, path, query, name, value, cookie, body string) {
		var e event
		if json.Unmarshal(raw, &e) != nil {
			t.Skip("the runtime refuses what is no event")
		}
		c := &e.RequestContext
		for _, part := range []struct {
			field *string
			value string
		}{{&c.HTTP.Method, method}, {&e.RawPath, path}, {&e.RawQueryString, query}, {&e.Body, body}, {&c.HTTP.SourceIP, value}} {
			if part.value != "" {
				*part.field = part.value
			}
		}
		if name != "" && e.Headers != nil {
			e.Headers[name] = value
		}
		if cookie != "" {
			e.Cookies = append(e.Cookies, cookie)
		}
		g, log := gate()
		if set {
			g.BaseURL = "https://login.example.com"
		}
		res, err := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _, _ = baseurl.From(r.Context()), r.Cookies(), r.ParseForm()
			if r.URL.RawQuery != e.RawQueryString || !strings.HasPrefix(r.URL.Path, "/") {
				t.Errorf("query %q became %q, path %q", e.RawQueryString, r.URL.RawQuery, r.URL.Path)
			}
			w.WriteHeader(http.StatusTeapot)
		}))(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode >= 500 && !(strings.Contains(res.Body, "config_error") && !set) || res.StatusCode < 400 {
			t.Errorf("%d %s", res.StatusCode, res.Body)
		}
		if bytes.Count(log.Bytes(), []byte("\n")) != 1 {
			t.Errorf("log: %s", log)
		}
	})
}

func BenchmarkInvoke(b *testing.B) {
	g := &gateway.Gateway{Region: "eu-west-1", Logger: slog.New(slog.NewJSONHandler(discard{}, nil))}
	f := g.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) }))
	e := fixture(b, "callback-aws")
	b.ReportAllocs()
	for b.Loop() {
		if res, err := f(b.Context(), e); err != nil || res.StatusCode != http.StatusFound {
			b.Fatal(res.StatusCode, err)
		}
	}
}

func BenchmarkWrap(b *testing.B) {
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	g := &gateway.Gateway{BaseURL: "http://localhost:3000", Logger: slog.New(slog.NewJSONHandler(discard{}, nil))}
	for _, c := range []struct {
		name string
		h    http.Handler
	}{{"bare", bare}, {"wrapped", g.Wrap(bare)}} {
		b.Run(c.name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/login?return_to=%2Fdocs", nil)
			r.Header.Set("User-Agent", "Mozilla/5.0")
			w := &sink{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				c.h.ServeHTTP(w, r)
			}
		})
	}
}

// discard is io.Discard without the shortcut slog takes for it.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }
