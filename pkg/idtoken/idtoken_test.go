package idtoken_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

func TestVerifyClaims_C69(t *testing.T) {
	ec, rs := ecKey(t, "e1"), rsaKey(t, "r1")
	p := publish(t, ec, rs)
	unix := func(d time.Duration) int64 { return now.Add(d).Unix() }
	for _, test := range []struct {
		name   string
		change map[string]any
		want   oauth.Code // empty: accepted
	}{
		{"good", nil, ""},
		{"an audience in a list", map[string]any{"aud": []string{client}}, ""},
		{"two audiences, this client is azp", map[string]any{"aud": []string{client, "other"}, "azp": client}, ""},
		{"azp is this client", map[string]any{"azp": client}, ""},
		{"at_hash of the access token", map[string]any{"at_hash": atHash(access)}, ""},
		{"a clock 60 s ahead", map[string]any{"iat": unix(60 * time.Second), "nbf": unix(60 * time.Second)}, ""},
		{"an old iat", map[string]any{"iat": unix(-time.Hour)}, ""},
		{"a subject of 255 characters", map[string]any{"sub": strings.Repeat("s", 255)}, ""},

		{"another issuer", map[string]any{"iss": "https://attacker.example"}, oauth.ProviderError},
		{"the issuer with a slash", map[string]any{"iss": issuer + "/"}, oauth.ProviderError},
		{"no issuer", map[string]any{"iss": nil}, oauth.ProviderError},
		{"another audience", map[string]any{"aud": "other"}, oauth.ProviderError},
		{"no audience", map[string]any{"aud": nil}, oauth.ProviderError},
		{"an empty list of audiences", map[string]any{"aud": []string{}}, oauth.ProviderError},
		{"two audiences without azp", map[string]any{"aud": []string{client, "other"}}, oauth.ProviderError},
		{"two audiences, another is azp", map[string]any{"aud": []string{client, "other"}, "azp": "other"}, oauth.ProviderError},
		{"azp is another client", map[string]any{"azp": "other"}, oauth.ProviderError},
		{"azp is empty", map[string]any{"azp": ""}, oauth.ProviderError},
		{"expired", map[string]any{"exp": unix(-time.Second)}, oauth.ProviderError},
		{"no expiry", map[string]any{"exp": nil}, oauth.ProviderError},
		{"an expiry in words", map[string]any{"exp": "tomorrow"}, oauth.ProviderError},
		{"no iat", map[string]any{"iat": nil}, oauth.ProviderError},
		{"issued in two minutes", map[string]any{"iat": unix(2 * time.Minute)}, oauth.ProviderError},
		{"issued in 61 seconds", map[string]any{"iat": unix(61 * time.Second)}, oauth.ProviderError},
		{"valid in 61 seconds", map[string]any{"nbf": unix(61 * time.Second)}, oauth.ProviderError},
		{"valid in an hour", map[string]any{"nbf": unix(time.Hour)}, oauth.ProviderError},
		{"no subject", map[string]any{"sub": nil}, oauth.ProviderError},
		{"an empty subject", map[string]any{"sub": ""}, oauth.ProviderError},
		{"a subject of white space", map[string]any{"sub": " \t"}, oauth.ProviderError},
		{"a number as subject", map[string]any{"sub": 7}, oauth.ProviderError},
		{"a subject of 256 characters", map[string]any{"sub": strings.Repeat("s", 256)}, oauth.ProviderError},
		{"at_hash of another access token", map[string]any{"at_hash": atHash("other")}, oauth.ProviderError},
		{"an empty at_hash", map[string]any{"at_hash": ""}, oauth.ProviderError},
		{"a second subject in other letters", map[string]any{"Sub": "admin"}, oauth.ProviderError},
		{"a subject in other letters only", map[string]any{"sub": nil, "SUB": "admin"}, oauth.ProviderError},
		{"a second issuer in other letters", map[string]any{"ISS": issuer}, oauth.ProviderError},
		{"a nonce in other letters only", map[string]any{"nonce": nil, "Nonce": nonce}, oauth.ProviderError},
		{"no nonce", map[string]any{"nonce": nil}, oauth.NonceMismatch},
		{"an empty nonce", map[string]any{"nonce": ""}, oauth.NonceMismatch},
		{"another login's nonce", map[string]any{"nonce": "other"}, oauth.NonceMismatch},
		{"the nonce in a list", map[string]any{"nonce": []string{nonce}}, oauth.ProviderError},
	} {
		for _, s := range []signer{ec, rs} {
			t.Run(string(s.alg)+" "+test.name, func(t *testing.T) {
				got, err := verify(verifier(), p, s.sign(t, claims(test.change)))
				if test.want != "" {
					if code(err) != test.want {
						t.Errorf("error %v, want %s", err, test.want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got.Subject == "" || got.Issuer != issuer || got.Name != "Jane Doe" || got.Email != "janedoe@example.com" || !json.Valid(got.Raw) {
					t.Errorf("claims %+v", got)
				}
			})
		}
	}
}

func TestVerifySignature_C69(t *testing.T) {
	ec, rs := ecKey(t, "e1"), rsaKey(t, "r1")
	p := publish(t, ec, rs)
	good := ec.sign(t, claims(nil))
	parts := strings.Split(good, ".")
	public := rs.private.Public().(*rsa.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	withID := func(kid string) *jose.SignerOptions {
		return (&jose.SignerOptions{}).WithHeader("kid", kid)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	evil := publish(t, ecKey(t, "evil"))
	mallory := ecKey(t, "e1")
	for _, test := range []struct{ name, token string }{
		{"alg none", b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "."},
		{"alg NONE", b64([]byte(`{"alg":"NONE"}`)) + "." + parts[1] + "."},
		{"alg none with the signature left on", b64([]byte(`{"alg":"none","kid":"e1"}`)) + "." + parts[1] + "." + parts[2]},
		{"no alg", b64([]byte(`{"kid":"e1"}`)) + "." + parts[1] + "." + parts[2]},
		{"HS256 with the public key in PEM as secret", signWith(t, jose.SigningKey{Algorithm: jose.HS256,
			Key: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}, withID("r1"), claims(nil))},
		{"HS256 with the public key in DER as secret", signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: der}, withID("r1"), claims(nil))},
		{"HS256 with the client's id as secret", signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat(client, 4))}, withID("r1"), claims(nil))},
		{"an algorithm that the provider does not announce", signWith(t, jose.SigningKey{Algorithm: jose.RS512, Key: rs.private}, withID("r1"), claims(nil))},
		{"PS256 with a key published for RS256", signWith(t, jose.SigningKey{Algorithm: jose.PS256, Key: rs.private}, withID("r1"), claims(nil))},
		{"ES256 signed by another key of the same id", mallory.sign(t, claims(nil))},
		{"RS256 signed by another key of the same id", rsaKey(t, "r1").sign(t, claims(nil))},
		{"a key id that is not published", ecKey(t, "e2").sign(t, claims(nil))},
		{"another key id than the key's own", signer{"e2", jose.ES256, ec.private}.sign(t, claims(nil))},
		{"no key id, another key", ecKey(t, "").sign(t, claims(nil))},
		{"a key of its own in jwk", mallory.sign(t, claims(nil), func(o *jose.SignerOptions) { o.EmbedJWK = true })},
		{"a key set of its own in jku", mallory.sign(t, claims(nil), func(o *jose.SignerOptions) { o.WithHeader("jku", evil.URL) })},
		{"a certificate of its own in x5u", mallory.sign(t, claims(nil), func(o *jose.SignerOptions) { o.WithHeader("x5u", evil.URL) })},
		{"an extension that must be understood", ec.sign(t, claims(nil), func(o *jose.SignerOptions) {
			o.WithCritical("x").WithHeader("x", 1)
		})},
		{"the signature cut off", parts[0] + "." + parts[1] + "."},
		{"the signature cut short", good[:len(good)-4]},
		{"another payload", parts[0] + "." + b64([]byte(`{"iss":"`+issuer+`","sub":"admin"}`)) + "." + parts[2]},
		{"a signature of zeros", parts[0] + "." + parts[1] + "." + b64(make([]byte, 64))},
		{"two parts", parts[0] + "." + parts[1]},
		{"four parts", good + ".x"},
		{"five parts, as if encrypted", good + ".x.y"},
		{"the JSON serialisation", `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`},
		{"white space around it", " " + good + "\n"},
		{"a payload that is no object", signRaw(t, ec, `"x"`)},
		{"nothing", ""},
		{"not a token", "hunter2"},
		{"100 KB", strings.Repeat("a", 100<<10)},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := verify(verifier(), p, test.token)
			if code(err) != oauth.ProviderError {
				t.Errorf("error %v, want %s", err, oauth.ProviderError)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the token is in the error: %v", err)
			}
		})
	}
	if n := evil.hits.Load(); n != 0 {
		t.Errorf("a URL that a token names was asked %d times", n)
	}
	if _, err := verify(verifier(), p, good); err != nil {
		t.Errorf("and the good one: %v", err)
	}
}

