package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// outside is all that one function reaches of AWS: the database, and the
// secrets. It keeps what was asked, and on which connection.
type outside struct {
	*httptest.Server
	secrets map[string]string
	tables  http.Handler

	mu    sync.Mutex
	open  int // connections that were opened so far
	asked []errand
}

// errand is a request: a "connection" that is opened in advance, a "call" of the
// database, or a "secret" with its ARN.
type errand struct{ what, from string }

func startOutside(t *testing.T, database string, secrets map[string]string) *outside {
	t.Helper()
	target, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	o := &outside{secrets: secrets, tables: httputil.NewSingleHostReverseProxy(target)}
	o.Server = httptest.NewUnstartedServer(o)
	o.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			o.mu.Lock()
			o.open++
			o.mu.Unlock()
		}
	}
	o.Start()
	t.Cleanup(o.Close)
	return o
}

// ServeHTTP implements [http.Handler].
func (o *outside) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	keep := func(what string) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.asked = append(o.asked, errand{what, r.RemoteAddr})
	}
	switch {
	case service == "":
		keep("connection")
		_, _ = io.WriteString(w, "healthy")
	case service == "secretsmanager":
		var call struct{ SecretId string }
		_ = json.NewDecoder(r.Body).Decode(&call)
		keep(strings.TrimPrefix(operation, "GetSecretValue") + "secret " + call.SecretId)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(map[string]string{"ARN": call.SecretId, "SecretString": o.secrets[call.SecretId]})
	default:
		keep("call")
		o.tables.ServeHTTP(w, r)
	}
}

// said is what was asked from the n-th request on, sorted, and how many
// connections were ever opened.
func (o *outside) said(n int) (what []string, open int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, a := range o.asked[n:] {
		what = append(what, a.what)
	}
	slices.Sort(what)
	return what, o.open
}

// eachWithItsOwn runs a stack whose functions, as the Makefile builds them and
// with the environment of the template, reach AWS each at an address of its
// own: what opens a connection does not say who it is.
func eachWithItsOwn(t *testing.T, c stack.Config, database string) (*stack.Stack, map[string]*outside) {
	t.Helper()
	dir, all := t.TempDir(), map[string]*outside{}
	secrets := map[string]string{deploymentSecretARN: secret.Mint(256), secretARN: stubSecret}
	c.Processes = 1
	c.Bootstrap = func(id string) ([]byte, error) {
		binary, err := stack.Build(id, runtime.GOARCH)
		path := filepath.Join(dir, id)
		if err == nil {
			err = os.WriteFile(path, binary, 0o700)
		}
		all[id] = startOutside(t, database, secrets)
		return fmt.Appendf(nil, "#!/bin/sh\nexport AWS_ENDPOINT_URL_DYNAMODB=%[1]s AWS_ENDPOINT_URL_SECRETS_MANAGER=%[1]s\nexec '%[2]s'\n", all[id].URL, path), err
	}
	return stack.Start(t, c), all
}

// The inits of the functions: which connections they open, and which secrets
// they read.
const (
	toTable     = "connection"
	ofStack     = "secret " + deploymentSecretARN
	ofTheClient = "secret " + secretARN
)

var (
	initsOfTheStack = map[string][]string{
		"Login":    {toTable},
		"Callback": {toTable, ofStack}, "Refresh": {toTable, ofStack}, "Logout": {toTable, ofStack}, "Session": {toTable, ofStack},
		"Authorizer": {toTable, ofStack}, "Whoami": nil,
		"Authorize": {toTable, toTable, ofStack}, "Token": {toTable, toTable, ofStack}, "Userinfo": {toTable, toTable, ofStack}, "Metadata": nil,
	}
	initsWithAClientSecret = map[string][]string{
		"Login":    {toTable},
		"Callback": {toTable, ofTheClient, ofStack}, "Refresh": {toTable, ofTheClient, ofStack}, "Logout": {toTable, ofTheClient, ofStack},
		"Session": {toTable, ofStack}, "Authorizer": {toTable, ofStack}, "Whoami": nil,
	}
)

