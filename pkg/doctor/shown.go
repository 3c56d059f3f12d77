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

// causes are why there is no answer, in the provider's words and in ours.
var causes = map[string]string{
	"dns":      "there is no such host name",
	"dial":     "nothing answers there",
	"tls":      "its certificate is not accepted, or it does not speak TLS",
	"timeout":  "no answer in time (timeout)",
	"canceled": "doctor was stopped before the answer",
}

// cause says why there is no answer. err is one of this package or of
// provider, whose words are safe to print.
func cause(err error) string {
	if words, ok := causes[err.Error()]; ok {
		return words
	}
	return err.Error()
}
