package e2e_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// An examination is one run of doctor: what is changed in settings that are
// right, and what it has to say.
type examination struct {
	name    string
	change  map[string]string
	listen  string // default: where the provider expects us
	healthy bool
	want    []string
}

// doctorSays runs doctor with settings and compares.
func doctorSays(t *testing.T, settings map[string]string, at string, tests []examination) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := maps.Clone(settings)
			maps.Copy(all, test.change)
			if test.listen == "" {
				test.listen = at
			}
			out, err := command(t, environ(all), "doctor", "--listen", test.listen).CombinedOutput()
			if (err == nil) != test.healthy {
				t.Errorf("ended with %v", err)
			}
			for _, want := range append(test.want, "\n    http://"+test.listen+"/callback\n") {
				if !strings.Contains(string(out), want) {
					t.Errorf("missing %q in:\n%s", want, out)
				}
			}
			if strings.Contains(string(out), "FAIL") == test.healthy {
				t.Errorf("verdict:\n%s", out)
			}
			for _, secret := range []string{all["OAUTH_CLIENT_SECRET"], "goroutine"} {
				if secret != "" && strings.Contains(string(out), secret) {
					t.Errorf("%q is in:\n%s", secret, out)
				}
			}
		})
	}
}

// gone is an address where nothing listens.
const gone = "http://127.0.0.1:1"

func TestDoctorMeetsOIDCProvider(t *testing.T) {
	listen := fmt.Sprintf("localhost:%d", port())
	p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{"http://" + listen + "/callback"}})
	settings := withClient(map[string]string{"OIDC_ISSUER": p.Issuer}, false, p.Secret)
	doctorSays(t, settings, listen, []examination{
		{"everything is right", nil, "", true, []string{p.AuthorizeURL, p.TokenURL, "ok    authorize", "ok    token"}},
		{"a public client", map[string]string{"OAUTH_CLIENT_ID": peer.PublicClient, "OAUTH_CLIENT_SECRET": ""}, "", true, []string{"authentication none", "ok    token"}},
		{"a wrong secret", map[string]string{"OAUTH_CLIENT_SECRET": "not-the-secret-at-all"}, "", false, []string{"ok    authorize", "FAIL  token", "Check OAUTH_CLIENT_ID, the client secret"}},
		{"a wrong client id", map[string]string{"OAUTH_CLIENT_ID": "somebody-else"}, "", false, []string{"FAIL  authorize", "check OAUTH_CLIENT_ID", "FAIL  token"}},
		{"a redirect URI that is not registered", nil, "localhost:3999", false, []string{"FAIL  authorize", "that the redirect URI below is registered", "ok    token"}},
		{"a parameter that the provider does not take", map[string]string{"OAUTH_EXTRA_PARAMS": "registration=x"}, "", false, []string{"FAIL  authorize", "refused the login"}},
		{"the provider is down", map[string]string{"OIDC_ISSUER": gone}, "", false, []string{"FAIL  metadata", "cannot be read", "check the issuer's URL"}},
		{"an issuer with a slash too many", map[string]string{"OIDC_ISSUER": p.Issuer + "/"}, "", false, []string{"FAIL  metadata", "names another issuer", "a trailing slash included"}},
	})
}

func TestDoctorMeetsDjango(t *testing.T) {
	listen := fmt.Sprintf("localhost:%d", port())
	p := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{"http://" + listen + "/callback"}})
	settings := withClient(map[string]string{"OAUTH_PROVIDER": "cashmere", "OAUTH_PROVIDER_URL": p.URL}, false, p.Secret)
	doctorSays(t, settings, listen, []examination{
		{"everything is right", nil, "", true, []string{"provider cashmere", p.AuthorizeURL, p.TokenURL, "ok    authorize", "ok    token"}},
		{"a wrong secret", map[string]string{"OAUTH_CLIENT_SECRET": "not-the-secret-at-all"}, "", false, []string{"FAIL  token", "Check OAUTH_CLIENT_ID, the client secret"}},
		{"a wrong client id", map[string]string{"OAUTH_CLIENT_ID": "somebody-else"}, "", false, []string{"FAIL  token", "Check OAUTH_CLIENT_ID"}},
		{"the provider is down", map[string]string{"OAUTH_PROVIDER_URL": gone}, "", false, []string{"FAIL  authorize", "check its URL", "FAIL  token"}},
		{"a base that is a page", map[string]string{"OAUTH_PROVIDER_URL": p.URL + "/accounts"}, "", false, []string{"FAIL  authorize", "FAIL  token", "There is no token endpoint"}},
		// This provider wants a sign-in before it looks at the request.
		{"a redirect URI that is not registered", nil, "localhost:3999", true, []string{"only after the sign-in"}},
	})
}
