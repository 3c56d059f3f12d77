package rp_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/session"
)

func TestCallback_C21(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	q := b.login("")
	resp := b.get(callback("code", "SplxlOBeZQQYbYS6WxSbIA", "state", q.Get("state")))
	if resp.StatusCode != 200 || bodyOf(resp) != goodTokens {
		t.Fatalf("%d %s", resp.StatusCode, bodyOf(resp))
	}
	h := resp.Header
	if h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" ||
		h.Get("Access-Control-Allow-Origin") != "" || h.Get("Set-Cookie") != "" {
		t.Errorf("headers %v", h)
	}
	if up.hits() != 1 {
		t.Fatalf("%d token requests", up.hits())
	}
	form := up.forms[0]
	for name, want := range map[string]string{"grant_type": "authorization_code", "code": "SplxlOBeZQQYbYS6WxSbIA", "redirect_uri": base + "/callback"} {
		if len(form[name]) != 1 || form.Get(name) != want {
			t.Errorf("%s: %q", name, form[name])
		}
	}
	if pkce.Challenge(form.Get("code_verifier")) != q.Get("code_challenge") {
		t.Error("the verifier is not the challenge's")
	}
	if want := "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":"+clientSecret)); up.auths[0] != want {
		t.Error("client authentication is not Basic")
	}
	if form.Get("client_secret") != "" {
		t.Error("the secret is in the body too")
	}
	if a.store.puts.Load() != 1 || a.store.claims.Load() != 1 {
		t.Errorf("operations: %d puts, %d claims", a.store.puts.Load(), a.store.claims.Load())
	}
}

func TestParallelTabs_C11_C44(t *testing.T) {
	b := newApp(t, newUpstream(t)).browser()
	first, second := b.login(""), b.login("?return_to=/two")
	cookie := b.cookies["__Host-login"]
	for _, q := range []url.Values{first, second} {
		if resp := b.get(callback("code", "c", "state", q.Get("state"))); resp.StatusCode != 200 {
			t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
		}
	}
	if b.cookies["__Host-login"] != cookie {
		t.Error("a callback changed the browser's cookie")
	}
}

