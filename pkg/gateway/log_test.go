package gateway_test

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/logline"
)

// redirectLog points the standard logger at w and returns the way back.
func redirectLog(w io.Writer) func() {
	old := log.Writer()
	log.SetOutput(w)
	return func() { log.SetOutput(old) }
}

// steps is a clock that moves by d with each look.
func steps(d time.Duration) func() time.Time {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(d); return now }
}

func TestLogLine(t *testing.T) {
	g, out := gate()
	g.Now, g.Function = steps(1500*time.Microsecond), "stack-callback"
	h := func(w http.ResponseWriter, r *http.Request) {
		logline.Add(r.Context(), slog.Int("store_ops", 1), slog.Float64("store_ms", 2.5), slog.String("outcome", "first"))
		logline.Add(r.Context(), slog.Int("store_ops", 2), slog.Float64("store_ms", 0.25), slog.String("outcome", "last"))
		logline.Add(r.Context(), slog.Int("status", 1), slog.String("msg", "x"), slog.String("function", "x"), slog.Duration("waited", 1), slog.Duration("waited", 2))
		w.WriteHeader(http.StatusFound)
	}
	invoke(t, g, h, fixture(t, "callback-aws"))
	invoke(t, g, h, fixture(t, "callback-aws"))
	want := map[string]any{
		"time": "2026-11-21T09:00:00.003Z", "level": "INFO", "msg": "request", "function": "stack-callback",
		"request_id": "aws-request-id", "method": "GET", "path": "/callback", "status": 302.0, "ms": 1.0, "cold": true,
		"store_ops": 3.0, "store_ms": 2.75, "outcome": "last", "waited": 3.0,
	}
	got := lines(t, out)
	if d := cmp.Diff(want, got[0]); d != "" {
		t.Error(d)
	}
	if got[1]["cold"] != false {
		t.Error("the second request is cold")
	}
	for key := range want {
		if n := strings.Count(strings.SplitN(out.String(), "\n", 2)[0], `"`+key+`":`); n != 1 {
			t.Errorf("the key %q is there %d times", key, n)
		}
	}
}

func TestLogLevels(t *testing.T) {
	for status, want := range map[int]string{200: "INFO", 302: "INFO", 404: "INFO", 500: "ERROR", 503: "ERROR"} {
		g, out := gate()
		invoke(t, g, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }, fixture(t, "login-aws"))
		if got := lines(t, out); len(got) != 1 || got[0]["level"] != want || got[0]["status"] != float64(status) {
			t.Errorf("%d: %v", status, got)
		}
	}
}

func TestLogIsClean_C49(t *testing.T) {
	const canary = "CANARY"
	all := func(e *event) {
		e.RawQueryString = "code=" + canary + "&state=" + canary
		e.QueryStringParameters = map[string]string{"code": canary}
		e.Cookies = []string{"login=" + canary}
		for _, name := range []string{"cookie", "authorization", "referer", "user-agent", "origin", "x-forwarded-for"} {
			e.Headers[name] = canary
		}
		e.RequestContext.HTTP.UserAgent = canary
		e.Body = "code=" + canary
	}
	for _, c := range []struct {
		name string
		edit func(*event)
		h    http.HandlerFunc
	}{
		{"served", all, func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: canary})
			w.Header().Set("Location", "/?"+canary)
			w.WriteHeader(302)
		}},
		{"panic", all, func(http.ResponseWriter, *http.Request) { panic("boom") }},
		{"broken base64", func(e *event) { all(e); e.IsBase64Encoded = true }, ok},
		{"bad method", func(e *event) { all(e); e.RequestContext.HTTP.Method = canary + " x" }, ok},
		{"bad header", func(e *event) { all(e); e.Headers["x"] = canary + "\n" }, ok},
		{"too long", func(e *event) { all(e); e.RawQueryString = strings.Repeat(canary, 5000) }, ok},
		{"another domain", func(e *event) { all(e); e.RequestContext.DomainName = canary }, ok},
		{"query escaped into the path", func(e *event) { all(e); e.RawPath = "/callback?code=" + canary }, ok},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, out := gate()
			invoke(t, g, c.h, fixture(t, "callback-aws", c.edit))
			if len(lines(t, out)) != 1 || strings.Contains(out.String(), canary) {
				t.Errorf("log: %s", out)
			}
		})
	}
}

func TestLogPathIsBounded(t *testing.T) {
	g, out := gate()
	invoke(t, g, ok, fixture(t, "login-aws", func(e *event) { e.RawPath = "/" + strings.Repeat("\u00e9", 300) }))
	if p := lines(t, out)[0]["path"].(string); len(p) > 200 || strings.Contains(p, "\ufffd") {
		t.Errorf("path of %d bytes: %s", len(p), p)
	}
}

func TestRequestID(t *testing.T) {
	g, out := gate()
	var ids []string
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { ids = append(ids, logline.RequestID(r.Context())) })
	f := g.Handler(h)
	for range 2 { // sam local's requestContext.requestId never changes
		if _, err := f(t.Context(), fixture(t, "login-aws")); err != nil {
			t.Fatal(err)
		}
	}
	if len(ids) != 2 || ids[0] == ids[1] || len(ids[0]) != 22 {
		t.Errorf("ids %q", ids)
	}
	for i, line := range lines(t, out) {
		if line["request_id"] != ids[i] {
			t.Errorf("line %v, id %s", line, ids[i])
		}
	}
	invoke(t, g, h, fixture(t, "login-sam", func(e *event) { e.RequestContext = fixture(t, "login-aws").RequestContext }))
	if ids[2] != "aws-request-id" {
		t.Errorf("id %q, want the runtime's", ids[2])
	}
}

// Every line says how the request ended, whether its handler does or not.
func TestEveryLineHasAnOutcome(t *testing.T) {
	for want, h := range map[string]http.HandlerFunc{
		"ok":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSeeOther) },
		"refused":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"server_error": func(http.ResponseWriter, *http.Request) { panic("no") },
		"named": func(w http.ResponseWriter, r *http.Request) {
			logline.Add(r.Context(), slog.String("outcome", "named"))
			w.WriteHeader(http.StatusForbidden)
		},
	} {
		var log bytes.Buffer
		g := &gateway.Gateway{BaseURL: "https://app.example", Logger: slog.New(slog.NewJSONHandler(&log, nil))}
		g.Wrap(h).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "https://app.example/", nil))
		if strings.Count(log.String(), `"outcome"`) != 1 || !strings.Contains(log.String(), `"outcome":"`+want+`"`) {
			t.Errorf("%s: %s", want, log.String())
		}
	}
}
