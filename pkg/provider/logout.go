package provider

import (
	"net/url"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// Logout is how a browser ends its session at the provider.
type Logout string

// The ways. LogoutStandard is OpenID Connect RP-Initiated Logout 1.0 §2.
// LogoutCognito names the return URL logout_uri. LogoutHint asks for an ID
// token as a hint, which would have to pass through the browser: there is no
// logout at such a provider.
const (
	LogoutStandard Logout = ""
	LogoutCognito  Logout = "cognito"
	LogoutHint     Logout = "hint"
)

// EndSessionURL is where to send a browser that has logged out here, so that
// it is logged out at the provider too (OpenID Connect RP-Initiated Logout 1.0
// §2), or "" when there is no such place. returnTo is a URL in full that is
// registered there; it is left out when empty. The endpoint's own query is
// kept, and what it says of these parameters goes before. There is never an
// id_token_hint: no token reaches a browser.
func (p *Provider) EndSessionURL(ep Endpoints, returnTo string) string {
	if ep.EndSession == "" || p.Logout == LogoutHint {
		return ""
	}
	back := "post_logout_redirect_uri"
	if p.Logout == LogoutCognito {
		back = "logout_uri"
	}
	own, _ := oauth.ParseParams(query(ep.EndSession))
	target := ep.EndSession
	add := func(name, value string) {
		if _, there := own[name]; value == "" || there {
			return
		}
		var b strings.Builder
		begin(&b, target)
		b.WriteString(name + "=" + url.QueryEscape(value))
		target = b.String()
	}
	add("client_id", p.ClientID)
	add(back, returnTo)
	return target
}