func TestMalformedCallbacks_C22_C23_C34_C40_C41(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	state := b.login("").Get("state")
	for name, tt := range map[string]struct{ query, code string }{
		"no parameters":         {"", "invalid_request"},
		"no state":              {"code=c", "invalid_request"},
		"empty state":           {"code=c&state=", "invalid_request"},
		"no code":               {"state=" + state, "invalid_request"},
		"empty code":            {"code=&state=" + state, "invalid_request"},
		"code and error":        {"code=c&error=access_denied&state=" + state, "invalid_request"},
		"unknown state":         {"code=c&state=" + session.NewState(), "state_unknown"},
		"state cut":             {"code=c&state=" + state[:42], "state_unknown"},
		"state extended":        {"code=c&state=" + state + "A", "state_unknown"},
		"state, one flip":       {"code=c&state=" + flip(state), "state_unknown"},
		"state of 8 KB":         {"code=c&state=" + strings.Repeat("a", 8<<10), "state_unknown"},
		"code too long":         {"code=" + strings.Repeat("c", 4097) + "&state=" + state, "invalid_request"},
		"code twice":            {"code=c&code=c&state=" + state, "invalid_request"},
		"state twice":           {"code=c&state=" + state + "&state=" + state, "invalid_request"},
		"state twice, other":    {"code=c&state=x&state=" + state, "invalid_request"},
		"iss twice":             {"code=c&iss=a&iss=a&state=" + state, "invalid_request"},
		"error twice":           {"error=a&error=b&state=" + state, "invalid_request"},
		"stranger twice":        {"code=c&x=1&x=1&state=" + state, "invalid_request"},
		"code, escaped name":    {"code=c&c%6fde=d&state=" + state, "invalid_request"},
		"state, empty repeated": {"code=c&state&state=" + state, "invalid_request"},
		"1,000 parameters":      {strings.Repeat("a&", 1000) + "code=c&state=" + state, "invalid_request"},
		"1,000 distinct":        {distinct(1000) + "code=c&state=" + state, "invalid_request"},
		"broken escape":         {"code=%zz&state=" + state, "invalid_request"},
		"cut escape":            {"code=c&state=" + state + "%", "invalid_request"},
		"escape elsewhere":      {"code=c&junk=%g0&state=" + state, "invalid_request"},
		"invalid UTF-8":         {"code=%ff&state=" + state, "invalid_request"},
		"overlong UTF-8":        {"code=%c0%80&state=" + state, "invalid_request"},
		"surrogate":             {"code=%ed%a0%80&state=" + state, "invalid_request"},
		"NUL in code":           {"code=a%00b&state=" + state, "invalid_request"},
		"CRLF in code":          {"code=a%0d%0aX:1&state=" + state, "invalid_request"},
		"DEL":                   {"code=%7f&state=" + state, "invalid_request"},
		"UTF-16 escape":         {"code=%u0041&state=" + state, "invalid_request"},
		"NUL in state":          {"code=c&state=" + state + "%00", "invalid_request"},
		"newline in state":      {"code=c&state=" + state + "%0a", "invalid_request"},
		"space in state":        {"code=c&state=" + state + "+", "state_unknown"},
		"state in quotes":       {"code=c&state=%22" + state + "%22", "state_unknown"},
		"padded state":          {"code=c&state=" + state + "%3D", "state_unknown"},
		"unicode look-alike":    {"code=c&state=%D0%B0" + state[1:], "state_unknown"},
		"upper case":            {"code=c&state=" + strings.ToUpper(state) + "%20", "state_unknown"},
		"semicolon":             {"code=c;state=" + state, "invalid_request"},
	} {
		r := b.get("/callback?" + tt.query)
		wantError(t, r, 400, tt.code, state)
		if t.Failed() {
			t.Fatal(name)
		}
	}
	if resp := b.get("/callback?code=" + strings.Repeat("c", 64<<10) + "&state=" + state); resp.StatusCode != 400 && resp.StatusCode != 414 {
		t.Errorf("64 KB code: %d", resp.StatusCode)
	}
	big := a.browser()
	big.cookies["__Host-login"] = strings.Repeat("a", 16<<10)
	if resp := big.get(callback("code", "c", "state", state)); resp.StatusCode != 400 && resp.StatusCode != 431 {
		t.Errorf("16 KB cookie: %d", resp.StatusCode)
	}
	if up.hits() != 0 {
		t.Errorf("%d token requests", up.hits())
	}
	long := strings.Repeat("~", 4096)
	if resp := b.get(callback("code", long, "state", state)); resp.StatusCode != 200 || up.forms[0].Get("code") != long {
		t.Errorf("after all that, and with a code of 4,096 characters: %d %s", resp.StatusCode, bodyOf(resp))
	}
}

func flip(state string) string {
	if state[10] == 'A' {
		return state[:10] + "B" + state[11:]
	}
	return state[:10] + "A" + state[11:]
}

func distinct(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("p" + strings.Repeat("q", i%9) + string(rune('a'+i%26)) + strings.Repeat("z", i/26) + "=1&")
		if b.Len() > 15<<10 {
			break
		}
	}
	return b.String()
}

func TestStateIsOpaque_C20(t *testing.T) {
	b := newApp(t, newUpstream(t)).browser()
	state := b.login("?return_to=/secret-destination").Get("state")
	for _, enc := range []*base64.Encoding{base64.RawURLEncoding, base64.URLEncoding, base64.RawStdEncoding, base64.StdEncoding} {
		if d, err := enc.DecodeString(state); err == nil && (strings.Contains(string(d), "http") || strings.Contains(string(d), "/") && strings.Contains(string(d), "secret")) {
			t.Error("a state says something")
		}
	}
}

func TestBoundToTheBrowser_C24_C25(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	j, x := a.browser(), a.browser()
	state := j.login("").Get("state")
	url := callback("code", "c", "state", state)
	wantError(t, x.get(url), 403, "wrong_browser", state) // no cookie
	x.login("")
	wantError(t, x.get(url), 403, "wrong_browser", state) // a live login of its own
	for name, value := range map[string]string{"garbage": "garbage", "hash": "", "cut": j.cookies["__Host-login"][:21], "unprefixed": ""} {
		y := a.browser()
		if name == "unprefixed" {
			y.cookies["login"] = j.cookies["__Host-login"]
		} else {
			y.cookies["__Host-login"] = value
		}
		wantError(t, y.get(url), 403, "wrong_browser", state)
	}
	wantError(t, x.get(callback("error", "access_denied", "state", state)), 403, "wrong_browser", state)
	if up.hits() != 0 {
		t.Fatalf("%d token requests", up.hits())
	}
	if resp := j.get(url); resp.StatusCode != 200 {
		t.Errorf("a stranger burnt the login: %d %s", resp.StatusCode, bodyOf(resp))
	}
}

