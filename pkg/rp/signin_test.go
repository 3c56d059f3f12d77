package rp_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// alice is what most providers here say of whoever signs in.
const alice = `{"sub":"alice-1","name":"Alice Example","email":"alice@example.com"}`

// knows lets u say at its userinfo endpoint who it is, "" nothing usable.
func (u *upstream) knows(claims string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.userinfo = func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer canary-access") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, claims)
	}
}

// aliceSite is a site with a provider that knows alice and rotates tokens.
func aliceSite(t *testing.T, settings ...string) (*site, *rotator) {
	t.Helper()
	up := newUpstream(t)
	up.knows(alice)
	p := rotating(up, 3600)
	return newSite(t, up, 1, settings...), p
}

func (p *rotator) given() (revoked []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(revoked, p.revoked...)
}

// variant is the half of s with other parts.
type variant struct {
	base     string
	keeper   *rp.Keeper
	provider *provider.Provider
	idTokens rp.IDTokens
}

func (v variant) of(s *site) *app {
	a := *s.processes[0]
	if v.base == "" {
		v.base = base
	}
	if v.keeper == nil {
		v.keeper = s.keeper
	}
	if v.provider == nil {
		v.provider = s.refresher[0].Provider
	}
	now, own := v.keeper.Now, &rp.Session{Keeper: v.keeper, Provider: v.provider}
	mux := http.NewServeMux()
	mux.Handle("/login", &rp.Login{Provider: v.provider, Logins: a.store, TTL: 10 * time.Minute, Now: now})
	mux.Handle("/callback", &rp.Callback{Provider: v.provider, Logins: a.store, IDTokens: v.idTokens, Now: now, Keeper: v.keeper})
	mux.Handle("/logout", &rp.Logout{Keeper: v.keeper, Provider: v.provider})
	mux.Handle("/api/whoami", (&rp.Authorizer{Keeper: v.keeper}).Guard(&rp.WhoAmI{}))
	mux.Handle("/{$}", own)
	mux.Handle("/session", own)
	mux.Handle("/sessions", own)
	a.handler = (&gateway.Gateway{BaseURL: v.base, SetHost: true, Logger: slog.New(slog.NewJSONHandler(a.log, nil))}).Wrap(gateway.Routes(mux))
	return &a
}

func setCookies(resp *http.Response, name string) (list []*http.Cookie) {
	for _, c := range resp.Cookies() {
		if c.Name == name {
			list = append(list, c)
		}
	}
	return list
}

func TestSessionBegins_C14_C46(t *testing.T) {
	s, _ := aliceSite(t)
	for query, want := range map[string]string{
		"":                                  "/session",
		"?return_to=%2Fapp%3Fx%3D1":         "/app?x=1",
		"?return_to=%2Fapp%3Fx%3D1%23part2": "/app?x=1#part2",
		"?return_to=%2F":                    "/",
		"?return_to=%2Fa%252Fb%3Fq%3D%2526": "/a%2Fb?q=%26",
	} {
		b := s.processes[0].browser()
		s.sessions.reset()
		resp := s.signIn(b, query)
		if got := resp.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %q, want %q", query, got, want)
		}
		cookies := setCookies(resp, sessionName)
		if len(cookies) != 1 || len(resp.Cookies()) != 1 {
			t.Fatalf("cookies: %v", resp.Header["Set-Cookie"])
		}
		c := cookies[0]
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 7*24*3600 {
			t.Errorf("attributes: %s", c.Raw)
		}
		if len(c.Name)+len(c.Value) > 100 || len(c.Value) != 64 || !session.CookieLike(c.Value) {
			t.Errorf("%d characters of cookie", len(c.Name)+len(c.Value))
		}
		if resp.Header.Get("Cache-Control") != "no-store" || bodyOf(resp) != "" {
			t.Errorf("%v %q", resp.Header, bodyOf(resp))
		}
		if s.sessions.count("put") != 1 || len(s.sessions.calls) != 1 {
			t.Errorf("operations: %v", s.sessions.calls)
		}
		entry, err := s.sessions.Sessions.GetSession(t.Context(), session.Key(c.Value), time.Now())
		if err != nil || strings.Contains(entry.Key+entry.User+string(entry.Sealed), c.Value[:21]) || strings.Contains(string(entry.Sealed), "canary") {
			t.Errorf("what is kept: %v", err)
		}
	}
}

