package rp_test

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/session"
)

func reader(environ ...string) *env.Reader { return &env.Reader{Environ: environ} }

// one runs a login to its callback and returns the answer.
func one(a *app) *http.Response {
	b := a.browser()
	return b.get(callback("code", "canary-code", "state", b.login("").Get("state")))
}

func TestProviderRefusesTheCode_C38_C51(t *testing.T) {
	for _, tt := range []struct {
		status int
		body   string
		want   int
		code   string
	}{
		{400, `{"error":"invalid_grant","error_description":"canary-text"}`, 502, "provider_error"},
		{401, `{"error":"invalid_client"}`, 502, "provider_error"},
		{404, `nothing here canary-text`, 502, "provider_error"},
		{500, `canary-text`, 502, "provider_error"},
		{429, `{}`, 502, "provider_error"},
		{503, `{}`, 502, "provider_error"},
		{200, `{"error":"invalid_grant"}`, 502, "provider_error"},
		{200, `<html>canary-text</html>`, 502, "provider_error"},
	} {
		up := newUpstream(t)
		up.reply(tt.status, "application/json", tt.body)
		a := newApp(t, up)
		b := a.browser()
		url := callback("code", "canary-code", "state", b.login("").Get("state"))
		resp := b.get(url)
		wantError(t, resp, tt.want, tt.code, "canary")
		wantError(t, b.get(url), 400, "state_used")
		if up.hits() != 1 {
			t.Errorf("%d %s: %d token requests", tt.status, tt.body, up.hits())
		}
		if strings.Contains(a.log.String(), "canary") {
			t.Errorf("the log has what the provider wrote: %s", a.log.String())
		}
	}
}

func TestTokenRequestFollowsNoRedirect_C50(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		up := newUpstream(t)
		evil := newUpstream(t)
		up.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", evil.URL+"/token")
			w.WriteHeader(status)
		}
		wantError(t, one(newApp(t, up)), 502, "provider_error")
		if evil.hits() != 0 || evil.others.Load() != 0 || up.hits() != 1 {
			t.Errorf("%d: followed", status)
		}
	}
}

func TestRetryAfterProviderFailure_C55_F15_F16(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	up.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "17")
		w.WriteHeader(503)
	}
	b := a.browser()
	b.header = http.Header{"Sec-Fetch-Mode": {"navigate"}}
	resp := b.get(callback("code", "c", "state", b.login("?return_to=/x").Get("state")))
	link := regexp.MustCompile(`href="(/login[^"]*)"`).FindStringSubmatch(bodyOf(resp))
	if resp.StatusCode != 502 || resp.Header.Get("Retry-After") != "17" || link == nil || link[1] != "/login?return_to=%2Fx" {
		t.Fatalf("%d, Retry-After %q, %v", resp.StatusCode, resp.Header.Get("Retry-After"), link)
	}
	up.reply(200, "application/json", goodTokens)
	if resp := b.get(callback("code", "c", "state", b.login(strings.TrimPrefix(link[1], "/login")).Get("state"))); resp.StatusCode != 200 {
		t.Errorf("the new login: %d", resp.StatusCode)
	}
	dead := newUpstream(t)
	a = newApp(t, dead)
	b = a.browser()
	state := b.login("").Get("state")
	dead.Close()
	resp = b.get(callback("code", "c", "state", state))
	wantError(t, resp, 503, "provider_unavailable", state)
	if resp.Header.Get("Retry-After") == "" || refusal(t, resp).RetryURL != "/login" {
		t.Error("no way on")
	}
	wantError(t, b.get(callback("code", "c", "state", state)), 400, "state_used")
	if n := strings.Count(a.log.String(), `"outcome":"provider_unavailable"`); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestSlowProvider_F17(t *testing.T) {
	up := newUpstream(t)
	release := make(chan struct{})
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}
	defer close(release)
	a := newApp(t, up)
	a.timeout = 2500 * time.Millisecond
	start := time.Now()
	resp := one(a)
	wantError(t, resp, 504, "provider_unavailable")
	if took := time.Since(start); took > 3*time.Second || resp.Header.Get("Retry-After") == "" {
		t.Errorf("took %v, Retry-After %q", took, resp.Header.Get("Retry-After"))
	}
	if up.hits() != 1 {
		t.Errorf("%d token requests", up.hits())
	}
}

func TestConnectionDiesMidBody_F19(t *testing.T) {
	up := newUpstream(t)
	up.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "500")
		_, _ = w.Write([]byte(`{"access_token":"canary-access",`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	wantError(t, one(newApp(t, up)), 502, "provider_error", "canary")
	if up.hits() != 1 {
		t.Errorf("%d token requests", up.hits())
	}
}

// Every canary goes through every kind of answer; none may be in the log.
func TestLogsAreClean_C49(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	secrets := map[string]string{"client secret": clientSecret, "code": "canary-code", "access token": "canary-access", "refresh token": "canary-refresh"}
	b := a.browser()
	for i, query := range []string{"", "?return_to=/canary-destination", "?login_hint=canary-hint"} {
		q := b.login(query)
		secrets["state"+query] = q.Get("state")
		url := callback("code", "canary-code", "state", q.Get("state"), "iss", "canary-iss", "error_description", "canary-description")
		a.browser().get(url)
		if i == 1 {
			up.reply(400, "application/json", `{"error":"invalid_grant","error_description":"canary-provider-text"}`)
		}
		b.get(url)
		b.get(url)
		secrets["verifier"+query] = up.forms[len(up.forms)-1].Get("code_verifier")
	}
	b.get("/login?return_to=//canary-evil")
	b.get("/callback?code=canary-code&code=x&state=canary-state")
	b.get(callback("error", "canary-error", "error_description", "canary-description", "state", b.login("").Get("state")))
	secrets["cookie"] = b.cookies["__Host-login"]
	log := a.log.String()
	for name, s := range secrets {
		if s == "" || strings.Contains(log, s) {
			t.Errorf("%s (%q) is in the log", name, s)
		}
	}
	for _, canary := range []string{"canary-destination", "canary-hint", "canary-iss", "canary-description", "canary-provider-text", "canary-evil", "canary-state"} {
		if strings.Contains(log, canary) {
			t.Errorf("%s is in the log", canary)
		}
	}
	if lines := strings.Count(log, `"msg":"request"`); lines != strings.Count(log, "\n") || lines < 12 {
		t.Errorf("not one line per request:\n%s", log)
	}
}

func TestPanicIsRecovered_F26(t *testing.T) {
	a := newApp(t, newUpstream(t))
	b := a.browser()
	state := b.login("").Get("state")
	a.store.claim = func(context.Context, string, string, string, time.Time) (session.Record, error) {
		panic("canary-panic " + state)
	}
	resp := b.get(callback("code", "c", "state", state))
	wantError(t, resp, 500, "", state, "canary-panic")
	if refusal(t, resp).RequestID == "" {
		t.Error("no request id")
	}
	a.store.claim = nil
	if resp := b.get(callback("code", "c", "state", state)); resp.StatusCode != 200 {
		t.Errorf("the next request: %d %s", resp.StatusCode, bodyOf(resp))
	}
}
