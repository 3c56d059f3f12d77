package doctor_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

const (
	base         = "http://localhost:3000"
	clientSecret = "canary-client-secret"
	canary       = "canary-of-a-body"
)

// stub is an OpenID provider that does everything right until a test says
// otherwise.
type stub struct {
	*httptest.Server
	metadata map[string]any
	handle   map[string]http.HandlerFunc // by path, in place of what is right
	date     time.Duration               // how far its clock is ahead
}

func newStub(t *testing.T) *stub {
	t.Helper()
	s := &stub{handle: map[string]http.HandlerFunc{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	s.metadata = map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token", "jwks_uri": s.URL + "/jwks",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "code_challenge_methods_supported": []string{"S256"},
		"authorization_response_iss_parameter_supported": true,
	}
	return s
}

// The keys that providers of these tests publish.
var (
	keyES256 = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	keyES384 = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	weakRSA  = must(rsa.GenerateKey(rand.Reader, 1024))

	jwksES = jwks(jose.JSONWebKey{Key: &keyES256.PublicKey, Use: "sig"})
	jwksEC = jwks(jose.JSONWebKey{Key: &keyES384.PublicKey}, jose.JSONWebKey{Key: []byte(canary)}, jose.JSONWebKey{Key: &weakRSA.PublicKey})
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func jwks(keys ...jose.JSONWebKey) string {
	return string(must(json.Marshal(jose.JSONWebKeySet{Keys: keys})))
}

func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(s.date).UTC().Format(http.TimeFormat))
	if own := s.handle[r.URL.Path]; own != nil {
		own(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(s.metadata)
	case "/authorize":
		if q := r.URL.Query(); q.Get("prompt") == "none" {
			leads(q.Get("redirect_uri")+"?error=login_required&state="+q.Get("state")+"&iss="+url.QueryEscape(s.URL))(w, r)
			return
		}
		leads("/sign-in")(w, r)
	case "/token":
		says(400, "application/json", `{"error":"invalid_grant","error_description":"`+canary+`"}`)(w, r)
	case "/jwks":
		says(200, "application/json", jwksES)(w, r)
	default:
		http.NotFound(w, r)
	}
}

func says(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// fails is an OAuth error at the token endpoint.
func fails(status int, code string) http.HandlerFunc {
	return says(status, "application/json", `{"error":"`+code+`","error_description":"`+canary+`"}`)
}

func page(body string) http.HandlerFunc { return says(200, "text/html", "<p>"+canary+body) }

func leads(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusFound)
	}
}

// settings are right for s.
func (s *stub) settings(more map[string]string) map[string]string {
	all := map[string]string{"OIDC_ISSUER": s.URL, "OAUTH_CLIENT_ID": "app", "OAUTH_CLIENT_SECRET": clientSecret}
	maps.Copy(all, more)
	return all
}

func read(t *testing.T, settings map[string]string) *doctor.Examination {
	t.Helper()
	e := env.Reader{Environ: []string{"PATH=/bin"}}
	for name, value := range settings {
		e.Environ = append(e.Environ, name+"="+value)
	}
	x := doctor.FromEnv(&e, rp.ModeJSON)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	x.Base = base
	return x
}

// expect compares the findings of one id with "level: words that are in it".
func expect(t *testing.T, r doctor.Report, exit int, id, level, words string) {
	t.Helper()
	found := slices.ContainsFunc(r.Findings, func(f doctor.Finding) bool {
		return f.ID == id && string(f.Level) == level && strings.Contains(f.What+"; "+f.Do, words)
	})
	var text strings.Builder
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	if !found || r.Exit != exit {
		t.Errorf("exit %d, want %d, with %s %s: %q in\n%s", r.Exit, exit, level, id, words, &text)
	}
	for _, f := range r.Findings {
		if f.What == "" || f.Level != doctor.OK && (f.Why == "" || f.Do == "") {
			t.Errorf("a finding says too little: %+v", f)
		}
	}
	for _, secret := range []string{clientSecret, canary, "latchkey-doctor", "operation error"} {
		if strings.Contains(text.String(), secret) {
			t.Errorf("%q is in\n%s", secret, &text)
		}
	}
}

func run(t *testing.T, x *doctor.Examination) doctor.Report {
	t.Helper()
	began := time.Now()
	r := x.Run(context.WithoutCancel(t.Context()))
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	return r
}
