package e2e_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// disclosed are words of a front door that says how its server is set up, and what
// happened in the last login.
var disclosed = []string{"This is a demo", "<code>admin</code>", "/callback", "step by step", "The callback was refused: access_denied"}

// On a loopback address the front door is for one developer; whatever that
// developer's browser is sent to the callback with is not on it. Behind an https
// base it is for everybody, and tells nothing.
func TestFrontDoorOfServe(t *testing.T) {
	for name, c := range map[string]struct {
		base string // "" is where it listens
		args []string
		open bool
	}{
		"for this machine":                    {"", nil, true},
		"for this machine, with sessions":     {"", []string{"--session"}, true},
		"behind an https base":                {"https://login.example.com", nil, false},
		"behind an https base, with sessions": {"https://login.example.com", []string{"--session"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var settings []string
			if c.base != "" {
				settings = []string{"PUBLIC_BASE_URL=" + c.base}
				c.args = append(c.args, "--config", appConfig(t))
			}
			s := startServe(t, "localhost:0", settings, c.args...)
			declined(t, s.base)
			for _, path := range []string{"/", "/?x=1"} {
				front := get(t, person(nil), s.base+path)
				if front.StatusCode != http.StatusOK || !strings.Contains(front.body, `href="/login"`) {
					t.Fatalf("%s: %d %s", path, front.StatusCode, front.body)
				}
				for _, words := range disclosed {
					if strings.Contains(front.body, words) != c.open {
						t.Errorf("%s: the front door says %q: %v, want %v", path, words, !c.open, c.open)
					}
				}
				for _, words := range []string{"0800", "evil"} {
					if strings.Contains(front.body, words) {
						t.Errorf("%s: the front door says %q", path, words)
					}
				}
			}
		})
	}
}

// declined goes through a login that the person, or somebody who made the
// address up, declines in words of their own.
func declined(t *testing.T, base string) {
	t.Helper()
	browser := person(nil)
	sent := get(t, browser, base+"/login")
	if sent.StatusCode != http.StatusFound || len(sent.Cookies()) != 1 {
		t.Fatalf("/login: %d %v", sent.StatusCode, sent.Header)
	}
	query := url.Values{
		"error": {"access_denied"}, "error_description": {"Your account is locked. Call 0800 evil"}, "error_uri": {"https://evil.example/"},
		"state": {stateOf(t, sent)},
	}
	if issuer, _, found := strings.Cut(sent.Header.Get("Location"), "/oauth/authorize?"); found {
		query.Set("iss", issuer)
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, base+"/callback?"+query.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c := sent.Cookies()[0]; c.Secure { // the proxy in between speaks https
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	if back := send(t, browser, r); back.StatusCode != http.StatusBadRequest || !strings.Contains(back.body, "access_denied") {
		t.Fatalf("/callback: %d %s", back.StatusCode, back.body)
	}
}
