package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// session takes a session cookie: whole, and the two halves by themselves.
func (c canaries) session(value string) {
	b := secret.Bytes(value, 384)
	for part, half := range map[string][]byte{"": b, ", its id": b[:16], ", its secret": b[16:]} {
		name := "session " + secret.Hash(value)[:4] + part
		c[name] = base64.RawURLEncoding.EncodeToString(half)
		c[name+", in hexadecimal"] = hex.EncodeToString(half)
	}
	c["session "+secret.Hash(value)[:4]+", its id as it stands"] = value[:21]
	c["session "+secret.Hash(value)[:4]+", its secret as it stands"] = value[22:]
}

// ear hears every answer that a browser gets, and writes it down without what
// belongs there: the session's and the login's cookie where they are set, the
// state on the way to the provider.
type ear struct {
	to    http.RoundTripper
	found canaries

	mu    *sync.Mutex // of found
	heard strings.Builder
	n     int
}

var stateParameter = regexp.MustCompile(`([?&]state=)[A-Za-z0-9_-]+`)

// RoundTrip implements [http.RoundTripper].
func (e *ear) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := e.to.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.n++
	fmt.Fprintf(&e.heard, "%s\n", response.Status)
	for name, values := range response.Header {
		for _, value := range values {
			fmt.Fprintf(&e.heard, "%s: %s\n", name, e.without(r, name, value))
		}
	}
	e.heard.WriteString(string(body) + "\n")
	return response, nil
}

// without is a header without the secrets that it is there to carry, each of
// which is a canary from now on.
func (e *ear) without(r *http.Request, name, value string) string {
	if name == "Location" && r.URL.Path == "/login" {
		u, _ := url.Parse(value)
		e.found["state "+secret.Hash(value)[:8]] = u.Query().Get("state")
		return stateParameter.ReplaceAllString(value, "$1")
	}
	own := map[string]string{"/callback": "__Host-session", "/login": "__Host-login"}[r.URL.Path]
	if cookie, err := http.ParseSetCookie(value); name == "Set-Cookie" && err == nil && cookie.Name == own && cookie.Value != "" && cookie.HttpOnly && cookie.Secure {
		if own == "__Host-session" {
			e.found.session(cookie.Value)
		} else {
			e.found["login cookie "+secret.Hash(cookie.Value)[:4]] = cookie.Value
		}
		return strings.Replace(value, cookie.Value, "", 1)
	}
	return value
}

// canaryRun is a stack at the level debug with a provider that tells all it
// knows, and a store that can be taken away.
type canaryRun struct {
	t     *testing.T
	p     *telltale
	store *tableProxy
	stack *stack.Stack
	ear   *ear
	found canaries
}

func (c *canaryRun) member() *member {
	return &member{t: c.t, base: c.stack.URL(), browser: person(c.ear), consent: func(t testing.TB, _ *http.Client, authorize string) string {
		return c.p.consents(t, authorize, c.stack.URL())
	}}
}

