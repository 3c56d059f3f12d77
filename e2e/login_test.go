package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// An upstream is a provider, somebody else's server.
type upstream interface {
	SignIn(t testing.TB, client *http.Client, authorizeURL string) string
	TokenRequests() int
}

// A front is one way to run Latchkey.
type front struct {
	base   string
	client func() *http.Client
	log    func() string
}

// Each upstream starts a provider that knows redirectURI and says what to set
// for its confidential and its public client.
var upstreams = map[string]func(t *testing.T, redirectURI string) (p upstream, settings map[string]string, clientSecret string, openID bool){
	"oidc-provider": func(t *testing.T, redirectURI string) (upstream, map[string]string, string, bool) {
		p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{redirectURI}, AlwaysRefresh: true})
		return p, map[string]string{"OIDC_ISSUER": p.Issuer, "OAUTH_SCOPE": "openid profile email"}, p.Secret, true
	},
	"Django OAuth Toolkit as cashmere": func(t *testing.T, redirectURI string) (upstream, map[string]string, string, bool) {
		p := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{redirectURI}})
		return p, map[string]string{"OAUTH_PROVIDER": "cashmere", "OAUTH_PROVIDER_URL": p.URL}, p.Secret, false
	},
}

// parameters are those of the template that have no default. Each test sets
// the environment itself: the parameters take no http URL, and every provider
// here is on loopback.
var parameters = map[string]string{"ClientId": peer.ConfidentialClient, "Provider": "cashmere", "CallbackMode": "json"}

func TestLoginFromServe(t *testing.T) {
	for name, start := range upstreams {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listen := fmt.Sprintf("localhost:%d", port())
			p, settings, clientSecret, openID := start(t, "http://"+listen+"/callback")
			for _, public := range []bool{false, true} {
				s := startServe(t, listen, environ(withClient(settings, public, clientSecret)))
				f := front{base: s.base, client: func() *http.Client { return person(nil) }, log: s.log.String}
				wholeLogin(t, f, p, public, openID, clientSecret)
				_ = s.cmd.Process.Kill()
				<-s.done
			}
		})
	}
}

func TestLoginFromLambda(t *testing.T) {
	t.Parallel()
	for table, endpoint := range peer.Endpoints(t) {
		for name, start := range upstreams {
			t.Run(name+" on "+table, func(t *testing.T) {
				database := endpoint(t)
				config := stack.Config{Values: stack.Values{Parameters: parameters, Table: "flows-" + secret.Hash(t.Name())[:8]}}
				createTable(t, database, config.Table)
				p, settings, clientSecret, openID := start(t, "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/callback")
				for _, public := range []bool{false, true} {
					config.Override = withClient(settings, public, clientSecret)
					config.Override["AWS_ENDPOINT_URL_DYNAMODB"] = database
					if !public {
						storeSecret(t, &config, clientSecret)
					}
					s := stack.Start(t, config)
					f := front{base: s.URL(), client: func() *http.Client { return person(s) }, log: func() string { return s.Log("Login") + s.Log("Callback") }}
					wholeLogin(t, f, p, public, openID, clientSecret)
					if failures := s.Failures(); len(failures) > 0 {
						t.Errorf("failures: %v", failures)
					}
				}
			})
		}
	}
}

// The shape of events, cookies and addresses under sam local is its own.
func TestLoginUnderSAMLocal(t *testing.T) {
	t.Parallel()
	database := peer.Dynalite(t)
	config := stack.Config{SAMLocal: true, Values: stack.Values{Parameters: parameters}}
	createTable(t, database, "Flows")
	listen := "http://localhost:3000"
	p, settings, clientSecret, openID := upstreams["oidc-provider"](t, listen+"/callback")
	config.Override = withClient(settings, false, clientSecret)
	config.Override["AWS_ENDPOINT_URL_DYNAMODB"] = database
	config.Override["PUBLIC_BASE_URL"] = listen
	s := stack.Start(t, config)
	f := front{base: s.URL(), client: func() *http.Client { return person(s) }, log: func() string { return s.Log("Login") + s.Log("Callback") }}
	wholeLogin(t, f, p, false, openID, clientSecret)
}

func withClient(settings map[string]string, public bool, clientSecret string) map[string]string {
	all := map[string]string{"OAUTH_CLIENT_ID": peer.ConfidentialClient, "OAUTH_CLIENT_SECRET": clientSecret}
	if public {
		all = map[string]string{"OAUTH_CLIENT_ID": peer.PublicClient}
	}
	all["OAUTH_PROVIDER"] = ""
	maps.Copy(all, settings)
	return all
}

func environ(settings map[string]string) []string {
	var list []string
	for name, value := range settings {
		list = append(list, name+"="+value)
	}
	return list
}

