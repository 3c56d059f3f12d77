package authorization_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/client"
)

func TestNowhereToAnswer(t *testing.T) {
	s := newServer(t)
	for name, target := range map[string]string{
		"unknown client S-02":                           A("nope"),
		"missing client S-03":                           A("web", "client_id", "-"),
		"empty client S-03":                             A("web", "client_id", ""),
		"client named twice S-15":                       A("web") + "&client_id=web",
		"client named twice, differently S-15":          A("web") + "&client_id=native",
		"client with a broken escape S-89":              A("web", "client_id", "-") + "&client_id=%zz",
		"client with a NUL S-89":                        A("web", "client_id", "web\x00"),
		"client that is not UTF-8 S-89":                 A("web", "client_id", "-") + "&client_id=web%ff",
		"client in capitals":                            A("WEB"),
		"client with a space":                           A("web "),
		"missing redirect_uri, two registered S-04":     A("web", "redirect_uri", "-"),
		"redirect_uri twice S-15":                       A("web") + "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb2",
		"redirect_uri twice, the second evil S-15":      A("web") + "&redirect_uri=https%3A%2F%2Fevil.example",
		"redirect_uri with a broken escape S-89":        A("web", "redirect_uri", "-") + "&redirect_uri=https%3A%2F%2Fapp.example%2Fcb2%z",
		"redirect_uri of another client":                A("web", "redirect_uri", "https://www.example.com/redirect"),
		"no parameter at all":                           authorization.PathAuthorize,
		"continue that is nothing":                      authorization.PathAuthorize + "?continue=abc",
		"parameter names in capitals":                   authorization.PathAuthorize + "?CLIENT_ID=web&REDIRECT_URI=https%3A%2F%2Fapp.example%2Fcb2&response_type=code",
		"semicolons between the parameters":             strings.ReplaceAll(A("web"), "&", ";"),
		"client_id and redirect_uri swapped":            A("https://app.example/cb2", "redirect_uri", "web"),
		"client id with a wildcard":                     A("*"),
		"client_id as a URL with metadata":              A("https://app.example/client.json"),
		"the first-party client elsewhere":              A(client.FirstParty, "redirect_uri", "https://evil.example/callback"),
		"the first-party client on the spoofed host":    A(client.FirstParty, "redirect_uri", "https://id.example.evil/callback"),
		"missing redirect_uri, the state is not echoed": A("web", "redirect_uri", "-", "state", "canary-state"),
	} {
		t.Run(name, func(t *testing.T) {
			resp := s.browser().get(target)
			if strings.HasPrefix(name, "continue") {
				wantPAGE(t, resp, http.StatusForbidden)
			} else {
				wantPAGE(t, resp, http.StatusBadRequest)
			}
			if strings.Contains(bodyOf(resp), "canary-state") {
				t.Error("the state is echoed")
			}
		})
	}
	if ops := s.flows.ops(); len(ops) > 0 {
		t.Errorf("store operations: %v", ops)
	}
}

func TestOneRegisteredRedirectIsUsed_S04(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	for _, target := range []string{A("test_client", "redirect_uri", "-"), A("test_client", "redirect_uri", "")} {
		resp := b.post(authorization.PathApprove, "form", b.approvePage(target+"&prompt=consent"), "do", "approve", "scope", "email")
		if !strings.HasPrefix(resp.Header.Get("Location"), "https://www.example.com/redirect?") {
			t.Fatal(resp.Header)
		}
		if g := s.grantOf(answer(t, resp).Get("code")); g.RedirectURI != "" {
			t.Errorf("the token request would have to repeat %q", g.RedirectURI)
		}
	}
}

func TestNeverToAnUnregisteredURI_S05(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("test_client"), "admin")
	for name, change := range map[string][]string{
		"nothing else wrong":      {},
		"bad response_type":       {"response_type", "token"},
		"no response_type":        {"response_type", "-"},
		"bad scope":               {"scope", "root"},
		"prompt=none":             {"prompt", "none"},
		"bad prompt":              {"prompt", "maybe"},
		"no PKCE":                 {"code_challenge", "-", "code_challenge_method", "-"},
		"plain":                   {"code_challenge_method", "plain"},
		"request object":          {"request", "e30."},
		"request_uri":             {"request_uri", "https://evil.example/r"},
		"response_mode fragment":  {"response_mode", "fragment"},
		"bad max_age":             {"max_age", "-1"},
		"long state":              {"state", strings.Repeat("s", 4000)},
		"an error of its own":     {"error", "access_denied"},
		"a parameter with a NUL":  {"foo", "\x00"},
		"a parameter not in UTF8": {"foo", "\xff"},
	} {
		for _, id := range []string{"web", "test_client", "native", "machine"} {
			target := A(id, append([]string{"redirect_uri", "https://evil.example/cb"}, change...)...)
			t.Run(id+" "+name, func(t *testing.T) {
				wantPAGE(t, b.get(target), http.StatusBadRequest)
				wantPAGE(t, b.get(target+"&state=again"), http.StatusBadRequest)
				wantPAGE(t, b.do(http.MethodPost, authorization.PathAuthorize, "application/x-www-form-urlencoded", strings.SplitN(target, "?", 2)[1]), http.StatusBadRequest)
			})
		}
	}
}

