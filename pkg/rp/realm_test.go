package rp_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// twoRealms are a site at one provider and the same site, on the same store, at
// another one. Both providers are "custom", and know an alice-1. The count is
// of the requests that the second one gets.
func twoRealms(t *testing.T) (s *site, elsewhere *app, q *upstream, asked *atomic.Int32) {
	t.Helper()
	s, _ = aliceSite(t)
	q, asked = newUpstream(t), &atomic.Int32{}
	q.knows(alice)
	rotating(q, 3600)
	count := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			next(w, r)
		}
	}
	q.mu.Lock()
	q.answer, q.userinfo, q.revoke = count(q.answer), count(q.userinfo), count(q.revoke)
	q.mu.Unlock()
	e := reader("OAUTH_AUTHORIZE_URL="+q.URL+"/authorize", "OAUTH_TOKEN_URL="+q.URL+"/token", "OAUTH_USERINFO_URL="+q.URL+"/userinfo",
		"OAUTH_REVOKE_URL="+q.URL+"/revoke", "OAUTH_CLIENT_ID="+clientID, "OAUTH_CLIENT_SECRET="+clientSecret, "OAUTH_SCOPE=read write")
	p := provider.FromEnv(e)
	if err := e.Err(); err != nil || p.Name != s.refresher[0].Provider.Name {
		t.Fatalf("%v, %s and %s", err, p.Name, s.refresher[0].Provider.Name)
	}
	return s, variant{provider: p}.of(s), q, asked
}

// A login that began at one provider is not finished at another one that is
// called the same: it would be sent the code and the verifier.
func TestLoginFinishedAtAnotherProvider(t *testing.T) {
	for name, params := range map[string][]string{
		"a code":   {"code", "canary-code"},
		"an error": {"error", "access_denied", "error_description", "canary-text"},
	} {
		t.Run(name, func(t *testing.T) {
			s, elsewhere, q, asked := twoRealms(t)
			b := s.processes[0].browser()
			target := callback(append(params, "state", b.login("?return_to=/x").Get("state"))...)
			resp := b.on(elsewhere).get(target)
			wantError(t, resp, 400, string(oauth.StateUnknown), "canary")
			if got := refusal(t, resp).RetryURL; got != "/login?return_to=%2Fx" {
				t.Errorf("leads on to %q", got)
			}
			wantError(t, b.get(target), 400, string(oauth.StateUsed))
			if n := asked.Load() + q.others.Load() + int32(s.processes[0].up.hits()); n != 0 {
				t.Errorf("%d requests to providers", n)
			}
			s.sessions.wantCalls(t, map[string]int{})
			if resp := s.signIn(b.on(elsewhere), ""); resp.StatusCode != http.StatusSeeOther || asked.Load() != 2 {
				t.Errorf("a login there: %d, %d requests", resp.StatusCode, asked.Load())
			}
		})
	}
}

// The same subject at two providers of one name is two people.
func TestRealmsAreApart(t *testing.T) {
	s, elsewhere, q, asked := twoRealms(t)
	here, there := s.signedIn(""), elsewhere.browser()
	s.signIn(there, "")
	realms := map[*browser]string{here: "custom " + s.processes[0].up.URL + "/token", there: "custom " + q.URL + "/token"}
	for b, realm := range realms {
		if who := jsonOf(t, b.whoAmI()); who["realm"] != realm || who["provider"] != "custom" || who["sub"] != "alice-1" {
			t.Errorf("%v, want the realm %s", who, realm)
		}
		if list := b.sessions(); len(list) != 1 || list[0].handle != b.handle() {
			t.Errorf("the sessions in %s: %+v", realm, list)
		}
	}
	users := map[string]bool{"": true}
	for b := range realms {
		entry, err := s.stored(t, b.cookies[sessionName])
		if err != nil || users[entry.User] {
			t.Errorf("the user %q, %v", entry.User, err)
		}
		users[entry.User] = true
	}
	wantError(t, here.fetch("DELETE", "/sessions/"+there.handle()), 404, "invalid_request")
	before := asked.Load()
	if resp := here.submit("form", here.formOn("/session"), "everywhere", "1"); resp.StatusCode != http.StatusSeeOther || !there.alive() || asked.Load() != before {
		t.Errorf("everywhere: %d, the other one is there: %v, its provider was asked %d times", resp.StatusCode, there.alive(), asked.Load()-before)
	}
}
