package doctor_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/doctor"
)

func TestNothingToDo(t *testing.T) {
	r := run(t, read(t, newStub(t).settings(nil)))
	for id, words := range map[string]string{
		"settings": "client app", "metadata": "as configured", "endpoints": "/token", "pkce": "S256", "par": "plain", "iss": "RFC 9207",
		"redirect_uri": "certain", "client": "accepted the client's credentials", "keys": "ES256", "clock": "from the provider's", "budget": "10240",
	} {
		expect(t, r, 0, id, "ok", words)
	}
	for _, f := range r.Findings {
		if f.Level != doctor.OK {
			t.Errorf("%+v", f)
		}
	}
	if r.RedirectURI != base+"/callback" {
		t.Error(r.RedirectURI)
	}
}

// A fault is something that a provider does wrong, or oddly, and what doctor
// finds.
type fault struct {
	plant            func(s *stub)
	settings         map[string]string
	exit             int
	id, level, words string
}

// findsFaults plants each in a provider of its own.
func findsFaults(t *testing.T, faults map[string]fault) {
	t.Helper()
	for name, tt := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStub(t)
			tt.plant(s)
			x := read(t, s.settings(tt.settings))
			x.Keys = random
			expect(t, run(t, x), tt.exit, tt.id, tt.level, tt.words)
		})
	}
}

// What is announced, and what is answered with which clock.
func TestMetadataFaults(t *testing.T) {
	findsFaults(t, map[string]fault{
		"metadata: not there": {func(s *stub) {
			s.metadata["issuer"] = ""
			s.handle["/.well-known/openid-configuration"] = http.NotFound
		}, nil, 1, "metadata", "problem", "answered 404"},
		"metadata: a page":                {func(s *stub) { s.handle["/.well-known/openid-configuration"] = page("") }, nil, 1, "metadata", "problem", "unusable metadata"},
		"metadata: an outage":             {func(s *stub) { s.handle["/.well-known/openid-configuration"] = says(503, "text/plain", canary) }, nil, 2, "metadata", "unchecked", "answered 503"},
		"issuer: another":                 {func(s *stub) { s.metadata["issuer"] = "https://other.example" }, nil, 1, "metadata", "problem", "names another issuer"},
		"issuer: a trailing slash":        {func(s *stub) { s.metadata["issuer"] = s.URL + "/" }, nil, 1, "metadata", "problem", "differ by a trailing slash"},
		"endpoints: plain http elsewhere": {func(s *stub) { s.metadata["token_endpoint"] = "http://idp.example/token" }, nil, 1, "metadata", "problem", "not https: token_endpoint"},
		"endpoints: no keys":              {func(s *stub) { delete(s.metadata, "jwks_uri") }, nil, 1, "metadata", "problem", "jwks_uri"},
		"algorithms: symmetric only":      {func(s *stub) { s.metadata["id_token_signing_alg_values_supported"] = []string{"HS256"} }, nil, 1, "metadata", "problem", "asymmetric algorithm"},
		"pkce: plain only":                {func(s *stub) { s.metadata["code_challenge_methods_supported"] = []string{"plain"} }, nil, 1, "pkce", "problem", "plain only"},
		"pkce: nothing said":              {func(s *stub) { delete(s.metadata, "code_challenge_methods_supported") }, nil, 0, "pkce", "warning", "says nothing"},
		"par: required, RFC 9126":         {func(s *stub) { s.metadata["require_pushed_authorization_requests"] = true }, nil, 1, "par", "problem", "pushed"},
		"par: signed requests, RFC 9101":  {func(s *stub) { s.metadata["require_signed_request_object"] = true }, nil, 1, "par", "problem", "signed"},
		"iss: not announced":              {func(s *stub) { delete(s.metadata, "authorization_response_iss_parameter_supported") }, nil, 0, "iss", "ok", "do not promise"},
		"clock: ahead":                    {func(s *stub) { s.date = 5 * time.Minute }, nil, 1, "clock", "problem", "behind the provider's"},
		"clock: behind":                   {func(s *stub) { s.date = -5 * time.Minute }, nil, 0, "clock", "warning", "ahead of the provider's"},
		"clock: within the leeway":        {func(s *stub) { s.date = 50 * time.Second }, nil, 0, "clock", "ok", "from the provider's"},
	})
}

