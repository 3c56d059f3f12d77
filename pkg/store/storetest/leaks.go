package storetest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"testing"
	"time"
)

// base64Run is what may be base64, of either alphabet, and of eight characters
// at least.
var base64Run = regexp.MustCompile(`[A-Za-z0-9+/_-]{8,}`)

// Leaks returns the names of the secrets that can be read in a dump: as they
// are, as the bytes that they spell in base64url, in hex, or inside of
// anything in the dump that is base64, up to three layers deep.
func Leaks(dump []byte, secrets map[string]string) []string {
	texts := layers(dump, 3)
	var found []string
	for name, value := range secrets {
		forms := [][]byte{[]byte(value), []byte(hex.EncodeToString([]byte(value)))}
		if raw, err := base64.RawURLEncoding.DecodeString(value); err == nil && len(raw) >= 8 {
			forms = append(forms, raw, []byte(hex.EncodeToString(raw)),
				[]byte(base64.RawStdEncoding.EncodeToString(raw)))
		}
		if slices.ContainsFunc(texts, func(text []byte) bool {
			return slices.ContainsFunc(forms, func(form []byte) bool { return bytes.Contains(text, form) })
		}) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// layers returns text and, down to that depth, what its base64 spells.
func layers(text []byte, depth int) [][]byte {
	texts := [][]byte{text}
	if depth == 0 {
		return texts
	}
	for _, run := range base64Run.FindAll(text, -1) {
		for _, encoding := range []*base64.Encoding{base64.RawURLEncoding, base64.RawStdEncoding} {
			whole := run[:len(run)-len(run)%4]
			for _, spelt := range [][]byte{run, whole} {
				plain := make([]byte, encoding.DecodedLen(len(spelt)))
				if n, err := encoding.Decode(plain, spelt); err == nil {
					texts = append(texts, layers(plain[:n], depth-1)...)
				}
			}
		}
	}
	return texts
}

// atRest looks for the secrets of two logins, one of them claimed.
func atRest(t *testing.T, s Subject) {
	now := time.Now()
	for _, claimed := range []bool{false, true} {
		l := put(t, s.Store, now.Add(ttl))
		if claimed {
			if err := claim(t, s.Store, l, l.record.BrowserHash, now); err != nil {
				t.Fatal(err)
			}
		}
		dump := s.Dump(t)
		if !bytes.Contains(dump, []byte(l.record.Key)) {
			t.Fatal("the dump does not even show the item's key")
		}
		secrets := map[string]string{
			"state": l.State, "verifier": l.Verifier, "cookie": l.Browser, "nonce": l.Nonce,
			"redirect URI": l.RedirectURI, "return_to": `"/after"`,
		}
		if found := Leaks(dump, secrets); len(found) > 0 {
			t.Errorf("readable in the dump (claimed: %v): %v", claimed, found)
		}
	}
}
