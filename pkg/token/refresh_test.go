package token_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/user"
)

func (w *world) refreshed(id, refreshToken string, pairs ...string) response {
	w.t.Helper()
	a := w.refresh(id, refreshToken, pairs...)
	if a.status != http.StatusOK {
		w.t.Fatalf("refresh: %d %s", a.status, a.raw)
	}
	return a
}

// Each refresh gives a new refresh token, and the old one ends with the grace.
func TestRotation_S67(t *testing.T) {
	w := newWorld(t)
	first, _ := w.tokens("app")
	w.after(time.Second)
	second := w.refreshed("app", first.text("refresh_token"))
	if len(second.json) != 7 || second.text("refresh_token") == first.text("refresh_token") || second.text("access_token") == first.text("access_token") {
		t.Errorf("not rotated, or another shape: %s", second.raw)
	}
	third := w.refreshed("app", second.text("refresh_token"))
	w.isAlive("all", first.text("access_token"), second.text("access_token"), third.text("access_token"), third.text("refresh_token"))
	refused(t, "two back, in the grace", w.refresh("app", first.text("refresh_token")), 400, "invalid_grant")
}

func TestRefreshBudget(t *testing.T) {
	w := newWorld(t)
	first, _ := w.tokens("app")
	before, _ := w.counts()
	w.refreshed("app", first.text("refresh_token"))
	if writes, reads := w.counts(); writes != before+1 || reads != 0 {
		t.Errorf("%d writes and %d reads of grants, want 1 and 0", writes-before, reads)
	}
}

// A refresh token after its successor and after the grace is a theft (RFC 9700
// §4.14.2).
func TestReuseEndsTheGrant_S68(t *testing.T) {
	w := newWorld(t)
	first, _ := w.tokens("app")
	second := w.refreshed("app", first.text("refresh_token"))
	w.after(lifetimes.RefreshGrace)
	a := w.refresh("app", first.text("refresh_token"))
	refused(t, "reuse", a, 400, "invalid_grant")
	if !strings.Contains(a.text("error_description"), "used before") {
		t.Errorf("it does not say why: %s", a.raw)
	}
	if n := strings.Count(w.log.String(), `"outcome":"refresh_reused"`); n != 1 {
		t.Errorf("an alarm sees %d of them", n)
	}
	w.isDead("after", second.text("access_token"), second.text("refresh_token"))
	w.isDead("after", first.text("access_token"), first.text("refresh_token"))
	refused(t, "the newest", w.refresh("app", second.text("refresh_token")), 400, "invalid_grant")
}

// Retried and parallel refreshes get the same successor, byte for byte, for as
// long as the grace lasts and not a second longer.
func TestRefreshGrace_S69(t *testing.T) {
	const alive, dead = http.StatusOK, http.StatusBadRequest
	for name, tt := range map[string]struct {
		grace  time.Duration
		wait   time.Duration // after the first rotation
		repeat int           // of the predecessor
		status int
		next   int // what the successor gets afterwards
	}{
		"at once":                     {time.Minute, 0, 1, alive, alive},
		"at once, ten times":          {time.Minute, 0, 10, alive, alive},
		"a second later":              {time.Minute, time.Second, 1, alive, alive},
		"half way":                    {time.Minute, 30 * time.Second, 1, alive, alive},
		"half way, three times":       {time.Minute, 30 * time.Second, 3, alive, alive},
		"the last second":             {time.Minute, 59 * time.Second, 1, alive, alive},
		"the last second, ten times":  {time.Minute, 59 * time.Second, 10, alive, alive},
		"to the second":               {time.Minute, time.Minute, 1, dead, dead},
		"a second late":               {time.Minute, 61 * time.Second, 1, dead, dead},
		"minutes late":                {time.Minute, 10 * time.Minute, 1, dead, dead},
		"after the idle end":          {time.Minute, 15 * time.Minute, 1, dead, dead},
		"after everything":            {time.Minute, 2 * time.Hour, 1, dead, dead},
		"no grace, at once":           {0, 0, 1, dead, dead},
		"no grace, a second later":    {0, time.Second, 1, dead, dead},
		"one second, at once":         {time.Second, 0, 1, alive, alive},
		"one second, a second later":  {time.Second, time.Second, 1, dead, dead},
		"longer than an access token": {10 * time.Minute, 6 * time.Minute, 1, alive, alive},
		"longer, its last second":     {10 * time.Minute, 599 * time.Second, 1, alive, alive},
		"longer, to the second":       {10 * time.Minute, 600 * time.Second, 1, dead, dead},
		"longer, twice":               {10 * time.Minute, 6 * time.Minute, 2, alive, alive},
	} {
		w := newWorld(t)
		w.endpoint.Lifetimes.RefreshGrace = tt.grace
		first, _ := w.tokens("app")
		second := w.refreshed("app", first.text("refresh_token"))
		w.after(tt.wait)
		for range tt.repeat {
			a := w.refresh("app", first.text("refresh_token"))
			if a.status != tt.status {
				t.Errorf("%s: predecessor: %d %s", name, a.status, a.raw)
			}
			if tt.status != alive {
				refused(t, name, a, 400, "invalid_grant")
				continue
			}
			if a.text("refresh_token") != second.text("refresh_token") {
				t.Errorf("%s: another successor", name)
			}
			if a.number("expires_in") <= 0 || tt.wait < lifetimes.Access && a.text("access_token") != second.text("access_token") {
				t.Errorf("%s: another access token, or a stale one: %s", name, a.raw)
			}
			w.isAlive(name, a.text("access_token"))
		}
		if a := w.refresh("app", second.text("refresh_token")); a.status != tt.next {
			t.Errorf("%s: successor: %d %s", name, a.status, a.raw)
		}
	}
}

