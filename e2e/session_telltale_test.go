package e2e_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// telltale is an OpenID provider whose every token is a canary, and which
// repeats all that it was sent when it refuses something.
type telltale struct {
	url string
	key *ecdsa.PrivateKey
	t   *testing.T

	mu     sync.Mutex
	found  canaries
	nonces map[string]string // by code
	status int               // of every answer; 0: the connection is cut
	life   int               // of an access token, in seconds
}

func startTelltale(t *testing.T, found canaries) *telltale {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &telltale{key: key, t: t, found: found, nonces: map[string]string{}, status: http.StatusOK, life: 3600}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.metadata)
	mux.HandleFunc("GET /jwks", p.jwks)
	mux.HandleFunc("POST /token", p.unlessFailing(p.token))
	mux.HandleFunc("POST /revoke", p.unlessFailing(func(http.ResponseWriter, url.Values) {}))
	mux.HandleFunc("GET /userinfo", p.unlessFailing(p.userinfo))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// fails sets the status of every answer from now on.
func (p *telltale) fails(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// lives sets how long access tokens last from now on.
func (p *telltale) lives(seconds int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life = seconds
}

// consents is the provider's answer to an authorization request.
func (p *telltale) consents(t testing.TB, authorize, base string) string {
	t.Helper()
	u, err := url.Parse(authorize)
	if err != nil {
		t.Fatal(err)
	}
	code := "code-" + secret.Mint(128)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nonces[code], p.found["code "+code[:12]] = u.Query().Get("nonce"), code
	return base + "/callback?" + url.Values{"code": {code}, "state": {u.Query().Get("state")}}.Encode()
}

func (p *telltale) unlessFailing(next func(http.ResponseWriter, url.Values)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		p.mu.Lock()
		defer p.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		switch p.status {
		case http.StatusOK:
			next(w, form)
		case 0:
			panic(http.ErrAbortHandler)
		default:
			echo := r.Header.Get("Authorization") + " " + string(body)
			code := map[bool]string{true: "invalid_grant", false: "temporarily_unavailable"}[p.status == http.StatusBadRequest]
			w.Header().Set("Retry-After", "1")
			w.Header().Set("WWW-Authenticate", `Bearer error="`+echo+`"`)
			w.WriteHeader(p.status)
			_ = json.NewEncoder(w).Encode(map[string]string{
				"error": code, "error_description": echo, "error_uri": p.url + "/?" + string(body), "access_token": "at-" + echo,
			})
		}
	}
}

func (p *telltale) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": p.url, "authorization_endpoint": p.url + "/authorize", "token_endpoint": p.url + "/token", "userinfo_endpoint": p.url + "/userinfo",
		"revocation_endpoint": p.url + "/revoke", "end_session_endpoint": p.url + "/out", "jwks_uri": p.url + "/jwks",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
	})
}

func (p *telltale) jwks(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
}

// token answers with new canaries.
func (p *telltale) token(w http.ResponseWriter, form url.Values) {
	n := secret.Mint(64)
	tokens := map[string]any{
		"access_token": "at-" + secret.Mint(256), "refresh_token": "rt-" + secret.Mint(256), "id_token": p.idToken(p.nonces[form.Get("code")]),
		"token_type": "Bearer", "expires_in": p.life, "scope": "openid profile email",
	}
	for _, kind := range []string{"access_token", "refresh_token", "id_token"} {
		p.found[kind+" "+n] = tokens[kind].(string)
	}
	p.found["id token's signature "+n] = tokens["id_token"].(string)[strings.LastIndex(tokens["id_token"].(string), ".")+1:]
	if v := form.Get("code_verifier"); v != "" {
		p.found["verifier "+n] = v
	}
	_ = json.NewEncoder(w).Encode(tokens)
}

func (p *telltale) idToken(nonce string) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, nil)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	claims, _ := json.Marshal(map[string]any{
		"iss": p.url, "aud": "telltale-client", "sub": "ada", "nonce": nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix(), "jti": secret.Mint(64),
	})
	signed, err := signer.Sign(claims)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	token, _ := signed.CompactSerialize()
	return token
}

func (p *telltale) userinfo(w http.ResponseWriter, _ url.Values) {
	_ = json.NewEncoder(w).Encode(map[string]string{"sub": "ada", "name": "Ada", "email": "ada@example.com"})
}
