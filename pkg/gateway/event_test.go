package gateway_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// The fixtures are one browser's requests as AWS sends them (names in lower
// case, cookies in the list only, a form in base64) and as sam local does
// (names as the browser wrote them, cookies in the list and in the header, a
// form in plain text, domainName localhost, an id and a time that never move).
func TestEvents(t *testing.T) {
	code := "Splx%2FlOBeZQQYbYS6WxSbIA"
	for _, c := range []struct{ fixture, method, uri, base, cookie, body string }{
		{"login-aws", "GET", "/login?return_to=%2Fdocs%2F&prompt=login", awsBase, "", ""},
		{"login-sam", "GET", "/login?return_to=%2Fdocs%2F&prompt=login", "http://localhost:3000", "", ""},
		{"callback-aws", "GET", "/callback?code=" + code + "&state=" + state, awsBase,
			"__Host-login=Zm9vYmFyYmF6cXV4MTIzNA; theme=dark; consent=a,b", ""},
		{"callback-sam", "GET", "/callback?code=" + code + "&state=" + state, "http://localhost:3000",
			"login=Zm9vYmFyYmF6cXV4MTIzNA; theme=dark; consent=a,b", ""},
		{"callback-post-aws", "POST", "/callback", awsBase,
			"__Host-login=Zm9vYmFyYmF6cXV4MTIzNA; theme=dark; consent=a,b", "code=SplxlOBeZQQYbYS6WxSbIA&state=" + state},
		{"callback-post-sam", "POST", "/callback", "http://localhost:3000",
			"login=Zm9vYmFyYmF6cXV4MTIzNA; theme=dark; consent=a,b", "code=SplxlOBeZQQYbYS6WxSbIA&state=" + state},
	} {
		t.Run(c.fixture, func(t *testing.T) {
			r := deliver(t, fixture(t, c.fixture))
			got := []string{r.Method, r.RequestURI, baseurl.From(r.Context()), r.Host, r.Header.Get("Cookie"), r.body, r.Header.Get("Sec-Fetch-Mode")}
			want := []string{c.method, c.uri, c.base, baseurl.Host(c.base), c.cookie, c.body, "navigate"}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if int64(len(c.body)) != r.ContentLength {
				t.Errorf("ContentLength = %d, want %d", r.ContentLength, len(c.body))
			}
		})
	}
}

func TestPathIsEscapedAgain(t *testing.T) {
	for _, c := range []struct{ name, raw, path, uri string }{
		{"percent 2f that was percent 252f", "/callback%2fx", "/callback%2fx", "/callback%252fx"},
		{"broken escape", "/a%zz", "/a%zz", "/a%25zz"},
		{"space", "/a b", "/a b", "/a%20b"},
		{"question mark", "/a?code=x", "/a?code=x", "/a%3Fcode=x"},
		{"number sign", "/a#b", "/a#b", "/a%23b"},
		{"not ASCII", "/caf\u00e9", "/caf\u00e9", "/caf%C3%A9"},
		{"two slashes", "//evil.example/login", "//evil.example/login", "//evil.example/login"},
		{"control character", "/a\nb", "/a\nb", "/a%0Ab"},
		{"empty", "", "/", "/"},
		{"no slash", "login", "/login", "/login"},
		{"at sign", "@evil.example", "/@evil.example", "/@evil.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := deliver(t, fixture(t, "login-aws", func(e *event) {
				e.RawPath, e.RequestContext.HTTP.Path, e.RawQueryString = c.raw, c.raw, ""
			}))
			if r.URL.Path != c.path || r.RequestURI != c.uri || r.URL.RawQuery != "" {
				t.Errorf("path %q, URI %q, query %q; want %q, %q, none", r.URL.Path, r.RequestURI, r.URL.RawQuery, c.path, c.uri)
			}
		})
	}
}