func TestSessionCookieOnLoopback_C46(t *testing.T) {
	const loopback = "http://127.0.0.1:8080"
	s, _ := aliceSite(t)
	b := variant{base: loopback}.of(s).browser()
	resp := s.signIn(b, "")
	cookies := setCookies(resp, "session")
	if len(cookies) != 1 || len(resp.Cookies()) != 1 {
		t.Fatalf("cookies: %v", resp.Header["Set-Cookie"])
	}
	if c := cookies[0]; c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
		t.Errorf("attributes: %s", c.Raw)
	}
	if resp := b.fetch("GET", "/session"); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
	}
	onHTTPS := &browser{app: s.processes[0], cookies: map[string]string{"session": b.cookies["session"]}}
	wantError(t, onHTTPS.fetch("GET", "/session"), 401, "not_authenticated")
}

func TestFixation_C45(t *testing.T) {
	s, _ := aliceSite(t)
	attacker := s.signedIn("")
	for name, planted := range map[string]string{"the attacker's session": attacker.cookies[sessionName], "a made-up value": session.NewCookie(), "no cookie of ours": "planted"} {
		victim := s.processes[0].browser()
		victim.cookies[sessionName] = planted
		s.signIn(victim, "")
		first := victim.cookies[sessionName]
		s.signIn(victim, "")
		second := victim.cookies[sessionName]
		if first == planted || second == planted || first == second {
			t.Errorf("%s: not rotated", name)
		}
		for _, old := range []string{planted, first} {
			was := &browser{app: s.processes[0], cookies: map[string]string{sessionName: old}}
			if resp := was.fetch("GET", "/session"); resp.StatusCode != 401 {
				t.Errorf("%s: an old value is good for %d", name, resp.StatusCode)
			}
			if _, err := s.sessions.GetSession(t.Context(), session.Key(old), time.Now()); !errors.Is(err, session.ErrUnknown) {
				t.Errorf("%s: the old session is still kept: %v", name, err)
			}
		}
		if resp := victim.fetch("GET", "/session"); resp.StatusCode != 200 {
			t.Errorf("%s: the new one: %d", name, resp.StatusCode)
		}
	}
	b := s.signedIn("")
	resp := b.get(callback("error", "access_denied", "state", b.login("").Get("state")))
	wantError(t, resp, 400, "access_denied")
	s.sessions.set(func(method string) error { return errorsOn(method == "delete") }, nil)
	if resp := b.fetch("GET", "/session"); resp.StatusCode != 200 {
		t.Errorf("a login that failed has ended the session: %d", resp.StatusCode)
	}
	s.signIn(b, "") // the old one cannot be ended now, and that is in the log
	if resp := b.fetch("GET", "/session"); resp.StatusCode != 200 || !strings.Contains(b.app.log.String(), `"old_session":"not ended`) {
		t.Errorf("%d", resp.StatusCode)
	}
}

var errStoreDown = errors.New("store is down")

func errorsOn(when bool) error {
	if when {
		return errStoreDown
	}
	return nil
}

func TestTwoSessionCookiesBeginNothing(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.processes[0].browser()
	url := callback("code", "good", "state", b.login("").Get("state"))
	two := http.Header{"Cookie": {sessionName + "=" + session.NewCookie() + "; " + sessionName + "=" + session.NewCookie()}}
	wantError(t, b.do("GET", url, nil, two), 400, "invalid_request")
	if n := b.app.store.claims.Load(); n != 0 {
		t.Errorf("%d claims", n)
	}
	if resp := b.get(url); resp.StatusCode != 303 {
		t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
	}
}

