package authorization_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

// The first request of the seed's documentation, word for word.
func TestSeedWalk_S01(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	const target = "/oauth/authorize?client_id=test_client&redirect_uri=https%3A%2F%2Fwww.example.com%2Fredirect&response_type=code&state=somestate&scope=email"
	resp := b.post(authorization.PathApprove, "form", b.approvePage(target), "do", "approve", "scope", "email")
	location := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, "https://www.example.com/redirect?state=somestate&code=lkc_") ||
		!strings.HasSuffix(location, "&scope=email&iss=https%3A%2F%2Fid.example") {
		t.Errorf("%d %s", resp.StatusCode, location)
	}
	g := s.grantOf(answer(t, resp).Get("code"))
	if g.ClientID != "test_client" || g.User != "admin" || g.Subject != "sub-admin" || len(g.Scopes) != 1 || g.RedirectURI != "https://www.example.com/redirect" || g.Challenge != "" || g.AuthTime.IsZero() {
		t.Errorf("%+v", g)
	}
	wantREDIR(t, b.post(authorization.PathApprove, "form", b.approvePage(target+"&prompt=consent"), "do", "deny"), "https://www.example.com/redirect?", "access_denied", "somestate")
}

func TestScopeLeftOutMeansAll_S13(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	got := b.allow(A("web", "scope", "-"), "profile", "email", "read")
	if g := s.grantOf(got.Get("code")); strings.Join(g.Scopes, " ") != "openid profile email read" || got.Get("scope") != "openid profile email read" {
		t.Errorf("%v, %q", g.Scopes, got.Get("scope"))
	}
	// Named twice or in another order, it is the same scope.
	if got := b.allow(A("web", "scope", "email openid email", "prompt", "consent"), "email"); got.Get("scope") != "openid email" {
		t.Errorf("scope %q", got.Get("scope"))
	}
}

func TestUnknownParametersAreIgnored_S16(t *testing.T) {
	s := newServer(t)
	for _, extra := range []string{"&foo=bar", "&continue=x", "&resource=https%3A%2F%2Fapi", "&claims=%7B%7D", "&acr_values=1", "&ui_locales=de", "&display=page", "&=x", "&", "&form=x&do=approve", "&username=admin&password=x", "&user=bob&sub=x"} {
		resp := s.browser().get(A("web") + extra)
		if resp.StatusCode != http.StatusOK || !is(resp, authorization.PathSignIn) {
			t.Errorf("%s: %d %v", extra, resp.StatusCode, resp.Header)
		}
	}
}

func TestByPOST(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := strings.SplitN(A("web", "login_hint", "bob", "max_age", "60", "nonce", "n", "prompt", "login", "scope", "openid read"), "?", 2)[1]
	cross := s.browser()
	cross.header.Set("Sec-Fetch-Site", "cross-site")
	cross.header.Set("Origin", "https://app.example")
	resp := cross.do(http.MethodPost, authorization.PathAuthorize, "application/x-www-form-urlencoded", form)
	location := resp.Header.Get("Location")
	u, _ := url.Parse(location)
	got, want := u.Query(), must(url.ParseQuery(form))
	if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, base+authorization.PathAuthorize+"?") || got.Encode() != want.Encode() {
		t.Fatalf("%d %s", resp.StatusCode, location)
	}
	if page := b.get(location); !is(page, authorization.PathSignIn) || !strings.Contains(bodyOf(page), `value="bob"`) {
		t.Error("no sign-in page for bob")
	}
	for name, tt := range map[string]struct{ target, contentType, body string }{
		"JSON":              {authorization.PathAuthorize, "application/json", `{"client_id":"web"}`},
		"no type":           {authorization.PathAuthorize, "", form},
		"a client in both":  {A("web"), "application/x-www-form-urlencoded", form},
		"nothing":           {authorization.PathAuthorize, "application/x-www-form-urlencoded", ""},
		"multipart":         {authorization.PathAuthorize, "multipart/form-data; boundary=x", form},
		"continue is a GET": {authorization.PathAuthorize, "application/x-www-form-urlencoded", "continue=abc"},
	} {
		t.Run(name, func(t *testing.T) {
			wantPAGE(t, b.do(http.MethodPost, tt.target, tt.contentType, tt.body), http.StatusBadRequest)
		})
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMethods(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for path, allow := range map[string]string{
		authorization.PathAuthorize: "GET, POST", authorization.PathSignIn: "POST", authorization.PathApprove: "POST",
		authorization.PathSignOut: "GET, POST", authorization.PathEndSession: "GET, POST",
	} {
		for _, method := range []string{"HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "get"} {
			if resp := b.do(method, path, "", ""); resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != allow {
				t.Errorf("%s %s: %d, Allow %q", method, path, resp.StatusCode, resp.Header.Get("Allow"))
			}
		}
	}
	if resp := b.get("/oauth/other"); resp.StatusCode != http.StatusNotFound {
		t.Error(resp.StatusCode)
	}
}

func TestOversize_S88(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	if resp := b.get(A("web", "state", strings.Repeat("s", 100_000))); resp.StatusCode != http.StatusRequestURITooLong {
		t.Error(resp.StatusCode)
	}
	for _, path := range authorization.Paths {
		if resp := b.post(path, "form", strings.Repeat("x", 1<<20)); resp.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		if resp := b.do(http.MethodPost, path, "application/x-www-form-urlencoded", strings.Repeat("a=1&", 10_000)); resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

func TestHostIsNotTrusted_S85(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.host = "evil.example"
	for _, target := range []string{A("web", "scope", "root"), authorization.PathSignOut, authorization.PathEndSession + "?state=x"} {
		resp := b.get(target)
		if resp.StatusCode != http.StatusTemporaryRedirect || !strings.HasPrefix(resp.Header.Get("Location"), base+strings.SplitN(target, "?", 2)[0]) || len(resp.Cookies()) > 0 {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	}
	b.header.Set("X-Forwarded-Host", "evil.example")
	b.host = ""
	wantREDIR(t, b.get(A("web", "scope", "root")), "https://app.example/cb2?", "invalid_scope", "st-1")
}
