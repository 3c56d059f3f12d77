package token_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

var errDown = errors.New("canary-cause: no route to host")

// down is every dependency that is not there.
type down struct{ err error }

func (d down) GetClient(context.Context, string) (client.Client, error) {
	return client.Client{}, d.err
}
func (d down) GetUserByTag(context.Context, string) (user.User, error) { return user.User{}, d.err }
func (d down) Ring(context.Context, string) (*secret.Ring, error)      { return nil, d.err }

func unavailable(t *testing.T, name string, a response) {
	t.Helper()
	refused(t, name, a, 503, "temporarily_unavailable")
	if a.header.Get("Retry-After") != "2" || strings.Contains(a.raw, "canary") {
		t.Errorf("%s: %v %s", name, a.header, a.raw)
	}
}

// What cannot be reached closes the door, and nothing is used up by it.
func TestStoreDown_S90(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("app")
	code := w.approve("app")
	calls := map[string]func() response{
		"exchange":           func() response { return w.exchange("app", code) },
		"refresh":            func() response { return w.refresh("app", a.text("refresh_token")) },
		"refresh with scope": func() response { return w.refresh("app", a.text("refresh_token"), "scope", "read") },
		"credentials":        func() response { return w.token("app", "grant_type", "client_credentials") },
		"introspect":         func() response { return w.introspect("app", a.text("access_token")) },
		"revoke":             func() response { return w.revoke("app", a.text("access_token")) },
	}
	w.grants.fail = func(string) error { return errDown }
	for name, call := range calls {
		unavailable(t, "grants down, "+name, call())
	}
	w.grants.fail = nil

	clients := w.endpoint.Clients
	w.endpoint.Clients = down{errDown}
	w.serve()
	for name, call := range calls {
		unavailable(t, "clients down, "+name, call())
	}
	w.endpoint.Clients, w.endpoint.Keys = clients, down{errDown}
	w.serve()
	for name, call := range calls {
		unavailable(t, "keys down, "+name, call())
	}
	if b := w.send("GET", "/oauth/jwks", ""); b.status != 503 || b.header.Get("Cache-Control") != "no-store" {
		t.Errorf("JWKS without keys: %d %v", b.status, b.header)
	}
	w.endpoint.Keys = down{&oauth.Error{Code: oauth.ConfigError, Description: "A secret cannot be read."}}
	w.serve()
	refused(t, "misconfigured", w.exchange("app", code), 500, "server_error")
	w.endpoint.Keys = w.ring

	users := w.endpoint.Users
	w.endpoint.Users = down{errDown}
	w.serve()
	unavailable(t, "users down", w.refresh("app", a.text("refresh_token")))
	unavailable(t, "users down, with a scope", w.refresh("app", a.text("refresh_token"), "scope", "read"))
	w.endpoint.Users = users
	w.serve()
	w.isAlive("after", a.text("access_token"))
	w.refreshed("app", a.text("refresh_token"))
	if b := w.exchange("app", code); b.status != http.StatusOK {
		t.Errorf("the code was burnt: %s", b.raw)
	}
}

// Without a grace, a user who cannot be looked up costs nothing either.
func TestUsersDownWithoutAGrace_S90(t *testing.T) {
	w := newWorld(t)
	w.endpoint.Lifetimes.RefreshGrace = 0
	a, _ := w.tokens("app")
	users := w.endpoint.Users
	w.endpoint.Users = down{errDown}
	unavailable(t, "users down", w.refresh("app", a.text("refresh_token")))
	w.endpoint.Users = users
	w.refreshed("app", a.text("refresh_token"))
}

// A grant that should be ended and cannot be is not passed over in silence:
// whoever sends the request again ends it.
func TestRevocationThatFails_S90(t *testing.T) {
	w := newWorld(t)
	revoking := func(operation string) error {
		if operation == "revoke" {
			return errDown
		}
		return nil
	}
	a, code := w.tokens("app")
	w.grants.fail = revoking
	unavailable(t, "replay", w.exchange("app", code))
	w.isAlive("meanwhile", a.text("access_token"))
	w.grants.fail = nil
	refused(t, "replay again", w.exchange("app", code), 400, "invalid_grant")
	w.isDead("replay", a.text("access_token"), a.text("refresh_token"))

	a, _ = w.tokens("app")
	b := w.refreshed("app", a.text("refresh_token"))
	w.after(lifetimes.RefreshGrace)
	w.grants.fail = revoking
	unavailable(t, "reuse", w.refresh("app", a.text("refresh_token")))
	w.grants.fail = nil
	refused(t, "reuse again", w.refresh("app", a.text("refresh_token")), 400, "invalid_grant")
	w.isDead("reuse", b.text("access_token"), b.text("refresh_token"))

	a, _ = w.tokens("app")
	w.user(user.User{Name: "alice", Subject: "sub-alice", Disabled: true})
	w.grants.fail = revoking
	unavailable(t, "disabled", w.refresh("app", a.text("refresh_token")))
	w.grants.fail = nil
	refused(t, "disabled again", w.refresh("app", a.text("refresh_token")), 400, "invalid_grant")
	w.isDead("disabled", a.text("access_token"), a.text("refresh_token"))
}