// createTable does what an operator does.
func createTable(t *testing.T, endpoint, name string) {
	t.Helper()
	out, err := command(t, []string{"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint, "TABLE_NAME=" + name}, "table", "create").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "is ready") {
		t.Fatalf("table create: %v\n%s", err, out)
	}
}

// storeSecret puts the client secret where a deployed function finds it.
func storeSecret(t *testing.T, c *stack.Config, clientSecret string) {
	t.Helper()
	endpoint := peer.Moto(t)
	client := secretsmanager.New(secretsmanager.Options{
		Region: "eu-central-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	out, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: aws.String("client-" + secret.Mint(64)), SecretString: &clientSecret,
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(c.Override, "OAUTH_CLIENT_SECRET")
	c.Override["OAUTH_CLIENT_SECRET_ARN"] = *out.ARN
	c.Override["AWS_ENDPOINT_URL_SECRETS_MANAGER"] = endpoint
}

// wholeLogin does what a person does, looks at every step, and then does what
// a person should not be able to do.
func wholeLogin(t *testing.T, f front, p upstream, public, openID bool, clientSecret string) {
	t.Helper()
	before := p.TokenRequests()
	browser := f.client()
	sent := get(t, browser, f.base+"/login?return_to=%2Fapp%3Fx%3D1")
	if sent.StatusCode != http.StatusFound {
		t.Fatalf("/login: %d %s", sent.StatusCode, sent.body)
	}
	authorize := sent.Header.Get("Location")
	checkAuthorize(t, authorize, f.base, openID)
	callback := p.SignIn(t, &http.Client{}, authorize)
	if !strings.HasPrefix(callback, f.base+"/callback?") {
		t.Fatalf("the provider leads to %s", callback)
	}

	stranger := get(t, f.client(), callback)
	if stranger.StatusCode != http.StatusForbidden || !strings.Contains(stranger.body, "wrong_browser") || p.TokenRequests() != before {
		t.Errorf("a stranger's callback: %d %s", stranger.StatusCode, stranger.body)
	}
	got := get(t, browser, callback)
	if got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") != "application/json" || got.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("/callback: %d %v %s", got.StatusCode, got.Header, got.body)
	}
	var tokens struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
		Scope        string `json:"scope"`
		IDToken      string `json:"id_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &tokens); err != nil || tokens.AccessToken == "" || tokens.RefreshToken == "" ||
		!strings.EqualFold(tokens.TokenType, "bearer") || tokens.ExpiresIn <= 0 || tokens.Scope == "" || (tokens.IDToken != "") != openID {
		t.Errorf("tokens: %v in %s", err, got.body)
	}
	if n := p.TokenRequests(); n != before+1 {
		t.Errorf("%d token requests, want one", n-before)
	}
	again := get(t, browser, callback)
	if again.StatusCode != http.StatusBadRequest || !strings.Contains(again.body, "state_used") || !strings.Contains(again.body, "%2Fapp%3Fx%3D1") {
		t.Errorf("replay: %d %s", again.StatusCode, again.body)
	}
	if n := p.TokenRequests(); n != before+1 {
		t.Errorf("a replay reached the provider: %d token requests", n-before)
	}
	q, _ := url.Parse(callback)
	log := f.log()
	if strings.Count(log, `"msg":"request"`) < 4 {
		t.Errorf("log lines are missing:\n%s", log)
	}
	for name, s := range map[string]string{
		"code": q.Query().Get("code"), "state": q.Query().Get("state"), "access token": tokens.AccessToken, "refresh token": tokens.RefreshToken, "client secret": clientSecret,
	} {
		if s == "" || strings.Contains(log, s) {
			t.Errorf("the %s is in the log, or there is none", name)
		}
	}
}

// checkAuthorize asserts the exact parameters of the authorization request.
func checkAuthorize(t *testing.T, authorize, base string, openID bool) {
	t.Helper()
	u, err := url.Parse(authorize)
	if err != nil {
		t.Fatal(err)
	}
	want := 7
	if openID {
		want = 8 // and the nonce
	}
	q := u.Query()
	if len(q) != want || q.Get("redirect_uri") != base+"/callback" || q.Get("code_challenge_method") != "S256" || len(q.Get("state")) != 43 || len(q.Get("code_challenge")) != 43 {
		t.Errorf("authorization request: %s", authorize)
	}
}

type reply struct {
	*http.Response
	body string
}

func get(t testing.TB, c *http.Client, target string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return send(t, c, request)
}

func send(t testing.TB, c *http.Client, request *http.Request) reply {
	t.Helper()
	return do(t, c, request)
}

func do(t testing.TB, c *http.Client, request *http.Request) reply {
	t.Helper()
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response, string(body)}
}
