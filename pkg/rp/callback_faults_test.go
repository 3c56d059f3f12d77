package rp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

func TestReplay_C27_F24(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	url := callback("code", "c", "state", b.login("?return_to=%2Fapp%3Fx%3D1").Get("state"))
	if resp := b.get(url); resp.StatusCode != 200 {
		t.Fatal(bodyOf(resp))
	}
	for range 3 {
		resp := b.get(url)
		wantError(t, resp, 400, "state_used")
		if got := refusal(t, resp).RetryURL; got != "/login?return_to=%2Fapp%3Fx%3D1" {
			t.Errorf("the way back is lost: %q", got)
		}
	}
	wantError(t, a.browser().get(url), 403, "wrong_browser")
	if up.hits() != 1 {
		t.Errorf("%d token requests", up.hits())
	}
}

func TestConcurrentReplay_C28(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	for round := range 20 {
		b := a.browser()
		url := callback("code", "c", "state", b.login("").Get("state"))
		var wg sync.WaitGroup
		codes := make([]int, 25)
		for i := range codes {
			rival := &browser{app: a, cookies: map[string]string{"__Host-login": b.cookies["__Host-login"]}}
			if i%5 == 4 {
				rival = a.browser() // a stranger among them
			}
			wg.Go(func() { codes[i] = rival.get(url).StatusCode })
		}
		wg.Wait()
		won := 0
		for i, code := range codes {
			switch {
			case code == 200:
				won++
			case i%5 == 4 && code != 403, i%5 != 4 && code != 400:
				t.Errorf("rival %d: %d", i, code)
			}
		}
		if won != 1 || up.hits() != round+1 {
			t.Fatalf("round %d: %d winners, %d token requests", round, won, up.hits())
		}
	}
}

func TestExpiredLogin_C29_F10(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	url := callback("code", "c", "state", b.login("?return_to=/x").Get("state"))
	a.clock.Store(600)
	resp := b.get(url)
	wantError(t, resp, 400, "login_expired")
	if got := refusal(t, resp).RetryURL; got != "/login?return_to=%2Fx" {
		t.Errorf("the way back is lost: %q", got)
	}
	a.clock.Store(599)
	if resp := b.get(url); resp.StatusCode != 200 {
		t.Errorf("one second before the end: %d %s", resp.StatusCode, bodyOf(resp))
	}
}

func TestProviderErrors_C31(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	for code, want := range map[string]struct {
		status int
		code   string
	}{
		"access_denied": {400, "access_denied"}, "server_error": {503, "provider_unavailable"}, "temporarily_unavailable": {503, "provider_unavailable"},
		"invalid_scope": {502, "provider_error"}, "unauthorized_client": {502, "provider_error"}, "interaction_required": {502, "provider_error"},
		"<script>alert(1)</script>": {502, "provider_error"},
	} {
		b := a.browser()
		b.header = http.Header{"Sec-Fetch-Mode": {"navigate"}}
		state := b.login("").Get("state")
		url := callback("error", code, "state", state, "error_description", "<script>alert(1)</script> "+strings.Repeat("x", 500))
		resp := b.get(url)
		wantError(t, resp, want.status, want.code, state, "<script", strings.Repeat("x", 201))
		if want.status == 503 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", code)
		}
		wantError(t, b.get(url), 400, "state_used") // consumed
	}
	if up.hits() != 0 {
		t.Errorf("%d token requests", up.hits())
	}
}

func TestErrorWithBadState_C32(t *testing.T) {
	a := newApp(t, newUpstream(t))
	b := a.browser()
	b.login("")
	resp := b.get(callback("error", "access_denied", "error_description", "canary-text", "state", session.NewState()))
	wantError(t, resp, 400, "state_unknown", "canary-text", "access_denied")
}

func TestLoginOfAnotherProvider(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	state := b.login("").Get("state")
	other := startApp(t, up, reader("OAUTH_PROVIDER=cashmere", "OAUTH_PROVIDER_URL="+up.URL, "OAUTH_CLIENT_ID=x"))
	other.store.Logins = a.store.Logins
	moved := &browser{app: other, cookies: b.cookies}
	wantError(t, moved.get(callback("code", "c", "state", state)), 400, "state_unknown")
	if up.hits() != 0 {
		t.Error("a code went to another provider")
	}
}