// What the token endpoint answers.
func TestClientFaults(t *testing.T) {
	findsFaults(t, map[string]fault{
		"client: a wrong secret": {func(s *stub) { s.handle["/token"] = fails(401, "invalid_client") }, nil, 1, "client", "problem", "does not accept this client's credentials"},
		"client: another way to say who": {func(s *stub) {
			s.handle["/token"] = fails(401, "invalid_client")
			s.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
		}, nil, 1, "client", "problem", "announces post"},
		"client: a way that is announced": {func(s *stub) {
			s.handle["/token"] = fails(401, "invalid_client")
			s.metadata["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
		}, nil, 1, "client", "problem", "OAUTH_CLIENT_AUTH"},
		"client: the grant is not allowed": {func(s *stub) { s.handle["/token"] = fails(400, "unauthorized_client") }, nil, 1, "client", "problem", "allow it there"},
		"client: GitHub's answer":          {func(s *stub) { s.handle["/token"] = fails(200, "bad_verification_code") }, nil, 0, "client", "ok", "accepted"},
		"client: a redirect URI it misses": {func(s *stub) { s.handle["/token"] = fails(400, "redirect_uri_mismatch") }, nil, 1, "client", "problem", "does not know the redirect URI"},
		"client: tokens for nothing": {func(s *stub) {
			s.handle["/token"] = says(200, "application/json", `{"access_token":"`+canary+`","token_type":"Bearer"}`)
		}, nil, 1, "client", "problem", "do not use this provider"},
		"client: another error":     {func(s *stub) { s.handle["/token"] = fails(400, "invalid_request") }, nil, 1, "client", "problem", "not that the code is unknown"},
		"client: an outage":         {func(s *stub) { s.handle["/token"] = says(502, "text/html", canary) }, nil, 2, "client", "unchecked", "answered 502"},
		"client: too many requests": {func(s *stub) { s.handle["/token"] = fails(429, "slow_down") }, nil, 2, "client", "unchecked", "answered 429"},
		"client: no endpoint":       {func(s *stub) { s.metadata["token_endpoint"] = "http://127.0.0.1:1/token" }, nil, 1, "client", "problem", "cannot be reached"},
		"client: no answer":         {func(s *stub) { s.handle["/token"] = hangs }, nil, 2, "client", "unchecked", "in time"},
		"client: public, and known": {func(s *stub) {}, map[string]string{"OAUTH_CLIENT_SECRET": ""}, 0, "client", "ok", "knows this public client"},
	})
}

// Where the authorization request leads.
func TestRedirectFaults(t *testing.T) {
	findsFaults(t, map[string]fault{
		"redirect: an error page": {func(s *stub) { s.handle["/authorize"] = says(400, "text/html", canary) }, nil, 1, "redirect_uri", "problem", "answered 400"},
		"redirect: refused at the callback": {func(s *stub) {
			s.handle["/authorize"] = leads(base + "/callback?error=invalid_scope&error_description=" + canary)
		}, nil, 1, "redirect_uri", "problem", "Check OAUTH_SCOPE"},
		"redirect: the way to an error page": {func(s *stub) {
			s.handle["/authorize"] = leads("https://accounts.example/signin/oauth/error?authError=" + canary)
		}, nil, 1, "redirect_uri", "problem", "likely, not certain"},
		"redirect: an error as a page": {func(s *stub) { s.handle["/authorize"] = page("AADSTS50011: the reply URL") }, nil, 1, "redirect_uri", "problem", "likely, not certain"},
		"redirect: a sign-in form":     {func(s *stub) { s.handle["/authorize"] = page(`<input type="password">`) }, nil, 0, "redirect_uri", "ok", "shows a sign-in form; some providers"},
		"redirect: some page":          {func(s *stub) { s.handle["/authorize"] = page("hello") }, nil, 0, "redirect_uri", "warning", "neither an error nor a sign-in"},
		"redirect: a code for nobody":  {func(s *stub) { s.handle["/authorize"] = leads(base + "/callback?code=" + canary) }, nil, 0, "redirect_uri", "warning", "without a sign-in"},
		"redirect: an outage":          {func(s *stub) { s.handle["/authorize"] = says(503, "text/html", canary) }, nil, 2, "redirect_uri", "unchecked", "answered 503"},
		"redirect: no endpoint":        {func(s *stub) { s.metadata["authorization_endpoint"] = "http://127.0.0.1:1/authorize" }, nil, 1, "redirect_uri", "problem", "cannot be reached"},
		"redirect: no answer":          {func(s *stub) { s.handle["/authorize"] = hangs }, nil, 2, "redirect_uri", "unchecked", "timeout"},
	})
}

// Which keys are published.
func TestKeyFaults(t *testing.T) {
	findsFaults(t, map[string]fault{
		"keys: not there":      {func(s *stub) { s.handle["/jwks"] = http.NotFound }, nil, 1, "keys", "problem", "answered 404"},
		"keys: an outage":      {func(s *stub) { s.handle["/jwks"] = says(500, "text/plain", canary) }, nil, 2, "keys", "unchecked", "answered 500"},
		"keys: a page":         {func(s *stub) { s.handle["/jwks"] = page("") }, nil, 1, "keys", "problem", "no key set"},
		"keys: none that fits": {func(s *stub) { s.handle["/jwks"] = says(200, "application/json", jwksEC) }, nil, 1, "keys", "problem", "none of 3"},
		"keys: a weak RSA key": {func(s *stub) {
			s.metadata["id_token_signing_alg_values_supported"] = []string{"RS256"}
			s.handle["/jwks"] = says(200, "application/json", jwksEC)
		}, nil, 1, "keys", "problem", "RS256"},
		"keys: for some": {func(s *stub) {
			s.metadata["id_token_signing_alg_values_supported"] = []string{"ES256", "EdDSA", "HS256"}
		}, nil, 0, "keys", "ok", "none at the moment for EdDSA"},
		"keys: for encryption": {func(s *stub) {
			s.handle["/jwks"] = says(200, "application/json", jwks(jose.JSONWebKey{Key: &keyES256.PublicKey, Use: "enc"}))
		}, nil, 1, "keys", "problem", "none of 1"},
		"keys: for another algorithm": {func(s *stub) {
			s.handle["/jwks"] = says(200, "application/json", jwks(jose.JSONWebKey{Key: &keyES256.PublicKey, Algorithm: "ECDH-ES"}))
		}, nil, 1, "keys", "problem", "none of 1"},
		"budget: too much to ask with": {func(s *stub) {}, map[string]string{"OAUTH_EXTRA_PARAMS": "x=" + long}, 0, "budget", "warning", "shorten OAUTH_SCOPE"},
	})
}

// hangs waits until whoever asked has left.
func hangs(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // only then does the server notice that somebody leaves
	<-r.Context().Done()
}

func TestProviderIsDown(t *testing.T) {
	s := newStub(t)
	settings := s.settings(nil)
	s.Close()
	r := run(t, read(t, settings))
	expect(t, r, 1, "metadata", "problem", "cannot be read: nothing answers there")
	expect(t, r, 1, "provider", "unchecked", "mend the metadata first")
}

// A provider without metadata: what cannot be known is said, and is no fault.
func TestFixedEndpoints(t *testing.T) {
	s := newStub(t)
	r := run(t, read(t, map[string]string{
		"OAUTH_AUTHORIZE_URL": s.URL + "/authorize", "OAUTH_TOKEN_URL": s.URL + "/token", "OAUTH_CLIENT_ID": "app", "OAUTH_CLIENT_SECRET": clientSecret,
	}))
	expect(t, r, 0, "pkce", "ok", "not known")
	expect(t, r, 0, "redirect_uri", "ok", "likely: the authorization endpoint leads to a sign-in")
	expect(t, r, 0, "clock", "ok", "from the provider's")
}
