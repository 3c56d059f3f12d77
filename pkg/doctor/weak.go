package doctor

import (
	"strings"

	"github.com/latchkey-go/latchkey/pkg/rp"
)

// minDistinct is how many different characters a secret has at least: fewer
// than random hexadecimal digits show, in 43 characters or more.
const minDistinct = 9

// weak reports a list with a secret that no random source has made: few
// different characters, a repetition, or a word of those that people write.
func weak(list string) bool {
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		distinct := map[rune]bool{}
		for _, r := range s {
			distinct[r] = true
		}
		repeated := strings.Contains((s + s)[1:2*len(s)-1], s)
		lower := strings.ToLower(s)
		if len(distinct) < minDistinct || repeated || strings.Contains(lower, "secret") || strings.Contains(lower, "password") || strings.Contains(lower, "changeme") {
			return true
		}
	}
	return false
}

// noKeys is about a configuration without a deployment secret, for which serve
// makes one at each start.
func (x *Examination) noKeys() []Finding {
	if x.Settings.Mode != rp.ModeSession && len(x.Tables) == 0 {
		return nil
	}
	return []Finding{{"secret", Warning, "LATCHKEY_SECRET is not set", "serve makes a new one at each start: sessions and tokens end with it, also those in a table",
		"set LATCHKEY_SECRET to what openssl rand -base64 48 prints"}}
}
