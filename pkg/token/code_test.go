package token_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
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
	if n := strings.Count(w.log.String(), `"outcome":"code_replayed"`); n != 1 {
		t.Errorf("an alarm sees %d replays", n)
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
