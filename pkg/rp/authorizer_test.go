package rp_test

import (
	"context"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/principal"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// whoAmI asks the function behind the authorizer.
func (b *browser) whoAmI() *http.Response { return b.fetch("GET", "/api/whoami") }

// wantDenied is the gateway's own answer to a denial.
func wantDenied(t *testing.T, name string, resp *http.Response) {
	t.Helper()
	if body := bodyOf(resp); resp.StatusCode != 403 || body != "{\"message\":\"Forbidden\"}\n" || resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("%s: %d %s %v", name, resp.StatusCode, body, resp.Header)
	}
}

func TestAuthorizerAllows(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	s.sessions.reset()
	resp := b.whoAmI()
	got := jsonOf(t, resp)
	if resp.StatusCode != 200 || len(got) != 5 || got["sub"] != "alice-1" || got["realm"] != "custom "+s.processes[0].up.URL+"/token" || got["provider"] != "custom" || got["scope"] != "read write" || got["session"] != b.handle() {
		t.Errorf("%d %v", resp.StatusCode, got)
	}
	s.sessions.wantCalls(t, map[string]int{"get": 1})
	s.later(59 * time.Minute) // the access token has a minute left, which is no concern of the authorizer
	b.whoAmI()
	s.sessions.wantCalls(t, map[string]int{"get": 2})
}