func TestStagePrefix(t *testing.T) {
	for _, c := range []struct{ name, stage, route, raw, want string }{
		{"the default stage has none", "$default", "GET /login", "/login", "/login"},
		{"named stage", "prod", "GET /login", "/prod/login", "/login"},
		{"named stage, root", "prod", "$default", "/prod", "/"},
		{"custom domain that has cut it", "prod", "GET /login", "/login", "/login"},
		{"stage named like the route", "login", "GET /login", "/login", "/login"},
		{"prefix of a longer segment", "prod", "$default", "/production", "/production"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := gate()
			g.BaseURL = "https://login.example.com"
			var got string
			invoke(t, g, func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path }, fixture(t, "login-aws", func(e *event) {
				e.RequestContext.Stage, e.RouteKey, e.RawPath = c.stage, c.route, c.raw
			}))
			if got != c.want {
				t.Errorf("path %q, want %q", got, c.want)
			}
		})
	}
}

func TestBrokenQueryArrivesUnchanged_C41(t *testing.T) {
	for _, query := range []string{"state=%zz&code=abc", "code=%", "a=1&a=2", "a;b", "state=\x7f", "x=a b", "code=#frag", "%"} {
		r := deliver(t, fixture(t, "callback-aws", func(e *event) { e.RawQueryString = query }))
		if r.URL.RawQuery != query {
			t.Errorf("RawQuery %q, want %q", r.URL.RawQuery, query)
		}
	}
	r := deliver(t, fixture(t, "callback-aws", func(e *event) { e.RawQueryString = "state=%zz" }))
	if _, err := oauth.ParseParams(r.URL.RawQuery); err == nil {
		t.Error("the handler cannot see that the query is broken")
	}
}

func TestParsedQueryIsNotUsed(t *testing.T) {
	r := deliver(t, fixture(t, "callback-aws", func(e *event) { e.RawQueryString = "" }))
	if r.URL.RawQuery != "" {
		t.Errorf("RawQuery %q comes from queryStringParameters", r.URL.RawQuery)
	}
}

func TestEveryCookieArrives(t *testing.T) {
	for _, c := range []struct {
		name, header string
		list         []string
		want         string
	}{
		{"list only (AWS)", "", []string{"a=1", "b=2"}, "a=1; b=2"},
		{"list and the same header (sam local)", "a=1; b=2", []string{"a=1", "b=2"}, "a=1; b=2"},
		{"header only", "a=1; b=2", nil, "a=1; b=2"},
		{"duplicates that differ stay", "a=1; a=2", []string{"a=1"}, "a=1; a=2"},
		{"identical duplicates of the list stay", "", []string{"a=1", "a=1"}, "a=1; a=1"},
		{"comma in a value", "", []string{"a=1,b=2", "c=3"}, "a=1,b=2; c=3"},
		{"none", "", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := deliver(t, fixture(t, "callback-aws", func(e *event) {
				e.Cookies = c.list
				if c.header != "" {
					e.Headers["Cookie"] = c.header
				}
			}))
			if got := r.Header.Get("Cookie"); got != c.want || len(r.Header.Values("Cookie")) > 1 {
				t.Errorf("Cookie %q, want %q", r.Header.Values("Cookie"), c.want)
			}
			var pairs []string
			for _, k := range r.Cookies() {
				pairs = append(pairs, k.Name+"="+k.Value)
			}
			if strings.Join(pairs, "; ") != c.want {
				t.Errorf("r.Cookies() %q, want %q", pairs, c.want)
			}
		})
	}
}

func TestHeadersAreNotSplit(t *testing.T) {
	want := map[string]string{
		"Accept":     "text/html,application/xhtml+xml;q=0.9, */*;q=0.8",
		"User-Agent": "Mozilla/5.0 (KHTML, like Gecko)",
		"Date":       "Sat, 21 Nov 2026 09:00:00 GMT",
		"Sec-Ch-Ua":  `"Chromium";v="140", "Not=A?Brand";v="24"`,
		"X-Custom":   "a,b,  c",
	}
	r := deliver(t, fixture(t, "login-aws", func(e *event) {
		for name, value := range want {
			e.Headers[strings.ToLower(name)] = value
		}
	}))
	for name, value := range want {
		if got := r.Header.Values(name); len(got) != 1 || got[0] != value {
			t.Errorf("%s: %q, want %q alone", name, got, value)
		}
	}
}

