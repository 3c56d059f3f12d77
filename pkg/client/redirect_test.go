package client_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/client"
)

func TestCheckRedirectURI(t *testing.T) {
	for _, uri := range []string{
		"https://app.example/cb", "https://app.example", "https://app.example/", "https://app.example:8443/cb", "https://app.example/cb?tenant=1&x=%20",
		"http://localhost:3000/callback", "http://localhost/cb", "http://127.0.0.1/cb", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://[::1]:8080/cb",
		"com.example.app:/oauth", "com.example.app:/oauth/cb?x=1", "com.example.app://host/cb", "https://xn--pp-wia.example/cb", "https://192.0.2.1/cb",
		"https://app.example/%C3%A4", "https://app.example/a.b/..c",
	} {
		if err := client.CheckRedirectURI(uri); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestDangerousSchemes_S08(t *testing.T) {
	for _, uri := range []string{
		"javascript:alert(1)", "JavaScript:alert(1)", "javascript://app.example/%0aalert(1)", "javascript:%61lert(1)", "java\tscript:alert(1)", " javascript:alert(1)",
		"\x01javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "data:text/html;base64,PHNjcmlwdD4=", "DATA:,x", "vbscript:msgbox(1)", "file:///etc/passwd",
		"blob:https://app.example/1", "filesystem:https://app.example/x", "about:blank", "view-source:https://app.example/", "ftp://app.example/cb", "ws://app.example/",
		"mailto:a@app.example", "tel:1", "intent://app.example/#Intent;end", "chrome://settings", "jar:https://app.example!/x", "feed:javascript:alert(1)", "x:y",
		"myapp:/cb", "myapp://cb", "urn:ietf:wg:oauth:2.0:oob", "http+unix://x/", "https", "https:", "https:/", "https://", "https:app.example/cb", "https:///cb",
		"http://app.example/cb", "HTTP://app.example/cb", "http://127.0.0.1.evil.example/cb", "http://localhost.evil.example/cb", "http://0.0.0.0/cb", "http://192.168.0.1/cb",
		".:/x", "com..app:/x", ".app:/x",
	} {
		refusedURI(t, uri)
	}
}

func TestFragmentsAndWildcards_S09_P20(t *testing.T) {
	for _, uri := range []string{
		"https://app.example/cb#x", "https://app.example/cb#", "https://app.example/#/cb", "https://app.example/cb?a=b#c", "com.example.app:/cb#x",
		"https://*.app.example/cb", "https://app.example/*", "https://app.example/cb?x=*", "https://app.example:*/cb", "*", "https://*",
		"", "/cb", "cb", "//app.example/cb", "?x=1", "app.example/cb", "https://u@app.example/cb", "https://u:p@app.example/cb", "https://@app.example/cb",
		"https://app.example:0/cb", "https://app.example:/cb", "https://app.example:99999/cb", "https://app.example:x/cb", "https://app.example/a b", "https://app.example/cb\n",
		"https://app.example\\@evil.example/cb", "https://äpp.example/cb", "https://app.example/%zz", "https://app.example/../cb", "https://app.example/a/./b", "https://app.example/%2e%2e/cb",
		"https://app.example/cb?code=1", "https://app.example/cb?state=1", "https://app.example/cb?iss=1", "https://app.example/cb?error=x", "https://app.example/cb?a=%zz", "https://app.example/cb?a=1&a=2",
		"https://[::1/cb", "https://app.example/<script>", `https://app.example/"`, "https://app.example/{x}", "https://app.example/cb|x",
	} {
		refusedURI(t, uri)
	}
}

// refusedURI wants a problem and what to do about it, in one line that quotes
// nothing that a terminal could trip over.
func refusedURI(t *testing.T, uri string) {
	t.Helper()
	err := client.CheckRedirectURI(uri)
	if err == nil {
		t.Errorf("%q: accepted", uri)
		return
	}
	if problem, advice, ok := strings.Cut(err.Error(), "; "); !ok || problem == "" || advice == "" {
		t.Errorf("%q: no advice: %v", uri, err)
	}
	c := good()
	c.RedirectURIs = []string{uri}
	if err := c.Validate(); err == nil {
		t.Errorf("%q: Validate accepts it", uri)
	}
}

// Exact (RFC 9700 §2.1), but for the port at a loopback address (RFC 8252
// §7.3).
func TestMatchRedirect_S02_S07(t *testing.T) {
	for name, tt := range map[string]struct {
		registered, uri string
		want            bool
	}{
		"the same":                     {"https://app.example/cb", "https://app.example/cb", true},
		"the same with a query":        {"https://app.example/cb?t=1", "https://app.example/cb?t=1", true},
		"app scheme":                   {"com.example.app:/cb", "com.example.app:/cb", true},
		"localhost, same port":         {"http://localhost:3000/cb", "http://localhost:3000/cb", true},
		"IPv4, other port":             {"http://127.0.0.1:8080/cb", "http://127.0.0.1:51234/cb", true},
		"IPv4, port where none was":    {"http://127.0.0.1/cb", "http://127.0.0.1:51234/cb", true},
		"IPv4, no port where one was":  {"http://127.0.0.1:8080/cb", "http://127.0.0.1/cb", true},
		"IPv6, other port":             {"http://[::1]:8080/cb", "http://[::1]:51234/cb", true},
		"IPv6, port where none was":    {"http://[::1]/cb", "http://[::1]:51234/cb", true},
		"loopback with a query":        {"http://127.0.0.1/cb?t=1", "http://127.0.0.1:9/cb?t=1", true},
		"loopback without a path":      {"http://127.0.0.1", "http://127.0.0.1:9", true},
		"greatest port":                {"http://127.0.0.1/cb", "http://127.0.0.1:65535/cb", true},
		"nothing":                      {"https://app.example/cb", "", false},
		"trailing slash":               {"https://app.example/cb", "https://app.example/cb/", false},
		"without trailing slash":       {"https://app.example/cb/", "https://app.example/cb", false},
		"more query":                   {"https://app.example/cb", "https://app.example/cb?x=1", false},
		"empty query":                  {"https://app.example/cb", "https://app.example/cb?", false},
		"fragment":                     {"https://app.example/cb", "https://app.example/cb#", false},
		"prefix":                       {"https://app.example/cb", "https://app.example/cb.evil", false},
		"path below":                   {"https://app.example/cb", "https://app.example/cb/x", false},
		"path above":                   {"https://app.example/cb", "https://app.example/", false},
		"parent":                       {"https://app.example/cb", "https://app.example/cb/../x", false},
		"case of the path":             {"https://app.example/cb", "https://app.example/CB", false},
		"case of the host":             {"https://app.example/cb", "https://APP.example/cb", false},
		"case of the scheme":           {"https://app.example/cb", "HTTPS://app.example/cb", false},
		"subdomain":                    {"https://app.example/cb", "https://x.app.example/cb", false},
		"other domain in front":        {"https://app.example/cb", "https://evilapp.example/cb", false},
		"domain behind":                {"https://app.example/cb", "https://app.example.evil/cb", false},
		"user info":                    {"https://app.example/cb", "https://app.example@evil.example/cb", false},
		"default port":                 {"https://app.example/cb", "https://app.example:443/cb", false},
		"http":                         {"https://app.example/cb", "http://app.example/cb", false},
		"escape":                       {"https://app.example/cb", "https://app.example/%63b", false},
		"space":                        {"https://app.example/cb", "https://app.example/cb ", false},
		"backslash":                    {"https://app.example/cb", `https://app.example\cb`, false},
		"localhost, other port":        {"http://localhost:3000/cb", "http://localhost:3001/cb", false},
		"localhost for 127.0.0.1":      {"http://127.0.0.1/cb", "http://localhost/cb", false},
		"127.0.0.1 for localhost":      {"http://localhost/cb", "http://127.0.0.1/cb", false},
		"IPv6 for IPv4":                {"http://127.0.0.1/cb", "http://[::1]/cb", false},
		"127.0.0.2":                    {"http://127.0.0.1/cb", "http://127.0.0.2/cb", false},
		"spelling of the address":      {"http://127.0.0.1/cb", "http://127.1/cb", false},
		"spelling of ::1":              {"http://[::1]/cb", "http://[0:0:0:0:0:0:0:1]/cb", false},
		"loopback, https":              {"http://127.0.0.1/cb", "https://127.0.0.1/cb", false},
		"https loopback, other port":   {"https://127.0.0.1/cb", "https://127.0.0.1:9/cb", false},
		"loopback, other path":         {"http://127.0.0.1/cb", "http://127.0.0.1:9/cb2", false},
		"loopback, other query":        {"http://127.0.0.1/cb", "http://127.0.0.1:9/cb?x", false},
		"loopback, fragment":           {"http://127.0.0.1/cb", "http://127.0.0.1:9/cb#x", false},
		"loopback, port 0":             {"http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false},
		"loopback, port 65536":         {"http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false},
		"loopback, empty port":         {"http://127.0.0.1/cb", "http://127.0.0.1:/cb", false},
		"loopback, leading zero":       {"http://127.0.0.1/cb", "http://127.0.0.1:080/cb", false},
		"loopback, sign":               {"http://127.0.0.1/cb", "http://127.0.0.1:+80/cb", false},
		"loopback, other digits":       {"http://127.0.0.1/cb", "http://127.0.0.1:٨٠/cb", false},
		"loopback as user info":        {"http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false},
		"loopback as user":             {"http://127.0.0.1/cb", "http://127.0.0.1@evil.example/cb", false},
		"loopback as a subdomain":      {"http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false},
		"loopback, two ports":          {"http://127.0.0.1/cb", "http://127.0.0.1:80:80/cb", false},
		"loopback, backslash":          {"http://127.0.0.1/cb", `http://127.0.0.1:80\@evil.example/cb`, false},
		"loopback, empty path, domain": {"http://127.0.0.1", "http://127.0.0.1.evil.example", false},
		"registered with user info":    {"http://127.0.0.1@evil.example/cb", "http://127.0.0.1:80@evil.example/cb", false},
		"registered as a subdomain":    {"http://127.0.0.1.evil.example/cb", "http://127.0.0.1:80.evil.example/cb", false},
		"IPv6 as user info":            {"http://[::1]/cb", "http://[::1]:80@evil.example/cb", false},
		"app scheme, other path":       {"com.example.app:/cb", "com.example.app:/cb2", false},
		"app scheme, double slash":     {"com.example.app:/cb", "com.example.app://cb", false},
	} {
		c := client.Client{RedirectURIs: []string{"https://another.example/", tt.registered}}
		if got := c.MatchRedirect(tt.uri); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// FuzzMatchRedirect looks for a match that leads to another host or path.
func FuzzMatchRedirect(f *testing.F) {
	registered := []string{"https://app.example/cb", "https://app.example/cb?t=1", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost:3000/cb"}
	for _, seed := range append(registered, "http://127.0.0.1:51234/cb", "http://127.0.0.1:80@evil.example/cb", "http://[::1]:1/cb", "https://app.example/cb#") {
		f.Add(seed)
	}
	c := client.Client{RedirectURIs: registered}
	f.Fuzz(func(t *testing.T, uri string) {
		if !c.MatchRedirect(uri) || slices.Contains(registered, uri) {
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || u.RawQuery != "" || u.Path != "/cb" ||
			(u.Hostname() != "127.0.0.1" && u.Hostname() != "::1") {
			t.Errorf("%q matches", uri)
		}
		if client.CheckRedirectURI(uri) != nil {
			t.Errorf("%q matches, and could not be registered", uri)
		}
	})
}