func TestAuthorizerRefuses_C63(t *testing.T) {
	s, _ := aliceSite(t)
	one, two, out := s.signedIn(""), s.signedIn(""), s.signedIn("")
	a, b := one.cookies[sessionName], two.cookies[sessionName]
	raw, _ := base64.RawURLEncoding.DecodeString(a)
	gone := out.cookies[sessionName]
	out.fetch("POST", "/logout")
	k := *s.keeper
	k.Keys = ringOf(t, ringText())
	elsewhere := variant{keeper: &k}.of(s).browser()
	s.signIn(elsewhere, "")
	s.later(30 * time.Second) // until then its key might be one that comes
	entry, err := s.stored(t, a)
	if err != nil {
		t.Fatal(err)
	}
	upper := strings.ToUpper(a)
	if upper == a {
		upper = strings.ToLower(a)
	}
	named := func(value string) []string { return []string{sessionName + "=" + value} }
	vectors := map[string][]string{
		"no cookie":                         nil,
		"empty":                             named(""),
		"one character less":                named(a[:63]),
		"cut at the front":                  named(a[1:]),
		"cut to its id":                     named(a[:22]),
		"one character more":                named(a + "A"),
		"padded":                            named(a + "="),
		"twice in a row":                    named(a + a),
		"id of one, secret of the other":    named(a[:22] + b[22:]),
		"secret of one, id of the other":    named(b[:22] + a[22:]),
		"halves swapped":                    named(a[32:] + a[:32]),
		"reversed":                          named(reversed(a)),
		"other case":                        named(upper),
		"hex":                               named(hex.EncodeToString(raw)),
		"base32":                            named(base32.StdEncoding.EncodeToString(raw)),
		"base64 of it":                      named(base64.RawURLEncoding.EncodeToString([]byte(a))),
		"the bytes":                         named(string(raw)),
		"escaped":                           named("%" + hex.EncodeToString([]byte(a[:1])) + a[1:]),
		"a space in it":                     named(a[:32] + " " + a[33:]),
		"a tab before it":                   named("\t" + a),
		"a space before it":                 named(" " + a),
		"a comma after it":                  named(a + ","),
		"a NUL in it":                       named(a[:32] + "\x00" + a[33:]),
		"a look-alike":                      named("а" + a[1:]),
		"a newline":                         named(a[:63] + "\n"),
		"of the right form":                 named(session.NewCookie()),
		"all A":                             named(strings.Repeat("A", 64)),
		"logged out":                        named(gone),
		"of another deployment":             named(elsewhere.cookies[sessionName]),
		"the login's":                       named(one.cookies["__Host-login"]),
		"the login's, made longer":          named((one.cookies["__Host-login"] + one.cookies["__Host-login"] + one.cookies["__Host-login"])[:64]),
		"the item's key":                    named(entry.Key),
		"the hash in the item's key":        named(strings.TrimPrefix(entry.Key, session.Prefix)),
		"id and the hash":                   named((a[:22] + strings.TrimPrefix(entry.Key, session.Prefix))[:64]),
		"the sealed payload":                named(base64.RawURLEncoding.EncodeToString(entry.Sealed)[:64]),
		"its handle":                        named(one.handle()),
		"an access token":                   named("canary-access-1"),
		"form token":                        named(one.formOn("/logout")),
		"the name without a prefix":         {"session=" + a},
		"the name in lower case":            {"__host-session=" + a},
		"another prefix":                    {"__Secure-session=" + a},
		"a name with a space":               {"__Host-session =" + "x" + a},
		"two that differ":                   {sessionName + "=" + a, sessionName + "=" + b},
		"two that differ, in one line":      {sessionName + "=" + a + "; " + sessionName + "=" + b},
		"a good one and an empty one":       {sessionName + "=" + a + "; " + sessionName + "="},
		"garbage and a good one":            {sessionName + "=x; " + sessionName + "=" + a},
		"a good one and the same, quoted":   {sessionName + "=" + a + "; " + sessionName + `="` + b + `"`},
		"in another cookie":                 {"x=" + sessionName + "=" + a},
		"a form of many cookies":            {strings.Repeat("x=y; ", 100) + sessionName + "=" + a[:63]},
		"8 KB":                              named(strings.Repeat("A", 8<<10)),
		"authorization instead of a cookie": nil,
	}
	for i := range 8 { // each bit of a character of the id, and of the secret
		for at, half := range map[int]string{3: "id", 40: "secret"} {
			changed := append([]byte(nil), raw...)
			changed[at] ^= 1 << i
			vectors["bit "+string(rune('0'+i))+" of the "+half] = named(base64.RawURLEncoding.EncodeToString(changed))
		}
	}
	nobody := s.processes[0].browser()
	for name, lines := range vectors {
		wantDenied(t, name, nobody.do("GET", "/api/whoami", nil, http.Header{"Cookie": lines, "Authorization": {"Bearer " + a}, "X-Session": {a}}))
	}
	if len(vectors) < 60 {
		t.Errorf("%d vectors", len(vectors))
	}
	for _, b := range []*browser{one, two} {
		if resp := b.whoAmI(); resp.StatusCode != 200 {
			t.Errorf("and the real ones: %d", resp.StatusCode)
		}
	}
	s.later(24 * time.Hour)
	wantDenied(t, "expired", one.whoAmI())
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

func TestAuthorizerFailsClosed_C64(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	a := &rp.Authorizer{Keeper: s.keeper}
	ask := func(a *rp.Authorizer) (principal.Principal, bool, error) {
		r := httptest.NewRequestWithContext(baseurl.With(t.Context(), base), "GET", base+"/api", nil)
		r.AddCookie(&http.Cookie{Name: sessionName, Value: b.cookies[sessionName]})
		return a.Authorize(r)
	}
	for name, err := range map[string]error{"error": errors.New("broken"), "timeout": context.DeadlineExceeded, "hung up": context.Canceled} {
		s.sessions.set(func(string) error { return err }, nil)
		if who, ok, got := ask(a); ok || who != (principal.Principal{}) || !errors.Is(got, err) {
			t.Errorf("%s: %v %v %v", name, who, ok, got)
		}
		resp := b.whoAmI()
		if resp.StatusCode != 500 || strings.Contains(bodyOf(resp), "alice") || strings.Contains(bodyOf(resp), "broken") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, bodyOf(resp))
		}
	}
	s.sessions.set(nil, func(string) error { return errStoreDown }) // answered, and the answer lost
	if who, ok, err := ask(a); ok || err == nil || who.Subject != "" {
		t.Errorf("reply lost: %v %v %v", who, ok, err)
	}
	k := *s.keeper
	k.Keys = keysDown{}
	s.sessions.reset()
	if who, ok, err := ask(&rp.Authorizer{Keeper: &k}); ok || err == nil || who.Subject != "" {
		t.Errorf("no key: %v %v %v", who, ok, err)
	}
	s.sessions.set(func(string) error { panic("canary-panic") }, nil)
	if resp := b.whoAmI(); resp.StatusCode != 500 || strings.Contains(bodyOf(resp), "canary") {
		t.Errorf("panic: %d %s", resp.StatusCode, bodyOf(resp))
	}
	s.sessions.reset()
	if _, ok, err := ask(a); !ok || err != nil {
		t.Errorf("afterwards: %v %v", ok, err)
	}
	// The session ends between the read and the write that moves its idle end.
	s.later(2 * time.Hour)
	for _, err := range []error{session.ErrUnknown, session.ErrExpired} {
		s.sessions.set(func(method string) error {
			if method == "slide" {
				return err
			}
			return nil
		}, nil)
		if _, ok, got := ask(a); ok || got != nil {
			t.Errorf("%v: %v %v", err, ok, got)
		}
	}
	// A store that has vouched for the session and cannot move its end.
	s.sessions.set(func(method string) error { return errorsOn(method == "slide") }, nil)
	if _, ok, err := ask(a); !ok || err != nil {
		t.Errorf("not slid: %v %v", ok, err)
	}
	if resp := b.whoAmI(); resp.StatusCode != 200 || !strings.Contains(b.app.log.String(), `"slide":"not done`) {
		t.Errorf("not slid: %d", resp.StatusCode)
	}
}

func TestAuthorizerCrossSite_C66(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.signedIn("")
	s.sessions.reset()
	for name, header := range crossSite {
		from := header.Get("Origin") != "" && header.Get("Origin") != base || strings.HasSuffix(header.Get("Sec-Fetch-Site"), "-site")
		for _, m := range []string{"POST", "PUT", "PATCH", "DELETE", "QUERY", "post", "X"} {
			if resp := b.do(m, "/api/whoami", nil, header); from {
				wantDenied(t, m+" "+name, resp)
			} else if resp.StatusCode != 405 { // it reaches the function, which takes GET only
				t.Errorf("%s %s: %d", m, name, resp.StatusCode)
			}
		}
		if resp := b.do("GET", "/api/whoami", nil, header); resp.StatusCode != 200 || resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("GET %s: %d %v", name, resp.StatusCode, resp.Header)
		}
	}
}