func TestForwardedHeadersAreDropped_C08(t *testing.T) {
	r := deliver(t, fixture(t, "login-aws", func(e *event) {
		for _, name := range []string{"forwarded", "X-Forwarded-Host", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-prefix", "host"} {
			e.Headers[name] = "evil.example"
		}
	}))
	for name, values := range r.Header {
		if strings.Contains(strings.Join(values, " "), "evil.example") || strings.HasPrefix(name, "X-Forwarded-") {
			t.Errorf("%s: %q reached the handler", name, values)
		}
	}
	if r.Host != baseurl.Host(awsBase) || baseurl.From(r.Context()) != awsBase {
		t.Errorf("Host %q, base %q", r.Host, baseurl.From(r.Context()))
	}
}

func TestRemoteAddrHasAPort(t *testing.T) {
	for ip, want := range map[string]string{
		"203.0.113.7": "203.0.113.7:0", "2001:db8::7": "[2001:db8::7]:0", "": "0.0.0.0:0", "nonsense": "0.0.0.0:0",
	} {
		r := deliver(t, fixture(t, "login-aws", func(e *event) { e.RequestContext.HTTP.SourceIP = ip }))
		if r.RemoteAddr != want {
			t.Errorf("source %q: RemoteAddr %q, want %q", ip, r.RemoteAddr, want)
		}
	}
}

func TestGoAPIHostHasNoEffect(t *testing.T) {
	for _, host := range []string{"https://evil.example", "http://evil.example/prefix", ":"} {
		t.Setenv("GO_API_HOST", host)
		r := deliver(t, fixture(t, "login-aws"))
		if r.URL.Path != "/login" || r.Host != baseurl.Host(awsBase) || strings.Contains(r.URL.String(), "evil") {
			t.Errorf("GO_API_HOST=%s: URL %s, Host %s", host, r.URL, r.Host)
		}
	}
}

func TestMalformedEvents(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*event)
	}{
		{"body that is not base64", func(e *event) { e.IsBase64Encoded, e.Body = true, "!!!" }},
		{"no method", func(e *event) { e.RequestContext.HTTP.Method = "" }},
		{"method that is no token", func(e *event) { e.RequestContext.HTTP.Method = "GET /" }},
		{"header name that is no token", func(e *event) { e.Headers["a b"] = "x" }},
		{"line end in a header", func(e *event) { e.Headers["x"] = "a\r\nb" }},
		{"line end in a cookie", func(e *event) { e.Cookies = []string{"a=\n"} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := gate()
			called := false
			res := invoke(t, g, func(http.ResponseWriter, *http.Request) { called = true }, fixture(t, "login-aws", program, c.edit))
			if called || res.StatusCode != 400 || refusal(t, res.Body)["error"] != "invalid_request" {
				t.Errorf("called %v, %d %s", called, res.StatusCode, res.Body)
			}
		})
	}
}

func TestBase64Body(t *testing.T) {
	raw := "\x00\xff\xfe binary"
	r := deliver(t, fixture(t, "callback-post-aws", func(e *event) { e.Body = base64.StdEncoding.EncodeToString([]byte(raw)) }))
	if r.body != raw {
		t.Errorf("body %q, want %q", r.body, raw)
	}
}

// The adapter and net/http print to the process's own output when something
// goes wrong; what they print has the code in it.
func TestNothingIsPrinted_C49(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = in, in
	restoreLog := redirectLog(in)
	func() {
		defer func() { os.Stdout, os.Stderr = stdout, stderr; restoreLog() }()
		g, _ := gate()
		for _, edit := range []func(*event){
			func(e *event) { e.RawQueryString = "code=CANARY%zz\x7f" },
			func(e *event) { e.RawPath = "/%zz CANARY" },
			func(e *event) { e.IsBase64Encoded, e.Body = true, "CANARY!" },
			func(e *event) { e.RequestContext.HTTP.Method = "CANARY GET" },
			func(e *event) { e.RequestContext.DomainName = "CANARY:x" },
			func(e *event) { e.RequestContext.HTTP.SourceIP = "CANARY" },
		} {
			invoke(t, g, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); w.WriteHeader(500) }, fixture(t, "callback-aws", edit))
		}
	}()
	_ = in.Close()
	if printed, _ := io.ReadAll(out); len(printed) > 0 {
		t.Errorf("printed: %s", printed)
	}
}
