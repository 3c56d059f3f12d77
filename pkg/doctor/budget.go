package doctor

import (
	"fmt"
	"net/url"

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

// message is one that passes API Gateway: how long it can become, and what for.
type message struct {
	length int
	which  string
	always bool // it is this long in every login
}

// messages are the longest of one login, with what the provider has announced.
func (x *Examination) messages(ep provider.Endpoints) (list []message, callback int) {
	const state, headers, hint = 43, 512, len("&login_hint=") + 3*maxHint
	fixed := len(" HTTP/1.1\r\nHost: \r\n\r\n") + len(baseurl.Host(x.Base)) + x.cookieHeader() + browserHeaders
	login := len("GET /login?return_to=&login_hint=&prompt=") + 3*(maxReturnTo+maxHint) + len("select_account") + fixed
	callback = len("GET /callback?code=&state=&iss=&scope=") + state + len(url.QueryEscape(ep.Issuer)) + len(url.QueryEscape(x.Provider.Scope)) + fixed
	plain, longest := len(x.request(ep, "")), len(x.request(ep, "select_account"))+hint
	list = []message{
		{plain + headers, "the answer that leads to the provider", true},
		{login, "GET /login with the longest return_to", false},
		{callback + leastCode, "GET /callback with a code of 2 KB", false},
		{longest + headers, "the answer that leads to the provider", false},
	}
	if x.Provider.Name == builtin {
		list = append(list, message{plain - len(x.Base) + fixed, "GET /oauth/authorize", true}, message{longest - len(x.Base) + fixed, "GET /oauth/authorize", false})
	}
	return list, callback
}

// budget compares the longest messages with what passes API Gateway.
func (x *Examination) budget(ep provider.Endpoints) []Finding {
	list, callback := x.messages(ep)
	longest := list[0]
	for _, m := range list {
		if m.length > longest.length && !(longest.always && longest.length > maxRequest) {
			longest = m
		}
	}
	if longest.length <= maxRequest {
		return []Finding{{ID: "budget", Level: OK, What: fmt.Sprintf("the longest message, %s, takes %d of API Gateway's %d bytes; a callback has room for a code of %d", longest.which, longest.length, maxRequest, maxRequest-callback)}}
	}
	f := Finding{"budget", Warning, fmt.Sprintf("%s can take %d bytes; API Gateway takes %d", longest.which, longest.length, maxRequest),
		"what is longer is refused by API Gateway, before any function sees it", "shorten OAUTH_SCOPE and OAUTH_EXTRA_PARAMS"}
	if len(ep.Authorize) > maxURL && x.Provider.Name != builtin {
		f.Do += fmt.Sprintf("; the authorization endpoint itself takes %d bytes: have the provider announce a shorter one", len(ep.Authorize))
	}
	if longest.always {
		f.Why = "API Gateway refuses it, and with it every login"
		if !x.local() {
			f.Level = Problem
		}
	}
	return []Finding{f}
}
