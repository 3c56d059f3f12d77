package authorization_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// try sends one password with the form of a fresh page.
func (b *browser) try(name, pass string) *http.Response {
	b.s.t.Helper()
	return b.post(authorization.PathSignIn, "form", formOf(b.s.t, b.get(A("web", "prompt", "login"))), "username", name, "password", pass, "do", "signin")
}

func TestPageHeaders_S27(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	signin := b.get(A("web"))
	approve := b.signIn(A("web"), "admin")
	for name, resp := range map[string]*http.Response{"sign-in": signin, "approve": approve, "sign-out": b.get(authorization.PathSignOut)} {
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.StatusCode != http.StatusOK || resp.Header.Get("X-Frame-Options") != "DENY" || !strings.Contains(policy, "frame-ancestors 'none'") ||
			!strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "form-action") ||
			resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" ||
			resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
}

func TestCookies_S33(t *testing.T) {
	for at, prefix := range map[string]string{base: "__Host-", "http://localhost:3000": ""} {
		s := newServerAt(t, at)
		b := s.browser()
		page := b.get(A("web"))
		resp := b.post(authorization.PathSignIn, "form", formOf(t, page), "username", "admin", "password", password)
		seen := map[string]bool{}
		for _, c := range slices.Concat(page.Cookies(), resp.Cookies()) {
			seen[c.Name] = true
			if !strings.HasPrefix(c.Name, prefix) || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Secure != (prefix != "") || c.MaxAge <= 0 || len(c.Value) > 512 {
				t.Errorf("%s: %s", at, c.Raw)
			}
		}
		if !seen[prefix+"browser"] || !seen[prefix+"signin"] || !seen[prefix+"known"] || len(seen) != 3 {
			t.Errorf("%s: cookies %v", at, seen)
		}
		if len(page.Cookies()) != 1 {
			t.Errorf("%s: the page before sign-in sets %v", at, page.Cookies())
		}
	}
}

// The redirect after a password is 303 and leads to the same request,
// whatever the form brings besides.
func TestNextIsSealed_S35_S26(t *testing.T) {
	s := newServer(t)
	for _, extra := range []string{
		"next=https://evil.example", "next=//evil.example", "next=/evil", "return_to=https://evil.example", "return=https://evil.example",
		"returnUrl=https://evil.example", "return_url=//evil.example", "redirect=https://evil.example", "redirect_uri=https://evil.example",
		"redirect_to=https://evil.example", "continue=https://evil.example", "continue=abc", "url=javascript:alert(1)", "goto=https://evil.example",
		"target=https://evil.example", "dest=https://evil.example", "r=https://evil.example", "RelayState=https://evil.example",
		"state=evil", "client_id=native", "scope=read", "code_challenge=evil", "post_logout_redirect_uri=https://evil.example", "iss=https://evil.example",
	} {
		t.Run(extra, func(t *testing.T) {
			b := s.browser()
			form := formOf(t, b.get(A("web", "scope", "openid", "prompt", "consent")))
			name, value, _ := strings.Cut(extra, "=")
			for _, query := range []string{"", "?" + name + "=" + value} {
				resp := b.post(authorization.PathSignIn+query, "form", form, "username", "admin", "password", password, name, value)
				location := resp.Header.Get("Location")
				if resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, authorization.PathAuthorize+"?continue=") || strings.Contains(location, "evil") {
					t.Fatalf("%d %s", resp.StatusCode, location)
				}
				got := answer(t, b.post(authorization.PathApprove, "form", formOf(t, b.get(location)), "do", "approve", name, value))
				if g := s.grantOf(got.Get("code")); g.ClientID != "web" || g.RedirectURI != "https://app.example/cb2" || g.Challenge != challenge || strings.Join(g.Scopes, " ") != "openid" || got.Get("state") != "st-1" {
					t.Errorf("%+v", g)
				}
			}
		})
	}
}

