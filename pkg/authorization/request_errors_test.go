package authorization_test

import (
	"net/url"
	"strings"
	"testing"
)

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
