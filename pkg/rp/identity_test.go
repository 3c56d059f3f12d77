package rp_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

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
			sent := b.login("")
			resp := b.get(callback("code", "good", "state", sent.Get("state")))
			if tt.want == "" {
				wantError(t, resp, 502, "provider_error", "canary")
				if got := p.given(); len(got) != 1 || got[0] != "canary-refresh-1" || len(s.sessions.calls) != 0 {
					t.Errorf("revoked %q, store %v", got, s.sessions.calls)
				}
				return
			}
			got := jsonOf(t, b.fetch("GET", "/session"))
			if scope := sent.Get("scope"); got["scope"] != scope { // the answer has none: it is what was asked for
				t.Errorf("scope %q, want %q", got["scope"], scope)
			}
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