func TestSignInCSRF_S28(t *testing.T) {
	s := newServer(t)
	stranger := s.browser()
	foreign := formOf(t, stranger.get(A("web")))
	b := s.browser()
	own := formOf(t, b.get(A("web")))
	approve := func() string { c := s.browser(); return c.approvePage(A("web")) }()
	for name, form := range map[string]string{
		"none": "-", "empty": "", "garbage": "abc", "of another browser": foreign, "an approve form": approve,
		"a bit flipped": own[:20] + string(own[20]^1) + own[21:], "cut": own[:len(own)-1], "longer": own + "A", "padded": own + "=",
		"only the key": own[:6], "of an unknown key": "AAAAAA" + own[6:], "of 60 KB": strings.Repeat("A", 60_000),
	} {
		pairs := []string{"username", "admin", "password", password}
		if form != "-" {
			pairs = append(pairs, "form", form)
		}
		resp := b.post(authorization.PathSignIn, pairs...)
		if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
	for name, header := range map[string]http.Header{
		"cross-site":                {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":                 {"Sec-Fetch-Site": {"same-site"}},
		"origin evil, old browser":  {"Origin": {"https://evil.example"}},
		"origin null, old browser":  {"Origin": {"null"}},
		"origin with another port":  {"Origin": {"https://id.example:8443"}},
		"origin as a prefix":        {"Origin": {"https://id.example.evil.example"}},
		"cross-site, origin spoofs": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {base}},
	} {
		for _, path := range []string{authorization.PathSignIn, authorization.PathApprove, authorization.PathSignOut} {
			c := s.browser()
			c.cookies = b.cookies
			c.header = header
			resp := c.post(path, "form", own, "username", "admin", "password", password)
			if resp.StatusCode != http.StatusForbidden || len(resp.Cookies()) > 0 || resp.Header.Get("Location") != "" {
				t.Errorf("%s %s: %d %v", path, name, resp.StatusCode, resp.Header)
			}
		}
	}
	if ops := s.flows.ops(); ops["PutSignIn"] != 1 { // the approve form's own
		t.Errorf("store operations: %v", ops)
	}
	b.cookies = map[string]string{}
	if resp := b.post(authorization.PathSignIn, "form", own, "username", "admin", "password", password); resp.StatusCode != http.StatusForbidden || !strings.Contains(bodyOf(resp), "cookie") {
		t.Errorf("without cookies: %d", resp.StatusCode)
	}
}

func TestFormsExpire(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := formOf(t, b.get(A("web", "nonce", "n")))
	s.advance(10*time.Minute - 2*time.Second)
	resp := b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password)
	if resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("at ten minutes less a bit: %d", resp.StatusCode)
	}
	next := resp.Header.Get("Location")
	approve := formOf(t, b.get(next))
	s.advance(10 * time.Minute)
	for name, resp := range map[string]*http.Response{
		"sign-in": b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password),
		"onward":  b.get(next),
		"approve": b.post(authorization.PathApprove, "form", approve, "do", "approve"),
	} {
		wantPAGE(t, resp, http.StatusBadRequest)
		if !strings.Contains(bodyOf(resp), `href="/oauth/authorize?client_id=web&amp;code_challenge=`) {
			t.Errorf("%s: no way on\n%s", name, bodyOf(resp))
		}
	}
}

// A request has forms for half an hour at most, however often one is shown
// anew: that is what a grant's item outlives.
func TestFormsEndWithTheirRequest_S41(t *testing.T) {
	s := newServer(t)
	s.endpoint.Lifetimes.RefreshMax = time.Second
	b := s.browser()
	resp := b.get(A("web"))
	for range 3 {
		s.advance(9 * time.Minute)
		resp = b.post(authorization.PathSignIn, "form", formOf(t, resp), "username", "admin", "password", "wrong")
	}
	form := b.signInWith(formOf(t, resp))
	s.advance(2 * time.Minute)
	code := answer(t, b.post(authorization.PathApprove, "form", form, "do", "approve")).Get("code")
	if code == "" || s.flows.last.ExpiresAt.Before(s.now().Add(time.Minute)) {
		t.Errorf("the item of a form that can be sent again is over at %v", s.flows.last.ExpiresAt)
	}
	s.advance(time.Minute + time.Second)
	wantPAGE(t, b.post(authorization.PathApprove, "form", form, "do", "approve"), http.StatusBadRequest)
}

