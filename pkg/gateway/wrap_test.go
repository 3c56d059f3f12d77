package gateway_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/gateway"
)

// listen serves h behind g on a free port.
func listen(t *testing.T, g *gateway.Gateway, h http.Handler) *httptest.Server {
	t.Helper()
	if g.BaseURL == "" {
		g.BaseURL = "http://localhost:3000"
	}
	s := httptest.NewServer(g.Wrap(h))
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res, string(body)
}

func get(t *testing.T, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestWrapBaseAndHost_C08(t *testing.T) {
	for _, c := range []struct {
		name    string
		setHost bool
		host    string
	}{
		{"listen address: the handler sees the name the client used", false, "127.0.0.1:3000"},
		{"explicit base: r.Host is the base's", true, "login.example.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := gate()
			g.BaseURL, g.SetHost = "https://login.example.com", c.setHost
			s := listen(t, g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprintln(w, r.Host, baseurl.From(r.Context()), r.Header["X-Forwarded-Host"], r.Header["Forwarded"])
			}))
			req := get(t, s.URL)
			req.Host = "127.0.0.1:3000"
			req.Header.Set("X-Forwarded-Host", "evil.example")
			req.Header.Set("Forwarded", "host=evil.example")
			res, body := do(t, req)
			if want := c.host + " https://login.example.com [] []\n"; body != want {
				t.Errorf("%q, want %q", body, want)
			}
			if res.Header.Get("Strict-Transport-Security") != "max-age=63072000" {
				t.Error("no HSTS on an https base")
			}
		})
	}
}

func TestWrapHeaders_S93(t *testing.T) {
	g, _ := gate()
	s := listen(t, g, http.HandlerFunc(ok))
	res, _ := do(t, get(t, s.URL))
	for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer", "Strict-Transport-Security": "", "Server": "", "X-Powered-By": ""} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestRoutes_S93(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Pattern) })
	g, _ := gate()
	s := listen(t, g, gateway.Routes(mux))
	for _, c := range []struct {
		method, path  string
		status        int
		allow, answer string
	}{
		{"GET", "/login", 200, "", "GET /login"},
		{"GET", "/nothing", 404, "", `"error":"invalid_request"`},
		{"GET", "/login/", 404, "", `"request_id":"`},
		{"POST", "/login", 405, "GET, HEAD", `"error":"invalid_request"`},
		{"OPTIONS", "/login", 405, "GET, HEAD", `"error":"invalid_request"`},
		{"GET", "//nothing", 404, "", `"error":"invalid_request"`},
		{"GET", "//login?code=x", 404, "", `"error":"invalid_request"`},
		{"GET", "/x/../login?code=x", 404, "", `"error":"invalid_request"`},
	} {
		req := get(t, s.URL+c.path)
		req.Method = c.method
		res, body := do(t, req)
		if res.StatusCode != c.status || res.Header.Get("Allow") != c.allow || !strings.Contains(body, c.answer) {
			t.Errorf("%s %s: %d, Allow %q, %s", c.method, c.path, res.StatusCode, res.Header.Get("Allow"), body)
		}
	}
}

func TestWrapLimits_C40(t *testing.T) {
	g, _ := gate()
	var read int
	s := listen(t, g, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		read = len(body)
	}))
	fill := func(n int) string { return strings.Repeat("a", n) }
	chunked := func(n int) io.Reader { return io.MultiReader(strings.NewReader(fill(n))) } // hides the length
	for _, c := range []struct {
		name, query, cookie string
		body                io.Reader
		status, read        int
	}{
		{"in bounds", "?a", "a=1", strings.NewReader("b=2"), 200, 3},
		{"query", "?" + fill(16*1024+1), "", nil, 414, 0},
		{"cookie of 16 KB", "", "a=" + fill(16*1024), nil, 431, 0},
		{"body", "", "", strings.NewReader(fill(64*1024 + 1)), 413, 0},
		{"body of unknown length", "", "", chunked(64*1024 + 1), 413, 0},
		{"body of unknown length in bounds", "", "", chunked(64 * 1024), 200, 64 * 1024},
	} {
		t.Run(c.name, func(t *testing.T) {
			read = 0
			req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/"+c.query, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if c.cookie != "" {
				req.Header.Set("Cookie", c.cookie)
			}
			if res, body := do(t, req); res.StatusCode != c.status || read != c.read {
				t.Errorf("%d, %d bytes read, want %d and %d; %s", res.StatusCode, read, c.status, c.read, body)
			}
		})
	}
}

func TestWrapPanics_F26(t *testing.T) {
	g, out := gate()
	mux := http.NewServeMux()
	mux.HandleFunc("/early", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Early", "1")
		w.Header().Set("Cache-Control", "public")
		panic("boom")
	})
	mux.HandleFunc("/late", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("boom")
	})
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/ok", ok)
	s := listen(t, g, mux)

	res, body := do(t, get(t, s.URL+"/early"))
	if res.StatusCode != 500 || refusal(t, body)["error"] != "server_error" ||
		res.Header.Get("X-Early") != "" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("early: %d %v %s", res.StatusCode, res.Header, body)
	}
	if res, err := http.DefaultTransport.RoundTrip(get(t, s.URL+"/late")); err != nil {
		t.Errorf("late: %v", err)
	} else if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("late: the cut answer looks complete")
	}
	if _, err := http.DefaultTransport.RoundTrip(get(t, s.URL+"/abort")); err == nil {
		t.Error("abort: there is an answer")
	}
	if res, _ := do(t, get(t, s.URL+"/ok")); res.StatusCode != 200 {
		t.Errorf("the next request: %d", res.StatusCode)
	}
	s.Close() // waits for the handlers, and so for their lines
	all := lines(t, out)
	if len(all) != 4 {
		t.Fatalf("log %v", all)
	}
	for i, c := range []struct{ stack, aborted bool }{{true, false}, {true, true}, {false, true}, {false, false}} {
		if (all[i]["stack"] != nil) != c.stack || (all[i]["aborted"] != nil) != c.aborted {
			t.Errorf("line %d: %v", i, all[i])
		}
	}
}

func TestWrapNeedsABase(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	new(gateway.Gateway).Wrap(http.HandlerFunc(ok))
}
