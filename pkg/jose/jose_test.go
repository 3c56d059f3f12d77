package jose_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	gojose "github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	oldSecret = "an-old-secret-of-the-tests-0123456789-abcdefg"
	newSecret = "a-new-secret-of-the-tests-0123456789-abcdefgh"
	strange   = "a-stranger's-secret-in-tests-0123456789-abcde"
)

func ring(t testing.TB, list ...string) *secret.Ring {
	t.Helper()
	r, err := secret.ParseRing(strings.Join(list, ","))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type claims struct {
	Subject string `json:"sub"`
}

func TestSignVerify(t *testing.T) {
	both := ring(t, newSecret, oldSecret)
	for name, root := range map[string]*secret.Root{"newest": both.Newest(), "older": both.Roots()[1]} {
		token, err := jose.Sign(root, jose.TypeAccess, claims{"sub-1"})
		if err != nil {
			t.Fatal(err)
		}
		var got claims
		if err := jose.Verify(both, jose.TypeAccess, token, &got); err != nil || got.Subject != "sub-1" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if jose.KeyOf(token) != root.ID {
			t.Errorf("%s: KeyOf %q", name, jose.KeyOf(token))
		}
	}
}

// S-95: a signature has a second half that is as good, n-s. Only the smaller one
// is ours, and what is signed always has it.
func TestOneSpellingOfASignature_S95(t *testing.T) {
	r := ring(t, newSecret)
	n := elliptic.P256().Params().N
	for i := range 64 {
		token, err := jose.Sign(r.Newest(), jose.TypeAccess, claims{strconv.Itoa(i)})
		if err != nil {
			t.Fatal(err)
		}
		at := strings.LastIndexByte(token, '.') + 1
		signature, err := base64.RawURLEncoding.DecodeString(token[at:])
		if err != nil {
			t.Fatal(err)
		}
		s := new(big.Int).SetBytes(signature[32:])
		s.Sub(n, s).FillBytes(signature[32:])
		other := token[:at] + base64.RawURLEncoding.EncodeToString(signature)
		if jws, err := gojose.ParseSignedCompact(other, []gojose.SignatureAlgorithm{gojose.ES256}); err != nil {
			t.Fatal(err)
		} else if _, err := jws.Verify(&privateKey(t, r.Newest()).PublicKey); err != nil {
			t.Fatalf("the other spelling is no signature: %v", err)
		}
		if err := jose.Verify(r, jose.TypeAccess, other, &claims{}); !errors.Is(err, jose.ErrToken) {
			t.Errorf("the other spelling: %v", err)
		}
		if err := jose.Verify(r, jose.TypeAccess, token, &claims{}); err != nil {
			t.Errorf("ours: %v", err)
		}
	}
}

// A retired key is told apart from a bad token, so that the ring can be read
// again, and what it signed is no longer taken.
func TestRetiredKey(t *testing.T) {
	before, after := ring(t, oldSecret), ring(t, newSecret)
	token, _ := jose.Sign(before.Newest(), jose.TypeAccess, claims{"x"})
	var got claims
	if err := jose.Verify(after, jose.TypeAccess, token, &got); !errors.Is(err, secret.ErrUnknownKey) || got != (claims{}) {
		t.Errorf("%v, %v", got, err)
	}
}

// forge builds a compact JWS from any header, signed by sign.
func forge(header, payload string, sign func(input []byte) []byte) string {
	input := b64(header) + "." + b64(payload)
	return input + "." + b64(string(sign([]byte(input))))
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func privateKey(t testing.TB, root *secret.Root) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), root.Bytes("latchkey es256 v1"))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func es256(t testing.TB, key *ecdsa.PrivateKey) func([]byte) []byte {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		if other := new(big.Int).Sub(key.Params().N, s); other.Cmp(s) < 0 {
			s = other // as we spell it
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
}

func hs256(key []byte) func([]byte) []byte {
	return func(input []byte) []byte {
		mac := hmac.New(sha256.New, key)
		mac.Write(input)
		return mac.Sum(nil)
	}
}

func none([]byte) []byte { return nil }

// forgeries are tokens that nobody may take. Those signed with the real key
// show that the header alone is a reason to refuse.
func forgeries(t testing.TB, r *secret.Ring) map[string]string {
	root, other := r.Newest(), ring(t, strange).Newest()
	key, id := privateKey(t, root), root.ID
	ours, theirs := es256(t, key), es256(t, privateKey(t, other))
	head := func(more string) string {
		return `{"alg":"ES256","kid":"` + id + `","typ":"at+jwt"` + more + `}`
	}
	public, _ := key.PublicKey.Bytes()
	their, _ := json.Marshal(gojose.JSONWebKey{Key: &privateKey(t, other).PublicKey, KeyID: id})
	good := forge(head(""), `{"sub":"x"}`, ours)
	part := strings.Split(good, ".")
	other1 := strings.Split(forge(head(""), `{"sub":"y"}`, ours), ".")
	der := func(input []byte) []byte {
		sum := sha256.Sum256(input)
		b, _ := ecdsa.SignASN1(rand.Reader, key, sum[:])
		return b
	}
	zero := func([]byte) []byte { return make([]byte, 64) }
	order := func([]byte) []byte {
		n := elliptic.P256().Params().N.FillBytes(make([]byte, 32))
		return append(bytes.Clone(n), n...)
	}
	last := part[2][:len(part[2])-1]
	return map[string]string{
		"alg none (RFC 8725 3.1)":             forge(strings.Replace(head(""), "ES256", "none", 1), `{"sub":"x"}`, none),
		"alg None, other case":                forge(strings.Replace(head(""), "ES256", "nOnE", 1), `{"sub":"x"}`, none),
		"alg none over a real signature":      b64(strings.Replace(head(""), "ES256", "none", 1)) + "." + part[1] + "." + part[2],
		"no alg":                              forge(`{"kid":"`+id+`","typ":"at+jwt"}`, `{"sub":"x"}`, ours),
		"HS256 keyed with the public key":     forge(strings.Replace(head(""), "ES256", "HS256", 1), `{"sub":"x"}`, hs256(public)),
		"HS256 keyed with the kid":            forge(strings.Replace(head(""), "ES256", "HS256", 1), `{"sub":"x"}`, hs256([]byte(id))),
		"ES384 header":                        forge(strings.Replace(head(""), "ES256", "ES384", 1), `{"sub":"x"}`, ours),
		"another key under our kid":           forge(head(""), `{"sub":"x"}`, theirs),
		"jwk in the header, its signature":    forge(head(`,"jwk":`+string(their)), `{"sub":"x"}`, theirs),
		"jwk in the header, our signature":    forge(head(`,"jwk":`+string(their)), `{"sub":"x"}`, ours),
		"jku (RFC 8725 3.10)":                 forge(head(`,"jku":"https://attacker.example/jwks"`), `{"sub":"x"}`, ours),
		"x5u":                                 forge(head(`,"x5u":"https://attacker.example/cert"`), `{"sub":"x"}`, ours),
		"x5c":                                 forge(head(`,"x5c":["AAAA"]`), `{"sub":"x"}`, ours),
		"crit with an unknown name":           forge(head(`,"crit":["exp"],"exp":1`), `{"sub":"x"}`, ours),
		"crit empty":                          forge(head(`,"crit":[]`), `{"sub":"x"}`, ours),
		"b64 false (RFC 7797)":                forge(head(`,"crit":["b64"],"b64":false`), `{"sub":"x"}`, ours),
		"cty, a nested token":                 forge(head(`,"cty":"JWT"`), `{"sub":"x"}`, ours),
		"no kid":                              forge(`{"alg":"ES256","typ":"at+jwt"}`, `{"sub":"x"}`, ours),
		"kid not a string":                    forge(`{"alg":"ES256","kid":1,"typ":"at+jwt"}`, `{"sub":"x"}`, ours),
		"typ of an ID token (RFC 8725 3.11)":  forge(strings.Replace(head(""), "at+jwt", "JWT", 1), `{"sub":"x"}`, ours),
		"no typ":                              forge(`{"alg":"ES256","kid":"`+id+`"}`, `{"sub":"x"}`, ours),
		"header not an object":                forge(`"ES256"`, `{"sub":"x"}`, ours),
		"another payload under a signature":   part[0] + "." + other1[1] + "." + part[2],
		"no signature":                        part[0] + "." + part[1] + ".",
		"two parts":                           part[0] + "." + part[1],
		"five parts, as a JWE":                good + ".AAAA.AAAA",
		"signature in DER":                    forge(head(""), `{"sub":"x"}`, der),
		"signature all zero (CVE-2022-21449)": forge(head(""), `{"sub":"x"}`, zero),
		"signature of the group order":        forge(head(""), `{"sub":"x"}`, order),
		"signature cut short":                 part[0] + "." + part[1] + "." + part[2][:80],
		"signature with padding":              good + "==",
		"signature spelled otherwise":         part[0] + "." + part[1] + "." + last + string(respell(part[2][len(part[2])-1])),
		"a line break in the signature":       good[:len(good)-1] + "\n" + good[len(good)-1:],
		"JSON serialization (RFC 7515 7.2)":   `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"payload that is no object":           forge(head(""), `[]`, ours),
		"empty payload":                       forge(head(""), ``, ours),
		"far too long":                        forge(head(""), `{"sub":"`+strings.Repeat("x", 1<<15)+`"}`, ours),
		"empty":                               "",
		"dots":                                "..",
		"space in front":                      " " + good,
		"the scheme in front":                 "Bearer " + good,
		"header of another token, kid ours":   other1[0] + "." + part[1] + "." + other1[2],
	}
}

// respell is another character with the same upper four bits: base64 that
// decodes to the same bytes when nobody looks closely.
func respell(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, c)|1]
}

func TestVerifyRefuses_S78(t *testing.T) {
	r := ring(t, newSecret)
	found := forgeries(t, r)
	for name, token := range found {
		got := claims{}
		if err := jose.Verify(r, jose.TypeAccess, token, &got); !errors.Is(err, jose.ErrToken) || got != (claims{}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	// The forger's own tools are right: the same steps make a good token.
	good := forge(`{"alg":"ES256","kid":"`+r.Newest().ID+`","typ":"at+jwt"}`, `{"sub":"x"}`, es256(t, privateKey(t, r.Newest())))
	if err := jose.Verify(r, jose.TypeAccess, good, &claims{}); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func TestJWKS(t *testing.T) {
	r := ring(t, newSecret, oldSecret)
	b, err := jose.JWKS(r)
	if err != nil {
		t.Fatal(err)
	}
	var raw struct{ Keys []map[string]string }
	if err := json.Unmarshal(b, &raw); err != nil || len(raw.Keys) != 2 {
		t.Fatalf("%s, %v", b, err)
	}
	for i, key := range raw.Keys {
		want := map[string]string{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": r.Roots()[i].ID}
		for name, value := range want {
			if key[name] != value {
				t.Errorf("key %d: %s is %q, want %q", i, name, key[name], value)
			}
		}
		if len(key) != 7 || len(key["x"]) != 43 || len(key["y"]) != 43 || key["d"] != "" {
			t.Errorf("key %d: members %v", i, key)
		}
	}
	var set gojose.JSONWebKeySet
	if err := json.Unmarshal(b, &set); err != nil {
		t.Fatal(err)
	}
	for _, root := range r.Roots() {
		token, _ := jose.Sign(root, jose.TypeID, claims{"x"})
		jws, err := gojose.ParseSignedCompact(token, []gojose.SignatureAlgorithm{gojose.ES256})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := jws.Verify(set); err != nil {
			t.Errorf("%s: not verified by the published set: %v", root.ID, err)
		}
	}
}

func TestKeyIsTheSecretsOwn(t *testing.T) {
	a, b, c := ring(t, newSecret), ring(t, newSecret), ring(t, oldSecret)
	one, _ := jose.JWKS(a)
	two, _ := jose.JWKS(b)
	three, _ := jose.JWKS(c)
	if !bytes.Equal(one, two) || bytes.Equal(one, three) {
		t.Error("the key does not follow the secret")
	}
}

func TestUnusableScalarIsPassedOver(t *testing.T) {
	n := elliptic.P256().Params().N
	for name, bad := range map[string][]byte{"zero": make([]byte, 32), "the order": n.FillBytes(make([]byte, 32))} {
		asked := []string{}
		key, err := jose.Derive(func(purpose string) []byte {
			asked = append(asked, purpose)
			if len(asked) == 1 {
				return bad
			}
			return new(big.Int).Sub(n, big.NewInt(1)).FillBytes(make([]byte, 32))
		})
		if err != nil || key == nil || len(asked) != 2 || asked[0] == asked[1] {
			t.Errorf("%s: %v, asked %q", name, err, asked)
		}
		if _, err := jose.Derive(func(string) []byte { return bad }); err == nil {
			t.Errorf("%s: always bad, and still a key", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	r := ring(f, newSecret, oldSecret)
	for _, token := range forgeries(f, r) {
		f.Add(token)
	}
	// What the key has signed, the forgeries made of real tokens included: a
	// mutation can take back what makes one a forgery. Signatures differ from
	// run to run.
	var signed []string
	for _, subject := range []string{"fuzz", "x", "y"} {
		good, _ := jose.Sign(r.Newest(), jose.TypeAccess, claims{subject})
		f.Add(good)
		signed = append(signed, good[:strings.LastIndexByte(good, '.')+1])
	}
	f.Fuzz(func(t *testing.T, token string) {
		var got map[string]any
		err := jose.Verify(r, jose.TypeAccess, token, &got)
		switch {
		case err == nil && !slices.ContainsFunc(signed, func(s string) bool { return strings.HasPrefix(token, s) }):
			t.Errorf("taken: %q", token)
		case err != nil && !errors.Is(err, jose.ErrToken) && !errors.Is(err, secret.ErrUnknownKey):
			t.Errorf("%q: %v", token, err)
		case err != nil && got != nil:
			t.Errorf("%q: refused, but decoded", token)
		}
	})
}

func BenchmarkSign(b *testing.B) {
	root := ring(b, newSecret).Newest()
	for b.Loop() {
		if _, err := jose.Sign(root, jose.TypeAccess, claims{"x"}); err != nil {
			b.Fatal(err)
		}
	}
}