func (b *browser) signInWith(form string) (approve string) {
	b.s.t.Helper()
	resp := b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", password)
	return formOf(b.s.t, b.get(resp.Header.Get("Location")))
}

var sealedValue = regexp.MustCompile(`value="[A-Za-z0-9_-]{60,}"`)

func TestUnknownUserLooksLikeAWrongPassword_S29(t *testing.T) {
	s := newServer(t)
	type seen struct {
		status int
		header string
		body   string
	}
	look := func(name, pass string) seen {
		resp := s.browser().try(name, pass)
		resp.Header.Del("Set-Cookie") // a fresh browser cookie each
		return seen{resp.StatusCode, fmt.Sprint(resp.Header), strings.Replace(sealedValue.ReplaceAllString(bodyOf(resp), ""), `value="`+name+`"`, `value="NAME"`, 1)}
	}
	want := look("admin", "wrong")
	if want.status != http.StatusBadRequest || !strings.Contains(want.body, `role="alert"`) || !strings.Contains(want.body, `value="NAME"`) {
		t.Fatalf("%+v", want)
	}
	for name, got := range map[string]seen{
		"unknown":             look("nobody", "wrong"),
		"disabled":            look("off", "wrong"),
		"disabled, but right": look("off", password),
		"case of the name":    look("ADMIN", password),
		"space after":         look("admin ", password),
	} {
		if got.status != want.status || got.header != want.header || got.body != want.body {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
	}
}

// The time says no more than the answer does: argon2 is computed for both.
func TestUnknownUserTakesAsLong_S29(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := formOf(t, b.get(A("web")))
	took := map[string][]time.Duration{}
	for i := range 60 {
		// Interleaved, in turns; from addresses and for names of their own, so
		// that nobody is throttled.
		b.remote = fmt.Sprintf("198.51.100.%d:1", i)
		names := []string{"costly", fmt.Sprintf("nobo%02d", i)}
		if i%2 == 1 {
			slices.Reverse(names)
		}
		for _, name := range names {
			begin := time.Now()
			resp := b.post(authorization.PathSignIn, "form", form, "username", name, "password", "wrong")
			if resp.StatusCode != http.StatusBadRequest {
				t.Fatalf("%s: %d", name, resp.StatusCode)
			}
			took[name[:4]] = append(took[name[:4]], time.Since(begin))
		}
		_ = s.store.ReturnTry(t.Context(), user.Bucket("account", "costly"))
	}
	median := func(d []time.Duration) float64 { slices.Sort(d); return float64(d[len(d)/2]) }
	if ratio := median(took["cost"]) / median(took["nobo"]); ratio < 0.9 || ratio > 1.1 {
		t.Errorf("a known name takes %.2f times as long", ratio)
	}
}

func TestWrongPasswords_S31(t *testing.T) {
	s := newServer(t)
	for name, pass := range map[string]string{
		"empty": "", "space": " ", "longer": password + "x", "trimmed space": password + " ", "shorter": password[:5], "capitals": strings.ToUpper(password),
		"with a NUL": password + "\x00", "twice": password + password, "SQL": "' OR 1=1 --", "wildcard": "%", "the hash": cheap(password),
		"a JSON true": "true", "null": "null", "1 KB": strings.Repeat("a", 1024), "2 KB": strings.Repeat("a", 2048), "40 KB": strings.Repeat("a", 40_000),
		"umlauts": "pässwort", "an emoji": "🔑", "line ends": password + "\r\n", "the name": "admin", "any": "anything",
	} {
		b := s.browser()
		b.remote = fmt.Sprintf("[2001:db8:%x::1]:1", name[:1])
		resp := b.try("admin", pass)
		if resp.StatusCode == http.StatusSeeOther || b.cookies["__Host-signin"] != "" {
			t.Errorf("%s: signed in", name)
		}
		_ = s.store.ReturnTry(t.Context(), user.Bucket("account", "admin"))
		if strings.Contains(bodyOf(resp), pass) && len(pass) > 6 {
			t.Errorf("%s: the page repeats the password", name)
		}
	}
}

func TestDamagedForm_S89(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := formOf(t, b.get(A("web")))
	for name, body := range map[string]string{
		"broken escape":   "form=" + form + "&username=%zz&password=x",
		"name twice":      "form=" + form + "&username=admin&username=bob&password=" + password,
		"password twice":  "form=" + form + "&username=admin&password=x&password=" + password,
		"form twice":      "form=" + form + "&form=" + form + "&username=admin&password=" + password,
		"not UTF-8":       "form=" + form + "&username=%ff&password=x",
		"semicolons":      "form=" + form + ";username=admin;password=x",
		"password as 8-1": "form=" + form + "&username=admin&password=p%e4ss",
	} {
		if resp := b.do(http.MethodPost, authorization.PathSignIn, "application/x-www-form-urlencoded", body); resp.StatusCode != http.StatusBadRequest || b.cookies["__Host-signin"] != "" {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	for _, kind := range []string{"", "application/json", "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded, x"} {
		if resp := b.do(http.MethodPost, authorization.PathSignIn, kind, "form="+form+"&username=admin&password="+password); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", kind, resp.StatusCode)
		}
	}
}

func TestBruteForce_S30(t *testing.T) {
	throttled := func(resp *http.Response) bool {
		wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != http.StatusTooManyRequests {
			return false
		}
		if err != nil || wait < 1 || wait > 60 || !strings.Contains(bodyOf(resp), "too many tries") {
			t.Errorf("Retry-After %q\n%s", resp.Header.Get("Retry-After"), bodyOf(resp))
		}
		return true
	}
	from := func(b *browser, n int) *browser { b.remote = fmt.Sprintf("203.0.113.%d:9", n); return b }

	t.Run("per account, from everywhere", func(t *testing.T) {
		s := newServer(t)
		for i := range 5 {
			if resp := from(s.browser(), i).try("admin", "wrong"); resp.StatusCode != http.StatusBadRequest {
				t.Fatalf("try %d: %d", i+1, resp.StatusCode)
			}
		}
		if !throttled(from(s.browser(), 6).try("admin", password)) {
			t.Error("the right password is looked at all the same")
		}
		if resp := from(s.browser(), 6).try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("another account suffers: %d", resp.StatusCode)
		}
		s.advance(61 * time.Second)
		if resp := from(s.browser(), 7).try("admin", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("after a minute: %d", resp.StatusCode)
		}
	})
	t.Run("an account that nobody has", func(t *testing.T) {
		s := newServer(t)
		for i := range 5 {
			from(s.browser(), i).try("nobody", "wrong")
		}
		if !throttled(from(s.browser(), 6).try("nobody", "wrong")) {
			t.Error("throttled only when somebody has it")
		}
	})
	t.Run("per source, over all accounts", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		for i := range 20 {
			if resp := b.try(fmt.Sprintf("user%d", i), "wrong"); resp.StatusCode != http.StatusBadRequest {
				t.Fatalf("try %d: %d", i+1, resp.StatusCode)
			}
		}
		if !throttled(b.try("bob", password)) {
			t.Error("not throttled")
		}
		// What was not looked at counts against nobody's account.
		for range 10 {
			b.try("bob", "wrong")
		}
		if resp := from(s.browser(), 1).try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("the owner elsewhere: %d", resp.StatusCode)
		}
	})
	t.Run("what was not looked at counts against no source", func(t *testing.T) {
		s := newServer(t)
		for range 40 {
			s.browser().try("admin", "wrong")
		}
		if resp := s.browser().try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("%d", resp.StatusCode)
		}
	})
	t.Run("an IPv6 customer is one source", func(t *testing.T) {
		s := newServer(t)
		for i := range 20 {
			b := s.browser()
			b.remote = fmt.Sprintf("[2001:db8:1:2::%x]:9", i+1)
			b.try(fmt.Sprintf("user%d", i), "wrong")
		}
		b := s.browser()
		b.remote = "[2001:db8:1:2:ffff::1]:9"
		if !throttled(b.try("bob", password)) {
			t.Error("an address of the same /64 passes")
		}
		b.remote = "[2001:db8:1:3::1]:9"
		if resp := b.try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("another /64 suffers: %d", resp.StatusCode)
		}
	})
	t.Run("an owner's browser is never kept out", func(t *testing.T) {
		s := newServer(t)
		owner := s.browser()
		owner.signIn(A("web"), "admin")
		for i := range 300 {
			from(s.browser(), i%250).try("admin", "wrong")
			s.browser().try("x"+strconv.Itoa(i), "wrong") // the owner's address, too
		}
		if !throttled(s.browser().try("admin", password)) {
			t.Error("a browser never seen before passes")
		}
		if resp := owner.try("admin", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("the owner: %d", resp.StatusCode)
		}
	})
	t.Run("that browser has a limit too, and for one user only", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		b.signIn(A("web"), "admin")
		for range 5 {
			b.try("admin", "wrong")
		}
		if !throttled(b.try("admin", password)) {
			t.Error("a browser used before may guess for ever")
		}
		for i := range 5 {
			from(s.browser(), i).try("bob", "wrong")
		}
		if !throttled(b.try("bob", password)) {
			t.Error("signing in as one user opens the way to another")
		}
	})
	t.Run("a known cookie that is not ours", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		b.signIn(A("web"), "admin")
		ours := b.cookies["__Host-known"]
		for i := range 5 {
			from(s.browser(), i).try("admin", "wrong")
		}
		for _, forged := range []string{"x", ours[:len(ours)-2], "AAAAAA" + ours[6:], ours + "A", b.cookies["__Host-signin"]} {
			c := s.browser()
			c.cookies["__Host-known"] = forged
			if !throttled(c.try("admin", password)) {
				t.Errorf("%q passes", forged)
			}
		}
		s.advance(181 * 24 * time.Hour)
		for i := range 5 {
			from(s.browser(), i).try("admin", "wrong")
		}
		if !throttled(b.try("admin", password)) {
			t.Error("the cookie has no end")
		}
	})
	t.Run("a right password costs nothing", func(t *testing.T) {
		s := newServer(t)
		for i := range 30 {
			b := s.browser()
			if resp := b.try("admin", password); resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("sign-in %d: %d", i+1, resp.StatusCode)
			}
		}
	})
	t.Run("200 guesses at once", func(t *testing.T) {
		s := newServer(t)
		var looked atomic.Int32
		var wg sync.WaitGroup
		for i := range 200 {
			b := from(s.browser(), i)
			form := formOf(t, b.get(A("web")))
			wg.Go(func() {
				if b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", "wrong").StatusCode == http.StatusBadRequest {
					looked.Add(1)
				}
			})
		}
		wg.Wait()
		if looked.Load() != 5 {
			t.Errorf("%d guesses were looked at", looked.Load())
		}
	})
	t.Run("the window ends", func(t *testing.T) {
		s := newServer(t)
		for i := range 9 {
			from(s.browser(), i).try("admin", "wrong")
		}
		s.advance(15 * time.Minute)
		for i := range 5 {
			if resp := from(s.browser(), i).try("admin", "wrong"); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("try %d: %d", i+1, resp.StatusCode)
			}
		}
	})
	t.Run("by POSTing one form again and again", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		form := formOf(t, b.get(A("web")))
		last := 0
		for range 6 {
			last = b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", "wrong").StatusCode
		}
		if last != http.StatusTooManyRequests {
			t.Error(last)
		}
	})
}