func TestDuplicateCookies(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	url := callback("code", "c", "state", b.login("").Get("state"))
	value := b.cookies["__Host-login"]
	b.cookies = map[string]string{}
	differing := http.Header{"Cookie": {"__Host-login=" + value + "; __Host-login=" + strings.Repeat("A", 22)}}
	wantError(t, b.do("GET", url, nil, differing), 400, "invalid_request", value)
	wantError(t, b.do("GET", "/login", nil, differing), 400, "invalid_request", value)
	split := http.Header{"Cookie": {"__Host-login=" + value, "__Host-login=other"}}
	wantError(t, b.do("GET", url, nil, split), 400, "invalid_request", value)
	same := http.Header{"Cookie": {"__Host-login=" + value + "; a=b; __Host-login=" + value}}
	if resp := b.do("GET", url, nil, same); resp.StatusCode != 200 {
		t.Errorf("identical duplicates: %d %s", resp.StatusCode, bodyOf(resp))
	}
}

func TestMethods_C42(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	state := b.login("").Get("state")
	for _, m := range []string{"HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"} {
		resp := b.do(m, callback("code", "c", "state", state), nil, nil)
		if resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET, POST" {
			t.Errorf("%s: %d, Allow %q", m, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	crossSite := a.browser() // the Lax cookie is not sent with a cross-site POST
	resp := crossSite.do("POST", "/callback", strings.NewReader("state="+state+"&code=a%2Bb+c"), form)
	if resp.StatusCode != 303 || resp.Header.Get("Location") != "/callback?code=a%2Bb+c&state="+state {
		t.Errorf("form_post: %d %s", resp.StatusCode, resp.Header.Get("Location"))
	}
	if a.store.claims.Load() != 0 {
		t.Error("form_post touched the store")
	}
	for name, tt := range map[string]struct {
		body string
		h    http.Header
	}{
		"repeated": {"code=a&code=b", form}, "broken": {"code=%zz", form}, "json": {`{"code":"a"}`, http.Header{"Content-Type": {"application/json"}}},
		"no type": {"code=a", nil}, "too long": {"code=" + strings.Repeat("a", 17<<10), form},
	} {
		if resp := crossSite.do("POST", "/callback", strings.NewReader(tt.body), tt.h); resp.StatusCode != 400 || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if got := b.get(resp.Header.Get("Location")); got.StatusCode != 200 || up.forms[0].Get("code") != "a+b c" {
		t.Errorf("after the bounce: %d %s", got.StatusCode, bodyOf(got))
	}
}

func TestErrorPage_C43(t *testing.T) {
	b := newApp(t, newUpstream(t)).browser()
	b.header = http.Header{"Sec-Fetch-Mode": {"navigate"}}
	resp := b.get(callback("code", "c", "state", session.NewState()))
	csp, body := resp.Header.Get("Content-Security-Policy"), bodyOf(resp)
	if resp.StatusCode != 400 || !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%d %s", resp.StatusCode, csp)
	}
	for _, external := range []string{"src=", "http://", "https://", "@import", "<script"} {
		if strings.Contains(body, external) {
			t.Errorf("the page has %s", external)
		}
	}
	if !strings.Contains(body, `href="/login"`) {
		t.Error("no way on")
	}
}

func TestDeadline_F21(t *testing.T) {
	up := newUpstream(t)
	a := newApp(t, up)
	b := a.browser()
	state := b.login("").Get("state")
	a.timeout = time.Second
	resp := b.get(callback("code", "c", "state", state))
	wantError(t, resp, 503, "provider_unavailable", state)
	if a.store.claims.Load() != 0 || up.hits() != 0 {
		t.Error("the login was claimed without the time to finish it")
	}
	a.timeout = 10 * time.Second
	if resp := b.get(callback("code", "c", "state", state)); resp.StatusCode != 200 {
		t.Errorf("reloaded: %d %s", resp.StatusCode, bodyOf(resp))
	}
}
