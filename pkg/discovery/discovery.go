// Package discovery publishes what this authorization server can do (RFC 8414,
// OpenID Connect Discovery 1.0).
//
// It never needs a store or a secret.
package discovery

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
)

// The paths of the two documents (RFC 8414 §3, OpenID Connect Discovery §4).
// The issuer has no path of its own, so both are right under the host.
const (
	PathOAuth  = "/.well-known/oauth-authorization-server"
	PathOpenID = "/.well-known/openid-configuration"
)

// maxAge is how long anybody may keep a document, in seconds.
const maxAge = "300"

// Metadata are the members of either document (RFC 8414 §2, OpenID Connect
// Discovery §3, RFC 9207 §3, OpenID Connect RP-Initiated Logout §2.1). What is
// not named here is not supported; where a left-out member would promise
// something, it is there and says no.
type Metadata struct {
	Issuer        string `json:"issuer"`
	Authorization string `json:"authorization_endpoint"`
	Token         string `json:"token_endpoint"`
	Userinfo      string `json:"userinfo_endpoint"`
	JWKS          string `json:"jwks_uri"`
	Revocation    string `json:"revocation_endpoint"`
	Introspection string `json:"introspection_endpoint"`
	EndSession    string `json:"end_session_endpoint"`

	Scopes           []string `json:"scopes_supported"`
	Claims           []string `json:"claims_supported"`
	ResponseTypes    []string `json:"response_types_supported"`
	ResponseModes    []string `json:"response_modes_supported"`
	GrantTypes       []string `json:"grant_types_supported"`
	ChallengeMethods []string `json:"code_challenge_methods_supported"`
	Prompts          []string `json:"prompt_values_supported"`
	SubjectTypes     []string `json:"subject_types_supported"`
	IDTokenAlgs      []string `json:"id_token_signing_alg_values_supported"`

	TokenAuth         []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuth    []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth []string `json:"introspection_endpoint_auth_methods_supported"`

	IssParameter     bool `json:"authorization_response_iss_parameter_supported"`
	ClaimsParameter  bool `json:"claims_parameter_supported"`
	RequestParameter bool `json:"request_parameter_supported"`
	RequestURI       bool `json:"request_uri_parameter_supported"`
}

// Of is what the server at base, a result of baseurl.Parse, says of itself.
func Of(base string) Metadata {
	secrets := []string{"client_secret_basic", "client_secret_post"}
	withPublic := append(secrets[:2:2], "none")
	return Metadata{
		Issuer:        base,
		Authorization: base + "/oauth/authorize",
		Token:         base + "/oauth/tokenize",
		Userinfo:      base + "/oauth/userinfo",
		JWKS:          base + "/oauth/jwks",
		Revocation:    base + "/oauth/revoke",
		Introspection: base + "/oauth/introspect",
		EndSession:    base + "/oauth/end_session",

		Scopes:           []string{"openid", "profile", "email"},
		Claims:           []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "name", "preferred_username", "email"},
		ResponseTypes:    []string{"code"},
		ResponseModes:    []string{"query"},
		GrantTypes:       []string{"authorization_code", "refresh_token", "client_credentials"},
		ChallengeMethods: []string{"S256"},
		Prompts:          []string{"none", "login", "consent", "select_account"},
		SubjectTypes:     []string{"public"},
		IDTokenAlgs:      []string{"ES256"},

		TokenAuth: withPublic, RevocationAuth: withPublic, IntrospectionAuth: secrets,

		IssParameter: true,
	}
}

// Endpoint answers GET at both paths. The zero value is ready, and safe for
// concurrent use.
type Endpoint struct {
	documents sync.Map // base URL to []byte: one, or two with a second domain
}

// ServeHTTP implements [http.Handler].
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "This address answers GET and HEAD only."})
		return
	}
	body := e.document(baseurl.From(r.Context()))
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "public, max-age="+maxAge)
	h.Set("Access-Control-Allow-Origin", "*") // public: any site's script may read it
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever asked has gone: nobody is left to tell
	}
}

func (e *Endpoint) document(base string) []byte {
	if known, ok := e.documents.Load(base); ok {
		return known.([]byte)
	}
	body, err := json.Marshal(Of(base))
	if err != nil {
		panic("discovery: " + err.Error()) // strings always marshal
	}
	e.documents.Store(base, body)
	return body
}
