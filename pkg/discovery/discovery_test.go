package discovery_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/discovery"
)

func ask(e *discovery.Endpoint, method, path, base string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r.WithContext(baseurl.With(r.Context(), base)))
	return rec
}

func TestMetadata_S84_S85(t *testing.T) {
	e := &discovery.Endpoint{}
	for _, base := range []string{"https://login.example.com", "https://other.example.com", "https://login.example.com"} {
		for _, path := range []string{discovery.PathOAuth, discovery.PathOpenID} {
			rec := ask(e, "GET", path, base)
			var got map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 {
				t.Fatalf("%d %s", rec.Code, rec.Body)
			}
			list := func(s ...any) any { return s }
			want := map[string]any{
				"issuer":                                         base,
				"authorization_endpoint":                         base + "/oauth/authorize",
				"token_endpoint":                                 base + "/oauth/tokenize",
				"userinfo_endpoint":                              base + "/oauth/userinfo",
				"jwks_uri":                                       base + "/oauth/jwks",
				"revocation_endpoint":                            base + "/oauth/revoke",
				"introspection_endpoint":                         base + "/oauth/introspect",
				"end_session_endpoint":                           base + "/oauth/end_session",
				"scopes_supported":                               list("openid", "profile", "email"),
				"claims_supported":                               list("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "preferred_username", "email"),
				"response_types_supported":                       list("code"),
				"response_modes_supported":                       list("query"),
				"grant_types_supported":                          list("authorization_code", "refresh_token", "client_credentials"),
				"code_challenge_methods_supported":               list("S256"),
				"prompt_values_supported":                        list("none", "login", "consent", "select_account"),
				"subject_types_supported":                        list("public"),
				"id_token_signing_alg_values_supported":          list("ES256"),
				"token_endpoint_auth_methods_supported":          list("client_secret_basic", "client_secret_post", "none"),
				"revocation_endpoint_auth_methods_supported":     list("client_secret_basic", "client_secret_post", "none"),
				"introspection_endpoint_auth_methods_supported":  list("client_secret_basic", "client_secret_post"),
				"authorization_response_iss_parameter_supported": true,
				"claims_parameter_supported":                     false,
				"request_parameter_supported":                    false,
				"request_uri_parameter_supported":                false,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s%s: %s", base, path, diff)
			}
			if h := rec.Header(); h.Get("Cache-Control") != "public, max-age=300" || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "application/json" {
				t.Errorf("header %v", h)
			}
		}
	}
}

func TestMethods(t *testing.T) {
	e := &discovery.Endpoint{}
	if rec := ask(e, "HEAD", discovery.PathOpenID, "https://a.example"); rec.Code != 200 || rec.Body.Len() != 0 || rec.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d %s", rec.Code, rec.Body)
	}
	if rec := ask(e, "POST", discovery.PathOpenID, "https://a.example"); rec.Code != 405 || rec.Header().Get("Allow") != "GET, HEAD" || strings.Contains(rec.Body.String(), "issuer") {
		t.Errorf("POST: %d %v", rec.Code, rec.Header())
	}
}
