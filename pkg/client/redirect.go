package client

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// sameRedirect compares byte for byte. At a loopback IP address the port is
// the app's to choose when it starts (RFC 8252 §7.3); "localhost" has no such
// freedom, since it may be more than this machine (§8.3).
func sameRedirect(registered, uri string) bool {
	if registered == uri {
		return true
	}
	for _, host := range []string{"http://127.0.0.1", "http://[::1]"} {
		want, ok := portless(registered, host)
		got, also := portless(uri, host)
		if ok && also && want == got {
			return true
		}
	}
	return false
}

// portless cuts origin and an optional port off uri; what is left is empty or
// starts with "/" or "?". false when uri is not at that origin.
func portless(uri, origin string) (string, bool) {
	rest, ok := strings.CutPrefix(uri, origin)
	if !ok {
		return "", false
	}
	if after, has := strings.CutPrefix(rest, ":"); has {
		digits := 0
		for digits < len(after) && after[digits] >= '0' && after[digits] <= '9' {
			digits++
		}
		if _, err := strconv.ParseUint(after[:digits], 10, 16); err != nil || after[0] == '0' {
			return "", false
		}
		rest = after[digits:]
	}
	return rest, rest == "" || rest[0] == '/' || rest[0] == '?'
}

// reserved are the parameters that an answer adds to a redirect URI. A URI
// that brings its own could be read either way.
var reserved = []string{"code", "state", "iss", "error", "error_description", "error_uri", "id_token", "access_token", "token_type", "response"}

// CheckRedirectURI reports what is wrong with a redirect URI that is to be
// registered (RFC 6749 §3.1.2, RFC 8252 §7 and §8.4, RFC 9700 §4.1), and what
// to do about it.
func CheckRedirectURI(uri string) error {
	for _, c := range []byte(uri) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return errors.New("has a character that no URI has; percent-encode it")
		}
	}
	u, err := url.Parse(uri)
	switch {
	case uri == "" || err != nil:
		return errors.New("is not a URI; use one such as https://app.example/callback")
	case strings.Contains(uri, "#"):
		return errors.New("has a fragment; leave out the # and what follows")
	case strings.Contains(uri, "*"):
		return errors.New("has a wildcard; register each redirect URI in full")
	case u.Scheme == "":
		return errors.New("is relative; start it with https://")
	case u.User != nil:
		return errors.New("has a user name; leave out what stands before the @")
	}
	if err := checkScheme(u); err != nil {
		return err
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if segment == "." || segment == ".." {
			return errors.New("has a . or .. in its path; write the path that a browser makes of it")
		}
	}
	query, err := oauth.ParseParams(u.RawQuery)
	if err != nil {
		return errors.New("has a query with a broken escape or a repeated parameter; repair it")
	}
	for _, name := range reserved {
		if _, has := query[name]; has {
			return errors.New("has the parameter " + name + " in its query, which belongs to the answer; leave it out")
		}
	}
	return nil
}

// checkScheme allows https, http at this machine, and the private-use schemes
// of apps, which are a domain name in reverse (RFC 8252 §7.1). That leaves
// javascript, data, file and their kind outside without naming them.
func checkScheme(u *url.URL) error {
	switch {
	case u.Scheme == "https" || u.Scheme == "http":
		port, err := strconv.ParseUint(u.Port(), 10, 16)
		switch {
		case u.Opaque != "" || u.Hostname() == "":
			return errors.New("has no host; use one such as https://app.example/callback")
		case strings.HasSuffix(u.Host, ":") || u.Port() != "" && (err != nil || port == 0):
			return errors.New("has a port that is not one; use 1 to 65535 or leave it out")
		case u.Scheme == "http" && !baseurl.Loopback(u.Hostname()):
			return errors.New("is http; use https, or http at 127.0.0.1, [::1] or localhost")
		}
		return nil
	case strings.Contains(u.Scheme, ".") && !slices.Contains(strings.Split(u.Scheme, "."), ""):
		return nil
	}
	return errors.New("has the scheme " + u.Scheme + "; use https, http at a loopback address, or an app's own scheme such as com.example.app")
}
