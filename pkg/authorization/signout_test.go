package authorization_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

func TestSignOut_S34(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	cookie := b.cookies["__Host-signin"]
	page := b.get(authorization.PathSignOut)
	if !strings.Contains(bodyOf(page), "<strong>admin</strong>") {
		t.Error(bodyOf(page))
	}
	if resp := b.post(authorization.PathSignOut); resp.StatusCode != http.StatusForbidden {
		t.Errorf("without a form: %d", resp.StatusCode)
	}
	resp := b.post(authorization.PathSignOut, "form", formOf(t, page))
	if resp.StatusCode != http.StatusSeeOther || b.cookies["__Host-signin"] != "" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	if body := bodyOf(b.get(resp.Header.Get("Location"))); !strings.Contains(body, "You are signed out") {
		t.Error(body)
	}
	b.cookies["__Host-signin"] = cookie
	if !is(b.get(A("web")), authorization.PathSignIn) {
		t.Error("the old cookie still works")
	}
	if body := bodyOf(b.get(authorization.PathSignOut)); !strings.Contains(body, "You are signed out") {
		t.Error(body)
	}
}

func TestSignOutFormOfAnotherSignIn(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	form := formOf(t, b.get(authorization.PathSignOut))
	b.signIn(A("web", "prompt", "login"), "bob")
	resp := b.post(authorization.PathSignOut, "form", form)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != authorization.PathSignOut || b.cookies["__Host-signin"] == "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	if !is(b.get(A("web")), authorization.PathApprove) {
		t.Error("bob was signed out by admin's form")
	}
}

