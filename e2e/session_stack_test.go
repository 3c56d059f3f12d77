package e2e_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// maxCookie is what a session may cost with every request, name included.
const maxCookie = 100

// member is a browser at a stack, and how its person gets in.
type member struct {
	t       testing.TB
	base    string
	browser *http.Client
	consent func(t testing.TB, browser *http.Client, authorize string) (callback string)
	session *http.Cookie // of the last login
}

// says sends a request with headers, and reads what is answered in JSON.
func (m *member) says(method, path string, header ...string) (reply, map[string]any) {
	m.t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(m.t.Context()), method, m.base+path, nil)
	if err != nil {
		m.t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	r := send(m.t, m.browser, request)
	var answer map[string]any
	_ = json.Unmarshal([]byte(r.body), &answer)
	return r, answer
}

// expects is says for a script of the site, with the status that it has to get.
func (m *member) expects(status int, method, path string, header ...string) map[string]any {
	m.t.Helper()
	r, answer := m.says(method, path, append([]string{"X-CSRF", "1", "Sec-Fetch-Site", "same-origin"}, header...)...)
	if r.StatusCode != status {
		m.t.Fatalf("%s %s: %d %s, want %d", method, path, r.StatusCode, r.body, status)
	}
	return answer
}

// opens is a navigation to a page.
func (m *member) opens(path string) reply {
	m.t.Helper()
	r, _ := m.says("GET", path, "Accept", "text/html,*/*;q=0.8", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Site", "none")
	return r
}

// callback begins a login and goes as far as the provider's redirect.
func (m *member) callback() string {
	m.t.Helper()
	sent := get(m.t, m.browser, m.base+"/login?return_to=%2Fapp%3Fx%3D1")
	if sent.StatusCode != http.StatusFound {
		m.t.Fatalf("/login: %d %s", sent.StatusCode, sent.body)
	}
	return m.consent(m.t, m.browser, sent.Header.Get("Location"))
}

// signsIn goes through a whole login.
func (m *member) signsIn() {
	m.t.Helper()
	r := get(m.t, m.browser, m.callback())
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/app?x=1" || r.body != "" {
		m.t.Fatalf("/callback: %d to %q %s", r.StatusCode, r.Header.Get("Location"), r.body)
	}
	m.session = sessionIn(r)
	secure := strings.HasPrefix(m.base, "https:")
	name := map[bool]string{true: "__Host-session", false: "session"}[secure]
	if c := m.session; c == nil || c.Name != name || !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode ||
		c.Path != "/" || c.Domain != "" || c.MaxAge != int((7*24*time.Hour)/time.Second) || len(c.Name+"="+c.Value) > maxCookie {
		m.t.Fatalf("the session cookie: %v", r.Header["Set-Cookie"])
	}
}

// sessionIn is the session cookie that an answer sets, nil if it sets none.
func sessionIn(r reply) *http.Cookie {
	for _, c := range r.Cookies() {
		if strings.TrimPrefix(c.Name, "__Host-") == "session" {
			return c
		}
	}
	return nil
}

