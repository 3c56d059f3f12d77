package token_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

const nothing = "{\"active\":false}\n"

// RFC 7662 §2.2.
func TestIntrospection_S81(t *testing.T) {
	for _, id := range []string{"app", "jwt"} {
		w := newWorld(t)
		a, _ := w.tokens(id)
		before, _ := w.counts()
		got := w.introspect(id, a.text("access_token"))
		if got.status != http.StatusOK || len(got.json) != 7 || got.json["active"] != true || got.text("scope") != "openid email read" ||
			got.text("client_id") != id || got.text("sub") != "sub-alice" || got.text("token_type") != "Bearer" || got.text("iss") != base ||
			got.number("exp") != int(w.now().Unix())+300 {
			t.Errorf("%s: access token: %s", id, got.raw)
		}
		if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Pragma") != "no-cache" || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", id, got.header)
		}
		if writes, reads := w.counts(); writes != before || reads != 1 {
			t.Errorf("%s: %d writes and %d reads, want 0 and 1", id, writes-before, reads)
		}
		got = w.introspect(id, a.text("refresh_token"))
		if len(got.json) != 6 || got.json["active"] != true || got.json["token_type"] != nil || got.number("exp") != int(w.now().Unix())+900 {
			t.Errorf("%s: refresh token: %s", id, got.raw)
		}
		if got := w.introspect("rs", a.text("access_token")); got.json["active"] != true {
			t.Errorf("%s: a resource server may ask about any token: %s", id, got.raw)
		}
		if got := w.send("POST", "/oauth/introspect", form("token", a.text("access_token"), "token_type_hint", "refresh_token"), as(id)); got.json["active"] != true {
			t.Errorf("%s: a wrong hint hides the token: %s", id, got.raw)
		}
	}
}

// About everything else the same three words, and nothing of why.
func TestIntrospectionSaysNothing_S81(t *testing.T) {
	w := newWorld(t)
	a, code := w.tokens("app")
	jwt, _ := w.tokens("jwt")
	revoked, _ := w.tokens("app")
	w.revoke("app", revoked.text("access_token"))
	rotated, _ := w.tokens("app")
	w.refreshed("app", rotated.text("refresh_token"))
	access, jot := a.text("access_token"), jwt.text("access_token")
	gid, ends := w.gid(code), w.now().Unix()+300
	forged := func(t grant.Token) string { return t.Sign(w.ring.Newest()) }
	for name, s := range map[string]string{
		"a code": w.approve("app"), "a used code": code, "an ID token": a.text("id_token"), "revoked": revoked.text("access_token"), "revoked refresh": revoked.text("refresh_token"),
		"rotated refresh": rotated.text("refresh_token"), "garbage": "garbage", "a JWT's shape": "a.b.c", "cut": access[:len(access)-1], "one more": access + "A",
		"other tag": "lkr_" + access[4:], "space before": " " + access, "upper case": strings.ToUpper(access), "very long": strings.Repeat(access, 100),
		"JWT cut": jot[:len(jot)-1], "JWT without a signature": jot[:strings.LastIndex(jot, ".")+1], "JWT of two parts": jot[:strings.LastIndex(jot, ".")],
		"JWT with alg none": "eyJhbGciOiJub25lIn0" + jot[strings.Index(jot, "."):], "unknown grant": forged(grant.Token{Kind: grant.Access, GID: grant.NewGID(), N: 1, Expires: ends, Scopes: 1}),
		"a number ahead": forged(grant.Token{Kind: grant.Access, GID: gid, N: 2, Expires: ends, Scopes: 1}), "number zero": forged(grant.Token{Kind: grant.Access, GID: gid, Expires: ends, Scopes: 1}),
		"over": forged(grant.Token{Kind: grant.Access, GID: gid, N: 1, Expires: w.now().Unix(), Scopes: 1}), "an item's key": w.key(code),
		"of a code not redeemed": forged(grant.Token{Kind: grant.Access, GID: w.gid(w.approve("app")), N: 1, Expires: ends, Scopes: 1}),
	} {
		for _, id := range []string{"app", "rs"} {
			if got := w.introspect(id, s); got.status != http.StatusOK || got.raw != nothing || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s by %s: %d %s", name, id, got.status, got.raw)
			}
		}
	}
	for name, s := range map[string]string{"access": access, "refresh": a.text("refresh_token"), "JWT": jot} {
		if got := w.introspect("other", s); got.raw != nothing {
			t.Errorf("another client's %s token: %s", name, got.raw)
		}
	}
	w.isAlive("after", access, jot)
}

func TestIntrospectionNeedsAClient_S81(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("public")
	params := []string{"token", a.text("access_token")}
	for name, b := range map[string]response{
		"nobody":          w.send("POST", "/oauth/introspect", form(params...)),
		"wrong secret":    w.send("POST", "/oauth/introspect", form(params...), basic("app", "x")),
		"unknown client":  w.send("POST", "/oauth/introspect", form(params...), basic("nobody", "x")),
		"id alone":        w.send("POST", "/oauth/introspect", form(append(params, "client_id", "app")...)),
		"a public client": w.send("POST", "/oauth/introspect", form(append(params, "client_id", "public")...)),
		"the token itself": w.send("POST", "/oauth/introspect", form(params...), func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+a.text("access_token"))
		}),
	} {
		refused(t, name, b, 401, "invalid_client")
	}
	refused(t, "no token", w.send("POST", "/oauth/introspect", "", as("app")), 400, "invalid_request")
}

