package gateway_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var commonHeaders = map[string]string{
	"Cache-Control":             "no-store",
	"X-Content-Type-Options":    "nosniff",
	"Referrer-Policy":           "no-referrer",
	"Strict-Transport-Security": "max-age=63072000",
}

func with(more map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{commonHeaders, more} {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

func TestResponses(t *testing.T) {
	text := map[string]string{"Content-Type": "text/plain; charset=utf-8"}
	for _, c := range []struct {
		name    string
		h       http.HandlerFunc
		status  int
		headers map[string]string
		body    string
	}{
		{"nothing written is 200", ok, 200, nil, ""},
		{"a body alone is 200", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }, 200, text, "hello"},
		{"the first WriteHeader counts", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302); w.WriteHeader(200) }, 302, nil, ""},
		{"WriteHeader after Write is ignored", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello"); w.WriteHeader(500) }, 200, text, "hello"},
		{"a header after WriteHeader is too late", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			w.Header().Set("X-Late", "1")
			w.Header()["Cache-Control"][0] = "public"
		}, 204, nil, ""},
		{"an informational status is not the answer", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103); w.WriteHeader(201) }, 201, nil, ""},
		{"204 has no body", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if _, err := w.Write([]byte("x")); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("Write after 204: %v", err)
			}
		}, 204, nil, ""},
		{"the handler may override", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "public, max-age=60") },
			200, map[string]string{"Cache-Control": "public, max-age=60"}, ""},
		{"a line end in a header is a space", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-A", "a\r\nb") },
			200, map[string]string{"X-A": "a  b"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, log := gate()
			res := invoke(t, g, c.h, fixture(t, "login-aws"))
			if got := lines(t, log)[0]["status"]; got != float64(c.status) {
				t.Errorf("the log says %v", got)
			}
			if res.StatusCode != c.status || res.Body != c.body {
				t.Errorf("%d %q, want %d %q", res.StatusCode, res.Body, c.status, c.body)
			}
			if d := cmp.Diff(with(c.headers), res.Headers); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestEverySetCookieLeaves(t *testing.T) {
	g, _ := gate()
	res := invoke(t, g, func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "1"})
		http.SetCookie(w, &http.Cookie{Name: "b", Value: "2"})
	}, fixture(t, "login-aws"))
	if d := cmp.Diff([]string{"a=1", "b=2"}, res.Cookies); d != "" {
		t.Error(d)
	}
}

func TestBinaryBody(t *testing.T) {
	g, _ := gate()
	res := invoke(t, g, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0xfe}) }, fixture(t, "login-aws"))
	if body, err := base64.StdEncoding.DecodeString(res.Body); !res.IsBase64Encoded || err != nil || string(body) != "\xff\xfe" {
		t.Errorf("%v %q", res.IsBase64Encoded, res.Body)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	g, _ := gate()
	res := invoke(t, g, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if n, err := fmt.Fprint(w, "hello"); n != 5 || err != nil {
			t.Errorf("Write: %d, %v", n, err)
		}
	}, fixture(t, "login-aws", func(e *event) { e.RequestContext.HTTP.Method = "HEAD" }))
	if res.StatusCode != 200 || res.Body != "" || res.Headers["Content-Type"] != "text/html" {
		t.Errorf("%d %q %v", res.StatusCode, res.Body, res.Headers)
	}
}

