package authorization

import (
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// The cookies. On https they carry the __Host- prefix, with which a browser
// takes them from this very host only; http on loopback has neither.
const (
	// browserCookie ties forms to a browser. It is constant, so that any
	// number of tabs share it, and proves nothing about anybody.
	browserCookie = "browser"
	browserAge    = time.Hour
	browserBits   = 128
	// signInCookie is a signed-in browser; a new one with every sign-in.
	signInCookie = "signin"
	// knownCookie tells which users have signed in with this browser before.
	knownCookie = "known"
	knownAge    = 180 * 24 * time.Hour
)

func cookieName(r *http.Request, name string) string {
	if baseurl.Secure(baseurl.From(r.Context())) {
		return "__Host-" + name
	}
	return name
}

// cookie returns the value of a cookie, "" without one. Identical duplicates
// are one cookie; of differing ones nothing tells which is ours.
func cookie(r *http.Request, name string) string {
	value := ""
	for i, c := range r.CookiesNamed(cookieName(r, name)) {
		if i > 0 && c.Value != value {
			return ""
		}
		value = c.Value
	}
	return value
}

// setCookie sets a cookie; age zero removes it.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age time.Duration) {
	seconds := int(age / time.Second)
	if seconds == 0 {
		value, seconds = "", -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: cookieName(r, name), Value: value, Path: "/", MaxAge: seconds,
		Secure: baseurl.Secure(baseurl.From(r.Context())), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// browser is the browser's constant cookie, "" without one of ours.
func browser(r *http.Request) string {
	if v := cookie(r, browserCookie); secret.Minted(v, browserBits) {
		return v
	}
	return ""
}

// keepBrowser returns the browser's cookie and renews its age; a browser
// without one gets one.
func keepBrowser(w http.ResponseWriter, r *http.Request) string {
	v := browser(r)
	if v == "" {
		v = secret.Mint(browserBits)
	}
	setCookie(w, r, browserCookie, v, browserAge)
	return v
}

// signInID is the id in the sign-in cookie and the tag of its user, both ""
// without a usable one.
func signInID(r *http.Request) (id, tag string) {
	id, tag, ok := session.SignInCookie(cookie(r, signInCookie))
	if !ok {
		return "", ""
	}
	return id, tag
}