func TestReload_C24_C25_C27_F24(t *testing.T) {
	s, _ := aliceSite(t)
	b, a := s.processes[0].browser(), s.processes[0]
	url := callback("code", "good", "state", b.login("?return_to=%2Fapp%3Fx%3D1").Get("state"))
	again := func(want string) {
		t.Helper()
		resp := b.get(url)
		if want == "" {
			if resp.StatusCode != 303 || resp.Header.Get("Location") != "/app?x=1" || resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			return
		}
		status := 400
		if want == "store_unavailable" {
			status = 503
		}
		wantError(t, resp, status, want)
	}
	if resp := b.get(url); resp.StatusCode != 303 {
		t.Fatal(bodyOf(resp))
	}
	again("")
	again("")
	s.sessions.set(func(method string) error { return errorsOn(method == "get") }, nil)
	again("store_unavailable")
	s.sessions.reset()
	a.clock.Store(11 * 60)
	again("") // the login has expired meanwhile
	a.clock.Store(0)

	other := s.signedIn("")
	wantError(t, other.get(url), 403, "wrong_browser")
	wantError(t, a.browser().get(url), 403, "wrong_browser")
	stolen := &browser{app: a, cookies: map[string]string{sessionName: b.cookies[sessionName]}} // the session alone is not the browser
	wantError(t, stolen.get(url), 403, "wrong_browser")

	a.clock.Store(24 * 3600)
	again("login_expired") // and so has the session
	a.clock.Store(0)
	b.fetch("POST", "/logout")
	again("state_used")
	if n := a.up.hits(); n != 2 || s.sessions.count("put") != 1 {
		t.Errorf("%d token requests, %d sessions", n, s.sessions.count("put"))
	}
}

func TestDoubleClick_C28_F24(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.processes[0].browser()
	url := callback("code", "good", "state", b.login("").Get("state"))
	var wg sync.WaitGroup
	began := make([]bool, 20)
	for i := range began {
		click := &browser{app: b.app, cookies: map[string]string{"__Host-login": b.cookies["__Host-login"]}}
		wg.Go(func() {
			resp := click.get(url)
			began[i] = len(setCookies(resp, sessionName)) == 1 && resp.StatusCode == 303
			if !began[i] && resp.StatusCode != 400 {
				t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
			}
		})
	}
	wg.Wait()
	n := 0
	for _, yes := range began {
		if yes {
			n++
		}
	}
	if n != 1 || b.app.up.hits() != 1 || s.sessions.count("put") != 1 {
		t.Errorf("%d sessions begun, %d token requests, %d stored", n, b.app.up.hits(), s.sessions.count("put"))
	}
}

// keysDown cannot read the deployment secret.
type keysDown struct{}

func (keysDown) Ring(context.Context, string) (*secret.Ring, error) {
	return nil, errors.New("secrets manager is down")
}

func TestStoreFailsAfterTheExchange_F20(t *testing.T) {
	for name, fault := range map[string]func(*site) *app{
		"not stored": func(s *site) *app {
			s.sessions.set(func(method string) error { return errorsOn(method == "put") }, nil)
			return s.processes[0]
		},
		"reply lost": func(s *site) *app {
			s.sessions.set(nil, func(method string) error { return errorsOn(method == "put") })
			return s.processes[0]
		},
		"no key to seal with": func(s *site) *app {
			k := *s.keeper
			k.Keys = keysDown{}
			return variant{keeper: &k}.of(s)
		},
	} {
		s, p := aliceSite(t)
		b := fault(s).browser()
		url := callback("code", "good", "state", b.login("?return_to=/x").Get("state"))
		resp := b.get(url)
		wantError(t, resp, 503, "store_unavailable", "canary")
		if resp.Header.Get("Retry-After") == "" || refusal(t, resp).RetryURL != "/login?return_to=%2Fx" {
			t.Errorf("%s: no way on: %v %s", name, resp.Header, bodyOf(resp))
		}
		if got := p.given(); len(got) != 1 || got[0] != "canary-refresh-1" {
			t.Errorf("%s: revoked %q", name, got)
		}
		if _, signedIn := b.cookies[sessionName]; signedIn {
			t.Errorf("%s: a cookie", name)
		}
		s.sessions.reset()
		if resp := b.get(url); resp.StatusCode < 400 || b.app.up.hits() != 1 {
			t.Errorf("%s: again: %d, %d token requests", name, resp.StatusCode, b.app.up.hits())
		}
	}
}

