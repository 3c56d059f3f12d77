package rp_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/session"
)

func TestLoginSendsExactlySevenParameters_C01(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	resp := a.browser().get("/login")
	if resp.StatusCode != http.StatusFound {
		t.Fatalf("%d %s", resp.StatusCode, bodyOf(resp))
	}
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != up.URL+"/authorize" {
		t.Errorf("sent to %s", got)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": base + "/callback", "scope": "read write", "code_challenge_method": "S256",
	} {
		if !slices.Equal(q[name], []string{want}) {
			t.Errorf("%s: %q, want one %q", name, q[name], want)
		}
	}
	if len(q) != 7 || len(q["state"]) != 1 || len(q["code_challenge"]) != 1 {
		t.Errorf("not exactly the seven parameters: %v", q)
	}
	if !strings.Contains(u.RawQuery, "scope=read+write") {
		t.Errorf("the scope is not spelled read+write: %s", u.RawQuery)
	}
}

func TestLoginEntropy_C02(t *testing.T) {
	a := newApp(t, newUpstream(t))
	states, challenges := map[string]bool{}, map[string]bool{}
	form := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
	for range 1000 {
		q := a.browser().login("")
		s, c := q.Get("state"), q.Get("code_challenge")
		if states[s] || challenges[c] || !form.MatchString(s) || !form.MatchString(c) {
			t.Fatalf("repeated or malformed: %s %s", s, c)
		}
		states[s], challenges[c] = true, true
	}
}

func TestLoginCookie_C03_C44(t *testing.T) {
	a := newApp(t, newUpstream(t))
	b := a.browser()
	resp := b.get("/login")
	if n := len(resp.Cookies()); n != 1 {
		t.Fatalf("%d cookies", n)
	}
	raw := resp.Header.Get("Set-Cookie")
	c := resp.Cookies()[0]
	if c.Name != "__Host-login" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" || c.SameSite != http.SameSiteLaxMode ||
		c.MaxAge <= 0 || c.MaxAge > 600 || len(c.Value) != 22 {
		t.Errorf("cookie: %s", raw)
	}
	if again := b.get("/login").Cookies()[0]; again.Value != c.Value || again.MaxAge != c.MaxAge {
		t.Errorf("a second login changed the browser's cookie: %v", again)
	}
	for name, planted := range map[string]string{"short": "abc", "not canonical": strings.Repeat("A", 21) + "B", "long": strings.Repeat("A", 43)} {
		x := a.browser()
		x.cookies["__Host-login"] = planted
		if got := x.get("/login").Cookies()[0].Value; got == planted || len(got) != 22 {
			t.Errorf("%s: kept %q", name, got)
		}
	}
}

func TestLoginKeepsTheVerifier_C04(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	resp := b.get("/login")
	seen := resp.Header.Get("Location") + bodyOf(resp) + resp.Header.Get("Set-Cookie")
	for _, c := range resp.Cookies() {
		decoded, _ := base64.RawURLEncoding.DecodeString(c.Value)
		seen += string(decoded)
	}
	u, _ := url.Parse(resp.Header.Get("Location"))
	b.get(callback("code", "c", "state", u.Query().Get("state")))
	if up.hits() != 1 {
		t.Fatal("no exchange")
	}
	if verifier := up.forms[0].Get("code_verifier"); verifier == "" || strings.Contains(seen, verifier) || strings.Contains(seen, clientSecret) {
		t.Error("the verifier or the secret left the server")
	}
}

func TestHeaders_C05(t *testing.T) {
	b := newApp(t, newUpstream(t)).browser()
	state := b.login("").Get("state")
	for _, target := range []string{"/login", "/login?provider=nope", callback("code", "c", "state", state), "/callback"} {
		h := b.get(target).Header
		if h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %v", target, h)
		}
	}
}

