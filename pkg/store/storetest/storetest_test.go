package storetest_test

import (
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

// What the leak test could not find would not be a leak test.
func TestLeaksFinds(t *testing.T) {
	value := secret.Mint(256)
	raw, _ := base64.RawURLEncoding.DecodeString(value)
	json := `{"verifier":"` + value + `"}`
	cases := []struct {
		name, dump string
		want       int
	}{
		{"as it is", "key=" + value, 1},
		{"the bytes it spells", "\x00" + string(raw) + "\x01", 1},
		{"in standard base64", base64.StdEncoding.EncodeToString(raw), 1},
		{"in hex", hex.EncodeToString([]byte(value)), 1},
		{"within base64 of JSON", base64.StdEncoding.EncodeToString([]byte(json)), 1},
		{"within base64 twice", base64.URLEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(json)))), 1},
		{"hashed", secret.Hash(value), 0},
		{"sealed", string(secret.Derive([]byte(value), "test").Seal([]byte(json), "name")), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := storetest.Leaks([]byte(c.dump), map[string]string{"verifier": value}); len(got) != c.want {
				t.Errorf("found %v, want %d", got, c.want)
			}
		})
	}
}