// Whoever signs in, refreshes and signs out, well or badly, leaves no secret
// behind: not in an answer, not in what an authorizer passes on, not in any
// function's log, and not in the table.
func TestSessionLeavesNoSecretBehind_C45_C47_C48_C49(t *testing.T) {
	t.Parallel()
	database := peer.Dynalite(t)
	store, found := startProxy(t, database), canaries{}
	p := startTelltale(t, found)
	found["client secret"], found["deployment secret"] = "cs-"+secret.Mint(256), secret.Mint(256)
	c := stack.Config{Values: stack.Values{Parameters: foreign, Table: tableOf(t)}, Override: map[string]string{
		"OAUTH_PROVIDER": "", "OIDC_ISSUER": p.url, "OAUTH_CLIENT_ID": "telltale-client", "OAUTH_CLIENT_SECRET": found["client secret"],
		"LATCHKEY_SECRET": found["deployment secret"], "LATCHKEY_SECRET_ARN": "", "LOG_LEVEL": "debug", "AWS_ENDPOINT_URL_DYNAMODB": store.url,
	}}
	createTable(t, database, c.Table)
	s := stack.Start(t, c)
	run := &canaryRun{t: t, p: p, store: store, stack: s, ear: &ear{to: s, found: found, mu: &p.mu}, found: found}

	signed := run.looksAround()
	run.forges(signed)
	run.losesTheProvider()
	run.losesTheStore(signed)
	run.getsOut()
	run.member().signsIn() // and one that stays

	logs := ""
	for _, id := range s.Functions() {
		logs += s.Log(id)
	}
	if n := strings.Count(logs, `"msg":"`); n < 150 || run.ear.n < 120 {
		t.Errorf("%d log lines, %d answers", n, run.ear.n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found.sweep(t, "the logs", logs)
	found.sweep(t, "the table", dump(t, database, c.Table, 5))
	found.sweep(t, "the answers", run.ear.heard.String())
	t.Logf("%d canaries, %d answers, %d bytes of logs", len(found), run.ear.n, len(logs))
}

// everywhere sends a cookie to all that reads one.
func (c *canaryRun) everywhere(m *member) {
	for _, ask := range []string{"GET /session", "GET /sessions", "GET /api/whoami", "POST /refresh", "DELETE /sessions/nothing", "GET /"} {
		method, path, _ := strings.Cut(ask, " ")
		m.says(method, path, "X-CSRF", "1")
	}
	for _, path := range []string{"/session", "/logout", "/", "/api/whoami"} {
		m.opens(path)
	}
}

// looksAround is what goes well.
func (c *canaryRun) looksAround() *member {
	m := c.member()
	c.p.lives(1)
	m.signsIn()
	m.refreshes(http.StatusOK)
	c.p.lives(3600)
	m.refreshes(http.StatusOK)
	m.signsIn() // in place of the one before
	c.everywhere(m)
	m.opens("/auth.js")
	other := c.member()
	other.signsIn()
	handle, _ := other.expects(http.StatusOK, "GET", "/api/whoami")["session"].(string)
	m.expects(http.StatusNoContent, "DELETE", "/sessions/"+handle)
	other.refused()

	event, err := json.Marshal(map[string]any{
		"version": "2.0", "type": "REQUEST", "routeKey": "GET /api/whoami", "rawPath": "/api/whoami",
		"cookies": []string{"__Host-session=" + m.session.Value}, "headers": map[string]string{"host": m.base[len("https://"):]},
		"requestContext": map[string]any{"apiId": "a1b2c3d4e5", "stage": "$default", "domainName": m.base[len("https://"):], "http": map[string]string{"method": "GET", "path": "/api/whoami"}},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	said, err := c.stack.Invoke(c.t.Context(), "Authorizer", event)
	if err != nil || !strings.Contains(string(said), `"isAuthorized":true`) {
		c.t.Fatalf("the authorizer: %s %v", said, err)
	}
	c.ear.heard.Write(said)
	return m
}

// forges tries cookies that are none, or somebody else's.
func (c *canaryRun) forges(m *member) {
	value, stranger := m.session.Value, session.NewCookie()
	c.p.mu.Lock()
	c.found.session(stranger)
	c.p.mu.Unlock()
	for _, forged := range []string{stranger, value[:22] + stranger[22:], stranger[:22] + value[22:], value[:63], value + "A", value[1:] + value[:1], strings.ToUpper(value)} {
		c.everywhere(m.bearing(forged))
	}
	c.withHeader(m, "__Host-session="+value+"; __Host-session="+stranger)
	c.withHeader(m, "session="+value)
}

// withHeader is everywhere, with a Cookie header as it is.
func (c *canaryRun) withHeader(m *member, header string) {
	bare := *m
	bare.browser = person(roundTrip(func(r *http.Request) (*http.Response, error) {
		r = r.Clone(r.Context())
		r.Header.Set("Cookie", header)
		return c.ear.RoundTrip(r)
	}))
	c.everywhere(&bare)
}

// losesTheProvider goes through a provider's refusals, which repeat all that it
// was sent, and its silence.
func (c *canaryRun) losesTheProvider() {
	for _, status := range []int{400, 401, 403, 429, 500, 503, 0} {
		c.p.lives(1)
		m := c.member()
		m.signsIn()
		c.p.fails(status)
		want := http.StatusServiceUnavailable
		if status == http.StatusBadRequest { // invalid_grant
			want = http.StatusUnauthorized
		}
		m.refreshes(want)
		m.opens("/session")
		m.says("POST", "/refresh", "X-CSRF", "1")
		m.says("POST", "/logout", "X-CSRF", "1") // whose revocation fails as well
		if r := get(c.t, m.browser, m.callback()); r.StatusCode < 500 {
			c.t.Errorf("a login: %d %s", r.StatusCode, r.body)
		}
		c.p.fails(http.StatusOK)
	}
}

// losesTheStore takes the table away, at the start of things and in the middle.
func (c *canaryRun) losesTheStore(m *member) {
	fresh := c.member()
	callback := fresh.callback()
	c.store.refuse()
	c.everywhere(m)
	m.says("POST", "/logout", "X-CSRF", "1")
	get(c.t, fresh.browser, c.stack.URL()+"/login")
	get(c.t, fresh.browser, callback)
	c.store.accept(c.t)

	callback = fresh.callback()
	c.store.plan("PutItem", fault{throttle: -1})
	if r := get(c.t, fresh.browser, callback); r.StatusCode != http.StatusServiceUnavailable {
		c.t.Errorf("tokens that cannot be stored: %d %s", r.StatusCode, r.body)
	}
	c.store.plan("PutItem", fault{})
	get(c.t, fresh.browser, callback+"&error=access_denied")
	get(c.t, c.member().browser, callback)
}

// getsOut signs out, badly and well.
func (c *canaryRun) getsOut() {
	m := c.member()
	m.signsIn()
	m.says("POST", "/logout", "X-CSRF", "1", "Sec-Fetch-Site", "cross-site")
	m.says("POST", "/logout", "Origin", "https://evil.example")
	m.says("POST", "/logout")
	w := walker{c.t, m.browser}
	form := w.formTo(m.opens("/logout"), "/logout")
	w.submit(form, "form", m.session.Value)
	w.submit(form, "handle", m.session.Value)
	if r := w.submit(form, "everywhere", "1"); r.StatusCode != http.StatusSeeOther {
		c.t.Errorf("the form: %d %s", r.StatusCode, r.body)
	}
	m.refused()
}

// The sweep finds each part of a cookie, whatever it wears.
func TestSweepFindsASession(t *testing.T) {
	value := session.NewCookie()
	b, _ := base64.RawURLEncoding.DecodeString(value)
	for how, text := range map[string]string{
		"the cookie": "session " + value, "the id": `"` + hex.EncodeToString(b[:16]) + `"`, "the secret's bytes": base64.StdEncoding.EncodeToString(b[16:]),
		"the id's bytes": string(b[:16]), "a query": "?s=" + url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(value))),
	} {
		c, probe := canaries{}, new(testing.T)
		c.session(value)
		if c.sweep(probe, "the text", text); !probe.Failed() {
			t.Errorf("%s: not found", how)
		}
	}
}
