package session_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// loginV1 is a login and what version 1 of the encoding makes of it. Other
// bytes for the same login need another version.
var loginV1 = struct {
	login session.Login
	bytes string
}{
	session.Login{Verifier: "vv", Nonce: "n", Provider: "p", RedirectURI: "r", ReturnTo: "/a"},
	"\x01\x02vv\x01n\x01p\x01r\x02/a",
}

func TestLoginPayload(t *testing.T) {
	if got := string(session.Payload(loginV1.login)); got != loginV1.bytes {
		t.Errorf("%q instead of %q", got, loginV1.bytes)
	}
	for name, l := range map[string]session.Login{
		"whole": loginV1.login, "empty": {}, "without openid": {Verifier: "v", Provider: "p", RedirectURI: "r", ReturnTo: "/"},
		"long": {ReturnTo: "/" + strings.Repeat("x", 2047), Provider: "é\x00☃ & <co>"},
	} {
		if got, ok := session.OpenPayload(string(session.Payload(l))); !ok || got != l {
			t.Errorf("%s: %v: %s", name, ok, cmp.Diff(l, got))
		}
	}
	secret := session.Login{State: "state-canary", Browser: "browser-canary"}
	if got := string(session.Payload(secret)); strings.Contains(got, "canary") {
		t.Errorf("%q has what opens it", got)
	}
}

// Whatever is not a whole payload of this version is none.
func TestLoginPayloadRefuses(t *testing.T) {
	whole := loginV1.bytes
	bad := map[string]string{
		"version 0": "\x00" + whole[1:], "a later version": "\x02" + whole[1:], "JSON": `{"verifier":"v","provider":"p"}`, "something left over": whole + "\x00",
		"length behind the end": "\x01\x7fv", "length of 2^63": "\x01\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01v", "length that overflows": "\x01" + strings.Repeat("\xff", 11),
	}
	for n := range len(whole) {
		bad["cut at "+whole[:n]] = whole[:n]
	}
	for name, b := range bad {
		if got, ok := session.OpenPayload(b); ok {
			t.Errorf("%q: %+v", name, got)
		}
	}
}
