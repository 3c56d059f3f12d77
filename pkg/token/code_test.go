package token_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/pkce"
)

// The answer of RFC 6749 §5.1, in the predecessor's shape.
func TestTokenResponse_S46(t *testing.T) {
	w := newWorld(t)
	code := w.approve("test_client", func(g *grant.Grant) { g.Scopes, g.Challenge = []string{"email"}, "" })
	for _, path := range []string{"/oauth/tokenize", "/oauth/token"} {
		a := w.send(http.MethodPost, path, form("grant_type", "authorization_code", "code", code, "redirect_uri", redirect), as("test_client"))
		if a.status != http.StatusOK || len(a.json) != 6 || a.text("token_type") != "Bearer" || a.text("scope") != "email" ||
			a.number("expires_in") != 300 || a.number("refresh_token_expires_in") != 900 ||
			a.text("access_token") == "" || a.text("refresh_token") == "" {
			t.Fatalf("%s: %d %s", path, a.status, a.raw)
		}
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "Pragma": "no-cache", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		code = w.approve("test_client", func(g *grant.Grant) { g.Scopes, g.Challenge = []string{"email"}, "" })
	}
}

func TestExchangeBudget(t *testing.T) {
	w := newWorld(t)
	w.tokens("app")
	if writes, reads := w.counts(); writes != 1 || reads != 0 {
		t.Errorf("%d writes and %d reads, want 1 and 0", writes, reads)
	}
}

func TestClientWithoutRefreshTokens(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("codeonly")
	if a.text("refresh_token") != "" || a.json["refresh_token_expires_in"] != nil {
		t.Errorf("a client that may not refresh got a refresh token: %s", a.raw)
	}
}

func TestFirstPartyRefreshLastsAsLongAsASession(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens(client.FirstParty)
	if got := a.number("refresh_token_expires_in"); got != 1800 {
		t.Errorf("%d s, want those of the session", got)
	}
}

// A code that comes again ends its grant (RFC 6749 §4.1.2).
func TestCodeReplayRevokes_S57(t *testing.T) {
	w := newWorld(t)
	first, code := w.tokens("app")
	w.isAlive("before", first.text("access_token"), first.text("refresh_token"))
	again := w.exchange("app", code)
	refused(t, "second exchange", again, 400, "invalid_grant")
	if !strings.Contains(again.text("error_description"), "used before") {
		t.Errorf("it does not say why: %s", again.raw)
	}
	w.isDead("after", first.text("access_token"), first.text("refresh_token"))
	refused(t, "refresh", w.refresh("app", first.text("refresh_token")), 400, "invalid_grant")
	refused(t, "third exchange", w.exchange("app", code), 400, "invalid_grant")

	rotated, code := w.tokens("app")
	next := w.refresh("app", rotated.text("refresh_token"))
	refused(t, "exchange after a refresh", w.exchange("app", code), 400, "invalid_grant")
	w.isDead("rotated", next.text("access_token"), next.text("refresh_token"))
}

// A replay that lacks something is no replay, and ends nothing.
func TestIncompleteReplayEndsNothing_S57_S59(t *testing.T) {
	w := newWorld(t)
	first, code := w.tokens("app")
	for name, a := range map[string]response{
		"other client":   w.exchange("other", code),
		"other redirect": w.exchange("app", code, "redirect_uri", redirect+"/"),
		"other verifier": w.exchange("app", code, "code_verifier", strings.Repeat("w", 43)),
		"no verifier":    w.exchange("app", code, "code_verifier", ""),
	} {
		refused(t, name, a, 400, "invalid_grant")
	}
	w.isAlive("after", first.text("access_token"), first.text("refresh_token"))
}

func TestCodeBelongsToItsClient_S59(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	for _, id := range []string{"other", "public", "jwt", "rs"} {
		a := w.exchange(id, code)
		refused(t, id, a, 400, "invalid_grant")
		if !strings.Contains(a.text("error_description"), "another client") {
			t.Errorf("%s: it does not say why: %s", id, a.raw)
		}
	}
	a := w.exchange("app", code)
	if a.status != http.StatusOK {
		t.Fatalf("its own client: %s", a.raw)
	}
	refused(t, "after", w.exchange("other", code), 400, "invalid_grant")
	w.isAlive("after", a.text("access_token"))
}

