package token_test

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

var posts = []string{"/oauth/tokenize", "/oauth/token", "/oauth/revoke", "/oauth/introspect"}

// RFC 6749 §3.2, RFC 7009 §2.1, RFC 7662 §2.1: POST, and nothing in the URL.
func TestMethodAndURL_S47_S81(t *testing.T) {
	w := newWorld(t)
	a, code := w.tokens("app")
	fresh := w.approve("app")
	for _, path := range posts {
		for _, method := range []string{"GET", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			b := w.send(method, path, "", as("app"))
			refused(t, method+" "+path, b, 405, "invalid_request")
			if b.header.Get("Allow") != "POST" {
				t.Errorf("%s %s: Allow: %q", method, path, b.header.Get("Allow"))
			}
		}
		for _, query := range []string{
			"code=" + fresh, "client_secret=app-secret", "grant_type=authorization_code", "token=" + a.text("access_token"), "refresh_token=x", "x=1", "x", "&",
		} {
			b := w.send("POST", path+"?"+query, form("grant_type", "authorization_code", "code", fresh, "redirect_uri", redirect,
				"code_verifier", verifier, "token", a.text("access_token")), as("app"))
			refused(t, path+"?"+query, b, 400, "invalid_request")
		}
		everything := "grant_type=authorization_code&code=" + fresh + "&redirect_uri=" + url.QueryEscape(redirect) + "&code_verifier=" + verifier
		refused(t, path+" with all in the URL", w.send("POST", path+"?"+everything, "", as("app")), 400, "invalid_request")
	}
	if code == fresh || w.exchange("app", fresh).status != http.StatusOK {
		t.Error("the code was burnt")
	}
}

func TestContentType_S48(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		header []string
		ok     bool
	}{
		"as it should be":           {[]string{"application/x-www-form-urlencoded"}, true},
		"upper case":                {[]string{"APPLICATION/X-WWW-FORM-URLENCODED"}, true},
		"charset":                   {[]string{"application/x-www-form-urlencoded; charset=UTF-8"}, true},
		"charset in lower case":     {[]string{"application/x-www-form-urlencoded;charset=utf-8"}, true},
		"charset quoted":            {[]string{`application/x-www-form-urlencoded; charset="utf-8"`}, true},
		"nothing":                   {nil, false},
		"empty":                     {[]string{""}, false},
		"JSON":                      {[]string{"application/json"}, false},
		"JSON with a charset":       {[]string{"application/json; charset=utf-8"}, false},
		"multipart":                 {[]string{"multipart/form-data; boundary=x"}, false},
		"plain text":                {[]string{"text/plain"}, false},
		"HTML":                      {[]string{"text/html"}, false},
		"XML":                       {[]string{"application/xml"}, false},
		"anything":                  {[]string{"*/*"}, false},
		"octets":                    {[]string{"application/octet-stream"}, false},
		"prefix":                    {[]string{"application/x-www-form-urlencoded-x"}, false},
		"suffix":                    {[]string{"x-application/x-www-form-urlencoded"}, false},
		"without the x":             {[]string{"application/www-form-urlencoded"}, false},
		"other charset":             {[]string{"application/x-www-form-urlencoded; charset=iso-8859-1"}, false},
		"UTF-16":                    {[]string{"application/x-www-form-urlencoded; charset=utf-16"}, false},
		"other parameter":           {[]string{"application/x-www-form-urlencoded; boundary=x"}, false},
		"two charsets":              {[]string{"application/x-www-form-urlencoded; charset=utf-8; charset=utf-16"}, false},
		"two types":                 {[]string{"application/x-www-form-urlencoded, application/json"}, false},
		"two headers":               {[]string{"application/x-www-form-urlencoded", "application/json"}, false},
		"two headers, the same":     {[]string{"application/x-www-form-urlencoded", "application/x-www-form-urlencoded"}, false},
		"broken parameter":          {[]string{"application/x-www-form-urlencoded; charset"}, false},
		"a word":                    {[]string{"form"}, false},
		"comma for a semicolon":     {[]string{"application/x-www-form-urlencoded, charset=utf-8"}, false},
		"space inside":              {[]string{"application/ x-www-form-urlencoded"}, false},
		"another after a semicolon": {[]string{"application/json; application/x-www-form-urlencoded"}, false},
	} {
		a := w.send("POST", "/oauth/tokenize", form("grant_type", "client_credentials"), as("app"), func(r *http.Request) {
			r.Header.Del("Content-Type")
			for _, v := range tt.header {
				r.Header.Add("Content-Type", v)
			}
		})
		switch {
		case tt.ok && a.status != http.StatusOK:
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		case !tt.ok:
			refused(t, name, a, 400, "invalid_request")
		}
	}
	a := w.send("POST", "/oauth/tokenize", `{"grant_type":"client_credentials"}`, as("app"))
	refused(t, "JSON under the right type", a, 400, "invalid_request")
}

