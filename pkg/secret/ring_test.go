package secret_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	oldRoot = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
	newRoot = "zyxwvutsrqponmlkjihgfedcbaABCDEFGHIJ0123456789"
)

func ring(t *testing.T, list string) *secret.Ring {
	t.Helper()
	r, err := secret.ParseRing(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestParseRing(t *testing.T) {
	r := ring(t, " "+newRoot+" , "+oldRoot)
	if len(r.Roots()) != 2 || r.Newest() != r.Roots()[0] || r.Newest().ID != ring(t, newRoot).Newest().ID {
		t.Error("not newest first, or white space counts")
	}
	for _, root := range r.Roots() {
		if len(root.ID) != secret.KeyIDLen || strings.Contains(newRoot+oldRoot, root.ID) {
			t.Errorf("key id %q", root.ID)
		}
		if got, ok := r.Root(root.ID); !ok || got != root {
			t.Errorf("%s is not found", root.ID)
		}
	}
	for _, id := range []string{"", "x", "AAAAAA", r.Newest().ID + "x"} {
		if _, ok := r.Root(id); ok {
			t.Errorf("%q is found", id)
		}
	}
	if got, err := r.Ring(context.Background(), "wanted"); got != r || err != nil {
		t.Errorf("%v", err)
	}
	r.Roots()[0] = nil
	if r.Newest() == nil {
		t.Error("the ring can be changed from outside")
	}
}

// The key that signs and seals can be an older one; nothing else is different.
func TestSignWith(t *testing.T) {
	both := ring(t, newRoot+","+oldRoot)
	newer, older := both.Roots()[0], both.Roots()[1]
	r := both.SignWith(older.ID)
	if r.Newest() != older || r.Roots()[0] != newer || len(r.Roots()) != 2 || both.Newest() != newer {
		t.Error("another ring, or the old one was changed")
	}
	text := r.SealText("p", []byte("plain"), "name")
	if plain, err := both.OpenText("p", text, "name"); secret.KeyID(text) != older.ID || err != nil || string(plain) != "plain" {
		t.Errorf("%q: %q, %v", text, plain, err)
	}
	if _, err := r.OpenText("p", both.SealText("p", nil, "name"), "name"); err != nil {
		t.Errorf("the newest does not open: %v", err)
	}
	for _, id := range []string{"", "AAAAAA", newer.ID} {
		if both.SignWith(id) != both || r.SignWith(id).Roots()[0] != newer {
			t.Errorf("%q makes another ring", id)
		}
	}
	if r.SignWith(newer.ID).Newest() != newer || r.SignWith("AAAAAA") != r {
		t.Error("there is no way back")
	}
}

// P-20: a short key is no key, and no error shows one.
func TestParseRingRefuses_P20(t *testing.T) {
	for name, list := range map[string]string{
		"empty": "", "comma": ",", "short": newRoot[:42], "second short": newRoot + "," + oldRoot[:42], "second empty": newRoot + ",", "first empty": "," + newRoot,
		"twice": newRoot + "," + newRoot, "twice with a space": newRoot + ", " + newRoot, "spaces count for nothing": newRoot[:40] + strings.Repeat(" ", 10),
		"two lines": newRoot + "\n" + oldRoot, "two lines of Windows": newRoot + "\r\n" + oldRoot, "a blank": newRoot + " " + oldRoot, "a tab": newRoot + "\t" + oldRoot,
		"JSON without its end": `{"secrets":"` + newRoot + `"`, "JSON in quotes": `"` + newRoot + `"`,
	} {
		r, err := secret.ParseRing(list)
		if err == nil || r != nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		if strings.Contains(err.Error(), newRoot[:8]) || strings.Contains(err.Error(), oldRoot[:8]) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
	ring(t, newRoot[:43])
}

// What one key sealed opens as long as that key is on the ring, for the same
// purpose and name only.
func TestSealText(t *testing.T) {
	before, both, after := ring(t, oldRoot), ring(t, newRoot+","+oldRoot), ring(t, newRoot)
	text := before.SealText("p", []byte("plain"), "name")
	if secret.KeyID(text) != before.Newest().ID || before.SealText("p", []byte("plain"), "name") == text {
		t.Errorf("%q", text)
	}
	for name, r := range map[string]*secret.Ring{"the same": before, "after a rotation": both} {
		if plain, err := r.OpenText("p", text, "name"); err != nil || string(plain) != "plain" {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
	if id := secret.KeyID(both.SealText("p", nil, "")); id != after.Newest().ID {
		t.Errorf("sealed with %s, which is not the newest", id)
	}
	for name, tt := range map[string]struct {
		ring                *secret.Ring
		purpose, text, name string
		want                error
	}{
		"retired":           {after, "p", text, "name", secret.ErrUnknownKey},
		"another purpose":   {both, "q", text, "name", secret.ErrSealed},
		"another name":      {both, "p", text, "name2", secret.ErrSealed},
		"another key named": {both, "p", after.Newest().ID + text[secret.KeyIDLen:], "name", secret.ErrSealed},
		"cut":               {both, "p", text[:len(text)-1], "name", secret.ErrSealed},
		"padded":            {both, "p", text + "=", "name", secret.ErrSealed},
		"newline":           {both, "p", text + "\n", "name", secret.ErrSealed},
		"only the id":       {both, "p", text[:secret.KeyIDLen], "name", secret.ErrSealed},
		"less than an id":   {both, "p", text[:3], "name", secret.ErrUnknownKey},
		"empty":             {both, "p", "", "name", secret.ErrUnknownKey},
	} {
		if plain, err := tt.ring.OpenText(tt.purpose, tt.text, tt.name); !errors.Is(err, tt.want) || plain != nil {
			t.Errorf("%s: %q, %v", name, plain, err)
		}
	}
}

// No key serves two ends, and the same list gives the same keys in every
// process.
func TestDerivation(t *testing.T) {
	a, again, b := ring(t, oldRoot).Newest(), ring(t, oldRoot).Newest(), ring(t, newRoot).Newest()
	if !bytes.Equal(a.Bytes("p"), again.Bytes("p")) || !bytes.Equal(a.Bytes("p"), a.Bytes("p")) || len(a.Bytes("p")) != 32 {
		t.Error("not the same each time")
	}
	for name, other := range map[string][]byte{"purpose": a.Bytes("q"), "root": b.Bytes("p")} {
		if bytes.Equal(a.Bytes("p"), other) {
			t.Errorf("another %s gives the same bytes", name)
		}
	}
	mac := a.MAC("p", []byte("m"))
	if len(mac) != 32 || !bytes.Equal(mac, again.MAC("p", []byte("m"))) {
		t.Error("the MAC is not the same each time")
	}
	for name, other := range map[string][]byte{"purpose": a.MAC("q", []byte("m")), "root": b.MAC("p", []byte("m")), "message": a.MAC("p", []byte("n"))} {
		if bytes.Equal(mac, other) {
			t.Errorf("another %s gives the same MAC", name)
		}
	}
}

// A mixed key needs the root and the random part together.
func TestMixed(t *testing.T) {
	a, b := ring(t, oldRoot).Newest(), ring(t, newRoot).Newest()
	random, other := bytes.Repeat([]byte{1}, 16), bytes.Repeat([]byte{2}, 16)
	sealed := a.Mixed("p", random).Seal([]byte("plain"), "n")
	if plain, err := ring(t, oldRoot).Newest().Mixed("p", random).Open(sealed, "n"); err != nil || string(plain) != "plain" {
		t.Errorf("%q, %v", plain, err)
	}
	for name, k := range map[string]secret.Key{"another random": a.Mixed("p", other), "another root": b.Mixed("p", random), "another purpose": a.Mixed("q", random), "not mixed": a.Key("p")} {
		if _, err := k.Open(sealed, "n"); !errors.Is(err, secret.ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// base64 decoders skip line ends; what is minted has none.
func TestMintedHasNoLineEnds(t *testing.T) {
	for _, n := range []int{128, 256} {
		good := strings.Repeat("A", (n+5)/6)
		for i := range good {
			for _, end := range []string{"\n", "\r"} {
				if s := good[:i] + end + good[i+1:]; secret.Minted(s, n) || secret.Bytes(s, n) != nil {
					t.Errorf("%d bits: %q accepted", n, s)
				}
			}
		}
	}
}

func TestRingIsSafeForConcurrentUse(t *testing.T) {
	r := ring(t, newRoot+","+oldRoot)
	var done sync.WaitGroup
	for i := range 16 {
		done.Go(func() {
			for _, purpose := range []string{"a", "b", "c"} {
				text := r.SealText(purpose, []byte{byte(i)}, "n")
				if plain, err := r.OpenText(purpose, text, "n"); err != nil || plain[0] != byte(i) {
					t.Errorf("%v", err)
				}
			}
		})
	}
	done.Wait()
}
