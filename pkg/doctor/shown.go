package doctor

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxURL is how much of a URL of the provider is shown, in bytes.
	maxURL = 200
	// maxText is how much of a sentence is shown, in bytes.
	maxText = 2000
)

// shownURL is a URL that somebody else wrote, for people to read: printable
// ASCII, everything else percent-encoded, and cut.
func shownURL(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if b.Len() >= maxURL {
			return b.String() + fmt.Sprintf("... (%d bytes)", len(s))
		}
		if c := s[i]; c > ' ' && c <= '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// shown is a sentence of which a part may be somebody else's: one line without
// what moves the cursor, reorders text or cannot be seen. Everything that is
// reported passes through it.
func shown(s string) string {
	var b strings.Builder
	for i, r := range s {
		if b.Len() >= maxText {
			return b.String() + "..."
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == ' ' || unicode.IsGraphic(r) && !unicode.IsSpace(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}