// RFC 6749 §3.2: no parameter more than once, the unknown ones included.
func TestRepetition_S49(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	whole := form("grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier)
	for name, extra := range map[string]string{
		"grant_type": "grant_type=authorization_code", "grant_type, another": "grant_type=refresh_token", "grant_type, empty": "grant_type=",
		"code": "code=" + code, "code, another": "code=x", "code, empty": "code=", "code without equals": "code", "code, name escaped": "c%6fde=" + code,
		"redirect_uri": "redirect_uri=" + url.QueryEscape(redirect), "redirect_uri, another": "redirect_uri=https%3A%2F%2Fevil.example", "redirect_uri, empty": "redirect_uri=",
		"code_verifier": "code_verifier=" + verifier, "code_verifier, another": "code_verifier=x", "code_verifier, empty": "code_verifier=", "code_verifier, name escaped": "code%5Fverifier=x",
		"client_id": "client_id=app&client_id=app", "client_id, others": "client_id=app&client_id=other", "client_id, one empty": "client_id=app&client_id=",
		"client_secret": "client_secret=x&client_secret=x", "scope": "scope=read&scope=email", "scope, both empty": "scope=&scope=",
		"resource": "resource=a&resource=b", "unknown": "x=1&x=1", "unknown, others": "x=1&x=2", "unknown, empty": "x&x", "state": "state=1&state=2",
		"empty name": "=1&=2", "plus and %20 in a name": "a+b=1&a%20b=1", "far apart": "x=1&" + manyParams(50) + "&x=1",
	} {
		for _, body := range []string{whole + "&" + extra, extra + "&" + whole} {
			refused(t, name, w.send("POST", "/oauth/tokenize", body, as("app")), 400, "invalid_request")
		}
	}
	for _, path := range posts[2:] {
		refused(t, path, w.send("POST", path, "token=a&token=b", as("app")), 400, "invalid_request")
		refused(t, path, w.send("POST", path, "token=a&token_type_hint=x&token_type_hint=y", as("app")), 400, "invalid_request")
	}
	if a := w.exchange("app", code, "x", "1", "state", "2"); a.status != http.StatusOK {
		t.Errorf("unknown parameters, each once, are ignored (RFC 6749 section 3.2): %s", a.raw)
	}
}

func manyParams(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&p" + strconv.Itoa(i) + "=1")
	}
	return b.String()[1:]
}

func TestGrantTypes_S50(t *testing.T) {
	w := newWorld(t)
	for grantType, want := range map[string]string{
		"": "invalid_request", "password": "unsupported_grant_type", "implicit": "unsupported_grant_type", "code": "unsupported_grant_type",
		"AUTHORIZATION_CODE": "unsupported_grant_type", "authorization_code ": "unsupported_grant_type", "refresh": "unsupported_grant_type",
		"urn:ietf:params:oauth:grant-type:device_code": "unsupported_grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer": "unsupported_grant_type",
		"urn:ietf:params:oauth:grant-type:token-exchange": "unsupported_grant_type", "urn:openid:params:grant-type:ciba": "unsupported_grant_type",
		"client_credentials": "unauthorized_client", "refresh_token": "unauthorized_client",
	} {
		refused(t, grantType, w.token("codeonly", "grant_type", grantType, "username", "alice", "password", "x", "refresh_token", "x"), 400, want)
	}
	refused(t, "no body", w.send("POST", "/oauth/tokenize", "", as("app")), 400, "invalid_request")
}

func TestOversize_S88(t *testing.T) {
	w := newWorld(t)
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"a body of 1 MB":    {"x=" + strings.Repeat("a", 1<<20), 413},
		"64 KB and a byte":  {"x=" + strings.Repeat("a", 64<<10-1), 413},
		"10,000 parameters": {manyParams(6000), 400},
		"101 parameters":    {manyParams(101), 400},
	} {
		a := w.send("POST", "/oauth/tokenize", tt.body, as("app"))
		if a.status != tt.status || a.text("error") != "invalid_request" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if a := w.send("POST", "/oauth/tokenize", form("grant_type", "client_credentials", "x", strings.Repeat("a", 60<<10)), as("app")); a.status != http.StatusOK {
		t.Errorf("60 KB: %d %s", a.status, a.raw)
	}
	endless := func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(letters{}), -1 }
	if a := w.send("POST", "/oauth/tokenize", "", as("app"), endless); a.status != 413 {
		t.Errorf("a body without an end: %d %s", a.status, a.raw)
	}
	// The same without the gateway in front.
	w.http = w.endpoint
	refused(t, "the endpoint's own bound", w.send("POST", "/oauth/tokenize", "x="+strings.Repeat("a", 64<<10), as("app")), 413, "invalid_request")
}

// letters never end.
type letters struct{}

func (letters) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 'a'
	}
	return len(b), nil
}

