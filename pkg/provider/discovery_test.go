package provider_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// issuer is an OpenID provider's metadata on this machine, over TLS.
type issuer struct {
	*httptest.Server
	serve atomic.Pointer[http.HandlerFunc]
	mu    sync.Mutex
	paths []string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	s := &issuer{}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.paths = append(s.paths, r.URL.EscapedPath())
		s.mu.Unlock()
		(*s.serve.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	s.answers(answer(200, s.document(s.URL)))
	return s
}

func (s *issuer) answers(h http.HandlerFunc) { s.serve.Store(&h) }

func (s *issuer) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.paths)
}

// document is good metadata of an issuer on s.
func (s *issuer) document(name string) string {
	return fmt.Sprintf(`{"issuer":%q,"authorization_endpoint":"%[2]s/authorize","token_endpoint":"%[2]s/token","userinfo_endpoint":"%[2]s/me",
		"jwks_uri":"%[2]s/jwks","revocation_endpoint":"%[2]s/revoke","end_session_endpoint":"%[2]s/logout",
		"id_token_signing_alg_values_supported":["none","HS256","RS256","ES256"],"authorization_response_iss_parameter_supported":true,
		"code_challenge_methods_supported":["S256"]}`, name, s.URL)
}

func (s *issuer) provider(change ...func(*provider.Provider)) *provider.Provider {
	return client(append([]func(*provider.Provider){func(p *provider.Provider) {
		p.Name, p.Issuer, p.Scope, p.Transport = "oidc", s.URL, "openid", trusting(s.Client())
	}}, change...)...)
}

func TestDiscovery(t *testing.T) {
	s := newIssuer(t)
	ep, err := s.provider().Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := provider.Endpoints{Authorize: s.URL + "/authorize", Token: s.URL + "/token", UserInfo: s.URL + "/me", Revoke: s.URL + "/revoke",
		EndSession: s.URL + "/logout", JWKS: s.URL + "/jwks", Issuer: s.URL, IssRequired: true, IDTokenAlgs: []string{"RS256", "ES256"}}
	if fmt.Sprint(ep) != fmt.Sprint(want) {
		t.Errorf("endpoints %+v\nwant %+v", ep, want)
	}
}

func TestDiscoveryPaths(t *testing.T) {
	const oidc, rfc8414 = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	for _, test := range []struct {
		name, path string
		at         string
		want       []string
	}{
		{"an issuer without a path", "", oidc, []string{oidc}},
		{"a trailing slash is not doubled", "/", oidc, []string{oidc}},
		{"an issuer with a path", "/realms/r", "/realms/r" + oidc, []string{"/realms/r" + oidc}},
		{"an escaped path", "/realms/a%20b", "/realms/a%20b" + oidc, []string{"/realms/a%20b" + oidc}},
		{"RFC 8414 when there is no other", "", rfc8414, []string{oidc, rfc8414}},
		{"RFC 8414 puts it between host and path", "/tenant", rfc8414 + "/tenant", []string{"/tenant" + oidc, rfc8414 + "/tenant"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newIssuer(t)
			s.answers(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.EscapedPath() != test.at {
					http.NotFound(w, r)
					return
				}
				answer(200, s.document(s.URL+test.path))(w, r)
			})
			if _, err := s.provider(func(p *provider.Provider) { p.Issuer += test.path }).Endpoints(t.Context()); err != nil {
				t.Error(err)
			}
			if got := s.asked(); !slices.Equal(got, test.want) {
				t.Errorf("asked %v, want %v", got, test.want)
			}
		})
	}
}