func (s *server) idToken(root *secret.Root, typ string, claims map[string]any) string {
	s.t.Helper()
	token, err := jose.Sign(root, typ, claims)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

func TestEndSession(t *testing.T) {
	s := newServer(t)
	root := s.keys.p.Load().Newest()
	foreign := s.keysOf(root2).Newest()
	claims := func(change ...any) map[string]any {
		c := map[string]any{"iss": base, "sub": "sub-admin", "aud": "web", "exp": 1} // long expired
		for i := 0; i < len(change); i += 2 {
			c[change[i].(string)] = change[i+1]
		}
		return c
	}
	mine := s.idToken(root, jose.TypeID, claims())
	for name, tt := range map[string]struct {
		params []string
		asks   bool
		to     string // where the browser is sent, at once or after asking
		status int    // of a refusal
	}{
		"nothing":                          {nil, true, authorization.PathSignOut, 0},
		"own hint":                         {[]string{"id_token_hint", mine}, false, authorization.PathSignOut, 0},
		"own hint and address":             {[]string{"id_token_hint", mine, "post_logout_redirect_uri", "https://app.example/bye", "state", "a&b"}, false, "https://app.example/bye?state=a%26b", 0},
		"an address with a query":          {[]string{"id_token_hint", mine, "post_logout_redirect_uri", "https://app.example/bye?a=1", "state", "s"}, false, "https://app.example/bye?a=1&state=s", 0},
		"an audience of two":               {[]string{"id_token_hint", s.idToken(root, jose.TypeID, claims("aud", []string{"web", "x"})), "client_id", "web"}, false, authorization.PathSignOut, 0},
		"client_id and address":            {[]string{"client_id", "web", "post_logout_redirect_uri", "https://app.example/bye", "state", "s"}, true, "https://app.example/bye?state=s", 0},
		"client_id and address, no state":  {[]string{"client_id", "web", "post_logout_redirect_uri", "https://app.example/bye"}, true, "https://app.example/bye", 0},
		"another user's hint":              {[]string{"id_token_hint", s.idToken(root, jose.TypeID, claims("sub", "sub-bob"))}, true, authorization.PathSignOut, 0},
		"another issuer's hint":            {[]string{"id_token_hint", s.idToken(root, jose.TypeID, claims("iss", "https://evil.example"))}, true, authorization.PathSignOut, 0},
		"a hint under a strange key":       {[]string{"id_token_hint", s.idToken(foreign, jose.TypeID, claims())}, true, authorization.PathSignOut, 0},
		"an access token as hint":          {[]string{"id_token_hint", s.idToken(root, jose.TypeAccess, claims())}, true, authorization.PathSignOut, 0},
		"a hint cut short":                 {[]string{"id_token_hint", mine[:len(mine)-4]}, true, authorization.PathSignOut, 0},
		"garbage as hint":                  {[]string{"id_token_hint", "x"}, true, authorization.PathSignOut, 0},
		"alg none":                         {[]string{"id_token_hint", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJzdWItYWRtaW4ifQ."}, true, authorization.PathSignOut, 0},
		"a hint without sub":               {[]string{"id_token_hint", s.idToken(root, jose.TypeID, claims("sub", ""))}, true, authorization.PathSignOut, 0},
		"hint and client_id differ":        {[]string{"id_token_hint", mine, "client_id", "native"}, false, "", 400},
		"an address not registered":        {[]string{"id_token_hint", mine, "post_logout_redirect_uri", "https://evil.example/bye"}, false, "", 400},
		"an address with a slash more":     {[]string{"id_token_hint", mine, "post_logout_redirect_uri", "https://app.example/bye/"}, false, "", 400},
		"a redirect URI as address":        {[]string{"id_token_hint", mine, "post_logout_redirect_uri", "https://app.example/cb2"}, false, "", 400},
		"an address without a client":      {[]string{"post_logout_redirect_uri", "https://app.example/bye"}, false, "", 400},
		"an address and garbage as hint":   {[]string{"id_token_hint", "x", "post_logout_redirect_uri", "https://app.example/bye"}, false, "", 400},
		"an unknown client":                {[]string{"client_id", "nope", "post_logout_redirect_uri", "https://app.example/bye"}, false, "", 400},
		"another client's address":         {[]string{"client_id", "native", "post_logout_redirect_uri", "https://app.example/bye"}, false, "", 400},
		"javascript":                       {[]string{"client_id", "web", "post_logout_redirect_uri", "javascript:alert(1)"}, false, "", 400},
		"ui_locales and logout_hint (out)": {[]string{"ui_locales", "de", "logout_hint", "x"}, true, authorization.PathSignOut, 0},
	} {
		t.Run(name, func(t *testing.T) {
			v := url.Values{}
			for i := 0; i+1 < len(tt.params); i += 2 {
				v.Set(tt.params[i], tt.params[i+1])
			}
			b := s.browser()
			b.signIn(A("web"), "admin")
			resp := b.get(authorization.PathEndSession + "?" + v.Encode())
			if tt.status != 0 {
				wantPAGE(t, resp, tt.status)
				if b.cookies["__Host-signin"] == "" {
					t.Error("signed out all the same")
				}
				return
			}
			if tt.asks {
				if !is(resp, authorization.PathSignOut) || b.cookies["__Host-signin"] == "" {
					t.Fatalf("it does not ask: %d %v", resp.StatusCode, resp.Header)
				}
				resp = b.post(authorization.PathSignOut, "form", formOf(t, resp))
			}
			if got := resp.Header.Get("Location"); got != tt.to || b.cookies["__Host-signin"] != "" {
				t.Errorf("%d to %q", resp.StatusCode, got)
			}
			// Signed out already, it leads on at once; a POST asks to come by GET.
			if got := b.get(authorization.PathEndSession + "?" + v.Encode()).Header.Get("Location"); got != tt.to {
				t.Errorf("signed out: %q", got)
			}
			post := b.do(http.MethodPost, authorization.PathEndSession, "application/x-www-form-urlencoded", v.Encode())
			if post.StatusCode != http.StatusSeeOther || post.Header.Get("Location") != base+authorization.PathEndSession+"?"+v.Encode() {
				t.Errorf("POST: %d %v", post.StatusCode, post.Header)
			}
		})
	}
	b := s.browser()
	wantPAGE(t, b.get(authorization.PathEndSession+"?state=a&state=b"), http.StatusBadRequest)
	wantPAGE(t, b.do(http.MethodPost, authorization.PathEndSession, "application/x-www-form-urlencoded", "state=a&state=b"), http.StatusBadRequest)
	wantPAGE(t, b.do(http.MethodPost, authorization.PathEndSession, "text/plain", "state=a"), http.StatusBadRequest)
}

// keysOf is a ring of its own.
func (s *server) keysOf(list string) *secret.Ring {
	s.t.Helper()
	return must(secret.ParseRing(list))
}
