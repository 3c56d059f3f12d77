package grant_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

// payloadV1 is a grant and what version 1 of the encoding makes of it. Other
// bytes for the same grant need another version.
var payloadV1 = struct {
	grant grant.Grant
	bytes string
}{
	grant.Grant{
		ClientID: "c", User: "u", Subject: "su", Scopes: []string{"a", "bc"}, RedirectURI: "r", Challenge: "h", Nonce: "n", AuthTime: time.Unix(64, 0).UTC(),
	},
	"\x01\x01c\x01u\x02su\x01r\x01h\x01n\x80\x01\x02\x01a\x02bc",
}

func TestPayload(t *testing.T) {
	if got := string(grant.Payload(payloadV1.grant)); got != payloadV1.bytes {
		t.Errorf("%q instead of %q", got, payloadV1.bytes)
	}
	for name, g := range map[string]grant.Grant{
		"whole": payloadV1.grant, "empty": {}, "client of its own": {ClientID: "c", Scopes: []string{"read"}}, "an empty scope": {Scopes: []string{"", "a", ""}},
		"long": {RedirectURI: "https://" + strings.Repeat("x", 70_000), Nonce: "é\x00☃"}, "32 scopes": {Scopes: strings.Split(strings.Repeat("s ", 31)+"s", " ")},
		"before 1970": {AuthTime: time.Unix(-1, 0).UTC()},
	} {
		got, err := grant.OpenPayload(grant.Payload(g))
		if err != nil || !cmp.Equal(got, g) || got.AuthTime.IsZero() != g.AuthTime.IsZero() {
			t.Errorf("%s: %v: %s", name, err, cmp.Diff(g, got))
		}
	}
}

// Whatever is not a whole payload of this version is none.
func TestPayloadRefuses(t *testing.T) {
	whole := payloadV1.bytes
	bad := map[string]string{
		"nothing": "", "version 0": "\x00" + whole[1:], "a later version": "\x02" + whole[1:], "JSON": `{"client_id":"c","scopes":["a"]}`,
		"something left over": whole + "\x00", "the version alone": "\x01",
		"length behind the end": "\x01\x7fc", "length of 2^63": "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01c", "length that overflows": "\x01" + strings.Repeat("\xff", 11),
		"33 scopes":         "\x01\x00\x00\x00\x00\x00\x00\x00\x21" + strings.Repeat("\x00", 33),
		"2^63 scopes":       "\x01\x00\x00\x00\x00\x00\x00\x00\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
		"a scope too few":   "\x01\x00\x00\x00\x00\x00\x00\x00\x02\x01a",
		"time that is torn": "\x01\x00\x00\x00\x00\x00\x00\x80",
	}
	for n := range len(whole) {
		bad["cut at "+whole[:n]] = whole[:n]
	}
	for name, b := range bad {
		if got, err := grant.OpenPayload([]byte(b)); err == nil {
			t.Errorf("%q: %+v", name, got)
		}
	}
}

// FuzzPayload looks for bytes that end the program, or that open as a grant
// which does not come back.
func FuzzPayload(f *testing.F) {
	f.Add([]byte(payloadV1.bytes))
	f.Add(grant.Payload(grant.Grant{}))
	f.Add([]byte("\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01c"))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := grant.OpenPayload(b)
		if err != nil {
			return
		}
		if again, err := grant.OpenPayload(grant.Payload(g)); err != nil || !cmp.Equal(again, g) {
			t.Errorf("%q: %v: %s", b, err, cmp.Diff(g, again))
		}
	})
}
