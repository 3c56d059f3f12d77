package token_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/pkce"
)

// RFC 7636 §4.1 and §4.6: what is no verifier is a malformed request, what
// does not match is invalid_grant.
func TestVerifier_S61(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	for name, tt := range map[string]struct{ verifier, code string }{
		"missing":             {"", "invalid_grant"},
		"wrong":               {strings.Repeat("w", 43), "invalid_grant"},
		"wrong by one":        {verifier[1:] + "w", "invalid_grant"},
		"the challenge":       {pkce.Challenge(verifier), "invalid_grant"},
		"upper case":          {strings.ToUpper(verifier), "invalid_grant"},
		"longer":              {verifier + "v", "invalid_grant"},
		"longest":             {strings.Repeat("v", 128), "invalid_grant"},
		"all unreserved":      {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~", "invalid_grant"},
		"short by one":        {verifier[1:], "invalid_request"},
		"one letter":          {"v", "invalid_request"},
		"long by one":         {strings.Repeat("v", 129), "invalid_request"},
		"very long":           {strings.Repeat("v", 20000), "invalid_request"},
		"plus":                {verifier[1:] + "+", "invalid_request"},
		"slash":               {verifier[1:] + "/", "invalid_request"},
		"padding":             {verifier + "=", "invalid_request"},
		"space after":         {verifier + " ", "invalid_request"},
		"space before":        {" " + verifier, "invalid_request"},
		"not ASCII":           {verifier[2:] + "ü", "invalid_request"},
		"many bytes, few":     {strings.Repeat("ü", 22), "invalid_request"},
		"asterisk":            {verifier[1:] + "*", "invalid_request"},
		"hash and challenge":  {"S256:" + verifier, "invalid_request"},
		"quoted":              {`"` + verifier + `"`, "invalid_request"},
		"comma":               {verifier[1:] + ",", "invalid_request"},
		"newline":             {verifier + "\n", "invalid_request"},
		"NUL":                 {verifier + "\x00", "invalid_request"},
		"zero width":          {verifier + "\u200b", "invalid_request"},
		"a challenge, padded": {base64.URLEncoding.EncodeToString(make([]byte, 32)), "invalid_request"},
	} {
		refused(t, name, w.exchange("app", code, "code_verifier", tt.verifier), 400, tt.code)
	}
	refused(t, "twice", w.send(http.MethodPost, "/oauth/tokenize", form("grant_type", "authorization_code", "code", code, "redirect_uri", redirect,
		"code_verifier", verifier, "code_verifier", verifier), as("app")), 400, "invalid_request")
	if a := w.exchange("app", code); a.status != http.StatusOK {
		t.Errorf("the code was burnt: %s", a.raw)
	}
}

// The example of RFC 7636 appendix B, from challenge to tokens.
func TestVerifier_RFC7636_AppendixB(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app", func(g *grant.Grant) { g.Challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" })
	if a := w.exchange("app", code, "code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); a.status != http.StatusOK {
		t.Error(a.raw)
	}
}

// RFC 9700 §4.8.2: a verifier without a challenge, and the other way round.
func TestNoDowngrade_S62(t *testing.T) {
	w := newWorld(t)
	without := func(g *grant.Grant) { g.Challenge = "" }
	code := w.approve("test_client", without)
	refused(t, "verifier without a challenge", w.exchange("test_client", code), 400, "invalid_grant")
	if a := w.exchange("test_client", code, "code_verifier", ""); a.status != http.StatusOK {
		t.Errorf("neither: %s", a.raw)
	}
	refused(t, "challenge without a verifier", w.exchange("test_client", w.approve("test_client"), "code_verifier", ""), 400, "invalid_grant")
	refused(t, "neither, but the client has to", w.exchange("app", w.approve("app", without), "code_verifier", ""), 400, "invalid_grant")
}