func TestPanics_F26(t *testing.T) {
	for _, c := range []struct {
		name  string
		h     http.HandlerFunc
		stack bool
	}{
		{"before anything is written", func(http.ResponseWriter, *http.Request) { panic("boom") }, true},
		{"after a part of the answer", func(w http.ResponseWriter, _ *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "a", Value: "SECRET"})
			w.Header().Set("Location", "https://evil.example")
			w.WriteHeader(302)
			fmt.Fprint(w, "half")
			panic("boom")
		}, true},
		{"nil", func(http.ResponseWriter, *http.Request) { panic(nil) }, true},
		{"a status that is none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(42) }, true},
		{"http.ErrAbortHandler", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, log := gate()
			calls := 0
			h := func(w http.ResponseWriter, r *http.Request) {
				if calls++; calls == 1 {
					c.h(w, r)
				}
			}
			f := g.Handler(http.HandlerFunc(h))
			res, err := f(t.Context(), fixture(t, "login-aws", program))
			if err != nil || res.StatusCode != 500 || len(res.Cookies) > 0 {
				t.Fatalf("%d %v %v", res.StatusCode, res.Cookies, err)
			}
			m := refusal(t, res.Body)
			if m["error"] != "server_error" || m["request_id"] == "" || strings.Contains(res.Body, "boom") {
				t.Errorf("answer %s", res.Body)
			}
			if d := cmp.Diff(with(map[string]string{"Content-Type": "application/json"}), res.Headers); d != "" {
				t.Error(d)
			}
			if res, err := f(t.Context(), fixture(t, "login-aws")); err != nil || res.StatusCode != 200 {
				t.Errorf("the next request: %d %v", res.StatusCode, err)
			}
			all := lines(t, log)
			if len(all) != 2 || all[0]["level"] != "ERROR" || all[0]["request_id"] != m["request_id"] || (all[0]["stack"] != nil) != c.stack {
				t.Errorf("log %v", all)
			}
			if c.stack && !strings.Contains(all[0]["stack"].(string), "TestPanics_F26") {
				t.Errorf("the stack does not name the handler: %v", all[0]["stack"])
			}
		})
	}
}

func TestPanicIsAPageForABrowser_F26(t *testing.T) {
	g, _ := gate()
	res := invoke(t, g, func(http.ResponseWriter, *http.Request) { panic("boom") }, fixture(t, "login-aws"))
	if res.StatusCode != 500 || !strings.HasPrefix(res.Headers["Content-Type"], "text/html") || !strings.Contains(res.Body, "aws-request-id") {
		t.Errorf("%d %v %s", res.StatusCode, res.Headers, res.Body)
	}
}

func TestLimits_C40(t *testing.T) {
	fill := func(n int) string { return strings.Repeat("a", n) }
	for _, c := range []struct {
		name   string
		edit   func(*event)
		status int
	}{
		{"query of 16 KB", func(e *event) { e.RawQueryString = "code=" + fill(16*1024-5) }, 200},
		{"code of 64 KB", func(e *event) { e.RawQueryString = "code=" + fill(64*1024) }, 414},
		{"query one byte over", func(e *event) { e.RawQueryString = fill(16*1024 + 1) }, 414},
		{"state of 8 KB is the handler's", func(e *event) { e.RawQueryString = "state=" + fill(8*1024) }, 200},
		{"cookie of 16 KB", func(e *event) { e.Cookies = []string{"a=" + fill(16*1024)} }, 431},
		{"cookies that add up", func(e *event) { e.Cookies = []string{"a=" + fill(6*1024), "b=" + fill(6*1024)} }, 431},
		{"header name and values that add up", func(e *event) { e.Headers["x-"+fill(4*1024)] = fill(7 * 1024) }, 431},
		{"headers of 9 KB", func(e *event) { e.Headers["x"] = fill(9 * 1024) }, 200},
		{"body of 64 KB", func(e *event) { e.Body = fill(64 * 1024) }, 200},
		{"body one byte over", func(e *event) { e.Body = fill(64*1024 + 1) }, 413},
		{"base64 counts decoded", func(e *event) {
			e.IsBase64Encoded, e.Body = true, base64.StdEncoding.EncodeToString([]byte(fill(64*1024)))
		}, 200},
		{"base64 body one byte over", func(e *event) {
			e.IsBase64Encoded, e.Body = true, base64.StdEncoding.EncodeToString([]byte(fill(64*1024+1)))
		}, 413},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := gate()
			called := false
			res := invoke(t, g, func(http.ResponseWriter, *http.Request) { called = true }, fixture(t, "login-aws", program, c.edit))
			if res.StatusCode != c.status || called != (c.status == 200) {
				t.Errorf("%d, called %v, want %d", res.StatusCode, called, c.status)
			}
			if c.status != 200 && refusal(t, res.Body)["error"] != "invalid_request" {
				t.Errorf("answer %s", res.Body)
			}
		})
	}
}
