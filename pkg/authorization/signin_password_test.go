package authorization_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/user"
)

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
// Other work on the machine can spoil a round, and hardly five; a hash that is
// left out spoils each of them.
func TestUnknownUserTakesAsLong_S29(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := formOf(t, b.get(A("web")))
	try := func(name string) time.Duration {
		began := time.Now()
		resp := b.post(authorization.PathSignIn, "form", form, "username", name, "password", "wrong")
		if resp.StatusCode != http.StatusBadRequest {
			t.Fatalf("%s: %d", name, resp.StatusCode)
		}
		return time.Since(began)
	}
	var ratio float64
	for round := range 5 {
		var known, unknown []time.Duration
		for i := range 15 {
			// In turns; from addresses and for names of their own, so that
			// nobody is throttled.
			b.remote = fmt.Sprintf("198.51.%d.%d:1", 100+round, i)
			nobody := fmt.Sprintf("nobody%d-%d", round, i)
			if i%2 == 0 {
				known, unknown = append(known, try("costly")), append(unknown, try(nobody))
			} else {
				unknown, known = append(unknown, try(nobody)), append(known, try("costly"))
			}
			_ = s.store.ReturnTry(t.Context(), user.Bucket("account", "costly"))
		}
		slices.Sort(known)
		slices.Sort(unknown)
		if ratio = float64(known[7]) / float64(unknown[7]); ratio > 0.9 && ratio < 1.1 {
			return
		}
	}
	t.Errorf("a known name takes %.2f times as long", ratio)
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