// The record is still there, as an item that waits for its TTL; nothing is
// active from its last second on, and there is no leeway.
func TestIntrospectionToTheSecond_S82(t *testing.T) {
	for _, id := range []string{"app", "jwt"} {
		w := newWorld(t)
		a, _ := w.tokens(id)
		w.after(299 * time.Second)
		w.isAlive(id, a.text("access_token"), a.text("refresh_token"))
		w.after(time.Second)
		w.isDead(id, a.text("access_token"), "")
		w.isAlive(id, a.text("refresh_token"))
		w.after(599 * time.Second)
		w.isAlive(id, a.text("refresh_token"))
		w.after(time.Second)
		w.isDead(id, a.text("access_token"), a.text("refresh_token"))
	}
	w := newWorld(t)
	w.endpoint.Lifetimes.Access, w.endpoint.Lifetimes.Refresh = 2*time.Hour, 2*time.Hour
	a, _ := w.tokens("app")
	w.after(lifetimes.RefreshMax - time.Second)
	w.isAlive("last second of the grant", a.text("access_token"), a.text("refresh_token"))
	w.after(time.Second)
	w.isDead("end of the grant", a.text("access_token"), a.text("refresh_token"))
}

// RFC 7009: any own token ends the grant, with all of its tokens, at once.
func TestRevocation_S79_S80(t *testing.T) {
	for _, id := range []string{"app", "jwt", "public"} {
		for kind, pick := range map[string]func(first, second response, code string) string{
			"access":        func(_, b response, _ string) string { return b.text("access_token") },
			"older access":  func(a, _ response, _ string) string { return a.text("access_token") },
			"refresh":       func(_, b response, _ string) string { return b.text("refresh_token") },
			"older refresh": func(a, _ response, _ string) string { return a.text("refresh_token") },
			"code":          func(_, _ response, code string) string { return code },
		} {
			for _, hint := range []string{"", "access_token", "refresh_token", "nonsense"} {
				w := newWorld(t)
				first, code := w.tokens(id)
				second := w.refreshed(id, first.text("refresh_token"))
				body := []string{"token", pick(first, second, code), "token_type_hint", hint}
				var a response
				if id == "public" {
					a = w.send("POST", "/oauth/revoke", form(append(body, "client_id", id)...))
				} else {
					a = w.send("POST", "/oauth/revoke", form(body...), as(id))
				}
				name := id + " " + kind + " " + hint
				if a.status != http.StatusOK || a.raw != "" || a.header.Get("Cache-Control") != "no-store" {
					t.Errorf("%s: %d %s", name, a.status, a.raw)
				}
				w.isDead(name, first.text("access_token"), first.text("refresh_token"))
				w.isDead(name, second.text("access_token"), second.text("refresh_token"))
				refused(t, name+", refresh", w.refresh(id, second.text("refresh_token")), 400, "invalid_grant")
				refused(t, name+", in the grace", w.refresh(id, first.text("refresh_token")), 400, "invalid_grant")
			}
		}
	}
}

func TestRevokedCode_S79(t *testing.T) {
	w := newWorld(t)
	code := w.approve("app")
	if a := w.revoke("app", code); a.status != http.StatusOK {
		t.Error(a.raw)
	}
	refused(t, "exchange", w.exchange("app", code), 400, "invalid_grant")
}

// RFC 7009 §2.2: what nobody knows is as good as revoked. §2.1: another
// client's token is refused, the client is told, and the token lives on.
func TestRevocationOfOthers_S79(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("app")
	jwt, _ := w.tokens("jwt")
	for name, s := range map[string]string{
		"garbage": "garbage", "cut": a.text("access_token")[:50], "unknown": grant.Token{Kind: grant.Refresh, GID: grant.NewGID(), N: 1, Scopes: grant.All}.Sign(w.ring.Newest()),
		"an ID token": a.text("id_token"), "JWT cut": jwt.text("access_token")[:100], "very long": strings.Repeat("x", 50000), "not ASCII": "ü",
	} {
		if b := w.revoke("app", s); b.status != http.StatusOK || b.raw != "" {
			t.Errorf("%s: %d %s", name, b.status, b.raw)
		}
	}
	for name, s := range map[string]string{"access": a.text("access_token"), "refresh": a.text("refresh_token"), "JWT": jwt.text("access_token"), "code": w.approve("app")} {
		refused(t, name, w.revoke("other", s), 400, "invalid_grant")
		refused(t, name, w.revoke("rs", s), 400, "invalid_grant")
	}
	for name, b := range map[string]response{
		"nobody":                 w.send("POST", "/oauth/revoke", form("token", a.text("access_token"))),
		"id alone, confidential": w.send("POST", "/oauth/revoke", form("token", a.text("access_token"), "client_id", "app")),
		"wrong secret":           w.send("POST", "/oauth/revoke", form("token", a.text("access_token")), basic("app", "x")),
	} {
		refused(t, name, b, 401, "invalid_client")
	}
	refused(t, "no token", w.send("POST", "/oauth/revoke", "", as("app")), 400, "invalid_request")
	w.isAlive("after", a.text("access_token"), a.text("refresh_token"), jwt.text("access_token"))
}