func TestDiscoveryIsRefused_C70(t *testing.T) {
	swap := func(old, new string) func(*issuer) http.HandlerFunc {
		return func(s *issuer) http.HandlerFunc {
			r := strings.NewReplacer(strings.ReplaceAll(old, "URL", s.URL), strings.ReplaceAll(new, "URL", s.URL))
			return answer(200, r.Replace(s.document(s.URL)))
		}
	}
	plain := func(h http.HandlerFunc) func(*issuer) http.HandlerFunc {
		return func(*issuer) http.HandlerFunc { return h }
	}
	for _, test := range []struct {
		name  string
		serve func(*issuer) http.HandlerFunc
		cause string
	}{
		{"another issuer", swap(`"issuer":"URL"`, `"issuer":"https://attacker.example"`), "discovery: issuer differs"},
		{"a trailing slash", swap(`"issuer":"URL"`, `"issuer":"URL/"`), "discovery: issuer differs"},
		{"no issuer", swap(`"issuer":"URL",`, ``), "discovery: issuer differs"},
		{"an issuer that is no string", swap(`"issuer":"URL"`, `"issuer":["URL"]`), "discovery: unusable metadata"},
		{"no authorization endpoint", swap(`"authorization_endpoint":"URL/authorize",`, ``), "discovery: unusable metadata"},
		{"no token endpoint", swap(`"token_endpoint":"URL/token",`, ``), "discovery: unusable metadata"},
		{"no keys", swap(`"jwks_uri":"URL/jwks",`, ``), "discovery: unusable metadata"},
		{"an http authorization endpoint", swap(`"URL/authorize"`, `"http://op.example/authorize"`), "discovery: unusable metadata"},
		{"an http token endpoint", swap(`"URL/token"`, `"http://127.0.0.1/token"`), "discovery: unusable metadata"},
		{"http keys", swap(`"URL/jwks"`, `"http://op.example/jwks"`), "discovery: unusable metadata"},
		{"a script as authorization endpoint", swap(`"URL/authorize"`, `"javascript:alert(1)"`), "discovery: unusable metadata"},
		{"a user in the token endpoint", swap(`"URL/token"`, `"https://u:p@op.example/token"`), "discovery: unusable metadata"},
		{"a fragment", swap(`"URL/authorize"`, `"URL/authorize#x"`), "discovery: unusable metadata"},
		{"an endpoint that sets state", swap(`"URL/authorize"`, `"URL/authorize?state=x"`), "discovery: unusable metadata"},
		{"only symmetric signatures", swap(`"RS256","ES256"`, `"HS512"`), "discovery: no keys for ID tokens"},
		{"a redirect", plain(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}), "discovery: answered 302"},
		{"500", plain(answer(500, `{}`)), "discovery: answered 500"},
		{"404 everywhere", plain(answer(404, `{}`)), "discovery: answered 404"},
		{"no JSON", plain(answer(200, `<html>`)), "discovery: unusable metadata"},
		{"50 MB", plain(func(w http.ResponseWriter, _ *http.Request) { pour(w, 800) }), "discovery: answer too large"},
		{"nothing", plain(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "discovery: connection lost before an answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newIssuer(t)
			s.answers(test.serve(s))
			p := s.provider()
			_, err := p.Endpoints(t.Context())
			e := refusal(t, err)
			if e.Code != oauth.ProviderUnavailable || e.HTTPStatus() != 503 || e.RetryAfter <= 0 || e.Cause.Error() != test.cause {
				t.Errorf("%v, status %d, retry after %v; want %q", e, e.HTTPStatus(), e.RetryAfter, test.cause)
			}
			if slices.Contains(s.asked(), "/elsewhere") {
				t.Error("a redirect was followed")
			}
			s.answers(answer(200, s.document(s.URL)))
			if _, err := p.Endpoints(t.Context()); err != nil {
				t.Errorf("the failure is remembered: %v", err)
			}
		})
	}
}