func TestBrokenEncodings_S89(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	whole := form("grant_type", "authorization_code", "redirect_uri", redirect, "code_verifier", verifier)
	for name, extra := range map[string]string{
		"escape %zz": "code=%zz", "escape cut": "code=" + code + "%", "escape cut after one": "code=" + code + "%4", "escape in the name": "co%zzde=" + code,
		"escape %u0041": "code=%u0041", "escape in a stranger": "code=" + code + "&x=%g1", "not UTF-8": "code=%ff%fe", "overlong UTF-8": "code=%c0%af",
		"UTF-16 surrogate": "code=%ed%a0%80", "cut UTF-8": "code=%e2%82", "raw bytes that are not UTF-8": "code=\xff", "NUL": "code=" + code + "%00",
		"raw NUL": "code=" + code + "\x00", "CR LF": "code=a%0d%0aX:+y", "raw CR LF": "code=" + code + "\r\n", "tab": "code=%09" + code, "DEL": "code=%7f",
		"control in the name": "co%00de=" + code, "not UTF-8 in a stranger": "code=" + code + "&x=%ff", "control in a stranger": "code=" + code + "&x=%01",
		"escape at the end of a name": "code%=" + code, "only a percent": "%", "escape of an escape, cut": "code=%25%2", "above Unicode": "code=%f4%90%80%80",
		"five bytes": "code=%f8%88%80%80%80", "continuation alone": "code=%80",
	} {
		refused(t, name, w.send("POST", "/oauth/tokenize", whole+"&"+extra, as("app")), 400, "invalid_request")
	}
	if a := w.exchange("app", code); a.status != http.StatusOK {
		t.Errorf("the code was burnt: %s", a.raw)
	}
}

// Scripts of other origins are told nothing, with credentials or without; the
// public keys are for everybody.
func TestCORS_S86(t *testing.T) {
	w := newWorld(t)
	origins := []string{
		"https://evil.example", "null", base, "https://as.example.evil.example", "https://x.as.example", "http://as.example", "https://app.example",
		"https://as.example:443", "http://localhost:3000", "https://as.example, https://evil.example", "*", "file://", "chrome-extension://abc", "https://AS.example",
	}
	for _, origin := range origins {
		for _, path := range posts {
			for _, method := range []string{"POST", "OPTIONS"} {
				a := w.send(method, path, form("grant_type", "client_credentials", "token", "x"), as("app"), func(r *http.Request) {
					r.Header.Set("Origin", origin)
					r.Header.Set("Access-Control-Request-Method", "POST")
					r.Header.Set("Access-Control-Request-Headers", "authorization")
				})
				for name := range a.header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s from %s: %s: %v", method, path, origin, name, a.header[name])
					}
				}
			}
		}
		a := w.send("GET", "/oauth/jwks", "", func(r *http.Request) { r.Header.Set("Origin", origin) })
		if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("JWKS from %s: %v", origin, a.header)
		}
	}
}

func FuzzTokenForm(f *testing.F) {
	w := newWorld(f)
	a, code := w.tokens("app")
	for _, seed := range []string{
		"grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri=https%3A%2F%2Fclient%2Eexample%2Ecom%2Fcb", // RFC 6749 §4.1.3
		"grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA", "grant_type=client_credentials", "grant_type=authorization_code&code=" + code,
		"grant_type=refresh_token&refresh_token=" + a.text("access_token"), "token=%zz", "grant_type=client_credentials&scope=admin", "a=1&a=2", "resource=%23",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		w.t = t
		w.after(time.Second) // so that the store can forget
		for _, path := range posts {
			a := w.send("POST", path, body, as("app"))
			_, err := oauth.ParseParams(body)
			switch {
			case a.status >= 500:
				t.Errorf("%s: %q: %d", path, body, a.status)
			case err != nil && a.status < 400:
				t.Errorf("%s: %q: malformed, and %d", path, body, a.status)
			case a.status >= 400 && (a.text("error") == "" || a.text("error_description") == ""):
				t.Errorf("%s: %q: %s", path, body, a.raw)
			}
		}
	})
}

// FuzzBasic looks for a header, other than the client's own, that is believed.
func FuzzBasic(f *testing.F) {
	w := newWorld(f)
	for _, seed := range []string{
		"Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3", // RFC 6749 §2.3.1
		"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",                 // RFC 7617 §2
		"Basic dGVzdDoxMjPCow==", encoded("app:app-secret"), encoded("app:"), encoded("public:"), "Basic", "Bearer x", "basic  ====",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		w.t = t
		w.after(time.Second)
		a := w.send("POST", "/oauth/tokenize", form("grant_type", "client_credentials"), header(value))
		if a.status == http.StatusOK && !ours(value) || a.status >= 500 {
			t.Errorf("%q: %d %s", value, a.status, a.raw)
		}
	})
}

// ours reports whether a Basic header spells one of the world's clients and
// its secret, by way of the standard library.
func ours(value string) bool {
	r := http.Request{Header: http.Header{"Authorization": {value}}}
	scheme, rest, _ := strings.Cut(value, " ")
	r.Header.Set("Authorization", scheme+" "+strings.TrimLeft(rest, " "))
	id, password, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id)
	password, _ = url.QueryUnescape(password)
	for _, c := range clients() {
		if c.ID == id && c.CheckSecret(password) {
			return true
		}
	}
	return false
}
