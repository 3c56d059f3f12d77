package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// A site is Latchkey in mode session, in two processes over one table,
// with a gate in front of its provider.
type site struct {
	base, database, table string
	gate                  *gate
	losing                *stutter // in front of the table
	// process leads the requests for base to one of the two processes.
	process func(i int) http.RoundTripper
	// kill ends the process that does refreshes in place i, and sees to it that
	// there is another one.
	kill func(i int)
	// walk goes from an authorization URL to the callback, as a person who
	// signs in and agrees.
	walk func(t testing.TB, authorize string) (callback string)
	// revoked is how many grants have ended at the provider.
	revoked func(t *testing.T) int
	// revoke ends a grant at the provider behind Latchkey's back.
	revoke func(t *testing.T, refreshToken string)
}

// accessTTL makes a margin of a second, so a refresh is due when GET /session
// says that the token has 0 whole seconds left, and not before.
const accessTTL = 5 * time.Second

// sites are `latchkey serve` and the functions of the template, with a
// provider that somebody else wrote and with our own server. Both providers
// rotate refresh tokens, and end a grant when one comes a second time.
var sites = map[string]func(*testing.T) *site{
	"serve, oidc-provider":  func(t *testing.T) *site { return atOIDCProvider(t, deployServe) },
	"serve, our own":        func(t *testing.T) *site { return atOurServer(t, deployServe) },
	"Lambda, oidc-provider": func(t *testing.T) *site { return atOIDCProvider(t, deployLambda) },
	"Lambda, our own":       func(t *testing.T) *site { return atOurServer(t, deployLambda) },
}

// A deploy starts the processes at the base of the site, or where they are by
// themselves, with the settings that belong to it. It returns the way to their
// server half.
type deploy func(t *testing.T, d *site, settings func(base string) map[string]string) http.Handler

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{database: peer.Dynalite(t), table: tableOf(t), gate: startGate(t)}
}

// atOIDCProvider runs a site with oidc-provider behind the gate.
func atOIDCProvider(t *testing.T, start deploy) *site {
	t.Helper()
	d := newSite(t)
	var p *peer.OIDCProvider
	start(t, d, func(base string) map[string]string {
		p = peer.StartOIDCProvider(t, peer.OIDCOptions{
			RedirectURIs: []string{base + "/callback"}, AlwaysRefresh: true, Issuer: d.gate.url, AccessTTL: accessTTL,
		})
		d.gate.leadsTo(towards(t, p.Address))
		return withClient(map[string]string{"OIDC_ISSUER": d.gate.url, "OAUTH_SCOPE": "openid profile email"}, false, p.Secret)
	})
	d.walk = func(t testing.TB, authorize string) string { return p.SignIn(t, &http.Client{}, authorize) }
	d.revoked = func(*testing.T) int { return p.RevokedGrants() }
	d.revoke = func(t *testing.T, token string) {
		asProvider := registered{id: peer.ConfidentialClient, secret: p.Secret, auth: "client_secret_basic"}
		if r := asClient(t, p.Address+"/token/revocation", asProvider, url.Values{"token": {token}}); r.StatusCode != http.StatusOK {
			t.Fatalf("revocation: %d %s", r.StatusCode, r.body)
		}
	}
	return d
}

// atOurServer runs a site whose provider is its own server half, reached
// through the gate like everything else.
func atOurServer(t *testing.T, start deploy) *site {
	t.Helper()
	d := newSite(t)
	d.base = d.gate.url
	own := start(t, d, func(string) map[string]string {
		return map[string]string{"ACCESS_TTL": accessTTL.String(), "REFRESH_GRACE": "0s"}
	})
	d.gate.leadsTo(own)
	d.walk = func(t testing.TB, authorize string) string { return approves(t, person(nil), d.base, authorize) }
	d.revoked = func(t *testing.T) int { return strings.Count(dump(t, d.database, d.table, 0), "status=revoked\n") }
	d.revoke = func(t *testing.T, token string) {
		r := post(t, person(nil), d.base+"/oauth/revoke", url.Values{"client_id": {"latchkey"}, "token": {token}})
		if r.StatusCode != http.StatusOK {
			t.Fatalf("revocation: %d %s", r.StatusCode, r.body)
		}
	}
	return d
}

