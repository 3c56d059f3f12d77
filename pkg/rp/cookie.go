package rp

import (
	"errors"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	// browserBits is the entropy of the login cookie: 22 characters.
	browserBits = 128
	// browserAge is the life of the login cookie, and the longest a login may
	// take.
	browserAge = 10 * time.Minute
)

// errCookies: the browser sent the cookie more than once, and differently.
var errCookies = errors.New("login cookie sent twice with different values")

// browserCookie is the name of the cookie that ties logins to a browser. With
// https the prefix makes browsers refuse one that another host or a path set.
func browserCookie(base string) string {
	if baseurl.Secure(base) {
		return "__Host-login"
	}
	return "login"
}

// browser returns the value of the login cookie, "" without a usable one.
// Identical duplicates are one cookie; differing ones are an error, because
// nothing tells which of them is ours.
func browser(r *http.Request) (string, error) {
	value := ""
	for i, c := range r.CookiesNamed(browserCookie(baseurl.From(r.Context()))) {
		if i > 0 && c.Value != value {
			return "", errCookies
		}
		value = c.Value
	}
	if !secret.Minted(value, browserBits) {
		return "", nil
	}
	return value, nil
}

// setBrowser sends the login cookie. It is one constant cookie for all tabs
// (any number of parallel logins share it), and every login renews its age.
func setBrowser(w http.ResponseWriter, base, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: browserCookie(base), Value: value, Path: "/", MaxAge: int(browserAge / time.Second),
		Secure: baseurl.Secure(base), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}