// The grace ends with the successor's first use: two numbers back is a theft.
func TestGraceIsForTheImmediatePredecessor_S69(t *testing.T) {
	w := newWorld(t)
	first, _ := w.tokens("app")
	second := w.refreshed("app", first.text("refresh_token"))
	third := w.refreshed("app", second.text("refresh_token"))
	refused(t, "two back", w.refresh("app", first.text("refresh_token")), 400, "invalid_grant")
	w.isDead("after", third.text("access_token"), third.text("refresh_token"))
}

func TestRefreshTokenBelongsToItsClient_S70(t *testing.T) {
	w := newWorld(t)
	for name, scope := range map[string]string{"plain": "", "with a scope": "read"} {
		first, _ := w.tokens("app")
		for _, id := range []string{"other", "public", "jwt", "rs"} {
			refused(t, name+" "+id, w.refresh(id, first.text("refresh_token"), "scope", scope), 400, "invalid_grant")
		}
		if second := w.refreshed("app", first.text("refresh_token")); second.number("refresh_token_expires_in") != 900 {
			t.Errorf("%s: %s", name, second.raw)
		}
		refused(t, name+" after", w.refresh("other", first.text("refresh_token")), 400, "invalid_grant")
		w.after(2 * time.Minute)
		refused(t, name+" after the grace", w.refresh("other", first.text("refresh_token")), 400, "invalid_grant")
		w.isAlive(name, first.text("access_token"))
	}
}

// RFC 6749 §6: fewer scopes for this access token, the original ones with the
// next; more than the original never, and nothing is used up in asking.
func TestNarrowing_S71_S72(t *testing.T) {
	w := newWorld(t)
	first, _ := w.tokens("app")
	refreshToken, all := first.text("refresh_token"), "openid email read"
	for _, bad := range []string{"write", "read write", "read  admin", "openid email read write", "READ", "*", "read,email", "offline_access"} {
		refused(t, bad, w.refresh("app", refreshToken, "scope", bad), 400, "invalid_scope")
	}
	w.after(2 * lifetimes.RefreshGrace) // the grace must not be what saves it
	narrow := w.refreshed("app", refreshToken, "scope", "read")
	if narrow.text("scope") != "read" || narrow.text("id_token") != "" {
		t.Errorf("narrowed: %s", narrow.raw)
	}
	if a := w.introspect("app", narrow.text("access_token")); a.text("scope") != "read" {
		t.Errorf("a narrowed token is wide: %s", a.raw)
	}
	for _, tt := range []struct{ ask, want string }{
		{"", all}, {"email", "email"}, {"read email", "email read"}, {"read read", "read"}, {all, all}, {" read ", "read"}, {"", all},
	} {
		next := w.refreshed("app", narrow.text("refresh_token"), "scope", tt.ask)
		if next.text("scope") != tt.want {
			t.Errorf("asked %q: %s", tt.ask, next.raw)
		}
		narrow = next
	}
}

// A bad scope next to a bad token says nothing about the token's grant.
func TestScopeOfADeadGrant_S71(t *testing.T) {
	w := newWorld(t)
	first, _ := w.tokens("app")
	second := w.refreshed("app", first.text("refresh_token"))
	w.after(lifetimes.RefreshGrace)
	refused(t, "reuse with a bad scope", w.refresh("app", first.text("refresh_token"), "scope", "admin"), 400, "invalid_grant")
	w.isDead("after", second.text("access_token"), second.text("refresh_token"))
	refused(t, "revoked", w.refresh("app", second.text("refresh_token"), "scope", "read"), 400, "invalid_grant")
}

// The idle end moves with each rotation, the absolute one never.
func TestRefreshLifetimes_S73(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("app")
	w.after(lifetimes.Refresh)
	refused(t, "idle", w.refresh("app", a.text("refresh_token")), 400, "invalid_grant")

	began := w.now()
	a, _ = w.tokens("app")
	for w.now().Sub(began) < lifetimes.RefreshMax-14*time.Minute {
		w.after(14 * time.Minute)
		a = w.refreshed("app", a.text("refresh_token"))
		left := int((lifetimes.RefreshMax - w.now().Sub(began)) / time.Second)
		if got := a.number("refresh_token_expires_in"); got != min(900, left) {
			t.Errorf("after %v: %d s, and %d s are left", w.now().Sub(began), got, left)
		}
		if got := a.number("expires_in"); got != min(300, left) {
			t.Errorf("after %v: access token of %d s, and %d s are left", w.now().Sub(began), got, left)
		}
	}
	w.at.Store(began.Add(lifetimes.RefreshMax).Unix())
	refused(t, "absolute", w.refresh("app", a.text("refresh_token")), 400, "invalid_grant")
	w.isDead("absolute", a.text("access_token"), a.text("refresh_token"))
}

