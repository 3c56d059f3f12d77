package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// appConfig is a configuration file with all registrations. JSON is YAML.
func appConfig(t testing.TB) string {
	t.Helper()
	var clients []map[string]any
	for name, r := range registrations {
		c := map[string]any{
			"id": r.id, "name": "The app, " + name, "scopes": strings.Fields(r.scope), "auth_methods": []string{r.auth},
			"grant_types": []string{r.grant},
		}
		if r.grant == "authorization_code" {
			c["grant_types"] = []string{r.grant, "refresh_token"}
			c["redirect_uris"] = r.redirects()
		}
		if r.secret != "" {
			c["secret"] = r.secret
		}
		if r.jwt {
			c["access_token"] = "jwt"
		}
		clients = append(clients, c)
	}
	text, err := json.Marshal(map[string]any{
		"users":   []any{map[string]any{"username": appUser, "password": appPassword, "name": "Alice", "email": "alice@example.com"}},
		"clients": clients,
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// serveForApps is serve with all registrations.
func serveForApps(t *testing.T) string {
	t.Helper()
	return startServe(t, "localhost:0", nil, "--config", appConfig(t)).base
}
