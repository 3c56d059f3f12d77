package provider_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// tokenVectors are answers of a token endpoint with status 200 (RFC 6749 §5.1
// and §7.1). usable says whether a login may come of it.
var tokenVectors = []struct {
	name, contentType, body string
	usable                  bool
}{
	{"the RFC's example", "application/json;charset=UTF-8", `{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":3600,"refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","example_parameter":"example_value"}`, false},
	{"a bearer token", "application/json", `{"access_token":"a","token_type":"Bearer"}`, true},
	{"bearer in lower case", "application/json", `{"access_token":"a","token_type":"bearer"}`, true},
	{"BEARER in upper case", "application/json", `{"access_token":"a","token_type":"BEARER"}`, true},
	{"white space around it", "application/json", " \r\n{\"access_token\":\"a\",\"token_type\":\"Bearer\"}\n", true},
	{"a structured suffix", "application/vnd.op+json", `{"access_token":"a","token_type":"Bearer"}`, true},
	{"unknown members of every kind", "application/json", `{"access_token":"a","token_type":"Bearer","api_key":"k","x":{"y":[1,null]},"x":2}`, true},
	{"expires_in zero", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":0}`, true},
	{"expires_in at its largest", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":2147483647}`, true},
	{"optional members that are null", "application/json", `{"access_token":"a","token_type":"Bearer","refresh_token":null,"scope":null,"expires_in":null,"id_token":null,"error":null}`, true},
	{"an escaped member name", "application/json", `{"access\u005ftoken":"a","token_type":"Bearer"}`, true},

	{"no content type", "", `{"access_token":"a","token_type":"Bearer"}`, false},
	{"HTML", "text/html", `<!doctype html><title>Sign in</title>`, false},
	{"JSON as HTML", "text/html", `{"access_token":"a","token_type":"Bearer"}`, false},
	{"JSON as text", "text/plain", `{"access_token":"a","token_type":"Bearer"}`, false},
	{"a form", "application/x-www-form-urlencoded", `access_token=a&token_type=Bearer`, false},
	{"a form as text", "text/plain", `access_token=a&token_type=Bearer`, false},
	{"a form as JSON", "application/json", `access_token=a&token_type=Bearer`, false},
	{"nothing", "application/json", ``, false},
	{"null", "application/json", `null`, false},
	{"an array", "application/json", `[{"access_token":"a","token_type":"Bearer"}]`, false},
	{"a string", "application/json", `"a"`, false},
	{"an empty object", "application/json", `{}`, false},
	{"an object that does not end", "application/json", `{"access_token":"a","token_type":"Bearer"`, false},
	{"two objects", "application/json", `{"access_token":"a","token_type":"Bearer"}{"access_token":"b","token_type":"Bearer"}`, false},
	{"a byte order mark", "application/json", "\ufeff" + `{"access_token":"a","token_type":"Bearer"}`, false},
	{"not UTF-8", "application/json", "{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"x\":\"\xff\"}", false},
	{"no access token", "application/json", `{"token_type":"Bearer"}`, false},
	{"an empty access token", "application/json", `{"access_token":"","token_type":"Bearer"}`, false},
	{"a null access token", "application/json", `{"access_token":null,"token_type":"Bearer"}`, false},
	{"a number as access token", "application/json", `{"access_token":1,"token_type":"Bearer"}`, false},
	{"an object as access token", "application/json", `{"access_token":{},"token_type":"Bearer"}`, false},
	{"a line break in the access token", "application/json", `{"access_token":"a\r\nX: y","token_type":"Bearer"}`, false},
	{"an umlaut in the access token", "application/json", `{"access_token":"ä","token_type":"Bearer"}`, false},
	{"the access token in other letters", "application/json", `{"Access_Token":"a","token_type":"Bearer"}`, false},
	{"two access tokens", "application/json", `{"access_token":"a","access_token":"b","token_type":"Bearer"}`, false},
	{"two access tokens, one escaped", "application/json", `{"access_token":"a","access\u005ftoken":"b","token_type":"Bearer"}`, false},
	{"two token types", "application/json", `{"access_token":"a","token_type":"Bearer","token_type":"mac"}`, false},
	{"two lifetimes", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":1,"expires_in":2}`, false},
	{"no token type", "application/json", `{"access_token":"a"}`, false},
	{"an empty token type", "application/json", `{"access_token":"a","token_type":""}`, false},
	{"a null token type", "application/json", `{"access_token":"a","token_type":null}`, false},
	{"token type mac", "application/json", `{"access_token":"a","token_type":"mac"}`, false},
	{"token type DPoP", "application/json", `{"access_token":"a","token_type":"DPoP"}`, false},
	{"token type N_A", "application/json", `{"access_token":"a","token_type":"N_A"}`, false},
	{"token type with white space", "application/json", `{"access_token":"a","token_type":"Bearer "}`, false},
	{"a list as token type", "application/json", `{"access_token":"a","token_type":["Bearer"]}`, false},
	{"expires_in as a string", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":"3600"}`, false},
	{"expires_in below zero", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":-1}`, false},
	{"expires_in minus zero", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":-0}`, false},
	{"expires_in with a fraction", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":3600.5}`, false},
	{"expires_in with a point", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":3600.0}`, false},
	{"expires_in with an exponent", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":36e2}`, false},
	{"expires_in too large", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":2147483648}`, false},
	{"expires_in beyond all integers", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":99999999999999999999}`, false},
	{"expires_in true", "application/json", `{"access_token":"a","token_type":"Bearer","expires_in":true}`, false},
	{"a number as refresh token", "application/json", `{"access_token":"a","token_type":"Bearer","refresh_token":7}`, false},
	{"a list as scope", "application/json", `{"access_token":"a","token_type":"Bearer","scope":["read","write"]}`, false},
	{"an object as ID token", "application/json", `{"access_token":"a","token_type":"Bearer","id_token":{}}`, false},
	{"a token and an error", "application/json", `{"access_token":"a","token_type":"Bearer","error":"invalid_grant"}`, false},
	{"a token and an unclean error", "application/json", `{"access_token":"a","token_type":"Bearer","error":["x"]}`, false},
	{"an error in GitHub's way", "application/json", `{"error":"bad_verification_code","error_description":"The code passed is incorrect or expired."}`, false},
}

func TestTokenResponse_C53(t *testing.T) {
	for _, test := range tokenVectors {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if test.contentType != "" {
					w.Header().Set("Content-Type", test.contentType)
				}
				_, _ = w.Write([]byte(test.body))
			})
			tokens, err := exchange(t.Context(), client(), f.endpoints())
			if test.usable {
				if err != nil {
					t.Fatal(err)
				}
				if string(tokens.Raw) != test.body || tokens.AccessToken.Reveal() != "a" {
					t.Errorf("tokens %+v with raw %s", tokens, tokens.Raw)
				}
				return
			}
			if e := refusal(t, err); e.Code != oauth.ProviderError || e.HTTPStatus() != 502 {
				t.Errorf("%v, status %d", e, e.HTTPStatus())
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d posts, want 1", n)
			}
		})
	}
}

// FuzzTokenResponse: what is taken for a token response is a JSON object with
// a bearer token that can go into a header, and nothing of it is in what is
// said about one that is not.
func FuzzTokenResponse(f *testing.F) {
	for _, v := range tokenVectors {
		f.Add([]byte(v.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		tokens, code, unusable := provider.ReadTokens(200, "application/json", body)
		if strings.Trim(code, "abcdefghijklmnopqrstuvwxyz0123456789_.-") != "" || len(code) > 60 {
			t.Errorf("error code %q", code)
		}
		if unusable != "" {
			return
		}
		var members map[string]any
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatalf("taken for JSON: %v", err)
		}
		if kind, _ := members["token_type"].(string); !strings.EqualFold(kind, "bearer") {
			t.Errorf("token type %q", kind)
		}
		access := tokens.AccessToken.Reveal()
		if members["access_token"] != access || access == "" || strings.ContainsFunc(access, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("access token %q", access)
		}
		if members["error"] != nil || tokens.ExpiresIn < 0 || string(tokens.Raw) != string(body) {
			t.Errorf("tokens %+v of %s", tokens, body)
		}
	})
}