func TestClientAuthenticationOnRefresh_S76(t *testing.T) {
	w := newWorld(t)
	a, _ := w.tokens("app")
	params := []string{"grant_type", "refresh_token", "refresh_token", a.text("refresh_token")}
	for name, b := range map[string]response{
		"id alone":     w.send(http.MethodPost, "/oauth/tokenize", form(append(params, "client_id", "app")...)),
		"nothing":      w.send(http.MethodPost, "/oauth/tokenize", form(params...)),
		"wrong secret": w.send(http.MethodPost, "/oauth/tokenize", form(params...), basic("app", "wrong")),
		"empty secret": w.send(http.MethodPost, "/oauth/tokenize", form(append(params, "client_id", "app", "client_secret", "")...)),
	} {
		refused(t, name, b, 401, "invalid_client")
	}
	w.refreshed("app", a.text("refresh_token"))

	pub, _ := w.tokens("public")
	w.refreshed("public", pub.text("refresh_token"))
}

// Other tokens are not refresh tokens.
func TestOtherTokensDoNotRefresh(t *testing.T) {
	w := newWorld(t)
	a, code := w.tokens("app")
	for name, s := range map[string]string{
		"access token": a.text("access_token"), "code": code, "ID token": a.text("id_token"), "retagged access": "lkr_" + a.text("access_token")[4:],
		"retagged code": "lkr_" + code[4:], "garbage": "x", "a number ahead": grant.Token{Kind: grant.Refresh, GID: w.gid(code), N: 2, Scopes: grant.All}.Sign(w.ring.Newest()),
		"number zero": grant.Token{Kind: grant.Refresh, GID: w.gid(code), N: 0, Scopes: grant.All}.Sign(w.ring.Newest()),
		"unknown":     grant.Token{Kind: grant.Refresh, GID: grant.NewGID(), N: 1, Scopes: grant.All}.Sign(w.ring.Newest()),
	} {
		refused(t, name, w.refresh("app", s), 400, "invalid_grant")
	}
	refused(t, "missing", w.refresh("app", ""), 400, "invalid_request")
	refused(t, "grant type not allowed", w.refresh("codeonly", a.text("refresh_token")), 400, "unauthorized_client")
	w.isAlive("after", a.text("access_token"), a.text("refresh_token"))
}

// A user who is disabled, gone, somebody else by now, or has a new password
// stops at the next refresh, and the grant is dead.
func TestUserOnRefresh(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(w *world)
		stays  bool
	}{
		"disabled":     {func(w *world) { w.user(user.User{Name: "alice", Subject: "sub-alice", Disabled: true}) }, false},
		"deleted":      {func(w *world) { _ = w.accounts.DeleteUser(t.Context(), "alice") }, false},
		"made again":   {func(w *world) { w.user(user.User{Name: "alice", Subject: "sub-alice-2"}) }, false},
		"new password": {func(w *world) { w.user(user.User{Name: "alice", Subject: "sub-alice", ValidFrom: w.now()}) }, false},
		"older password": {func(w *world) {
			w.user(user.User{Name: "alice", Subject: "sub-alice", ValidFrom: w.now().Add(-10 * time.Second)})
		}, true},
		"same second": {func(w *world) {
			w.user(user.User{Name: "alice", Subject: "sub-alice", ValidFrom: w.now().Add(-9500 * time.Millisecond)})
		}, true},
		"new address": {func(w *world) { w.user(user.User{Name: "alice", Subject: "sub-alice", Email: "a@example.com"}) }, true},
	} {
		for how, prepare := range map[string]struct {
			grace time.Duration
			scope string
		}{"plain": {time.Minute, ""}, "with a scope": {time.Minute, "read"}, "without a grace": {0, ""}} {
			w := newWorld(t)
			w.endpoint.Lifetimes.RefreshGrace = prepare.grace
			first, _ := w.tokens("app")
			w.after(10 * time.Second)
			tt.change(w)
			a := w.refresh("app", first.text("refresh_token"), "scope", prepare.scope)
			if tt.stays {
				if a.status != http.StatusOK {
					t.Errorf("%s, %s: %s", name, how, a.raw)
				}
				continue
			}
			refused(t, name+", "+how, a, 400, "invalid_grant")
			w.isDead(name+", "+how, first.text("access_token"), first.text("refresh_token"))
			w.user(user.User{Name: "alice", Subject: "sub-alice"})
			refused(t, name+", "+how+", back again", w.refresh("app", first.text("refresh_token")), 400, "invalid_grant")
		}
	}
}