func TestRedirectIsExact_S06(t *testing.T) {
	s := newServer(t)
	for name, uri := range map[string]string{
		"a slash more":              "https://www.example.com/redirect/",
		"a letter less":             "https://www.example.com/redirec",
		"a query":                   "https://www.example.com/redirect?x=1",
		"an empty query":            "https://www.example.com/redirect?",
		"a fragment":                "https://www.example.com/redirect#x",
		"an empty fragment":         "https://www.example.com/redirect#",
		"capitals in the host":      "https://WWW.example.com/redirect",
		"capitals in the scheme":    "HTTPS://www.example.com/redirect",
		"capitals in the path":      "https://www.example.com/Redirect",
		"the default port":          "https://www.example.com:443/redirect",
		"another port":              "https://www.example.com:8443/redirect",
		"http":                      "http://www.example.com/redirect",
		"a subdomain":               "https://a.www.example.com/redirect",
		"the parent domain":         "https://example.com/redirect",
		"a suffix on the host":      "https://www.example.com.evil.example/redirect",
		"user info":                 "https://www.example.com@evil.example/redirect",
		"user info before":          "https://evil.example@www.example.com/redirect",
		"a backslash":               `https://evil.example\@www.example.com/redirect`,
		"dot segments":              "https://www.example.com/x/../redirect",
		"encoded dot segments":      "https://www.example.com/%2e%2e/redirect",
		"an encoded letter":         "https://www.example.com/%72edirect",
		"a double slash":            "https://www.example.com//redirect",
		"a path parameter":          "https://www.example.com/redirect;x",
		"a leading space":           " https://www.example.com/redirect",
		"a trailing space":          "https://www.example.com/redirect ",
		"a trailing tab":            "https://www.example.com/redirect\t",
		"a line end":                "https://www.example.com/redirect\r\nX: y",
		"a NUL":                     "https://www.example.com/redirect\x00",
		"relative":                  "/redirect",
		"without a scheme":          "//www.example.com/redirect",
		"a full-width letter":       "https://www.example.com/ｒedirect",
		"a trailing dot":            "https://www.example.com./redirect",
		"another spelling of a dot": "https://www。example.com/redirect",
		"javascript S-08":           "javascript:alert(1)//https://www.example.com/redirect",
		"data S-08":                 "data:text/html,x",
		"twice encoded":             "https%3A%2F%2Fwww.example.com%2Fredirect",
		"a wildcard":                "https://www.example.com/*",
	} {
		t.Run(name, func(t *testing.T) {
			wantPAGE(t, s.browser().get(A("test_client", "redirect_uri", uri)), http.StatusBadRequest)
		})
	}
}

func TestLoopbackPort_S07(t *testing.T) {
	s := newServer(t)
	for uri, want := range map[string]bool{
		"http://127.0.0.1/cb": true, "http://127.0.0.1:1/cb": true, "http://127.0.0.1:65535/cb": true, "com.example.app:/cb": true,
		"http://127.0.0.1:0/cb": false, "http://127.0.0.1:65536/cb": false, "http://127.0.0.1:/cb": false, "http://127.0.0.1:80/cb/": false,
		"http://127.0.0.1:80/": false, "http://127.0.0.2:80/cb": false, "http://localhost:80/cb": false, "http://[::1]:80/cb": false,
		"https://127.0.0.1:80/cb": false, "http://127.0.0.1:80@evil.example/cb": false, "http://127.0.0.1.evil.example:80/cb": false,
		"http://127.1:80/cb": false, "http://2130706433/cb": false, "http://127.0.0.1:80/cb?x": false, "http://127.0.0.1:8_0/cb": false,
		"com.example.app:/other": false, "com.example.app://cb": false,
	} {
		resp := s.browser().get(A("native", "redirect_uri", uri, "prompt", "none"))
		if !want {
			wantPAGE(t, resp, http.StatusBadRequest)
			continue
		}
		wantREDIR(t, resp, uri+"?", "login_required", "st-1")
	}
}

func TestRegisteredQueryIsKept(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	resp := b.post(authorization.PathApprove, "form", b.approvePage(A("web", "redirect_uri", "https://app.example/cb?keep=1&x=%20y", "scope", "read")), "do", "approve", "scope", "read")
	if got := resp.Header.Get("Location"); !strings.HasPrefix(got, "https://app.example/cb?keep=1&x=%20y&state=st-1&code=") {
		t.Error(got)
	}
	if got := b.get(A("noscope", "response_type", "token")).Header.Get("Location"); !strings.HasPrefix(got, "https://n.example/cb?error=unsupported") {
		t.Error(got)
	}
}