// A function has read its secrets and opened its connections when it asks for
// its first event, which is what the stack waits for; and the first request
// uses them. What a function has no use for it leaves alone.
func TestWarmUpOfEachFunction(t *testing.T) {
	database := peer.Dynalite(t)
	t.Run("both halves", func(t *testing.T) {
		values := stack.Values{Tables: map[string]string{"Flows": tableOf(t), "Accounts": accountsOf(t)}}
		makeAccounts(t, database, values)
		s, all := eachWithItsOwn(t, stack.Config{Values: values}, database)
		began := checkInits(t, s, all, initsOfTheStack)
		checkFirst(t, all, began, []string{"Login", "Authorize", "Token", "Userinfo"}, func() { firstOfTheServer(t, s) })
	})
	t.Run("another provider, with a client secret", func(t *testing.T) {
		p := startStub(t)
		p.answerWith(func(url.Values) (int, any) {
			return http.StatusOK, map[string]any{"access_token": "at-" + secret.Mint(128), "refresh_token": "rt-1", "token_type": "Bearer", "expires_in": 1}
		})
		settings := p.settings()
		delete(settings, "OAUTH_CLIENT_SECRET")
		c := stack.Config{Values: stack.Values{Parameters: with(foreign, map[string]string{"ClientSecretArn": secretARN, "ClientAuth": "post"}), Table: tableOf(t)}, Override: settings}
		createTable(t, database, c.Table)
		s, all := eachWithItsOwn(t, c, database)
		began := checkInits(t, s, all, initsWithAClientSecret)
		checkFirst(t, all, began, []string{"Login", "Callback", "Authorizer", "Session", "Refresh", "Logout"}, func() { firstOfTheSession(t, s) })
		for range p.TokenRequests() {
			if form := <-p.hits; form.Get("client_secret") != stubSecret {
				t.Errorf("the provider got the client secret %q", form.Get("client_secret"))
			}
		}
	})
}

// checkInits compares what the inits did, and returns how many requests that
// was, by function. Each has a connection of its own.
func checkInits(t *testing.T, s *stack.Stack, all map[string]*outside, want map[string][]string) map[string]int {
	t.Helper()
	if ids := slices.Sorted(maps.Keys(want)); !slices.Equal(s.Functions(), ids) {
		t.Fatalf("the template has the functions %v, want %v", s.Functions(), ids)
	}
	began := map[string]int{}
	for id, o := range all {
		did, open := o.said(0)
		if wanted := slices.Sorted(slices.Values(want[id])); !slices.Equal(did, wanted) || open != len(wanted) {
			t.Errorf("%s: the init did %v on %d connections, want %v", id, did, open, wanted)
		}
		began[id] = len(did)
	}
	return began
}

// checkFirst has the first requests made, and looks for what they should have
// found done. Those of asking have to call the database.
func checkFirst(t *testing.T, all map[string]*outside, began map[string]int, asking []string, requests func()) {
	t.Helper()
	requests()
	for id, o := range all {
		did, _ := o.said(began[id])
		if slices.ContainsFunc(did, func(what string) bool { return what != "call" }) {
			t.Errorf("%s: after the init: %v, want calls of the database only", id, did)
		}
		if !slices.Contains(asking, id) {
			continue
		}
		o.mu.Lock()
		before, after := o.asked[:began[id]], o.asked[began[id]:]
		if len(after) == 0 || !slices.Contains(before, errand{toTable, after[0].from}) {
			t.Errorf("%s: the first of the calls %v is on none of the init's connections: %v", id, after, before)
		}
		o.mu.Unlock()
	}
}

// firstOfTheServer asks each function that needs no session. A client that
// speaks for itself has no user, so userinfo knows its token and refuses it.
func firstOfTheServer(t *testing.T, s *stack.Stack) {
	t.Helper()
	base, browser := s.URL(), person(s)
	sent := get(t, browser, base+"/login")
	token := post(t, browser, base+"/oauth/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"openid"}}, "Authorization", "Basic YXBwOmFwcC1zZWNyZXQ=")
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.Unmarshal([]byte(token.body), &answer)
	authorize := base + "/oauth/authorize?response_type=code&client_id=app&scope=openid&state=s&redirect_uri=" + url.QueryEscape("https://app.example/cb")
	for _, step := range []struct {
		name   string
		r      reply
		status int
		says   string
	}{
		{"login", sent, http.StatusFound, ""},
		{"authorize", get(t, browser, authorize), http.StatusOK, "<form"},
		{"token", token, http.StatusOK, "access_token"},
		{"userinfo", post(t, browser, base+"/oauth/userinfo", nil, "Authorization", "Bearer "+answer.AccessToken), http.StatusForbidden, "insufficient_scope"},
		{"metadata", get(t, browser, base+"/.well-known/openid-configuration"), http.StatusOK, base},
	} {
		if step.r.StatusCode != step.status || !strings.Contains(step.r.body, step.says) {
			t.Errorf("%s: %d %s, want %d with %q", step.name, step.r.StatusCode, step.r.body, step.status, step.says)
		}
	}
}

// firstOfTheSession is one session from its beginning to its end, through the
// functions that keep one.
func firstOfTheSession(t *testing.T, s *stack.Stack) {
	t.Helper()
	m := &member{t: t, base: s.URL(), browser: person(s), consent: madeUp(s.URL())}
	m.signsIn()
	m.expects(http.StatusOK, "GET", "/api/whoami")
	m.expects(http.StatusOK, "GET", "/session")
	refreshed(t, m.browser, m.base, http.StatusOK)
	m.expects(http.StatusOK, "POST", "/logout")
}
