package token_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

// opened verifies a JWT with the published keys, by an independent library.
func (w *world) opened(s string) (typ string, claims map[string]any) {
	w.t.Helper()
	var keys gojose.JSONWebKeySet
	a := w.send("GET", "/oauth/jwks", "")
	if err := json.Unmarshal([]byte(a.raw), &keys); err != nil {
		w.t.Fatal(err)
	}
	parsed, err := gojose.ParseSignedCompact(s, []gojose.SignatureAlgorithm{gojose.ES256})
	if err != nil {
		w.t.Fatalf("%q: %v", s, err)
	}
	plain, err := parsed.Verify(&keys)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := json.NewDecoder(bytes.NewReader(plain)).Decode(&claims); err != nil {
		w.t.Fatal(err)
	}
	typ, _ = parsed.Signatures[0].Protected.ExtraHeaders[gojose.HeaderType].(string)
	return typ, claims
}

// RFC 9068 §2.
func TestJWTAccessToken_S78(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("jwt")
	w.after(time.Second)
	b := w.refreshed("jwt", a.text("refresh_token"), "scope", "read")
	seen := map[any]bool{}
	for name, tt := range map[string]struct {
		got   response
		scope string
		iat   int64
	}{"first": {a, "openid email read", w.now().Unix() - 1}, "narrowed": {b, "read", w.now().Unix()}} {
		typ, c := w.opened(tt.got.text("access_token"))
		if typ != "at+jwt" || len(c) != 8 || c["iss"] != base || c["aud"] != base || c["sub"] != "sub-alice" || c["client_id"] != "jwt" ||
			c["scope"] != tt.scope || c["exp"] != float64(tt.iat+300) || c["iat"] != float64(tt.iat) || c["jti"] == "" || seen[c["jti"]] {
			t.Errorf("%s: %s %v", name, typ, c)
		}
		seen[c["jti"]] = true
	}
	c := w.token("jwt", "grant_type", "client_credentials", "scope", "read")
	if _, claims := w.opened(c.text("access_token")); claims["sub"] != "jwt" || claims["client_id"] != "jwt" {
		t.Errorf("client credentials: %v", claims)
	}
}

// RFC 8707: there is one resource, the issuer. Another is refused before
// anything is used up.
func TestResource_S78(t *testing.T) {
	w := newWorld(t)
	code := w.approve("jwt")
	for _, bad := range []string{"https://api.example", base + "/", base + "#x", "#", "relative", base + "/api", "https://AS.example", "urn:x", "*"} {
		refused(t, bad, w.exchange("jwt", code, "resource", bad), 400, "invalid_target")
		refused(t, bad, w.token("jwt", "grant_type", "client_credentials", "resource", bad), 400, "invalid_target")
	}
	a := w.exchange("jwt", code, "resource", base)
	if a.status != http.StatusOK {
		t.Fatalf("the issuer itself: %s", a.raw)
	}
	refused(t, "refresh", w.refresh("jwt", a.text("refresh_token"), "resource", "https://api.example"), 400, "invalid_target")
	w.refreshed("jwt", a.text("refresh_token"))
}

// OpenID Connect Core §2, §3.1.3.3, §3.1.3.6 and §12.2.
func TestIDToken(t *testing.T) {
	for _, id := range []string{"app", "jwt"} {
		w := newWorld(t)
		signedIn := w.now().Unix()
		code := w.approve(id)
		w.after(30 * time.Second)
		a := w.exchange(id, code)
		typ, c := w.opened(a.text("id_token"))
		sum := sha256.Sum256([]byte(a.text("access_token")))
		if typ != "JWT" || len(c) != 8 || c["iss"] != base || c["sub"] != "sub-alice" || c["aud"] != id || c["nonce"] != "n-0S6_WzA2Mj" ||
			c["auth_time"] != float64(signedIn) || c["iat"] != float64(w.now().Unix()) || c["exp"] != float64(w.now().Unix()+300) ||
			c["at_hash"] != base64.RawURLEncoding.EncodeToString(sum[:16]) {
			t.Errorf("%s: %s %v", id, typ, c)
		}
		w.after(time.Minute)
		_, again := w.opened(w.refreshed(id, a.text("refresh_token")).text("id_token"))
		if again["nonce"] != nil || again["sub"] != c["sub"] || again["auth_time"] != c["auth_time"] || again["iat"] != float64(w.now().Unix()) {
			t.Errorf("%s: refreshed: %v", id, again)
		}
	}
	w := newWorld(t)
	if a, _ := w.tokens("app", func(g *grant.Grant) { g.Scopes = []string{"email"} }); a.json["id_token"] != nil {
		t.Errorf("an ID token without openid: %s", a.raw)
	}
}

func TestIDTokenWithoutANonce(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("app", func(g *grant.Grant) { g.Nonce = "" })
	if _, c := w.opened(a.text("id_token")); c["nonce"] != nil {
		t.Errorf("a nonce out of nowhere: %v", c)
	}
}

func TestJWKS(t *testing.T) {
	w := newWorld(t)
	for _, method := range []string{"GET", "HEAD"} {
		a := w.send(method, "/oauth/jwks", "")
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || a.header.Get("Cache-Control") != "public, max-age=300" {
			t.Errorf("%s: %d %v", method, a.status, a.header)
		}
		if (method == "HEAD") != (a.raw == "") {
			t.Errorf("%s: %q", method, a.raw)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		a := w.send(method, "/oauth/jwks", "")
		if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d %v", method, a.status, a.header)
		}
	}
}

// RFC 6749 §4.4: no user, no refresh token, and only for a client that can
// prove who it is.
func TestClientCredentials_S77(t *testing.T) {
	w := newWorld(t)
	a := w.token("app", "grant_type", "client_credentials")
	if a.status != http.StatusOK || len(a.json) != 4 || a.text("scope") != "openid email read write" || a.number("expires_in") != 300 || a.text("token_type") != "Bearer" {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if writes, reads := w.counts(); writes != 1 || reads != 0 {
		t.Errorf("%d writes and %d reads, want 1 and 0", writes, reads)
	}
	got := w.introspect("app", a.text("access_token"))
	if got.text("sub") != "app" || got.text("client_id") != "app" || got.number("exp") != int(w.now().Unix())+300 {
		t.Errorf("introspection: %s", got.raw)
	}
	if b := w.token("app", "grant_type", "client_credentials", "scope", "write read"); b.text("scope") != "read write" {
		t.Errorf("fewer scopes: %s", b.raw)
	}
	for _, bad := range []string{"admin", "read admin", "READ", "read,write", "*"} {
		refused(t, bad, w.token("app", "grant_type", "client_credentials", "scope", bad), 400, "invalid_scope")
	}
	refused(t, "public", w.token("public", "grant_type", "client_credentials"), 400, "unauthorized_client")
	w.revoke("app", a.text("access_token"))
	w.isDead("revoked", a.text("access_token"), "")
	b := w.token("app", "grant_type", "client_credentials")
	w.after(lifetimes.Access)
	w.isDead("over", b.text("access_token"), "")
}