// The redirect URI is compared byte for byte (RFC 6749 §4.1.3), and a wrong
// one does not burn the code.
func TestRedirectURIAtToken_S60(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	for name, uri := range map[string]string{
		"trailing slash": redirect + "/", "trailing question mark": redirect + "?", "trailing hash": redirect + "#", "query": redirect + "?a=b",
		"fragment": redirect + "#x", "other path": "https://app.example/c", "longer path": redirect + "x", "path prefix": "https://app.example/",
		"no path": "https://app.example", "upper-case host": "https://APP.example/cb", "upper-case scheme": "HTTPS://app.example/cb",
		"upper-case path": "https://app.example/CB", "default port": "https://app.example:443/cb", "other port": "https://app.example:8443/cb",
		"http": "http://app.example/cb", "user info": "https://x@app.example/cb", "other host": "https://evil.example/cb",
		"subdomain": "https://x.app.example/cb", "suffix": "https://app.example.evil/cb", "dot segment": "https://app.example/./cb",
		"parent": "https://app.example/x/../cb", "double slash": "https://app.example//cb", "percent-encoded": "https://app.example/%63b",
		"space before": " " + redirect, "space after": redirect + " ", "relative": "/cb", "javascript": "javascript:alert(1)",
		"doubly encoded": "https%3A%2F%2Fapp.example%2Fcb", "of another registration": "https://app.example/cb2", "a word": "x",
		"very long": redirect + strings.Repeat("/a", 4000), "not ASCII": "https://äpp.example/cb", "trailing dot": "https://app.example./cb",
	} {
		a := w.exchange("app", code, "redirect_uri", uri)
		refused(t, name, a, 400, "invalid_grant")
	}
	refused(t, "missing", w.exchange("app", code, "redirect_uri", ""), 400, "invalid_request")
	if a := w.exchange("app", code); a.status != http.StatusOK {
		t.Errorf("the code was burnt: %s", a.raw)
	}
}

// RFC 6749 §3.1.2.3 and §4.1.3: a client with one registered URI may leave it
// out of the authorization request, and then also here.
func TestRedirectURILeftOut_S04_S60(t *testing.T) {
	w := newWorld(t)
	none := func(g *grant.Grant) { g.RedirectURI = "" }
	for name, uri := range map[string]string{"left out here too": "", "named here": redirect} {
		if a := w.exchange("app", w.approve("app", none), "redirect_uri", uri); a.status != http.StatusOK {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	refused(t, "another", w.exchange("app", w.approve("app", none), "redirect_uri", redirect+"x"), 400, "invalid_grant")
}

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

// The record outlives the code, as an item waits for its TTL.
func TestCodeLifetime_S63(t *testing.T) {
	for name, tt := range map[string]struct {
		age    time.Duration
		status int
	}{"a second before": {59 * time.Second, 200}, "to the second": {60 * time.Second, 400}, "days late": {50 * time.Minute, 400}} {
		w := newWorld(t)
		code := w.approve("app")
		w.after(tt.age)
		a := w.exchange("app", code)
		if a.status != tt.status {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
		if tt.status == 400 {
			refused(t, name, a, 400, "invalid_grant")
			if !strings.Contains(a.text("error_description"), "expired") {
				t.Errorf("%s: it does not say why: %s", name, a.raw)
			}
		}
	}
}

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

// What the user ticked is in the code, and every token after it keeps to it.
func TestApprovedScopes_S71(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	g, err := grant.Parse(code, grant.Code, w.ring)
	if err != nil {
		t.Fatal(err)
	}
	g.Scopes = 0b0110 // email and read of openid, email, read, write
	a := w.exchange("app", g.Sign(w.ring.Newest()))
	if a.status != http.StatusOK || a.text("scope") != "email read" || a.text("id_token") != "" {
		t.Fatalf("%s", a.raw)
	}
	next := w.refresh("app", a.text("refresh_token"))
	if next.status != http.StatusOK || next.text("scope") != "email read" {
		t.Errorf("refreshed: %s", next.raw)
	}
	refused(t, "more than was approved", w.refresh("app", next.text("refresh_token"), "scope", "email write"), 400, "invalid_scope")
	less := w.refresh("app", next.text("refresh_token"), "scope", "read")
	if less.status != http.StatusOK || less.text("scope") != "read" {
		t.Errorf("less: %s", less.raw)
	}
	if all := w.refresh("app", less.text("refresh_token")); all.text("scope") != "email read" {
		t.Errorf("and all of it again: %s", all.raw)
	}
}
