package doctor_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

// answers is what the authorization endpoint sends to the redirect URI when
// nobody may be asked, made from the request's parameters.
func answers(with func(q url.Values) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if q := r.URL.Query(); q.Get("prompt") == "none" {
			leads(q.Get("redirect_uri")+"?error=login_required"+with(q))(w, r)
			return
		}
		leads("/sign-in")(w, r)
	}
}

func publishes(body string) func(*stub) {
	return func(s *stub) { s.handle["/jwks"] = says(200, "application/json", body) }
}

func announces(member string, value any) func(*stub) {
	return func(s *stub) { s.metadata[member] = value }
}

// Providers that look right from afar, and that no login works at.
func TestProvidersThatOnlyLookRight(t *testing.T) {
	many := make([]jose.JSONWebKey, 100)
	for i := range many {
		many[i] = jose.JSONWebKey{Key: &keyES384.PublicKey}
	}
	one := jose.JSONWebKey{Key: &rsa.PublicKey{N: must(rsa.GenerateKey(rand.Reader, 2048)).N, E: 1}}
	findsFaults(t, map[string]fault{
		"keys: no base64":                 {publishes(`{"keys":[{"kty":"EC","crv":"P-256","use":"sig","x":"!!","y":""}]}`), nil, 1, "keys", "problem", "none of 1"},
		"keys: no point of the curve":     {publishes(`{"keys":[{"kty":"EC","crv":"P-256","use":"sig","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}]}`), nil, 1, "keys", "problem", "none of 1"},
		"keys: behind more than are read": {publishes(jwks(append(many, jose.JSONWebKey{Key: &keyES256.PublicKey})...)), nil, 1, "keys", "problem", "none of 101"},
		"keys: a private one":             {publishes(jwks(jose.JSONWebKey{Key: keyES256}, jose.JSONWebKey{Key: &keyES256.PublicKey})), nil, 1, "keys", "problem", "private"},
		"keys: RSA with the exponent 1": {func(s *stub) {
			announces("id_token_signing_alg_values_supported", []string{"RS256"})(s)
			publishes(jwks(one))(s)
		}, nil, 1, "keys", "problem", "none of 1"},
		"keys: over plain http":         {announces("jwks_uri", "http://keys.example/jwks"), nil, 1, "metadata", "problem", "not https: jwks_uri"},
		"response types: without code":  {announces("response_types_supported", []string{"token", "id_token"}), nil, 1, "response", "problem", "response type code"},
		"grants: without the code":      {announces("grant_types_supported", []string{"client_credentials"}), nil, 1, "response", "problem", "authorization_code"},
		"response modes: without query": {announces("response_modes_supported", []string{"form_post"}), nil, 0, "response", "warning", "response mode query"},
		"pkce: something else":          {announces("code_challenge_methods_supported", []string{"S512"}), nil, 1, "pkce", "problem", "without S256"},
	})
}

