package rp_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/rp"
)

func TestReturnTo_C14(t *testing.T) {
	for in, want := range map[string]string{
		"": rp.DefaultReturnTo, "/": "/", "/app?x=1": "/app?x=1", "/a/b/": "/a/b/", "/a#frag": "/a#frag", "/a?x=https://b.example/": "/a?x=https://b.example/",
		"/a%20b": "/a%20b", "/a:b": "/a:b", "/@user": "/@user", "/loginx": "/loginx", "/a?x=//b": "/a?x=//b", "/%C3%BC": "/%C3%BC", "/.well-known/x": "/.well-known/x", "/a...b/...": "/a...b/...",
	} {
		if got, err := rp.ReturnTo(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// openRedirects is C-15: what a browser, or a proxy, could read as another host.
var openRedirects = []string{
	"//evil.example", "///evil.example", "////evil.example", `/\evil.example`, `\/evil.example`, `\\evil.example`, "https://evil.example", "HTTPS://evil.example",
	"https:evil.example", "https:/evil.example", "javascript:alert(1)", "data:text/html,x", "evil.example", "./evil", "../evil", "?x", "#x", "/./evil", "/../evil", "/a/../../evil",
	"/a/./b", "/%2e%2e/evil", "/%2E%2E/evil", "/.%2e/evil", "/%2f/evil.example", "/%2f%2fevil.example", "/%5cevil.example", "/a//b", "/a/%2fb", "/a%5cb", "/%09/evil.example",
	"/\tevil.example", "/\n/evil.example", " /evil", "/ /evil.example", "/\x00", "/%00", "/%0d%0aLocation:%20x", "/é", "/\u202e", "/\u2028", "/a b",
	"/login", "/login/", "/login?x=1", "/callback?code=1", "/logout", "/%6cogin", "/callback#x", "/logout/", "/%zz", "/%", "//", "/\\", "/a\\b", "///", "/%2e", "/a/..", "/a/.",
}

func TestReturnToIsNoOpenRedirector_C15_C16(t *testing.T) {
	for _, in := range openRedirects {
		if got, err := rp.ReturnTo(in); err == nil {
			t.Errorf("%q accepted as %q", in, got)
		}
	}
	for _, long := range []string{strings.Repeat("a", 2048), strings.Repeat(`"`, 683)} {
		if _, err := rp.ReturnTo("/" + long); err == nil {
			t.Errorf("more than 2048 bytes of %.1q accepted", long)
		}
	}
}

func FuzzReturnTo(f *testing.F) {
	for _, s := range openRedirects {
		f.Add(s)
	}
	f.Add("/app?x=1#y")
	here, _ := url.Parse("https://app.example/callback")
	f.Fuzz(func(t *testing.T, in string) {
		out, err := rp.ReturnTo(in)
		if err != nil {
			return
		}
		u, err := here.Parse(out)
		if err != nil || u.Host != "app.example" || u.Scheme != "https" || u.User != nil {
			t.Errorf("%q leads to %v, %v", in, u, err)
		}
		if out[0] != '/' || (len(out) > 1 && (out[1] == '/' || out[1] == '\\')) || strings.ContainsFunc(out, func(c rune) bool { return c <= 0x20 || c >= 0x7f || c == '\\' }) {
			t.Errorf("%q became %q", in, out)
		}
		if again, err := rp.ReturnTo(out); err != nil || again != out {
			t.Errorf("%q is not stable: %q, %v", out, again, err)
		}
	})
}
