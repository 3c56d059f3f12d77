package page

import (
	"net/http"
	"strconv"
	"strings"
)

// Navigation reports whether a person will look at the answer. A browser says
// so in Sec-Fetch-Mode (W3C Fetch Metadata §2.2), and then its word is final.
// Without that header the request must name text/html in Accept with a weight
// above zero (RFC 9110 §12.5.1): ranges such as */* do not, since programs
// send them too.
func Navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, params, _ := strings.Cut(item, ";")
		if strings.EqualFold(strings.TrimSpace(kind), "text/html") && wanted(params) {
			return true
		}
	}
	return false
}

// wanted reports whether the parameters of a media range leave it acceptable:
// no q, or one above zero.
func wanted(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "q") {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err == nil && q > 0
	}
	return true
}

// Prefetch reports a request that a browser makes before anybody asked for it,
// by the headers that browsers send or have sent with one. It must not write
// anything.
func Prefetch(r *http.Request) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, v := range r.Header[name] {
			if v = strings.ToLower(v); strings.Contains(v, "prefetch") || strings.Contains(v, "prerender") || strings.Contains(v, "preview") {
				return true
			}
		}
	}
	return false
}