// refreshes asks for a new token until it is time for one.
func (m *member) refreshes(status int) {
	m.t.Helper()
	tick, end := time.NewTicker(50*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for {
		r, answer := m.says("POST", "/refresh", "X-CSRF", "1")
		if r.StatusCode != http.StatusOK || answer["refreshed"] == true {
			if r.StatusCode != status {
				m.t.Fatalf("POST /refresh: %d %s, want %d", r.StatusCode, r.body, status)
			}
			return
		}
		select {
		case <-tick.C:
		case <-end:
			m.t.Fatal("nothing was refreshed")
		}
	}
}

// bearing is a browser with nothing but a value for the session cookie.
func (m *member) bearing(value string) *member {
	m.t.Helper()
	other := *m
	other.browser = person(m.browser.Transport)
	u, err := url.Parse(m.base)
	if err != nil {
		m.t.Fatal(err)
	}
	c := *m.session
	c.Value = value
	other.browser.Jar.SetCookies(u, []*http.Cookie{&c})
	return &other
}

// refused asserts that a cookie of an ended session opens nothing.
func (m *member) refused() {
	m.t.Helper()
	old := m.session.Value
	if r, _ := m.bearing(old).says("GET", "/api/whoami"); r.StatusCode != http.StatusForbidden || r.body != `{"message":"Forbidden"}` {
		m.t.Errorf("/api/whoami: %d %s", r.StatusCode, r.body)
	}
	for _, ask := range []string{"GET /session", "GET /sessions", "POST /refresh", "DELETE /sessions/x"} {
		method, path, _ := strings.Cut(ask, " ")
		r, answer := m.bearing(old).says(method, path, "X-CSRF", "1")
		if r.StatusCode != http.StatusUnauthorized || answer["error"] != "session_expired" || sessionIn(r) != nil { // it may come late: the cookie stays
			m.t.Errorf("%s: %d %s %v", ask, r.StatusCode, r.body, r.Header["Set-Cookie"])
		}
	}
	if r := m.bearing(old).opens("/session"); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/login?return_to=%2Fsession" {
		m.t.Errorf("the page: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if r, answer := m.bearing(old).says("POST", "/logout", "X-CSRF", "1"); r.StatusCode != http.StatusOK || answer["redirect"] != "/" {
		m.t.Errorf("a second logout: %d %s", r.StatusCode, r.body)
	}
}

// house is a stack and what is known of its provider.
type house struct {
	*stack.Stack
	provider string
	named    bool // the provider says who it is
	logout   bool // and has a logout of its own
	consent  func(t testing.TB, browser *http.Client, authorize string) string
}

func (h house) enter(t testing.TB) *member {
	t.Helper()
	m := &member{t: t, base: h.URL(), browser: person(h.Stack), consent: h.consent}
	m.signsIn()
	return m
}

// reachable is the built-in stack at an address of this machine, so that its
// halves can ask each other.
func reachable(t *testing.T, database string, secure bool, more ...func(*stack.Config)) house {
	t.Helper()
	var running atomic.Pointer[stack.Stack]
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inFrontOf(running.Load()).ServeHTTP(w, r)
	}))
	start := map[bool]func(){true: server.StartTLS, false: server.Start}[secure]
	start()
	t.Cleanup(server.Close)
	address := func(c *stack.Config) {
		c.Override["PUBLIC_BASE_URL"] = server.URL
		c.Parameters = map[string]string{"AccessTtl": "2s"}
		if !secure {
			return
		}
		c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		if err := os.WriteFile(c.CAFile, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := builtInStack(t, database, database, append([]func(*stack.Config){address}, more...)...)
	running.Store(s)
	return house{Stack: s, provider: "builtin", named: true, logout: true, consent: func(t testing.TB, browser *http.Client, authorize string) string {
		return approves(t, browser, s.URL(), authorize)
	}}
}

// foreign are the parameters of a stack without a server of its own.
var foreign = map[string]string{"ClientId": "x", "Provider": "cashmere", "BuiltInServer": "false"}

// ownSecret gives the functions a deployment secret as sam local does.
func ownSecret(c *stack.Config) {
	c.Override["LATCHKEY_SECRET"], c.Override["LATCHKEY_SECRET_ARN"] = secret.Mint(256), ""
}

// houses are the stacks that a whole flow goes through, each with the store
// that it keeps its state in.
var houses = map[string]func(t *testing.T) house{
	"both halves over TLS, on dynalite": func(t *testing.T) house { return reachable(t, peer.Dynalite(t), true) },
	"both halves, on moto":              func(t *testing.T) house { return reachable(t, peer.Moto(t), false) },
	"both halves under sam local, on dynalite": func(t *testing.T) house {
		return reachable(t, peer.Dynalite(t), false, func(c *stack.Config) {
			c.SAMLocal = true
			c.Override["TABLE_NAME"], c.Override["ACCOUNTS_TABLE_NAME"] = tableOf(t), accountsOf(t)
		})
	},
	"the stub, on dynalite": func(t *testing.T) house {
		p, database := startStub(t), peer.Dynalite(t)
		p.answerWith(func(form url.Values) (int, any) {
			return http.StatusOK, map[string]any{"access_token": "at-" + secret.Mint(128), "refresh_token": "rt-" + secret.Mint(128), "token_type": "Bearer", "expires_in": 2}
		})
		s := p.onLambda(t, database, database, func(c *stack.Config) { c.Parameters = foreign; ownSecret(c) })
		return house{Stack: s, provider: "custom", consent: madeUp(s.URL())}
	},
	"Django as cashmere, on moto": func(t *testing.T) house {
		database, home := peer.Moto(t), "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
		p := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{home + "/callback"}})
		c := stack.Config{Values: stack.Values{Parameters: foreign, Table: tableOf(t)}, Override: map[string]string{
			"OAUTH_PROVIDER_URL": p.URL, "OAUTH_CLIENT_ID": peer.ConfidentialClient, "OAUTH_CLIENT_SECRET": p.Secret,
			"AWS_ENDPOINT_URL_DYNAMODB": database,
		}}
		ownSecret(&c)
		createTable(t, database, c.Table)
		return house{Stack: stack.Start(t, c), provider: "cashmere", consent: func(t testing.TB, _ *http.Client, authorize string) string {
			return p.SignIn(t, &http.Client{}, authorize)
		}}
	},
}

// madeUp is the answer of a provider that asks nobody.
func madeUp(base string) func(testing.TB, *http.Client, string) string {
	return func(t testing.TB, _ *http.Client, authorize string) string {
		t.Helper()
		u, err := url.Parse(authorize)
		if err != nil || u.Query().Get("state") == "" {
			t.Fatalf("no state in %s", authorize)
		}
		return base + "/callback?" + url.Values{"code": {"code-" + secret.Mint(128)}, "state": {u.Query().Get("state")}}.Encode()
	}
}