func TestNoDowngrade_C39(t *testing.T) {
	for name, methods := range map[string]string{"only plain": `"code_challenge_methods_supported":["plain"]`, "none": `"x":0`} {
		t.Run(name, func(t *testing.T) {
			s := newIssuer(t)
			s.answers(answer(200, strings.Replace(s.document(s.URL), `"code_challenge_methods_supported":["S256"]`, methods, 1)))
			p := s.provider()
			ep, err := p.Endpoints(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := p.AuthorizeURL(ep, request); !strings.Contains(got, "&code_challenge="+request.Challenge+"&code_challenge_method=S256") {
				t.Errorf("%s: no S256 challenge", got)
			}
		})
	}
}

func TestMetadataIsCached(t *testing.T) {
	s := newIssuer(t)
	now := epoch
	p := s.provider(func(p *provider.Provider) { p.Now = func() time.Time { return now } })
	for _, step := range []struct {
		name  string
		after time.Duration
		down  bool
		asked int
		ok    bool
	}{
		{"the first time", 0, false, 1, true},
		{"59 minutes later", 59 * time.Minute, false, 1, true},
		{"an hour later", time.Hour, false, 2, true},
		{"another hour later, provider down: the old metadata", 2 * time.Hour, true, 3, true},
		{"a second later it is left in peace", 2*time.Hour + time.Second, true, 3, true},
		{"half a minute later it is asked again", 2*time.Hour + 31*time.Second, true, 4, true},
		{"a day later the old metadata is too old", 25*time.Hour + time.Second, true, 5, false},
		{"and a failure is not remembered", 25*time.Hour + time.Second, true, 6, false},
		{"until the provider is back", 25*time.Hour + time.Second, false, 7, true},
		{"a clock that was set back does not keep it for ever", -time.Hour, false, 8, true},
	} {
		now = epoch.Add(step.after)
		if step.down {
			s.answers(answer(503, `{}`))
		} else {
			s.answers(answer(200, s.document(s.URL)))
		}
		if _, err := p.Endpoints(t.Context()); (err == nil) != step.ok {
			t.Errorf("%s: error %v", step.name, err)
		}
		if n := len(s.asked()); n != step.asked {
			t.Errorf("%s: asked %d times in all, want %d", step.name, n, step.asked)
		}
	}
}

func TestOneFetchForAllCallers_F25(t *testing.T) {
	s := newIssuer(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-release
		answer(200, s.document(s.URL))(w, r)
	})
	p := s.provider()
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { _, err := p.Endpoints(leaving); left <- err }()
	<-arrived
	errs := make(chan error, 25)
	for range cap(errs) {
		go func() { _, err := p.Endpoints(t.Context()); errs <- err }()
	}
	leave()
	if err := <-left; err == nil {
		t.Error("the caller that left got an answer")
	} else if e := refusal(t, err); e.Code != oauth.ProviderUnavailable {
		t.Error(e)
	}
	close(release)
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Errorf("a caller lost its fetch to another: %v", err)
		}
	}
	if n := len(s.asked()); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestMetadataOverHTTPOnThisMachine(t *testing.T) {
	for token, ok := range map[string]bool{"http://localhost:9/t": true, "http://op.example/t": false} {
		t.Run(token, func(t *testing.T) {
			var url string
			f := newFar(t, func(w http.ResponseWriter, r *http.Request) {
				answer(200, `{"issuer":"`+url+`","authorization_endpoint":"`+url+`/a","token_endpoint":"`+token+`"}`)(w, r)
			})
			url = f.URL
			_, err := client(func(p *provider.Provider) { p.Issuer = url }).Endpoints(t.Context())
			if (err == nil) != ok {
				t.Errorf("error %v, want ok %v", err, ok)
			}
		})
	}
}

func TestGet(t *testing.T) {
	s := newIssuer(t)
	p := s.provider()
	s.answers(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
	if _, err := p.Get(t.Context(), s.URL+"/jwks"); err == nil || errors.Unwrap(err) != nil || err.Error() != "answered 302" {
		t.Errorf("error %v", err)
	}
	if slices.Contains(s.asked(), "/elsewhere") {
		t.Error("a redirect was followed")
	}
}
