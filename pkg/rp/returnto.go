package rp

import (
	"errors"
	"net/url"
	"strings"
)

// DefaultReturnTo is where a login ends when nothing else was asked for.
const DefaultReturnTo = "/session"

// maxReturnTo bounds return_to, in bytes.
const maxReturnTo = 2048

var errReturnTo = errors.New("return_to is not a path on this host")

// ReturnTo checks where a login is to end: a path on this host and nothing a
// browser could read as another one (RFC 9700 §4.11). A query and a fragment
// may follow the path. Empty means DefaultReturnTo.
func ReturnTo(s string) (string, error) {
	if s == "" {
		return DefaultReturnTo, nil
	}
	if len(s) > maxReturnTo || s[0] != '/' || strings.ContainsFunc(s, func(c rune) bool { return c <= 0x20 || c >= 0x7f || c == '\\' }) {
		return "", errReturnTo
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" || u.Opaque != "" || u.User != nil || u.Host != "" || !plainPath(u.Path) {
		return "", errReturnTo
	}
	switch strings.TrimSuffix(u.Path, "/") {
	case "/login", "/callback", "/logout":
		return "", errReturnTo // it would go round in circles
	}
	if s = u.String(); len(s) > maxReturnTo { // escaping makes three bytes of one
		return "", errReturnTo
	}
	return s, nil
}

// plainPath judges a path after decoding: no empty segment but the last, no
// dot segment, nothing that a browser rewrites.
func plainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.ContainsFunc(path, func(c rune) bool { return c < 0x20 || c == 0x7f || c == '\\' }) {
		return false
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if s == "." || s == ".." || (s == "" && i < len(segments)-1) {
			return false
		}
	}
	return true
}
