package e2e_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// registered is a client of the configuration file below.
type registered struct {
	id, secret, auth, grant, scope string
	jwt                            bool
}

const (
	appRedirect = "https://app.example.com/callback"
	// The public client has a second one. Not every library can send it:
	// openid-client cuts the query off when it redeems the code.
	appRedirectQuery = appRedirect + "?tenant=1"

	appScope = "openid profile email"
	// A secret with everything that a form or a header could break.
	oddSecret = "s:e%c+r e&t=é/" + "0123456789abcdef"
)

// registrations are one client of each kind, as an application would have it.
var registrations = map[string]registered{
	"public":             {id: "app-public", auth: "none", grant: "authorization_code", scope: appScope},
	"confidential basic": {id: "app basic:1", secret: oddSecret, auth: "client_secret_basic", grant: "authorization_code", scope: appScope},
	"confidential post":  {id: "app-post", secret: oddSecret, auth: "client_secret_post", grant: "authorization_code", scope: appScope},
	"JWT access tokens":  {id: "app-jwt", secret: "jwt-secret-0123456789", auth: "client_secret_basic", grant: "authorization_code", scope: appScope, jwt: true},
	"machine":            {id: "machine", secret: "machine-secret-0123456789", auth: "client_secret_basic", grant: "client_credentials", scope: "read"},
	"machine with JWT":   {id: "machine-jwt", secret: "machine-secret-9876543210", auth: "client_secret_post", grant: "client_credentials", scope: "read", jwt: true},
}

// The person whom the configuration file knows.
const (
	appUser     = "alice"
	appPassword = "correct horse battery staple"
)

// redirects are the registered redirect URIs.
func (r registered) redirects() []string {
	if r.secret == "" {
		return []string{appRedirect, appRedirectQuery}
	}
	return []string{appRedirect}
}

// settings are what the client programs take.
func (r registered) settings(issuer string) map[string]string {
	s := map[string]string{"issuer": issuer, "id": r.id, "auth": r.auth, "grant": r.grant, "scope": r.scope, "redirectURI": appRedirect}
	if r.secret != "" {
		s["secret"] = r.secret
	}
	if r.jwt {
		s["jwt"] = "yes"
	}
	return s
}

// visits plays the person whom a client program asks.
func visits(t *testing.T, base string) func(string) string {
	browser := person(nil)
	return func(authorize string) string {
		return approves(t, browser, base, authorize)
	}
}

// approves walks from an authorization URL to the redirect to the client as
// the person of the configuration file.
func approves(t testing.TB, c *http.Client, base, authorize string) string {
	t.Helper()
	w := walker{t, c}
	page := w.follow(get(t, c, authorize), base)
	if strings.Contains(page.body, "/oauth/signin") {
		page = w.follow(w.submit(w.formTo(page, "/oauth/signin"), "username", appUser, "password", appPassword, "do", "signin"), base)
	}
	if page.StatusCode == http.StatusOK {
		page = w.submit(w.formTo(page, "/oauth/approve"), "do", "approve")
	}
	if page.StatusCode != http.StatusSeeOther && page.StatusCode != http.StatusFound {
		t.Fatalf("no redirect to the client: %d\n%s", page.StatusCode, page.body)
	}
	return page.Header.Get("Location")
}

// stepsOf are the steps that every client program has to go through.
func stepsOf(r registered) []string {
	if r.grant == "client_credentials" {
		return []string{"discovery", "client_credentials", "introspection", "revocation", "refused"}
	}
	return []string{"discovery", "code", "userinfo", "refresh", "introspection", "revocation", "refused"}
}

// Clients that nobody here wrote find nothing to object to, on a laptop and
// deployed.
func TestForeignClients(t *testing.T) {
	t.Parallel()
	for front, start := range map[string]func(*testing.T) string{"serve": serveForApps, "Lambda": lambdaForApps} {
		t.Run(front, func(t *testing.T) {
			base := start(t)
			for name, r := range registrations {
				for _, program := range []string{peer.OpenIDClient, peer.OAuth4WebAPI} {
					t.Run(program+", "+name, func(t *testing.T) {
						steps := peer.RunClient(t, program, r.settings(base), visits(t, base))
						if want := stepsOf(r); !slices.Equal(steps, want) {
							t.Errorf("steps %v, want %v", steps, want)
						}
					})
				}
				t.Run("Go, "+name, func(t *testing.T) { goClient(t, base, r) })
			}
		})
	}
}