func TestTimeIsKeptForTheStore_F17_F21(t *testing.T) {
	t.Run("less than that is no beginning", func(t *testing.T) {
		s, _ := aliceSite(t)
		b := s.processes[0].browser()
		url := callback("code", "good", "state", b.login("").Get("state"))
		b.app.timeout = 3 * time.Second
		wantError(t, b.get(url), 503, "provider_unavailable")
		if b.app.store.claims.Load() != 0 || b.app.up.hits() != 0 {
			t.Error("the login was claimed without the time to finish it")
		}
		b.app.timeout = 10 * time.Second
		if resp := b.get(url); resp.StatusCode != 303 {
			t.Errorf("reloaded: %d %s", resp.StatusCode, bodyOf(resp))
		}
	})
	const whole = 4500 * time.Millisecond
	hang := func(t *testing.T, answer *http.HandlerFunc, up *upstream) {
		release := make(chan struct{})
		t.Cleanup(func() { close(release) })
		up.mu.Lock()
		defer up.mu.Unlock()
		*answer = func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}
	t.Run("a slow token endpoint", func(t *testing.T) {
		s, _ := aliceSite(t)
		b := s.processes[0].browser()
		state := b.login("").Get("state")
		hang(t, (*http.HandlerFunc)(&b.app.up.answer), b.app.up)
		b.app.timeout = whole
		began := time.Now()
		wantError(t, b.get(callback("code", "good", "state", state)), 504, "provider_unavailable")
		if took := time.Since(began); took > whole-1900*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
	})
	t.Run("a slow userinfo endpoint", func(t *testing.T) {
		s, _ := aliceSite(t)
		a := openID(s, provider.Identity{Subject: "alice-1"}, nil)
		hang(t, &a.up.userinfo, a.up)
		b := a.browser()
		state := b.login("").Get("state")
		a.timeout = whole
		began, stored := time.Now(), time.Duration(0)
		s.sessions.set(func(string) error { stored = time.Since(began); return nil }, nil)
		if resp := b.get(callback("code", "good", "state", state)); resp.StatusCode != 303 || stored > whole-1900*time.Millisecond {
			t.Errorf("%d, stored after %v", resp.StatusCode, stored)
		}
	})
}

// vouched verifies every ID token and reads the same in each, or an error.
type vouched struct {
	who provider.Identity
	err error
}

func (v vouched) Verify(context.Context, *provider.Provider, provider.Endpoints, secret.Text, string, secret.Text) (provider.Identity, error) {
	return v.who, v.err
}

// openID is s with an OpenID provider whose ID tokens say who.
func openID(s *site, who provider.Identity, err error, scope ...string) *app {
	p := &provider.Provider{
		Name: "oidc", ClientID: clientID, Auth: provider.AuthNone, Subject: "sub",
		Scope: strings.Join(append([]string{"openid"}, append(scope, "profile")...), " "), Fixed: s.refresher[0].Provider.Fixed,
	}
	if len(scope) > 0 {
		p.Scope = "openid " + strings.Join(scope, " ")
	}
	return variant{provider: p, idTokens: vouched{who, err}}.of(s)
}

