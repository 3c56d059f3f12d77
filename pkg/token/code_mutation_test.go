package token_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

// Whatever is done to a code, it is refused without asking the store.
func TestCodeMutation_S65(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	other := w.approve("app")
	sign := func(kind grant.Kind) string {
		return grant.Token{Kind: kind, GID: w.gid(code), Scopes: grant.All}.Sign(w.ring.Newest())
	}
	flip := func(i int) string {
		b := []byte(code)
		if b[i] == 'A' {
			b[i] = 'B'
		} else {
			b[i] = 'A'
		}
		return string(b)
	}
	vectors := map[string]string{
		"cut by one": code[:len(code)-1], "cut in half": code[:len(code)/2], "tag only": "lkc_", "without the tag": code[4:],
		"one more": code + "A", "padding": code + "=", "twice": code + code, "upper case": strings.ToUpper(code), "lower case": strings.ToLower(code),
		"reversed": reverse(code), "space before": " " + code, "space after": code + " ", "another's MAC": code[:60] + other[60:],
		"another's body": other[:30] + code[30:], "signed as access": sign(grant.Access), "signed as refresh": sign(grant.Refresh),
		"tagged as access": "lka_" + code[4:], "tagged as refresh": "lkr_" + code[4:], "quotes": `"` + code + `"`, "standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(code) + "+",
		"a word": "code", "zeros": strings.Repeat("0", len(code)), "all A": "lkc_" + strings.Repeat("A", len(code)-4), "very long": strings.Repeat(code, 200),
		"not ASCII": code[:len(code)-2] + "ü", "NUL in it": code[:20] + "\x00" + code[21:], "star": "*", "SQL": "' OR 1=1 --", "an item's key": w.key(code),
	}
	for _, i := range []int{0, 3, 4, 10, 25, 26, 30, 34, 40, 50, 60, 70, len(code) - 1} {
		vectors["flipped at "+string(rune('a'+i%26))+string(rune('a'+i/26))] = flip(i)
	}
	before, _ := w.counts()
	for name, bad := range vectors {
		a := w.exchange("app", bad)
		want := "invalid_grant"
		if strings.ContainsRune(bad, 0) {
			want = "invalid_request"
		}
		refused(t, name, a, 400, want)
	}
	if after, reads := w.counts(); after != before || reads != 0 {
		t.Errorf("forged codes cost %d writes and %d reads", after-before, reads)
	}
	refused(t, "missing", w.exchange("app", code, "code", ""), 400, "invalid_request")
	if a := w.exchange("app", code); a.status != http.StatusOK {
		t.Errorf("the code was burnt: %s", a.raw)
	}
}

// The last letter of a base64url string has bits that say nothing: only one of
// its spellings is ours.
func TestOneSpelling_S95(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, c := range alphabet {
		if s := code[:len(code)-1] + string(c); s != code {
			refused(t, "ending in "+string(c), w.exchange("app", s), 400, "invalid_grant")
		}
	}
	if a := w.exchange("app", code); a.status != http.StatusOK {
		t.Errorf("its own spelling: %s", a.raw)
	}
}

func reverse(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}
