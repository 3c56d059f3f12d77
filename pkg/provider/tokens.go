package provider

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Tokens are what a code or a refresh token was exchanged for (RFC 6749 §5.1,
// §6).
type Tokens struct {
	// Raw is the provider's JSON object, byte for byte. It is as secret as
	// the tokens in it.
	Raw []byte
	// AccessToken is never empty.
	AccessToken secret.Text
	// RefreshToken and IDToken are zero when there are none.
	RefreshToken, IDToken secret.Text
	// Scope is empty when it is what was asked for.
	Scope string
	// ExpiresIn is the access token's lifetime, whole seconds; zero when the
	// provider did not say.
	ExpiresIn time.Duration
}

// readTokens checks an answer against RFC 6749 §5.1 and §7.1. unusable names
// what is wrong with it, in our words; code is the provider's error code when
// it sent a clean one.
func readTokens(o *once) (t Tokens, code, unusable string) {
	if what := notPlainJSON(o.header); what != "" {
		return t, "", what
	}
	m, unusable := readMembers(o.body)
	if unusable != "" {
		return t, "", unusable
	}
	if raw, there := m["error"]; there {
		var s string
		if json.Unmarshal(raw, &s) == nil {
			code = clean(s)
		}
		return t, code, "an error"
	}
	if o.status != http.StatusOK {
		return t, "", "no token"
	}
	t, unusable = m.tokens()
	t.Raw = o.body
	return t, "", unusable
}

// notPlainJSON says in which way a body is not JSON as it is, "" when it is.
func notPlainJSON(h http.Header) string {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if isJSON := err == nil && (kind == "application/json" || strings.HasSuffix(kind, "+json")); !isJSON {
		return "no JSON"
	}
	if e := h.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return "an encoded body"
	}
	return ""
}

// members are the members of a token response that mean something to us. One
// that is null counts as left out.
type members map[string]json.RawMessage

var known = []string{"access_token", "token_type", "expires_in", "refresh_token", "scope", "id_token", "error"}

var errMembers = errors.New("not what it has to be")

// readMembers reads the JSON object of a token response.
func readMembers(body []byte) (members, string) {
	m, err := oauth.ReadObject(body, known...)
	if err != nil {
		return nil, err.Error()
	}
	for key, value := range m {
		if string(value) == "null" {
			delete(m, key)
		}
	}
	return m, ""
}

func (m members) tokens() (t Tokens, unusable string) {
	var kind string
	for _, want := range []struct {
		name string
		into func(string)
		min  int
	}{
		{"access_token", func(s string) { t.AccessToken = secret.NewText(s) }, 1},
		{"token_type", func(s string) { kind = s }, 1},
		{"refresh_token", func(s string) { t.RefreshToken = secret.NewText(s) }, 0},
		{"id_token", func(s string) { t.IDToken = secret.NewText(s) }, 0},
		{"scope", func(s string) { t.Scope = s }, 0},
	} {
		s, err := m.text(want.name)
		if err != nil || len(s) < want.min {
			return Tokens{}, "an unusable " + want.name
		}
		want.into(s)
	}
	if !strings.EqualFold(kind, "Bearer") {
		return Tokens{}, "a token that is not a bearer token"
	}
	if raw, there := m["expires_in"]; there {
		seconds, err := strconv.ParseUint(string(raw), 10, 31)
		if err != nil {
			return Tokens{}, "an unusable expires_in"
		}
		t.ExpiresIn = time.Duration(seconds) * time.Second
	}
	return t, ""
}

// text returns a member that is a string of printable ASCII (RFC 6749
// appendix A), or "" when it is left out.
func (m members) text(name string) (string, error) {
	raw, there := m[name]
	if !there {
		return "", nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", errMembers
	}
	if strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return "", errMembers
	}
	return s, nil
}

// clean returns a provider's error code if it is one that may be logged, and
// "" otherwise.
func clean(code string) string {
	if len(code) > 60 {
		return ""
	}
	for i := range len(code) {
		c := code[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-') {
			return ""
		}
	}
	return code
}
