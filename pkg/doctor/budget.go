package doctor

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

const (
	// maxRequest is what API Gateway takes of a request line and its headers
	// together, and of an answer's headers, in bytes.
	maxRequest = 10240
	// browserHeaders is what a browser and the network in front add to a
	// request, its cookies excepted; most need half of it.
	browserHeaders = 2048
	// maxReturnTo and maxHint are the bounds of /login, three bytes each when
	// escaped.
	maxReturnTo, maxHint = 2048, 256
	// leastCode is the length of the longest codes that providers are known
	// to give.
	leastCode = 2048
)

// cookies are those of this host, as long as they become: name and value.
var cookies = []struct {
	name    string
	length  int
	session bool // in mode session only
	builtin bool // of the built-in server only
}{
	{"login", 22, false, false}, {"session", 64, true, false},
	{"browser", 22, false, true}, {"signin", 65, false, true}, {"known", 288, false, true},
}

// cookieHeader is the length of the Cookie header.
func (x *Examination) cookieHeader() int {
	n := len("Cookie: \r\n")
	for _, c := range cookies {
		if c.session && x.Settings.Mode != rp.ModeSession || c.builtin && x.Provider.Name != builtin {
			continue
		}
		n += len(c.name) + c.length + len("=; ")
		if baseurl.Secure(x.Base) {
			n += len("__Host-")
		}
	}
	return n
}

// budget adds up the longest messages that pass API Gateway.
func (x *Examination) budget() []Finding {
	ep := provider.Endpoints{Authorize: strings.Repeat("x", 100), Issuer: x.issuer()}
	if p := x.Provider; p.Fixed.Authorize != "" {
		ep = p.Fixed
	}
	fixed := len(" HTTP/1.1\r\nHost: \r\n\r\n") + len(baseurl.Host(x.Base)) + x.cookieHeader() + browserHeaders
	const state = 43
	login := len("GET /login?return_to=&login_hint=&prompt=") + 3*(maxReturnTo+maxHint) + len("select_account") + fixed
	callback := len("GET /callback?code=&state=&iss=&scope=") + state + len(url.QueryEscape(ep.Issuer)) + len(url.QueryEscape(x.Provider.Scope)) + fixed
	request := len(x.request(ep, "select_account")) + len("&login_hint=") + 3*maxHint
	longest, which := login, "GET /login with the longest return_to"
	for _, m := range []struct {
		length int
		which  string
	}{
		{callback + leastCode, "GET /callback with a code of 2 KB"},
		{request + 512, "the answer that leads to the provider"},
		{request + fixed, "GET /oauth/authorize"},
	} {
		if m.length > longest && (m.which != "GET /oauth/authorize" || x.Provider.Name == builtin) {
			longest, which = m.length, m.which
		}
	}
	if longest > maxRequest {
		return []Finding{{"budget", Warning, fmt.Sprintf("%s can take %d bytes; API Gateway takes %d", which, longest, maxRequest),
			"what is longer is refused by API Gateway, before any function sees it", "shorten OAUTH_SCOPE and OAUTH_EXTRA_PARAMS"}}
	}
	return []Finding{{ID: "budget", Level: OK, What: fmt.Sprintf("the longest message, %s, takes %d of API Gateway's %d bytes; a callback has room for a code of %d", which, longest, maxRequest, maxRequest-callback)}}
}
