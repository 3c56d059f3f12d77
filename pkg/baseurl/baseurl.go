// Package baseurl carries the public base URL of the request at hand in its
// context. The redirect URI and, later, the issuer are made from it.
//
// It never looks at Host, X-Forwarded-* or Forwarded: whoever puts a base
// into a context has it from a setting or from the gateway itself.
package baseurl

import (
	"context"
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

type key struct{}

// ErrInvalid is returned by Parse.
var ErrInvalid = errors.New("want https://HOST[:PORT] without a path, or http:// on a loopback host")

// Parse checks and normalises a base URL: scheme and host only, https, or
// http when the host is loopback (RFC 8252 §8.3). It is spelled as browsers
// spell an origin: no trailing slash, no default port, an IP address in its
// shortest form.
func Parse(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || u.Opaque != "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" ||
		(u.Path != "" && u.Path != "/") || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || strings.HasSuffix(s, "#") {
		return "", ErrInvalid
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && Loopback(u.Hostname())) {
		return "", ErrInvalid
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	if strings.ContainsFunc(host, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':' || c == '_')
	}) {
		return "", ErrInvalid
	}
	if n, err := strconv.ParseUint(port, 10, 16); port != "" && (err != nil || n == 0) {
		return "", ErrInvalid
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host, nil
}

// Loopback reports whether host (without a port) is this machine: localhost,
// 127.0.0.0/8 or ::1.
func Loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

// With returns a context that carries base, a result of Parse.
func With(ctx context.Context, base string) context.Context {
	return context.WithValue(ctx, key{}, base)
}

// From returns the base URL in ctx. It panics without one: a handler that is
// not behind the gateway cannot know its redirect URI.
func From(ctx context.Context) string {
	base, ok := ctx.Value(key{}).(string)
	if !ok {
		panic("baseurl: no base URL in the context")
	}
	return base
}

// Secure reports whether base is https, so that cookies can be Secure and
// carry the __Host- prefix.
func Secure(base string) bool { return strings.HasPrefix(base, "https://") }

// Host returns the host of base with its port, as a Host header has it.
func Host(base string) string {
	_, host, _ := strings.Cut(base, "://")
	return host
}
