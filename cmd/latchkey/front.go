package main

import (
	"fmt"
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// command is how the README starts this program.
const command = "go run ./cmd/latchkey"

// examples are ways to set a provider; the values are the placeholders that
// the settings reader refuses.
var examples = []page.Example{
	{Name: "Cashmere", Settings: []string{"OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=your-client-id", "OAUTH_CLIENT_SECRET=your-client-secret"}},
	{Name: "Google", Settings: []string{"OAUTH_PROVIDER=google", "OAUTH_CLIENT_ID=your-client-id", "OAUTH_CLIENT_SECRET=your-client-secret"}},
	{Name: "Any OpenID provider", Settings: []string{"OIDC_ISSUER=https://issuer.example.com", "OAUTH_CLIENT_ID=your-client-id", "OAUTH_CLIENT_SECRET=your-client-secret"}},
}

// front answers before any provider is involved: the first page, and /login
// while there is no provider to send anybody to.
type front struct {
	provider    *provider.Provider
	mode        string
	redirectURI string
}

// ready reports whether there is a provider to sign in with.
func (f *front) ready() bool { return f.provider.Name != "builtin" }

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		page.Refuse(w, r, &oauth.Error{
			Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "This address answers GET and HEAD only.",
		})
	case f.ready():
		page.Show(w, r, http.StatusOK, page.Welcome(page.WelcomeView{
			Provider: f.provider.Name, LoginURL: "/login", RedirectURI: f.redirectURI, Mode: f.mode,
		}))
	case page.Navigation(r) || r.URL.Path == "/":
		page.Show(w, r, http.StatusOK, page.NoProvider(page.NoProviderView{
			RedirectURI: f.redirectURI, Command: command, Examples: examples,
		}))
	default:
		page.Refuse(w, r, &oauth.Error{
			Code:        oauth.ConfigError,
			Description: "No provider is set. Set OAUTH_PROVIDER or OIDC_ISSUER, and OAUTH_CLIENT_ID, and start the server again; the page / has examples.",
		})
	}
}

// announce prints what to do next.
func (f *front) announce(base string) {
	if !f.ready() {
		fmt.Println("no provider is set: set OAUTH_PROVIDER or OIDC_ISSUER, and OAUTH_CLIENT_ID, then start again; " + base + " shows examples")
		return
	}
	fmt.Println("sign in at " + base + "/login (provider " + f.provider.Name + ", tokens are answered as JSON)")
	fmt.Println("register " + f.redirectURI + " as redirect URI with the provider")
}
