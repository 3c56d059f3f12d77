package authorization_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

// The redirect after a password is 303 and leads to the same request,
// whatever the form brings besides.
func TestNextIsSealed_S35_S26(t *testing.T) {
	s := newServer(t)
	for _, extra := range []string{
		"next=https://evil.example", "next=//evil.example", "next=/evil", "return_to=https://evil.example", "return=https://evil.example",
		"returnUrl=https://evil.example", "return_url=//evil.example", "redirect=https://evil.example", "redirect_uri=https://evil.example",
		"redirect_to=https://evil.example", "continue=https://evil.example", "continue=abc", "url=javascript:alert(1)", "goto=https://evil.example",
		"target=https://evil.example", "dest=https://evil.example", "r=https://evil.example", "RelayState=https://evil.example",
		"state=evil", "client_id=native", "scope=read", "code_challenge=evil", "post_logout_redirect_uri=https://evil.example", "iss=https://evil.example",
	} {
		t.Run(extra, func(t *testing.T) {
			b := s.browser()
			form := formOf(t, b.get(A("web", "scope", "openid", "prompt", "consent")))
			name, value, _ := strings.Cut(extra, "=")
			for _, query := range []string{"", "?" + name + "=" + value} {
				resp := b.post(authorization.PathSignIn+query, "form", form, "username", "admin", "password", password, name, value)
				location := resp.Header.Get("Location")
				if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, authorization.PathAuthorize+"?continue=") || strings.Contains(location, "evil") {
					t.Fatalf("%d %s", resp.StatusCode, location)
				}
				got := answer(t, b.post(authorization.PathApprove, "form", formOf(t, b.get(location)), "do", "approve", name, value))
				if g := s.grantOf(got.Get("code")); g.ClientID != "web" || g.RedirectURI != "https://app.example/cb2" || g.Challenge != challenge || strings.Join(g.Scopes, " ") != "openid" || got.Get("state") != "st-1" {
					t.Errorf("%+v", g)
				}
			}
		})
	}
}

func TestSignInCSRF_S28(t *testing.T) {
	s := newServer(t)
	stranger := s.browser()
	foreign := formOf(t, stranger.get(A("web")))
	b := s.browser()
	own := formOf(t, b.get(A("web")))
	approve := func() string { c := s.browser(); return c.approvePage(A("web")) }()
	for name, form := range map[string]string{
		"none": "-", "empty": "", "garbage": "abc", "of another browser": foreign, "an approve form": approve,
		"a bit flipped": own[:20] + string(own[20]^1) + own[21:], "cut": own[:len(own)-1], "longer": own + "A", "padded": own + "=",
		"only the key": own[:6], "of an unknown key": "AAAAAA" + own[6:], "of 60 KB": strings.Repeat("A", 60_000),
	} {
		pairs := []string{"username", "admin", "password", password}
		if form != "-" {
			pairs = append(pairs, "form", form)
		}
		resp := b.post(authorization.PathSignIn, pairs...)
		if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
	for name, header := range map[string]http.Header{
		"cross-site":                {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":                 {"Sec-Fetch-Site": {"same-site"}},
		"origin evil, old browser":  {"Origin": {"https://evil.example"}},
		"origin null, old browser":  {"Origin": {"null"}},
		"origin with another port":  {"Origin": {"https://id.example:8443"}},
		"origin as a prefix":        {"Origin": {"https://id.example.evil.example"}},
		"cross-site, origin spoofs": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {base}},
	} {
		for _, path := range []string{authorization.PathSignIn, authorization.PathApprove, authorization.PathSignOut} {
			c := s.browser()
			c.cookies = b.cookies
			c.header = header
			resp := c.post(path, "form", own, "username", "admin", "password", password)
			if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 || resp.Header.Get("Location") != "" {
				t.Errorf("%s %s: %d %v", path, name, resp.StatusCode, resp.Header)
			}
		}
	}
	if ops := s.flows.ops(); ops["PutSignIn"] != 1 { // the approve form's own
		t.Errorf("store operations: %v", ops)
	}
	b.cookies = map[string]string{}
	if resp := b.post(authorization.PathSignIn, "form", own, "username", "admin", "password", password); resp.StatusCode != http.StatusForbidden || !strings.Contains(bodyOf(resp), "cookie") {
		t.Errorf("without cookies: %d", resp.StatusCode)
	}
}

func TestFormsExpire(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := formOf(t, b.get(A("web", "nonce", "n")))
	s.advance(10*time.Minute - 2*time.Second)
	resp := b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password)
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("at ten minutes less a bit: %d", resp.StatusCode)
	}
	next := resp.Header.Get("Location")
	approve := formOf(t, b.get(next))
	s.advance(10 * time.Minute)
	for name, resp := range map[string]*http.Response{
		"sign-in": b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password),
		"onward":  b.get(next),
		"approve": b.post(authorization.PathApprove, "form", approve, "do", "approve"),
	} {
		wantPAGE(t, resp, http.StatusBadRequest)
		if !strings.Contains(bodyOf(resp), `href="/oauth/authorize?client_id=web&amp;code_challenge=`) {
			t.Errorf("%s: no way on\n%s", name, bodyOf(resp))
		}
	}
}

// A request has forms for half an hour at most, however often one is shown
// anew: that is what a grant's item outlives.
func TestFormsEndWithTheirRequest_S41(t *testing.T) {
	s := newServer(t)
	s.endpoint.Lifetimes.RefreshMax = time.Second
	b := s.browser()
	resp := b.get(A("web"))
	for range 3 {
		s.advance(9 * time.Minute)
		resp = b.post(authorization.PathSignIn, "form", formOf(t, resp), "username", "admin", "password", "wrong")
	}
	form := b.signInWith(formOf(t, resp))
	s.advance(2 * time.Minute)
	code := answer(t, b.post(authorization.PathApprove, "form", form, "do", "approve")).Get("code")
	if code == "" || s.flows.last.ExpiresAt.Before(s.now().Add(time.Minute)) {
		t.Errorf("the item of a form that can be sent again is over at %v", s.flows.last.ExpiresAt)
	}
	s.advance(time.Minute + time.Second)
	wantPAGE(t, b.post(authorization.PathApprove, "form", form, "do", "approve"), http.StatusBadRequest)
}

func (b *browser) signInWith(form string) (approve string) {
	b.s.t.Helper()
	resp := b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password)
	return formOf(b.s.t, b.get(resp.Header.Get("Location")))
}

var sealedValue = regexp.MustCompile(`value="[A-Za-z0-9_-]{60,}"`)

func TestDamagedForm_S89(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := formOf(t, b.get(A("web")))
	for name, body := range map[string]string{
		"broken escape":   "form=" + form + "&username=%zz&password=x",
		"name twice":      "form=" + form + "&username=admin&username=bob&password=" + password,
		"password twice":  "form=" + form + "&username=admin&password=x&password=" + password,
		"form twice":      "form=" + form + "&form=" + form + "&username=admin&password=" + password,
		"not UTF-8":       "form=" + form + "&username=%ff&password=x",
		"semicolons":      "form=" + form + ";username=admin;password=x",
		"password as 8-1": "form=" + form + "&username=admin&password=p%e4ss",
	} {
		if resp := b.do(http.MethodPost, authorization.PathSignIn, "application/x-www-form-urlencoded", body); resp.StatusCode != http.StatusBadRequest || b.cookies["__Host-signin"] != "" {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	for _, kind := range []string{"", "application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded, x"} {
		if resp := b.do(http.MethodPost, authorization.PathSignIn, kind, "form="+form+"&username=admin&password="+password); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", kind, resp.StatusCode)
		}
	}
}
