package main

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// command is how the README starts this program.
const command = "go run ./cmd/latchkey"

// builtin is the name of the provider that is this very server.
const builtin = "builtin"

// front is the first page, which says what to do.
type front struct {
	provider    *provider.Provider
	mode        string
	redirectURI string
	demo        bool
}

// ServeHTTP implements [http.Handler].
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		page.Refuse(w, r, &oauth.Error{
			Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "This address answers GET and HEAD only.",
		})
		return
	}
	page.Show(w, r, http.StatusOK, page.Welcome(page.WelcomeView{
		Provider: f.called(), Demo: f.demo, LoginURL: "/login", RedirectURI: f.redirectURI, Mode: f.mode,
	}))
}

// called is what people call a provider: a preset has a name, any other one
// is its host, and this server has none.
func (f *front) called() string {
	p, at := f.provider, f.provider.Issuer
	switch p.Name {
	case builtin:
		return ""
	case "custom":
		at = p.Fixed.Authorize
	case "oidc":
	default:
		return p.Name
	}
	_, at, _ = strings.Cut(at, "://")
	host, _, _ := strings.Cut(at, "/")
	return host
}

// announce prints what to do next.
func announce(f *front, s *server, base string) {
	fmt.Println("sign in at " + base + "/login (provider " + f.provider.Name + ", tokens are answered as JSON)")
	if f.provider.Name != builtin {
		fmt.Println("register " + f.redirectURI + " as redirect URI with the provider")
	} else {
		fmt.Println("the redirect URI is " + f.redirectURI + "; another provider wants it registered, this server knows it")
	}
	if s.found != nil && s.found.demo {
		fmt.Println("DEMO, for this machine only: user admin, password admin; client test_client, secret password. Everybody knows them: --config FILE has your own")
	}
}