// No code, token, secret or verifier is logged, whatever happens to it.
func TestLogsAreClean_S91(t *testing.T) {
	w := newWorld(t)
	a, code := w.tokens("app")
	fresh := w.approve("app")
	b := w.refreshed("app", a.text("refresh_token"), "scope", "read")
	j, _ := w.tokens("jwt")
	w.exchange("other", fresh)
	w.exchange("app", fresh, "redirect_uri", "https://canary-redirect.example/")
	w.exchange("app", fresh, "code_verifier", "canary-verifier")
	w.exchange("app", code)
	w.refresh("app", a.text("refresh_token"))
	w.token("app", "grant_type", "canary-grant-type")
	w.token("app", "grant_type", "client_credentials", "scope", "canary-scope", "resource", "canary-resource")
	w.introspect("rs", a.text("access_token"))
	w.revoke("other", j.text("access_token"))
	w.revoke("app", "canary-token")
	w.send("POST", "/oauth/tokenize", "code="+fresh+"&code=canary-twice", as("app"))
	w.send("POST", "/oauth/tokenize?code=canary-query", "x=1", as("app"))
	w.send("POST", "/oauth/tokenize", form("client_id", "canary-id", "client_secret", "canary-secret"))
	w.send("POST", "/oauth/tokenize", "", header(encoded("canary-basic-id:canary-basic-secret")))
	w.grants.fail = func(string) error { return errors.New("no route to host") }
	w.exchange("app", fresh)
	log := w.log.String()
	secrets := []string{"canary", fresh, code, verifier, "app-secret", "other-secret", grant.Hash("app"), w.gid(code), w.key(code), root}
	for _, r := range []response{a, b, j} {
		secrets = append(secrets, r.text("access_token"), r.text("refresh_token"), r.text("id_token"))
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(log, s) {
			t.Errorf("the log has %q", s)
		}
	}
	for _, want := range []string{`"outcome":"tokens"`, `"outcome":"invalid_grant"`, `"outcome":"temporarily_unavailable"`, `"cause":"no route to host"`, `"client":"app"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
}

// Tokens of an old key are good as long as the key is on the ring.
func TestKeyRotation(t *testing.T) {
	const newer = "zyxwvutsrqponmlkjihgfedcbaABCDEFGHIJ0123456789"
	ring := func(list string) *secret.Ring {
		r, err := secret.ParseRing(list)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	w := newWorld(t)
	for _, id := range []string{"app", "jwt"} {
		w.endpoint.Keys = w.ring
		w.serve()
		a, _ := w.tokens(id)
		code := w.approve(id)
		w.endpoint.Keys = ring(newer + "," + root)
		w.serve()
		w.isAlive(id, a.text("access_token"), a.text("refresh_token"))
		w.opened(a.text("id_token"))
		b := w.refreshed(id, a.text("refresh_token"))
		w.isAlive(id, b.text("access_token"))
		if c := w.exchange(id, code); c.status != http.StatusOK {
			t.Errorf("%s: exchange: %s", id, c.raw)
		}
		w.endpoint.Keys = ring(newer)
		w.serve()
		w.isDead(id+" retired", a.text("access_token"), a.text("refresh_token"))
		w.isDead(id+" sealed under the retired key", b.text("access_token"), b.text("refresh_token"))
		refused(t, id, w.refresh(id, b.text("refresh_token")), 400, "invalid_grant")
	}
}

// lazy is a warm instance that has not heard of a newer key: it reads the
// secret again when, and only when, that key is named.
type lazy struct {
	known, all *secret.Ring
}

func (l lazy) Ring(_ context.Context, wanted string) (*secret.Ring, error) {
	if _, ok := l.known.Root(wanted); ok || wanted == "" {
		return l.known, nil
	}
	return l.all, nil
}

// A warm instance takes up a key as soon as something names it.
func TestUnknownKeyIsLookedFor(t *testing.T) {
	w := newWorld(t)
	known, err := secret.ParseRing("zyxwvutsrqponmlkjihgfedcbaABCDEFGHIJ0123456789")
	if err != nil {
		t.Fatal(err)
	}
	all, err := secret.ParseRing(root + ",zyxwvutsrqponmlkjihgfedcbaABCDEFGHIJ0123456789")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"app", "jwt"} {
		w.endpoint.Keys = w.ring
		w.serve()
		a, _ := w.tokens(id)
		code := w.approve(id)
		w.endpoint.Keys = lazy{known, all}
		w.serve()
		w.isAlive(id, a.text("access_token"), a.text("refresh_token"))
		b := w.refreshed(id, a.text("refresh_token"))
		w.isAlive(id, b.text("access_token"))
		if c := w.exchange(id, code); c.status != http.StatusOK {
			t.Errorf("%s: exchange: %s", id, c.raw)
		}
		w.revoke(id, a.text("access_token"))
		w.isDead(id, a.text("access_token"), b.text("refresh_token"))
	}
}

// RFC 6749 §10.10: the codes and tokens of different grants have nothing in
// common but the tag.
func TestTokenStrength_S64_S95(t *testing.T) {
	w := newWorld(t)
	seen := map[string]bool{}
	prefixes := map[string]int{}
	grants := 10_000
	if raceEnabled {
		grants = 1_000 // the detector makes it slow, and has nothing to find
	}
	for range grants {
		a, code := w.tokens("public", func(g *grant.Grant) { g.Scopes = []string{"email"} })
		for _, s := range []string{code, a.text("access_token"), a.text("refresh_token")} {
			if len(s) != grant.Len || seen[s] {
				t.Fatalf("repeated, or of another length: %q", s)
			}
			seen[s] = true
			prefixes[s[:4]+"|"+s[4:9]]++
		}
	}
	for prefix, n := range prefixes {
		// A code and its tokens name the same grant; 30 bits of 10,000 grants
		// meet once in twenty runs.
		if n > 4 {
			t.Errorf("%d strings begin with %s", n, prefix)
		}
	}
}