func TestNewSignInEachTime_S32(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	preset := strings.Repeat("A", 65)
	b.cookies["__Host-signin"] = preset
	b.signIn(A("web"), "admin")
	first := b.cookies["__Host-signin"]
	if first == preset || first == "" {
		t.Fatal("the preset id is kept")
	}
	b.signIn(A("web", "prompt", "login"), "admin")
	second := b.cookies["__Host-signin"]
	if second == first {
		t.Fatal("the id is the same after another sign-in")
	}
	for _, old := range []string{preset, first} {
		c := s.browser()
		c.cookies["__Host-signin"] = old
		if !is(c.get(A("web")), authorization.PathSignIn) {
			t.Error("the old cookie still works")
		}
	}
	if !is(b.get(A("web")), authorization.PathApprove) {
		t.Error("the new cookie does not work")
	}
	s.advance(authorization.SignInAge)
	if !is(b.get(A("web")), authorization.PathSignIn) {
		t.Error("a sign-in lasts longer than it may")
	}
}

func TestCancel(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	resp := b.post(authorization.PathSignIn, "form", formOf(t, b.get(A("web"))), "username", "", "password", "", "do", "cancel")
	wantREDIR(t, resp, "https://app.example/cb2?", "access_denied", "st-1")
	if ops := s.flows.ops(); len(ops) > 0 {
		t.Errorf("store operations: %v", ops)
	}
}