func TestWhoSignedIn(t *testing.T) {
	bad := &oauth.Error{Code: oauth.ProviderError, Description: "The ID token is not good."}
	for name, tt := range map[string]struct {
		idToken  *provider.Identity // nil: no OpenID
		invalid  error
		scope    []string
		userinfo string
		want     string // sub name email; "" refused
	}{
		"userinfo says it all":                  {userinfo: alice, want: "alice-1 Alice Example alice@example.com"},
		"userinfo without a subject":            {userinfo: `{"name":"Alice"}`},
		"userinfo with an empty subject":        {userinfo: `{"sub":""}`},
		"userinfo with two subjects":            {userinfo: `{"sub":"a","sub":"b"}`},
		"userinfo down, nobody else to say":     {userinfo: ""},
		"an ID token and userinfo":              {idToken: &provider.Identity{Subject: "alice-1"}, userinfo: alice, want: "alice-1 Alice Example alice@example.com"},
		"userinfo of another subject":           {idToken: &provider.Identity{Subject: "bob-2", Name: "Bob"}, userinfo: alice, want: "bob-2 Bob "},
		"userinfo of a subject that starts so":  {idToken: &provider.Identity{Subject: "alice-11"}, userinfo: alice, want: "alice-11  "},
		"userinfo down, the ID token is enough": {idToken: &provider.Identity{Subject: "alice-1", Email: "a@example.com"}, userinfo: "", want: "alice-1  a@example.com"},
		"each knows something":                  {idToken: &provider.Identity{Subject: "alice-1", Name: "Al"}, userinfo: `{"sub":"alice-1","email":"e@example.com"}`, want: "alice-1 Al e@example.com"},
		"the ID token comes first":              {idToken: &provider.Identity{Subject: "alice-1", Name: "Al"}, userinfo: alice, want: "alice-1 Al alice@example.com"},
		"neither name nor address asked for":    {idToken: &provider.Identity{Subject: "alice-1"}, scope: []string{"read"}, userinfo: alice, want: "alice-1  "},
		"an ID token that does not verify":      {idToken: &provider.Identity{}, invalid: bad, userinfo: alice},
	} {
		t.Run(name, func(t *testing.T) {
			s, p := aliceSite(t)
			p.extra = func(answer map[string]any, _ string, _ int) { delete(answer, "scope") }
			a := s.processes[0]
			if tt.idToken != nil {
				a = openID(s, *tt.idToken, tt.invalid, tt.scope...)
			}
			a.up.knows(tt.userinfo)
			b := a.browser()
			resp := b.get(callback("code", "good", "state", b.login("").Get("state")))
			if tt.want == "" {
				wantError(t, resp, 502, "provider_error", "canary")
				if got := p.given(); len(got) != 1 || got[0] != "canary-refresh-1" || len(s.sessions.calls) != 0 {
					t.Errorf("revoked %q, store %v", got, s.sessions.calls)
				}
				return
			}
			got := jsonOf(t, b.fetch("GET", "/session"))
			if who := got["sub"].(string) + " " + got["name"].(string) + " " + got["email"].(string); who != tt.want {
				t.Errorf("%q, want %q", who, tt.want)
			}
		})
	}
}

// A provider such as Cashmere has no userinfo endpoint and no ID tokens.
func TestProviderThatNamesNobody(t *testing.T) {
	up := newUpstream(t)
	rotating(up, 3600)
	cashmere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Path = strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/o"), "/")
		up.Config.Handler.ServeHTTP(w, r)
	}))
	defer cashmere.Close()
	s := newSite(t, up, 1, "OAUTH_PROVIDER=cashmere", "OAUTH_PROVIDER_URL="+cashmere.URL, "OAUTH_AUTHORIZE_URL=", "OAUTH_TOKEN_URL=",
		"OAUTH_USERINFO_URL=", "OAUTH_REVOKE_URL=", "OAUTH_END_SESSION_URL=")
	first, second := s.signedIn(""), s.signedIn("")
	if up.others.Load() != 0 {
		t.Error("it was asked who it is")
	}
	for _, b := range []*browser{first, second} {
		if got := jsonOf(t, b.fetch("GET", "/session")); got["sub"] != "" || got["authenticated"] != true {
			t.Errorf("%v", got)
		}
		list := jsonOf(t, b.fetch("GET", "/sessions"))["sessions"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["current"] != true {
			t.Errorf("%v", list)
		}
	}
	if s.sessions.count("list") != 0 {
		t.Error("nobody's sessions were looked up")
	}
	if resp := second.do("POST", "/logout", strings.NewReader(url.Values{"everywhere": {"1"}}.Encode()),
		http.Header{"X-Csrf": {"1"}, "Content-Type": {"application/x-www-form-urlencoded"}}); resp.StatusCode != 200 {
		t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
	}
	if resp := first.fetch("GET", "/session"); resp.StatusCode != 200 {
		t.Errorf("nobody in particular has ended another nobody's session: %d", resp.StatusCode)
	}
}
