package doctor

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/provider"
)

const (
	// maxKeys is how many keys of a set a login looks at.
	maxKeys = 100
	// minModulus is the least size of an RSA key (RFC 7518 §3.3), in bits.
	minModulus = 2048
)

// curves are those of the algorithms for elliptic curves.
var curves = map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}

// readKey reads one published key as a login does; ok is false for what a
// login leaves out (RFC 7517 §5). private says that it can sign, too.
func readKey(raw json.RawMessage) (key jose.JSONWebKey, ok, private bool) {
	if key.UnmarshalJSON(raw) != nil || !key.Valid() || key.Use != "" && key.Use != "sig" {
		return key, false, false
	}
	_, symmetric := key.Key.([]byte)
	return key, key.IsPublic(), !key.IsPublic() && !symmetric
}

// fits reports whether key can verify what alg has signed.
func fits(key jose.JSONWebKey, alg string) bool {
	if key.Algorithm != "" && key.Algorithm != alg {
		return false
	}
	switch k := key.Key.(type) {
	case *ecdsa.PublicKey:
		return k.Curve == curves[alg]
	case ed25519.PublicKey:
		return alg == "EdDSA"
	case *rsa.PublicKey:
		return (strings.HasPrefix(alg, "RS") || strings.HasPrefix(alg, "PS")) && k.N.BitLen() >= minModulus && verifies(k)
	}
	return false
}

// verifies reports whether k gets as far as to refuse a wrong signature: a key
// with an odd modulus or exponent is refused itself.
func verifies(k *rsa.PublicKey) bool {
	digest := sha256.Sum256(nil)
	wrong := make([]byte, k.Size())
	return errors.Is(rsa.VerifyPKCS1v15(k, crypto.SHA256, digest[:], wrong), rsa.ErrVerification)
}

// keys looks whether the published keys can verify what the provider may sign
// ID tokens with.
func (x *Examination) keys(ctx context.Context, ep provider.Endpoints) []Finding {
	const why = "an ID token that cannot be verified ends the login"
	body, err := x.Provider.Get(ctx, ep.JWKS)
	if err != nil {
		return []Finding{{"keys", level(err), "the provider's keys cannot be read: " + cause(err), why, "check that jwks_uri of the metadata can be reached from here"}}
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return []Finding{{"keys", Problem, "what is at jwks_uri is no key set (RFC 7517)", why, "mend it at the provider"}}
	}
	usable := map[string]bool{}
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		key, ok, private := readKey(raw)
		if private {
			return []Finding{{"keys", Problem, "a published key is a private one", "anybody can read it, and make ID tokens with it for anybody", "replace that key at the provider, and tell whoever runs it"}}
		}
		for _, alg := range ep.IDTokenAlgs {
			usable[alg] = usable[alg] || ok && fits(key, alg)
		}
	}
	return []Finding{verdict(ep.IDTokenAlgs, usable, len(set.Keys), why)}
}

func verdict(algs []string, usable map[string]bool, published int, why string) Finding {
	var with, without []string
	for _, alg := range slices.Compact(slices.Sorted(slices.Values(algs))) {
		if usable[alg] {
			with = append(with, alg)
		} else {
			without = append(without, alg)
		}
	}
	if len(with) == 0 {
		what := fmt.Sprintf("none of %d published keys can verify %s", published, strings.Join(without, ", "))
		if published > maxKeys {
			what += fmt.Sprintf("; a login looks at the first %d", maxKeys)
		}
		return Finding{"keys", Problem, what, why, "publish a key for signatures there: RSA of 2048 bits or more, or one on the curve of the algorithm"}
	}
	what := "there are keys for " + strings.Join(with, ", ")
	if len(without) > 0 {
		what += "; none at the moment for " + strings.Join(without, ", ")
	}
	return Finding{ID: "keys", Level: OK, What: what}
}