func TestStoreFailures_F06_F20(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	state := b.login("").Get("state")
	a.store.claim = func(context.Context, string, string, string, time.Time) (session.Record, error) {
		return session.Record{}, errors.New("outcome unknown")
	}
	resp := b.get(callback("code", "c", "state", state))
	wantError(t, resp, 503, "store_unavailable", state)
	if resp.Header.Get("Retry-After") == "" || up.hits() != 0 {
		t.Errorf("Retry-After %q, %d token requests", resp.Header.Get("Retry-After"), up.hits())
	}
	// In mode json nothing is stored after the exchange, so nothing can fail.
	a.store.claim = nil
	a.store.put = func(context.Context, session.Record) error { return errors.New("down") }
	if resp := b.get(callback("code", "c", "state", state)); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
	}
}

func TestKilledAfterTheClaim_F22(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	state := b.login("").Get("state")
	a.store.claim = func(ctx context.Context, key, hash, nonce string, now time.Time) (session.Record, error) {
		if _, err := a.store.Logins.ClaimLogin(ctx, key, hash, nonce, now); err != nil {
			t.Fatal(err)
		}
		panic(http.ErrAbortHandler) // the process is gone after the write
	}
	func() {
		defer func() { _ = recover() }()
		b.get(callback("code", "c", "state", state))
	}()
	a.store.claim = nil
	wantError(t, b.get(callback("code", "c", "state", state)), 400, "state_used", state)
	if up.hits() != 0 {
		t.Error("the claimed login was used again")
	}
	if resp := b.get(callback("code", "d", "state", b.login("").Get("state"))); resp.StatusCode != 200 {
		t.Errorf("a new login: %d", resp.StatusCode)
	}
}

func TestSecretIsReadBeforeTheClaim_F13(t *testing.T) {
	up := newUpstream(t)
	e := reader("OAUTH_AUTHORIZE_URL="+up.URL+"/authorize", "OAUTH_TOKEN_URL="+up.URL+"/token", "OAUTH_CLIENT_ID=x", "OAUTH_CLIENT_SECRET_ARN=arn:x")
	a := startApp(t, up, e) // nobody made a Secret from the ARN
	b := a.browser()
	state := b.login("").Get("state")
	wantError(t, b.get(callback("code", "c", "state", state)), 500, "config_error", state)
	if a.store.claims.Load() != 0 || up.hits() != 0 {
		t.Error("the login was spent although it could not be finished")
	}
}

// A browser that hangs up while the code is being exchanged does not stop it:
// the login is spent by then.
func TestBrowserHangsUp(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	state := b.login("").Get("state")
	ctx, hangUp := context.WithCancel(t.Context())
	up.answer = func(w http.ResponseWriter, _ *http.Request) {
		hangUp()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, goodTokens)
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, base+callback("code", "c", "state", state), nil)
	r.AddCookie(&http.Cookie{Name: "__Host-login", Value: b.cookies["__Host-login"]})
	w := httptest.NewRecorder()
	a.handler.ServeHTTP(w, r)
	if w.Code != http.StatusOK || up.hits() != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestIssuer_C35(t *testing.T) {
	up := newUpstream(t)
	issuer := "https://honest.example/tenant"
	a := newApp(t, up, "OAUTH_ISSUER="+issuer)
	b := a.browser()
	state := b.login("").Get("state")
	for _, iss := range []string{
		"https://evil.example", "https://honest.example/tenant/", "https://honest.example", "http://honest.example/tenant", "https://honest.example/Tenant",
		"HTTPS://honest.example/tenant", "https://honest.example:443/tenant", "https://honest.example/tenant#", "https://honest.example/tenant?", " " + issuer,
		issuer + " ", "https://honest.example/%74enant", "https://honest.example//tenant", "https://user@honest.example/tenant", "honest.example/tenant",
		"https://honest.example/tenant/../tenant", "https://honest.example./tenant", "https://hоnest.example/tenant", issuer + issuer, "null",
	} {
		wantError(t, b.get(callback("code", "c", "state", state, "iss", iss)), 400, "issuer_mismatch", state)
		wantError(t, b.get(callback("error", "access_denied", "state", state, "iss", iss)), 400, "issuer_mismatch", state)
	}
	if up.hits() != 0 {
		t.Fatalf("%d token requests", up.hits())
	}
	if resp := b.get(callback("code", "c", "state", state, "iss", issuer)); resp.StatusCode != 200 {
		t.Errorf("the right issuer: %d %s", resp.StatusCode, bodyOf(resp))
	}
	plain := newApp(t, up).browser()
	if resp := plain.get(callback("code", "c", "state", plain.login("").Get("state"), "iss", "https://whatever.example")); resp.StatusCode != 200 {
		t.Errorf("nothing to compare with: %d %s", resp.StatusCode, bodyOf(resp))
	}
}