// Answers that look right, and that a login does not get far with.
func TestAnswersThatOnlyLookRight(t *testing.T) {
	session := map[string]string{"CALLBACK_MODE": "session", "OAUTH_SCOPE": "read"}
	described := map[string]string{"CALLBACK_MODE": "session"}
	at := func(path string, handle http.HandlerFunc) func(*stub) {
		return func(s *stub) {
			s.metadata["userinfo_endpoint"] = s.URL + "/userinfo"
			s.handle[path] = handle
		}
	}
	findsFaults(t, map[string]fault{
		"client: another way is announced": {announces("token_endpoint_auth_methods_supported", []string{"private_key_jwt"}), nil, 0, "client", "warning", "none of the ways"},
		"client: refused with status 200":  {at("/token", fails(200, "invalid_client")), nil, 1, "client", "problem", "does not accept"},
		"client: a page for everything":    {at("/token", page("")), nil, 1, "client", "problem", "answered 200"},
		"answers: without state":           {at("/authorize", answers(func(url.Values) string { return "" })), nil, 1, "redirect_uri", "problem", "without its state"},
		"answers: another state":           {at("/authorize", answers(func(url.Values) string { return "&state=" + canary })), nil, 1, "redirect_uri", "problem", "without its state"},
		"answers: without iss":             {at("/authorize", answers(func(q url.Values) string { return "&state=" + q.Get("state") })), nil, 1, "iss", "problem", "does not name it as its issuer"},
		"answers: another iss":             {at("/authorize", answers(func(q url.Values) string { return "&iss=" + canary + "&state=" + q.Get("state") })), nil, 1, "iss", "problem", "does not name it as its issuer"},
		"redirect: JSON":                   {at("/authorize", says(200, "application/json", `{"error":"`+canary+`"}`)), nil, 0, "redirect_uri", "warning", "neither an error nor a sign-in"},
		"clock: ten minutes ahead":         {func(s *stub) { s.date = 10 * time.Minute }, nil, 1, "clock", "problem", "behind the provider's"},
		"clock: ahead, without ID tokens":  {func(s *stub) { s.date = 10 * time.Minute }, map[string]string{"OAUTH_SCOPE": "read"}, 0, "clock", "warning", "behind the provider's"},
		"userinfo: none":                   {announces("x", 1), session, 0, "userinfo", "warning", "nothing says who has signed in"},
		"userinfo: not there":              {at("/userinfo", http.NotFound), session, 1, "userinfo", "problem", "answered 404"},
		"userinfo: not there, for a name":  {at("/userinfo", http.NotFound), described, 0, "userinfo", "warning", "answered 404"},
		"userinfo: a page":                 {at("/userinfo", page("")), session, 1, "userinfo", "problem", "no JSON"},
		"userinfo: anybody is somebody":    {at("/userinfo", says(200, "application/json", `{"sub":"`+canary+`"}`)), session, 1, "userinfo", "problem", "that does not exist"},
		"userinfo: an outage":              {at("/userinfo", says(503, "text/plain", canary)), session, 2, "userinfo", "unchecked", "answered 503"},
		"userinfo: it refuses":             {at("/userinfo", says(401, "text/plain", canary)), session, 0, "userinfo", "ok", "answered 401"},
		"endpoints: longer than a request": {func(s *stub) { s.metadata["authorization_endpoint"] = s.URL + "/authorize?x=" + long }, nil, 0, "budget", "warning", "have the provider announce a shorter one"},
		"endpoints: as long as a request":  {func(s *stub) { s.metadata["authorization_endpoint"] = s.URL + "/authorize?x=" + long[:8600] }, nil, 0, "budget", "warning", "leads to the provider can take"},
	})
}

// What a provider writes can neither move the cursor nor fill the screen.
func TestProvidersTextIsNotPrinted(t *testing.T) {
	for name, path := range map[string]string{
		"a control sequence": "/\u009b2J", "text from right to left": "/\u202eexample", "a line of its own": "/\u2028ok", "a space that is none": "/\u200b",
		"emoji": "/\U0001f600", "no UTF-8": "/\xff\xfe", "without an end": "/" + strings.Repeat("x", 200<<10),
		"many algorithms": "",
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.metadata["token_endpoint"] = s.URL + "/token" + path
			if path == "" {
				s.metadata["id_token_signing_alg_values_supported"] = strings.Split(strings.Repeat("ES256 ", 5000)+"RS256", " ")
			}
			r := run(t, read(t, s.settings(nil)))
			var text, object bytes.Buffer
			if r.Text(&text) != nil || r.JSON(&object) != nil {
				t.Fatal("not written")
			}
			for _, out := range []string{text.String(), object.String()} {
				odd := strings.ContainsFunc(out, func(c rune) bool { return c != '\n' && (c < ' ' || c > '~' || c == utf8.RuneError) })
				if odd || len(out) > 6000 || !strings.Contains(out, "/token") {
					t.Errorf("%d bytes, odd %v: %.5000q", len(out), odd, out)
				}
			}
		})
	}
}
