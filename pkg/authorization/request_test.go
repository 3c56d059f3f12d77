package authorization_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/client"
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

// What is wrong with a request is told to the client, once the redirect URI
// has matched.
func TestErrorsGoToTheClient(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	for name, tt := range map[string]struct {
		code   string
		client string
		change []string
		more   string
	}{
		"response_type missing S-10":             {"invalid_request", "web", []string{"response_type", "-"}, ""},
		"response_type empty S-10":               {"invalid_request", "web", []string{"response_type", ""}, ""},
		"token S-11":                             {"unsupported_response_type", "web", []string{"response_type", "token"}, ""},
		"id_token S-11":                          {"unsupported_response_type", "web", []string{"response_type", "id_token"}, ""},
		"code token S-11":                        {"unsupported_response_type", "web", []string{"response_type", "code token"}, ""},
		"code id_token S-11":                     {"unsupported_response_type", "web", []string{"response_type", "code id_token"}, ""},
		"code id_token token S-11":               {"unsupported_response_type", "web", []string{"response_type", "code id_token token"}, ""},
		"id_token token S-11":                    {"unsupported_response_type", "web", []string{"response_type", "id_token token"}, ""},
		"code code S-11":                         {"unsupported_response_type", "web", []string{"response_type", "code code"}, ""},
		"none S-11":                              {"unsupported_response_type", "web", []string{"response_type", "none"}, ""},
		"CODE S-11":                              {"unsupported_response_type", "web", []string{"response_type", "CODE"}, ""},
		"code and a space S-11":                  {"unsupported_response_type", "web", []string{"response_type", "code "}, ""},
		"a space and code S-11":                  {"unsupported_response_type", "web", []string{"response_type", " code"}, ""},
		"code, S-11":                             {"unsupported_response_type", "web", []string{"response_type", "code,"}, ""},
		"codes S-11":                             {"unsupported_response_type", "web", []string{"response_type", "codes"}, ""},
		"device_code S-11":                       {"unsupported_response_type", "web", []string{"response_type", "device_code"}, ""},
		"vp_token S-11":                          {"unsupported_response_type", "web", []string{"response_type", "vp_token"}, ""},
		"a quote S-11":                           {"unsupported_response_type", "web", []string{"response_type", `"code"`}, ""},
		"markup S-11":                            {"unsupported_response_type", "web", []string{"response_type", "<script>"}, ""},
		"long S-11":                              {"unsupported_response_type", "web", []string{"response_type", strings.Repeat("code", 999)}, ""},
		"cyrillic S-11":                          {"unsupported_response_type", "web", []string{"response_type", "cоde"}, ""},
		"fragment S-11":                          {"invalid_request", "web", []string{"response_mode", "fragment"}, ""},
		"form_post S-11":                         {"invalid_request", "web", []string{"response_mode", "form_post"}, ""},
		"query.jwt S-11":                         {"invalid_request", "web", []string{"response_mode", "query.jwt"}, ""},
		"web_message S-11":                       {"invalid_request", "web", []string{"response_mode", "web_message"}, ""},
		"a client for itself only":               {"unauthorized_client", "machine", nil, ""},
		"unknown scope S-12":                     {"invalid_scope", "web", []string{"scope", "root"}, ""},
		"a known and an unknown scope S-12":      {"invalid_scope", "web", []string{"scope", "openid root"}, ""},
		"another client's scope S-12":            {"invalid_scope", "native", []string{"scope", "email"}, ""},
		"leading space S-14":                     {"invalid_scope", "web", []string{"scope", " openid"}, ""},
		"trailing space S-14":                    {"invalid_scope", "web", []string{"scope", "openid "}, ""},
		"only a space S-14":                      {"invalid_scope", "web", []string{"scope", " "}, ""},
		"two spaces S-14":                        {"invalid_scope", "web", []string{"scope", "openid  email"}, ""},
		"comma S-14":                             {"invalid_scope", "web", []string{"scope", "openid,email"}, ""},
		"semicolon S-14":                         {"invalid_scope", "web", []string{"scope", "openid;email"}, ""},
		"plus in the value S-14":                 {"invalid_scope", "web", []string{"scope", "openid+email"}, ""},
		"non-breaking space S-14":                {"invalid_scope", "web", []string{"scope", "openid\u00a0email"}, ""},
		"quotes S-14":                            {"invalid_scope", "web", []string{"scope", `"openid"`}, ""},
		"backslash S-14":                         {"invalid_scope", "web", []string{"scope", `openid\email`}, ""},
		"capitals S-14":                          {"invalid_scope", "web", []string{"scope", "OpenID"}, ""},
		"JSON S-14":                              {"invalid_scope", "web", []string{"scope", `["openid"]`}, ""},
		"wildcard S-14":                          {"invalid_scope", "web", []string{"scope", "*"}, ""},
		"prefix S-14":                            {"invalid_scope", "web", []string{"scope", "open"}, ""},
		"umlaut S-14":                            {"invalid_scope", "web", []string{"scope", "öffnen"}, ""},
		"zero width S-14":                        {"invalid_scope", "web", []string{"scope", "openid\u200b"}, ""},
		"a thousand S-14":                        {"invalid_scope", "web", []string{"scope", strings.Repeat("a ", 999) + "a"}, ""},
		"long S-14":                              {"invalid_scope", "web", []string{"scope", strings.Repeat("a", 4000)}, ""},
		"tab S-14":                               {"invalid_request", "web", []string{"scope", "openid\temail"}, ""},
		"line end S-14":                          {"invalid_request", "web", []string{"scope", "openid\nemail"}, ""},
		"NUL S-14":                               {"invalid_request", "web", []string{"scope", "openid\x00"}, ""},
		"not UTF-8 S-14":                         {"invalid_request", "web", []string{"scope", "openid\xff"}, ""},
		"response_type twice S-15":               {"invalid_request", "web", nil, "&response_type=code"},
		"response_type twice, differently S-15":  {"invalid_request", "web", nil, "&response_type=token"},
		"scope twice S-15":                       {"invalid_request", "web", []string{"scope", "openid"}, "&scope=email"},
		"challenge twice S-15":                   {"invalid_request", "web", nil, "&code_challenge=" + challenge},
		"method twice S-15":                      {"invalid_request", "web", nil, "&code_challenge_method=S256"},
		"nonce twice S-15":                       {"invalid_request", "web", []string{"nonce", "a"}, "&nonce=a"},
		"prompt twice S-15":                      {"invalid_request", "web", []string{"prompt", "login"}, "&prompt=none"},
		"max_age twice S-15":                     {"invalid_request", "web", []string{"max_age", "1"}, "&max_age=2"},
		"unknown one twice S-15":                 {"invalid_request", "web", []string{"foo", "1"}, "&foo=1"},
		"an empty one twice S-15":                {"invalid_request", "web", nil, "&scope=&scope="},
		"twice, once escaped S-15":               {"invalid_request", "web", nil, "&response%5Ftype=code"},
		"response_mode twice S-15":               {"invalid_request", "web", []string{"response_mode", "query"}, "&response_mode=query"},
		"login_hint twice S-15":                  {"invalid_request", "web", []string{"login_hint", "a"}, "&login_hint=b"},
		"request twice S-15":                     {"invalid_request", "web", []string{"request", "a"}, "&request=b"},
		"claims twice S-15":                      {"invalid_request", "web", []string{"claims", "{}"}, "&claims={}"},
		"resource twice S-15":                    {"invalid_request", "web", []string{"resource", "a"}, "&resource=b"},
		"broken escape S-89":                     {"invalid_request", "web", nil, "&foo=%zz"},
		"broken escape in a name S-89":           {"invalid_request", "web", nil, "&%z=1"},
		"cut escape S-89":                        {"invalid_request", "web", nil, "&foo=%"},
		"overlong UTF-8 S-89":                    {"invalid_request", "web", nil, "&foo=%c0%af"},
		"a surrogate S-89":                       {"invalid_request", "web", nil, "&foo=%ed%a0%80"},
		"a header S-89":                          {"invalid_request", "web", nil, "&foo=a%0d%0aSet-Cookie:%20x=1"},
		"101 parameters S-88":                    {"invalid_request", "web", nil, strings.Repeat("&a", 101)},
		"a request object":                       {"request_not_supported", "web", []string{"request", "eyJhbGciOiJub25lIn0.e30."}, ""},
		"a request_uri":                          {"request_uri_not_supported", "web", []string{"request_uri", "urn:x"}, ""},
		"PKCE left out S-19":                     {"invalid_request", "web", []string{"code_challenge", "-", "code_challenge_method", "-"}, ""},
		"PKCE left out by a public client S-19":  {"invalid_request", "native", []string{"code_challenge", "-", "code_challenge_method", "-"}, ""},
		"PKCE empty S-19":                        {"invalid_request", "web", []string{"code_challenge", "", "code_challenge_method", ""}, ""},
		"challenge without a method S-20":        {"invalid_request", "web", []string{"code_challenge_method", "-"}, ""},
		"the same where PKCE is optional S-20":   {"invalid_request", "test_client", []string{"code_challenge", challenge}, ""},
		"method without a challenge S-20":        {"invalid_request", "web", []string{"code_challenge", "-"}, ""},
		"the same where it is optional S-20":     {"invalid_request", "test_client", []string{"code_challenge_method", "S256"}, ""},
		"plain S-20":                             {"invalid_request", "web", []string{"code_challenge_method", "plain"}, ""},
		"plain where PKCE is optional S-20":      {"invalid_request", "test_client", []string{"code_challenge", challenge, "code_challenge_method", "plain"}, ""},
		"s256 S-20":                              {"invalid_request", "web", []string{"code_challenge_method", "s256"}, ""},
		"S512 S-20":                              {"invalid_request", "web", []string{"code_challenge_method", "S512"}, ""},
		"S-256 S-20":                             {"invalid_request", "web", []string{"code_challenge_method", "S-256"}, ""},
		"SHA256 S-20":                            {"invalid_request", "web", []string{"code_challenge_method", "SHA256"}, ""},
		"none S-20":                              {"invalid_request", "web", []string{"code_challenge_method", "none"}, ""},
		"a list S-20":                            {"invalid_request", "web", []string{"code_challenge_method", "S256 plain"}, ""},
		"S256 with a space S-20":                 {"invalid_request", "web", []string{"code_challenge_method", "S256 "}, ""},
		"space before S-20":                      {"invalid_request", "web", []string{"code_challenge_method", " S256"}, ""},
		"true S-20":                              {"invalid_request", "web", []string{"code_challenge_method", "true"}, ""},
		"a number S-20":                          {"invalid_request", "web", []string{"code_challenge_method", "256"}, ""},
		"PLAIN S-20":                             {"invalid_request", "web", []string{"code_challenge_method", "PLAIN"}, ""},
		"a URN S-20":                             {"invalid_request", "web", []string{"code_challenge_method", "urn:S256"}, ""},
		"quoted S-20":                            {"invalid_request", "web", []string{"code_challenge_method", `"S256"`}, ""},
		"S256 and a NUL S-20":                    {"invalid_request", "web", []string{"code_challenge_method", "S256\x00"}, ""},
		"full width S-20":                        {"invalid_request", "web", []string{"code_challenge_method", "Ｓ256"}, ""},
		"brackets S-20":                          {"invalid_request", "web", []string{"code_challenge_method", "[S256]"}, ""},
		"42 characters S-21":                     {"invalid_request", "web", []string{"code_challenge", challenge[1:]}, ""},
		"44 characters S-21":                     {"invalid_request", "web", []string{"code_challenge", challenge + "A"}, ""},
		"padded S-21":                            {"invalid_request", "web", []string{"code_challenge", challenge + "="}, ""},
		"padded inside S-21":                     {"invalid_request", "web", []string{"code_challenge", challenge[:42] + "="}, ""},
		"plus S-21":                              {"invalid_request", "web", []string{"code_challenge", "+" + challenge[1:]}, ""},
		"slash S-21":                             {"invalid_request", "web", []string{"code_challenge", "/" + challenge[1:]}, ""},
		"dot S-21":                               {"invalid_request", "web", []string{"code_challenge", "." + challenge[1:]}, ""},
		"tilde S-21":                             {"invalid_request", "web", []string{"code_challenge", "~" + challenge[1:]}, ""},
		"space S-21":                             {"invalid_request", "web", []string{"code_challenge", " " + challenge[1:]}, ""},
		"space after S-21":                       {"invalid_request", "web", []string{"code_challenge", challenge[1:] + " "}, ""},
		"one character S-21":                     {"invalid_request", "web", []string{"code_challenge", "a"}, ""},
		"128 characters S-21":                    {"invalid_request", "web", []string{"code_challenge", strings.Repeat("a", 128)}, ""},
		"4 KB S-21":                              {"invalid_request", "web", []string{"code_challenge", strings.Repeat("a", 4096)}, ""},
		"hexadecimal S-21":                       {"invalid_request", "web", []string{"code_challenge", strings.Repeat("ab", 32)}, ""},
		"an umlaut S-21":                         {"invalid_request", "web", []string{"code_challenge", "ä" + challenge[2:]}, ""},
		"a NUL S-21":                             {"invalid_request", "web", []string{"code_challenge", challenge[:42] + "\x00"}, ""},
		"a line end S-21":                        {"invalid_request", "web", []string{"code_challenge", challenge + "\n"}, ""},
		"markup S-21":                            {"invalid_request", "web", []string{"code_challenge", "<" + challenge[1:]}, ""},
		"percent S-21":                           {"invalid_request", "web", []string{"code_challenge", "%" + challenge[1:]}, ""},
		"quoted S-21":                            {"invalid_request", "web", []string{"code_challenge", `"` + challenge[2:] + `"`}, ""},
		"colon S-21":                             {"invalid_request", "web", []string{"code_challenge", ":" + challenge[1:]}, ""},
		"short where PKCE is optional S-21":      {"invalid_request", "test_client", []string{"code_challenge", "short", "code_challenge_method", "S256"}, ""},
		"unknown prompt":                         {"invalid_request", "web", []string{"prompt", "create"}, ""},
		"none and login":                         {"invalid_request", "web", []string{"prompt", "none login"}, ""},
		"max_age not a number":                   {"invalid_request", "web", []string{"max_age", "soon"}, ""},
		"max_age negative":                       {"invalid_request", "web", []string{"max_age", "-1"}, ""},
		"max_age minus nothing":                  {"invalid_request", "web", []string{"max_age", "-0"}, ""},
		"max_age fraction":                       {"invalid_request", "web", []string{"max_age", "1.5"}, ""},
		"max_age out of range":                   {"invalid_request", "web", []string{"max_age", "99999999999999999999"}, ""},
		"nonce too long once it is JSON":         {"invalid_request", "web", []string{"nonce", strings.Repeat(`"`, 257)}, ""},
		"nonce too long":                         {"invalid_request", "web", []string{"nonce", strings.Repeat("n", 513)}, ""},
		"prompt=none without an approval so far": {"consent_required", "web", []string{"prompt", "none"}, ""},
		"prompt=none and too long ago":           {"login_required", "web", []string{"prompt", "none", "max_age", "0"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			target := A(tt.client, tt.change...) + tt.more
			u, _ := url.Parse(A(tt.client))
			wantREDIR(t, b.get(target), u.Query().Get("redirect_uri")+"?", tt.code, "st-1")
		})
	}
	if ops := s.flows.ops(); ops["PutGrant"] != 0 {
		t.Errorf("store operations: %v", ops)
	}
}