func TestOnlyGetStartsALogin_C06_C13(t *testing.T) {
	a := newApp(t, newUpstream(t))
	for _, m := range []string{"HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "get", "BREW"} {
		resp := a.browser().do(m, "/login", nil, nil)
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET" {
			t.Errorf("%s: %d, Allow %q", m, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
	for name, value := range map[string]string{"Sec-Purpose": "prefetch;prerender", "Purpose": "Prefetch", "X-Moz": "prefetch", "X-Purpose": "preview"} {
		wantError(t, a.browser().do("GET", "/login", nil, http.Header{name: {value}}), 400, "invalid_request")
	}
	if n := a.store.puts.Load(); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestOtherHostGoesToTheBaseFirst_C08_C13(t *testing.T) {
	a := newApp(t, newUpstream(t))
	for _, host := range []string{
		"evil.example", "app.example.evil.example", "app.example:444", "127.0.0.1:3000", "localhost", "", "app.example@evil.example", "app.example.",
		"[::1]:3000", "APP.example.evil", "evil.example:443", "app-example", "xn--app-9la.example", "10.0.0.1", "app.example%00.evil", "app.example\\evil", "evil/app.example", "evil#app.example", "evil?app.example", " app.example",
	} {
		for _, header := range []string{"", "X-Forwarded-Host", "Forwarded", "X-Original-Host", "X-Host"} {
			r := httptest.NewRequest(http.MethodGet, base+"/login?return_to=%2Fx", nil)
			if header == "" {
				r.Host = host
			} else {
				r.Header.Set(header, "host="+host)
				r.Header.Set("X-Forwarded-Proto", "http")
			}
			w := httptest.NewRecorder()
			a.handler.ServeHTTP(w, r)
			location := w.Header().Get("Location")
			switch {
			case header == "" && (w.Code != http.StatusTemporaryRedirect || location != base+"/login?return_to=%2Fx"):
				t.Errorf("Host %q: %d %s", host, w.Code, location)
			case header != "" && (w.Code != http.StatusFound || !strings.Contains(location, url.QueryEscape(base+"/callback"))):
				t.Errorf("%s %q: %d %s", header, host, w.Code, location)
			}
		}
	}
	if n := a.store.puts.Load(); n != 20*4 {
		t.Errorf("%d writes: a request under another host wrote", n)
	}
}

func TestReservedParametersStay_C09(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	q := a.browser().login("?client_id=x&redirect_uri=https%3A%2F%2Fevil.example&scope=admin&state=fix&code_challenge=abc&code_challenge_method=plain&response_type=token&nonce=n&response_mode=fragment&request_uri=https%3A%2F%2Fevil.example&foo=bar")
	if len(q) != 7 || q.Get("client_id") != clientID || q.Get("redirect_uri") != base+"/callback" || q.Get("scope") != "read write" ||
		q.Get("state") == "fix" || q.Get("code_challenge") == "abc" || q.Get("code_challenge_method") != "S256" || q.Get("response_type") != "code" {
		t.Errorf("sent %v", q)
	}
	for name, values := range q {
		if len(values) != 1 {
			t.Errorf("%s sent %d times", name, len(values))
		}
	}
}

func TestPromptAndHintArePassedOn(t *testing.T) {
	a := newApp(t, newUpstream(t))
	q := a.browser().login("?prompt=login+consent&login_hint=ada%40example.com")
	if q.Get("prompt") != "login consent" || q.Get("login_hint") != "ada@example.com" || len(q) != 9 {
		t.Errorf("sent %v", q)
	}
	for _, query := range []string{"?prompt=evil", "?login_hint=" + strings.Repeat("a", 257), "?prompt=login&prompt=none"} {
		wantError(t, a.browser().get("/login"+query), 400, "invalid_request")
	}
}

func TestUnknownProvider_C12(t *testing.T) {
	a := newApp(t, newUpstream(t))
	wantError(t, a.browser().get("/login?provider=nope"), 400, "invalid_request", "nope")
	if a.store.puts.Load() != 0 {
		t.Error("a refused login wrote")
	}
	a.browser().login("?provider=custom")
}

func TestReturnToIsBounded_C18(t *testing.T) {
	a := newApp(t, newUpstream(t))
	a.browser().login("?return_to=/" + strings.Repeat("a", 2047))
	for _, n := range []int{2048, 2100, 9000} {
		wantError(t, a.browser().get("/login?return_to=/"+strings.Repeat("a", n)), 400, "invalid_request")
	}
	resp := a.browser().get("/login?return_to=/" + strings.Repeat("a", 64<<10))
	if resp.StatusCode != 400 && resp.StatusCode != 414 {
		t.Errorf("64 KB: %d", resp.StatusCode)
	}
	if n := a.store.puts.Load(); n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestLoginIsNotStartedWithoutAStore_F02(t *testing.T) {
	a := newApp(t, newUpstream(t))
	a.store.put = func(context.Context, session.Record) error { return errors.New("throttled") }
	resp := a.browser().get("/login?return_to=/x")
	wantError(t, resp, 503, "store_unavailable")
	if resp.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if got := refusal(t, resp).RetryURL; got != "/login?return_to=%2Fx" {
		t.Errorf("retry_url %q", got)
	}
}

func TestHostileLoginRequests_C19(t *testing.T) {
	a := newApp(t, newUpstream(t))
	for _, query := range []string{
		"?return_to=%zz", "?%zz=1", "?return_to=%", "?return_to=/a&return_to=/b", "?return_to=/a&return_to=", "?a=%ff", "?return_to=%00", "?return_to=/%00",
		"?return_to=/a%0d%0aSet-Cookie:%20x=1", "?return_to=%0d%0a/a", "?return_to=/%e2%80%ae", "?return_to=/a%20b", "?x=%c0%af", "?provider=custom&provider=custom",
		"?return_to=/%250d%250a", "?return_to=/%255c%255cevil.example", "?" + strings.Repeat("&a", 101) + "b=1&b=2", "?login_hint=%01", "?prompt=%7f", "?return_to=/\xff", "?=1&=2", "?return_to=/%25",
	} {
		r := httptest.NewRequest(http.MethodGet, base+"/login", nil)
		r.URL.RawQuery = strings.TrimPrefix(query, "?")
		w := httptest.NewRecorder()
		a.handler.ServeHTTP(w, r)
		wantError(t, w.Result(), 400, "invalid_request", "Set-Cookie", "evil")
	}
	if n := a.store.puts.Load(); n != 0 {
		t.Errorf("%d writes", n)
	}
}

func TestOneWritePerLogin(t *testing.T) {
	a := newApp(t, newUpstream(t))
	a.browser().login("")
	if a.store.puts.Load() != 1 || a.store.claims.Load() != 0 {
		t.Errorf("%d puts, %d claims", a.store.puts.Load(), a.store.claims.Load())
	}
}