func TestPromptAndMaxAge(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	s.advance(100 * time.Second)
	for name, tt := range map[string]struct {
		change []string
		page   string
	}{
		"nothing":                   {nil, authorization.PathApprove},
		"prompt=login":              {[]string{"prompt", "login"}, authorization.PathSignIn},
		"prompt=select_account":     {[]string{"prompt", "select_account"}, authorization.PathSignIn},
		"prompt=login consent":      {[]string{"prompt", "login consent"}, authorization.PathSignIn},
		"prompt=consent":            {[]string{"prompt", "consent"}, authorization.PathApprove},
		"max_age not reached":       {[]string{"max_age", "200"}, authorization.PathApprove},
		"max_age passed":            {[]string{"max_age", "99"}, authorization.PathSignIn},
		"max_age zero":              {[]string{"max_age", "0"}, authorization.PathSignIn},
		"max_age longer than we do": {[]string{"max_age", "2000000000"}, authorization.PathApprove},
	} {
		if resp := b.get(A("web", tt.change...)); !is(resp, tt.page) {
			t.Errorf("%s: %s", name, bodyOf(resp))
		}
	}
	// Having signed in for this request is enough: it does not go round in circles.
	for _, change := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"prompt", "select_account consent"}} {
		if resp := b.signIn(A("web", change...), "admin"); !is(resp, authorization.PathApprove) {
			t.Errorf("%v: asks again", change)
		}
	}
	if body := bodyOf(s.browser().get(A("web", "login_hint", `b"><b>ob`))); !strings.Contains(body, `value="b&#34;&gt;&lt;b&gt;ob"`) {
		t.Error("login_hint is not in the form")
	}
}

func TestPrefetch(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.allow(A("web", "scope", "read"), "read")
	s.flows.ops()
	b.header.Set("Sec-Purpose", "prefetch;prerender")
	wantPAGE(t, b.get(A("web", "scope", "read")), http.StatusBadRequest)
	if ops := s.flows.ops(); len(ops) > 0 {
		t.Errorf("store operations: %v", ops)
	}
}
