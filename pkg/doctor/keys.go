package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/provider"
)

// minModulus is the least size of an RSA key (RFC 7518 §3.3), in bytes.
const minModulus = 2048 / 8

// key is what decides whether a published key can verify an ID token.
type key struct {
	Kind  string `json:"kty"`
	Curve string `json:"crv"`
	Use   string `json:"use"`
	Alg   string `json:"alg"`
	N     string `json:"n"`
}

// curves are those of the algorithms for elliptic curves.
var curves = map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

// fits reports whether k can verify what alg has signed.
func (k key) fits(alg string) bool {
	if k.Use != "" && k.Use != "sig" || k.Alg != "" && k.Alg != alg {
		return false
	}
	switch {
	case alg == "EdDSA":
		return k.Kind == "OKP" && k.Curve == "Ed25519"
	case curves[alg] != "":
		return k.Kind == "EC" && k.Curve == curves[alg]
	}
	n, err := base64.RawURLEncoding.DecodeString(k.N)
	return k.Kind == "RSA" && err == nil && len(n) >= minModulus
}

// keys looks whether the published keys can verify what the provider may sign
// ID tokens with.
func (x *Examination) keys(ctx context.Context, ep provider.Endpoints) []Finding {
	const why = "an ID token that cannot be verified ends the login"
	body, err := x.Provider.Get(ctx, ep.JWKS)
	if err != nil {
		return []Finding{{"keys", level(err), "the provider's keys cannot be read: " + err.Error(), why, "check that jwks_uri of the metadata can be reached from here"}}
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return []Finding{{"keys", Problem, "what is at jwks_uri is no key set (RFC 7517)", why, "mend it at the provider"}}
	}
	usable := map[string]int{}
	for _, raw := range set.Keys {
		var k key
		if json.Unmarshal(raw, &k) != nil {
			continue
		}
		for _, alg := range ep.IDTokenAlgs {
			if k.fits(alg) {
				usable[alg]++
			}
		}
	}
	var with, without []string
	for _, alg := range ep.IDTokenAlgs {
		if usable[alg] > 0 {
			with = append(with, alg)
		} else {
			without = append(without, alg)
		}
	}
	if len(with) == 0 {
		return []Finding{{"keys", Problem, fmt.Sprintf("none of %d published keys can verify %s", len(set.Keys), strings.Join(without, ", ")), why,
			"publish a key for signatures there: RSA of 2048 bits or more, or one on the curve of the algorithm"}}
	}
	what := "there are keys for " + strings.Join(with, ", ")
	if len(without) > 0 {
		what += "; none at the moment for " + strings.Join(without, ", ")
	}
	return []Finding{{ID: "keys", Level: OK, What: what}}
}
