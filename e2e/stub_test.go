package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// stubProvider is a provider that writes down what reaches its token endpoint
// and answers as it is told. Nobody signs in there: a test makes the code up.
type stubProvider struct {
	url  string
	hits chan url.Values // one for each request that has come

	mu     sync.Mutex
	count  int
	answer func(form url.Values) (status int, body any) // default: tokens
	hold   chan struct{}                                // answers wait until it is closed
}

const stubSecret = "client-secret-of-the-stub"

func startStub(t *testing.T) *stubProvider {
	t.Helper()
	p := &stubProvider{hits: make(chan url.Values, 1000)}
	server := httptest.NewServer(http.HandlerFunc(p.token))
	p.url = server.URL
	t.Cleanup(func() {
		p.release()
		server.Close()
	})
	return p
}

// settings point a client at the stub.
func (p *stubProvider) settings() map[string]string {
	return map[string]string{
		"OAUTH_PROVIDER": "", "OAUTH_AUTHORIZE_URL": p.url + "/authorize", "OAUTH_TOKEN_URL": p.url + "/token",
		"OAUTH_CLIENT_ID": "stub-client", "OAUTH_CLIENT_SECRET": stubSecret, "OAUTH_SCOPE": "read write",
	}
}

func (p *stubProvider) token(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.URL.Path != "/token" {
		http.Error(w, "only /token is here", http.StatusNotFound)
		return
	}
	p.mu.Lock()
	p.count++
	answer, hold := p.answer, p.hold
	p.mu.Unlock()
	p.hits <- r.PostForm
	if hold != nil {
		<-hold
	}
	status, body := http.StatusOK, any(map[string]any{
		"access_token": "at-" + r.PostForm.Get("code"), "refresh_token": "rt-" + r.PostForm.Get("code"),
		"token_type": "Bearer", "expires_in": 3600, "scope": "read write",
	})
	if answer != nil {
		status, body = answer(r.PostForm)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (p *stubProvider) answerWith(f func(url.Values) (int, any)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = f
}

// hang makes answers wait for release.
func (p *stubProvider) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = make(chan struct{})
}

func (p *stubProvider) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hold != nil {
		close(p.hold)
		p.hold = nil
	}
}

// TokenRequests is how many requests have come so far.
func (p *stubProvider) TokenRequests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// onLambda runs the stack with the stub as its provider and a table of its
// own at endpoint, which more makes with createTable's settings.
func (p *stubProvider) onLambda(t *testing.T, database, reachedAt string, more ...func(*stack.Config)) *stack.Stack {
	t.Helper()
	config := stack.Config{Values: stack.Values{Parameters: parameters, Table: tableOf(t)}, Override: p.settings()}
	config.Override["AWS_ENDPOINT_URL_DYNAMODB"] = reachedAt
	for _, change := range more {
		change(&config)
	}
	createTable(t, database, config.Table)
	return stack.Start(t, config)
}

func tableOf(t *testing.T) string { return "flows-" + secret.Hash(t.Name())[:8] }

// begin starts a login and makes up the provider's answer to it.
func begin(t testing.TB, browser *http.Client, base string) (callback string) {
	t.Helper()
	sent := get(t, browser, base+"/login?return_to=%2Fapp")
	if sent.StatusCode != http.StatusFound {
		t.Fatalf("/login: %d %s", sent.StatusCode, sent.body)
	}
	return base + "/callback?" + url.Values{"code": {"code-" + secret.Mint(128)}, "state": {stateOf(t, sent)}}.Encode()
}

// stateOf is the state that a redirect to the provider carries.
func stateOf(t testing.TB, sent reply) string {
	t.Helper()
	u, err := url.Parse(sent.Header.Get("Location"))
	if err != nil || u.Query().Get("state") == "" {
		t.Fatalf("no state in %s", sent.Header.Get("Location"))
	}
	return u.Query().Get("state")
}

// on is browser, whose requests all go to process i of a function.
func on(browser *http.Client, i int) *http.Client {
	other := *browser
	other.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		return browser.Transport.RoundTrip(r.WithContext(stack.OnProcess(r.Context(), i)))
	})
	return &other
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// eventOf is the event of GET /callback as API Gateway sends it, always with
// the same id: what a retry in front of the function looks like.
func eventOf(t testing.TB, callback string, cookies ...string) []byte {
	t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		t.Fatal(err)
	}
	api, _, _ := strings.Cut(u.Host, ".")
	event, err := json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "GET /callback", "rawPath": "/callback", "rawQueryString": u.RawQuery, "cookies": cookies,
		"headers": map[string]string{"accept": "*/*", "host": u.Host}, "isBase64Encoded": false,
		"requestContext": map[string]any{
			"accountId": "123456789012", "apiId": api, "domainName": u.Host, "domainPrefix": api, "requestId": "JKJaXmPLvHcESHA=",
			"routeKey": "GET /callback", "stage": "$default", "time": "12/Mar/2026:19:03:58 +0000", "timeEpoch": 1773342238000,
			"http": map[string]string{"method": "GET", "path": "/callback", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// lambdaReply is what a function answers to such an event.
type lambdaReply struct {
	StatusCode      int    `json:"statusCode"`
	Body            string `json:"body"`
	IsBase64Encoded bool   `json:"isBase64Encoded"`
}

func invoke(ctx context.Context, t testing.TB, s *stack.Stack, event []byte) lambdaReply {
	t.Helper()
	raw, err := s.Invoke(ctx, "Callback", event)
	if err != nil {
		t.Error(err)
		return lambdaReply{}
	}
	var r lambdaReply
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Error(err)
	}
	if r.IsBase64Encoded {
		body, _ := base64.StdEncoding.DecodeString(r.Body)
		r.Body = string(body)
	}
	return r
}

// with returns settings and more.
func with(settings map[string]string, more map[string]string) map[string]string {
	all := maps.Clone(settings)
	maps.Copy(all, more)
	return all
}
