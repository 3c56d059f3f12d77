package authorization_test

import (
	"bytes"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

// browser is a person's browser: cookies and the headers of a navigation.
type browser struct {
	s       *server
	cookies map[string]string
	header  http.Header
	remote  string
	host    string
}

func (s *server) browser() *browser {
	return &browser{s: s, cookies: map[string]string{}, header: http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Site": {"same-origin"}}, remote: "198.51.100.7:1234"}
}

func (b *browser) do(method, target, contentType, body string) *http.Response {
	b.s.t.Helper()
	target = strings.TrimPrefix(target, b.s.base)
	r := httptest.NewRequest(method, b.s.base+target, strings.NewReader(body))
	for name, values := range b.header {
		r.Header[name] = values
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", contentType)
	}
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	r.RemoteAddr = b.remote
	if b.host != "" {
		r.Host = b.host
	}
	w := httptest.NewRecorder()
	b.s.handler.ServeHTTP(w, r)
	resp := w.Result()
	for _, c := range resp.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	return resp
}

func (b *browser) get(target string) *http.Response {
	b.s.t.Helper()
	return b.do(http.MethodGet, target, "", "")
}

func (b *browser) post(path string, pairs ...string) *http.Response {
	b.s.t.Helper()
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Add(pairs[i], pairs[i+1])
	}
	return b.do(http.MethodPost, path, "application/x-www-form-urlencoded", v.Encode())
}

func bodyOf(resp *http.Response) string {
	b, _ := io.ReadAll(resp.Body)
	resp.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

var hidden = regexp.MustCompile(`name="form" value="([^"]*)"`)

// formOf is the sealed part of the form on a page.
func formOf(t *testing.T, resp *http.Response) string {
	t.Helper()
	m := hidden.FindStringSubmatch(bodyOf(resp))
	if m == nil {
		t.Fatalf("no form: %d %v\n%s", resp.StatusCode, resp.Header, bodyOf(resp))
	}
	return html.UnescapeString(m[1])
}

// is tells which page an answer shows.
func is(resp *http.Response, path string) bool {
	return strings.Contains(bodyOf(resp), `action="`+path+`"`)
}

// signIn goes through the sign-in page of target and returns what follows it.
func (b *browser) signIn(target, name string) *http.Response {
	b.s.t.Helper()
	resp := b.post(authorization.PathSignIn, "form", formOf(b.s.t, b.get(target)), "username", name, "password", password, "do", "signin")
	if resp.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("signing in: %d\n%s", resp.StatusCode, bodyOf(resp))
	}
	return b.get(resp.Header.Get("Location"))
}

// approvePage is the approve form of target, for a user who signs in first if
// need be.
func (b *browser) approvePage(target string) string {
	b.s.t.Helper()
	resp := b.get(target)
	if is(resp, authorization.PathSignIn) {
		resp = b.signIn(target, "admin")
	}
	if !is(resp, authorization.PathApprove) {
		b.s.t.Fatalf("no approve page: %d %v\n%s", resp.StatusCode, resp.Header, bodyOf(resp))
	}
	return formOf(b.s.t, resp)
}

// allow approves target with the scopes and returns the answer's parameters.
func (b *browser) allow(target string, scopes ...string) url.Values {
	b.s.t.Helper()
	pairs := []string{"form", b.approvePage(target), "do", "approve"}
	for _, s := range scopes {
		pairs = append(pairs, "scope", s)
	}
	return answer(b.s.t, b.post(authorization.PathApprove, pairs...))
}