// deployServe is two processes of `latchkey serve`; the provider half that the
// gate leads to is that of the first one.
func deployServe(t *testing.T, d *site, settings func(base string) map[string]string) http.Handler {
	t.Helper()
	listen := []string{fmt.Sprintf("localhost:%d", port()), fmt.Sprintf("localhost:%d", port())}
	if d.base == "" {
		d.base = "http://" + listen[0]
	}
	var reachedAt string
	d.losing, reachedAt = startStutter(t, d.database)
	all := append(tablesOf(t, d.database), environ(settings(d.base))...)
	all = append(all, "AWS_ENDPOINT_URL_DYNAMODB="+reachedAt, "PUBLIC_BASE_URL="+d.base, "LATCHKEY_SECRET="+secret.Mint(256))
	register(t, d.database)
	processes, transports := make([]*served, len(listen)), make([]*http.Transport, len(listen))
	start := func(i int) { processes[i] = startServe(t, listen[i], all, "--session") }
	for i := range listen {
		start(i)
		transports[i] = instead(d.base, listen[i])
	}
	d.process = func(i int) http.RoundTripper { return transports[i] }
	d.kill = func(i int) {
		_ = processes[i].cmd.Process.Kill()
		<-processes[i].done
		transports[i].CloseIdleConnections()
		start(i)
	}
	return towards(t, "http://"+listen[0])
}

// instead is a transport that goes to address for what is at base.
func instead(base, address string) *http.Transport {
	host := strings.TrimPrefix(base, "http://")
	var dialer net.Dialer
	return &http.Transport{MaxIdleConnsPerHost: 100, DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
		if to == host {
			to = address
		}
		return dialer.DialContext(ctx, network, to)
	}}
}

// deployLambda is two processes of every function of the template.
func deployLambda(t *testing.T, d *site, settings func(base string) map[string]string) http.Handler {
	t.Helper()
	public := d.base
	if d.base == "" {
		d.base = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
	}
	losing, reachedAt := startStutter(t, d.database)
	s := builtInStack(t, d.database, reachedAt, func(c *stack.Config) {
		c.Override["PUBLIC_BASE_URL"] = public
		for name, value := range settings(d.base) {
			c.Override[name] = value
		}
	})
	d.losing = losing
	d.process = func(i int) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			return s.RoundTrip(r.WithContext(stack.OnProcess(r.Context(), i)))
		})
	}
	d.kill = func(i int) { s.Kill("Refresh", i) }
	return inFrontOf(s)
}

// A visitor is a browser that has signed in. It sends its cookie whatever the
// answers say about it.
type visitor struct {
	*site
	cookie  *http.Cookie
	lineage *lineage // of the refresh tokens that its session has had
}

// signIn begins a session: the login in one process, the callback in the other.
func (d *site) signIn(t *testing.T) *visitor {
	t.Helper()
	browser := person(d.process(0))
	sent := get(t, browser, d.base+"/login?return_to=%2Fapp")
	if sent.StatusCode != http.StatusFound {
		t.Fatalf("/login: %d %s", sent.StatusCode, sent.body)
	}
	callback := d.walk(t, sent.Header.Get("Location"))
	browser.Transport = d.process(1)
	got := get(t, browser, callback)
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/app" {
		t.Fatalf("/callback: %d %s %s", got.StatusCode, got.Header.Get("Location"), got.body)
	}
	for _, cookie := range got.Cookies() {
		if strings.HasSuffix(cookie.Name, "session") && session.CookieLike(cookie.Value) {
			return &visitor{d, cookie, d.gate.latest()}
		}
	}
	t.Fatalf("no session cookie: %v", got.Header)
	return nil
}

// over is a client for process i, as a script of the site has it.
func (v *visitor) over(i int) *http.Client {
	client := person(v.process(i))
	client.Jar = nil
	return client
}

// request is what a script of the site sends.
func (v *visitor) request(t testing.TB, method, path string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, v.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.AddCookie(&http.Cookie{Name: v.cookie.Name, Value: v.cookie.Value})
	request.Header.Set("X-CSRF", "1")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	request.Header.Set("Sec-Fetch-Mode", "cors")
	return request
}

// fetch sends a script's request to process i.
func (v *visitor) fetch(t testing.TB, i int, method, path string) reply {
	t.Helper()
	return send(t, v.over(i), v.request(t, method, path))
}

// renewal is the answer of POST /refresh.
type renewal struct {
	Refreshed bool  `json:"refreshed"`
	ExpiresIn int64 `json:"expires_in"`
}

// left is how many whole seconds GET /session gives the access token.
func (v *visitor) left(t testing.TB, i int) int64 {
	t.Helper()
	r := v.fetch(t, i, http.MethodGet, "/session")
	var s struct {
		Authenticated bool
		ExpiresIn     int64 `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(r.body), &s); err != nil || r.StatusCode != http.StatusOK || !s.Authenticated {
		t.Fatalf("/session: %d %s", r.StatusCode, r.body)
	}
	return s.ExpiresIn
}

// gone asserts that the cookie opens nothing in either process, and that the
// table does not have the session any more.
func (v *visitor) gone(t *testing.T) {
	t.Helper()
	for i := range 2 {
		if got := said(v.fetch(t, i, http.MethodGet, "/session")); got != "401 session_expired" {
			t.Errorf("the session afterwards, process %d: %s", i, got)
		}
	}
	if strings.Contains(dump(t, v.database, v.table, 0), session.Key(v.cookie.Value)) {
		t.Error("the session is in the table")
	}
}
