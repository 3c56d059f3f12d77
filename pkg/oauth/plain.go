package oauth

import "strings"

// MaxPlain bounds, in characters, what is shown of a provider's own text.
const MaxPlain = 200

// Plain reduces text that somebody else wrote to what may be shown: one line
// of printable characters, at most MaxPlain of them. It does not escape for
// HTML; the page does.
func Plain(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.ToValidUTF8(s, "") {
		if n == MaxPlain {
			break
		}
		if r < 0x20 || r == 0x7f || (r >= 0x80 && r <= 0x9f) || bidi(r) {
			r = ' '
		}
		b.WriteRune(r)
		n++
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// bidi reports the invisible characters that reorder or hide text on a page.
func bidi(r rune) bool {
	return r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f || r == 0xfeff
}