func signRaw(t *testing.T, s signer, payload string) string {
	made, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: s.private}, (&jose.SignerOptions{}).WithHeader("kid", s.kid))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := made.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := signed.CompactSerialize()
	return text
}

func TestWithoutANonceNothingIsVerified(t *testing.T) {
	ec := ecKey(t, "e1")
	p := publish(t, ec)
	for _, sent := range []any{nil, ""} {
		token := ec.sign(t, claims(map[string]any{"nonce": sent}))
		_, err := verifier().Verify(t.Context(), upstream(), p.endpoints(), secret.NewText(token), "", secret.NewText(access))
		if code(err) != oauth.NonceMismatch {
			t.Errorf("nonce %v: error %v", sent, err)
		}
	}
}

func TestTheAlgorithmsAreTheProviders_C69(t *testing.T) {
	key := rsaKey(t, "r1")
	anything := key
	anything.alg = ""
	p := publish(t, anything) // published without alg
	for alg, ok := range map[jose.SignatureAlgorithm]bool{jose.RS256: true, jose.RS384: false, jose.RS512: false, jose.PS256: false} {
		key.alg = alg
		if _, err := verify(verifier(), p, key.sign(t, claims(nil))); (err == nil) != ok {
			t.Errorf("%s: error %v, want ok %v", alg, err, ok)
		}
	}
}

func TestGoogleLeavesTheSchemeOut(t *testing.T) {
	ec := ecKey(t, "e1")
	ep := publish(t, ec).endpoints()
	ep.Issuer = "https://accounts.google.com"
	token := ec.sign(t, claims(map[string]any{"iss": "accounts.google.com"}))
	got, err := verifier().Verify(t.Context(), upstream(), ep, secret.NewText(token), nonce, secret.NewText(access))
	if err != nil {
		t.Fatal(err)
	}
	if got.Issuer != ep.Issuer {
		t.Errorf("issuer %q: the same person would have two names", got.Issuer)
	}
}