func TestPromptNoneSignedOut(t *testing.T) {
	s := newServer(t)
	wantREDIR(t, s.browser().get(A("web", "prompt", "none")), "https://app.example/cb2?", "login_required", "st-1")
	if ops := s.flows.ops(); len(ops) > 0 {
		t.Errorf("store operations: %v", ops)
	}
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

var states = map[string]string{
	"letters":             "abcXYZ019",
	"base64url":           "eyJhIjoxfQ-_",
	"base64":              "a+b/c==",
	"percent":             "100%",
	"an escape in it":     "a%20b%2Fc%00",
	"ampersand":           "a&code=evil&error=x",
	"equals":              "a=b=c",
	"hash":                "a#b",
	"question mark":       "a?b",
	"spaces":              " a  b ",
	"plus":                "a+b",
	"JSON":                `{"return_to":"/x?y=1&z=2","n":1}`,
	"quotes":              `"'` + "`",
	"markup":              "</script><script>alert(1)</script>",
	"backslash":           `a\b`,
	"semicolon":           "a;b",
	"a URL":               "https://evil.example/?a=b#c",
	"umlauts":             "größe",
	"an emoji":            "🔑",
	"line separator":      "a\u2028b",
	"zero width":          "a\u200bb",
	"all printable ASCII": " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
	"3 KB":                strings.Repeat("s", 3072),
	"one character":       "0",
}

func TestStateFidelity_S17(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			target := A("web", "state", state, "scope", "read", "prompt", "consent")
			for what, resp := range map[string]*http.Response{
				"approved": b.post(authorization.PathApprove, "form", b.approvePage(target), "do", "approve", "scope", "read"),
				"denied":   b.post(authorization.PathApprove, "form", b.approvePage(target), "do", "deny"),
				"refused":  b.get(A("web", "state", state, "scope", "root")),
				"by POST":  b.do(http.MethodPost, authorization.PathAuthorize, "application/x-www-form-urlencoded", strings.SplitN(A("web", "state", state, "scope", "root"), "?", 2)[1]),
			} {
				u, err := url.Parse(resp.Header.Get("Location"))
				if err != nil {
					t.Fatal(err)
				}
				q, err := url.ParseQuery(u.RawQuery)
				if err != nil || len(q["state"]) != 1 || q.Get("state") != state || q.Get("iss") != base || len(q["iss"]) != 1 || u.Fragment != "" {
					t.Errorf("%s: %v %s", what, err, u)
				}
			}
		})
	}
}

// Also a state that is an error itself comes back, if it can be read at all.
func TestStateOfARefusal_S17(t *testing.T) {
	s := newServer(t)
	for name, tt := range map[string]struct{ raw, want string }{
		"none":          {"", ""},
		"empty":         {"&state=", ""},
		"too long":      {"&state=" + strings.Repeat("s", 3073), strings.Repeat("s", 3073)},
		"long in JSON":  {"&state=" + strings.Repeat("%5c", 1537), strings.Repeat("\\", 1537)},
		"a NUL":         {"&state=a%00b", "a\x00b"},
		"a line end":    {"&state=a%0d%0aSet-Cookie:%20x", "a\r\nSet-Cookie: x"},
		"not UTF-8":     {"&state=%ff", "\xff"},
		"broken escape": {"&state=%zz", ""},
		"twice":         {"&state=a&state=b", ""},
	} {
		resp := s.browser().get(A("web", "state", "-", "scope", "root") + tt.raw)
		code := "invalid_scope"
		if name != "none" && name != "empty" {
			code = "invalid_request"
		}
		t.Run(name, func(t *testing.T) { wantREDIR(t, resp, "https://app.example/cb2?", code, tt.want) })
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
