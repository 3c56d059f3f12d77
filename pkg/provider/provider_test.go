package provider_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

var request = provider.Authorization{
	RedirectURI: "https://app.example/callback",
	State:       "Jb0kZ3bqZ4ZtJm3p0cR5l9f1T2wY7xQ8vN6uH4sD1aE",
	Challenge:   pkce.Challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
}

func TestAuthorizeURL(t *testing.T) {
	seven := url.Values{
		"response_type": {"code"}, "client_id": {"s6BhdRkqt3"}, "redirect_uri": {request.RedirectURI},
		"scope": {"read write"}, "state": {request.State},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	with := func(more url.Values, without ...string) url.Values {
		all := url.Values{}
		for k, v := range seven {
			all[k] = v
		}
		for k, v := range more {
			all[k] = v
		}
		for _, k := range without {
			delete(all, k)
		}
		return all
	}
	for _, test := range []struct {
		name     string
		provider *provider.Provider
		endpoint string
		change   func(*provider.Authorization)
		prefix   string
		want     url.Values
	}{
		{"exactly the seven parameters", &provider.Provider{Scope: "read write"}, "https://op.example/o/authorize/", nil,
			"https://op.example/o/authorize/?response_type=code&", seven},
		{"an empty scope is left out", &provider.Provider{}, "https://op.example/a", nil,
			"https://op.example/a?", with(nil, "scope")},
		{"the endpoint's own query is kept (RFC 6749 section 3.1)", &provider.Provider{Scope: "read write"}, "https://op.example/a?tenant=x%2Fy", nil,
			"https://op.example/a?tenant=x%2Fy&response_type=code&", with(url.Values{"tenant": {"x/y"}})},
		{"an endpoint that ends in a question mark", &provider.Provider{Scope: "read write"}, "https://op.example/a?", nil,
			"https://op.example/a?response_type=code&", seven},
		{"nonce, prompt and login_hint when there are any", &provider.Provider{Scope: "read write"}, "https://op.example/a",
			func(a *provider.Authorization) {
				a.Nonce, a.Prompt, a.LoginHint = "n-0S6_WzA2Mj", "select_account", "a+b&c@example.com"
			},
			"https://op.example/a?", with(url.Values{"nonce": {"n-0S6_WzA2Mj"}, "prompt": {"select_account"}, "login_hint": {"a+b&c@example.com"}})},
		{"extra parameters", &provider.Provider{Scope: "read write", Extra: oauth.Params{"access_type": "offline", "hd": "a b"}}, "https://op.example/a", nil,
			"https://op.example/a?", with(url.Values{"access_type": {"offline"}, "hd": {"a b"}})},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.provider.ClientID = "s6BhdRkqt3"
			a := request
			if test.change != nil {
				test.change(&a)
			}
			got := test.provider.AuthorizeURL(provider.Endpoints{Authorize: test.endpoint}, a)
			if !strings.HasPrefix(got, test.prefix) {
				t.Errorf("%s does not begin with %s", got, test.prefix)
			}
			_, raw, _ := strings.Cut(got, "?")
			values, err := url.ParseQuery(raw)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, values); diff != "" {
				t.Errorf("parameters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthorizeURLWritesSpacesAsPlus(t *testing.T) {
	p := &provider.Provider{ClientID: "c", Scope: "read write"}
	if got := p.AuthorizeURL(provider.Endpoints{Authorize: "https://op.example/"}, request); !strings.Contains(got, "&scope=read+write&") {
		t.Errorf("%s: want scope=read+write", got)
	}
}

func TestCheckIssuer_C35(t *testing.T) {
	const honest = "https://honest.example"
	for _, test := range []struct {
		name     string
		issuer   string
		required bool
		iss      string
		present  bool
		ok       bool
	}{
		{"the same", honest, true, honest, true, true},
		{"the same, not announced", honest, false, honest, true, true},
		{"left out, not announced", honest, false, "", false, true},
		{"left out, announced", honest, true, "", false, false},
		{"another", honest, true, "https://attacker.example", true, false},
		{"another, not announced", honest, false, "https://attacker.example", true, false},
		{"a trailing slash more", honest, true, honest + "/", true, false},
		{"a trailing slash less", honest + "/", true, honest, true, false},
		{"upper case", honest, true, "https://HONEST.example", true, false},
		{"the default port", honest, true, honest + ":443", true, false},
		{"http", honest, true, "http://honest.example", true, false},
		{"a prefix", honest, true, "https://honest.exampl", true, false},
		{"an extension", honest, true, honest + ".attacker.example", true, false},
		{"a path", honest, true, honest + "/tenant", true, false},
		{"a query", honest, true, honest + "?x", true, false},
		{"percent-encoded", honest, true, "https%3A%2F%2Fhonest.example", true, false},
		{"white space", honest, true, " " + honest, true, false},
		{"empty but there, announced", honest, true, "", true, false},
		{"empty but there, not announced", honest, false, "", true, false},
		{"two issuers in one value", honest, true, honest + "," + honest, true, false},
		{"nothing to compare with", "", false, "https://attacker.example", true, true},
		{"nothing to compare with, none sent", "", false, "", false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := new(provider.Provider).CheckIssuer(provider.Endpoints{Issuer: test.issuer, IssRequired: test.required}, test.iss, test.present)
			if (err == nil) != test.ok {
				t.Fatalf("error %v, want ok %v", err, test.ok)
			}
			var refusal *oauth.Error
			if err != nil && (!errors.As(err, &refusal) || refusal.Code != oauth.IssuerMismatch) {
				t.Errorf("error %v, want %s", err, oauth.IssuerMismatch)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	for _, test := range []struct {
		code, description string
		want              oauth.Code
		status            int
		retry             bool
		says              string
	}{
		{"access_denied", "", oauth.AccessDenied, 400, false, "declined"},
		{"temporarily_unavailable", "", oauth.ProviderUnavailable, 503, true, "seconds"},
		{"server_error", "", oauth.ProviderUnavailable, 503, true, "seconds"},
		{"invalid_scope", "", oauth.ProviderError, 502, false, "OAUTH_SCOPE"},
		{"unauthorized_client", "", oauth.ProviderError, 502, false, "authorization code grant"},
		{"login_required", "", oauth.ProviderError, 502, false, "prompt=none"},
		{"ACCESS_DENIED", "", oauth.ProviderError, 502, false, "again"},
		{"<script>", "", oauth.ProviderError, 502, false, "again"},
		{"invalid_request", "Line one\r\nline\u202e two", oauth.ProviderError, 502, false, `"Line one line two"`},
	} {
		t.Run(test.code, func(t *testing.T) {
			got := new(provider.Provider).Refused(test.code, test.description)
			if got.Code != test.want || got.HTTPStatus() != test.status || (got.RetryAfter > 0) != test.retry {
				t.Errorf("%s, status %d, retry after %v; want %s, %d, %v", got.Code, got.HTTPStatus(), got.RetryAfter, test.want, test.status, test.retry)
			}
			if !strings.Contains(got.Description, test.says) {
				t.Errorf("description %q does not say %q", got.Description, test.says)
			}
			if strings.Contains(got.Description+got.Error(), "<script>") {
				t.Errorf("an unclean code gets through: %v", got)
			}
		})
	}
}

func TestBuiltinHangsOnTheBaseURL(t *testing.T) {
	p := fromEnv(t)
	for _, base := range []string{"http://localhost:3000", "https://login.example.com"} {
		got, err := p.Endpoints(baseurl.With(t.Context(), base))
		if err != nil {
			t.Fatal(err)
		}
		want := provider.Endpoints{
			Authorize: base + "/oauth/authorize", Token: base + "/oauth/tokenize", UserInfo: base + "/oauth/userinfo",
			Revoke: base + "/oauth/revoke", EndSession: base + "/oauth/end_session", JWKS: base + "/oauth/jwks",
			Issuer: base, IssRequired: true, IDTokenAlgs: []string{"ES256"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("endpoints (-want +got):\n%s", diff)
		}
	}
	if p.ClientID != "latchkey" || p.Auth != provider.AuthNone {
		t.Errorf("client %q, auth %q", p.ClientID, p.Auth)
	}
}

func BenchmarkAuthorizeURL(b *testing.B) {
	p := &provider.Provider{ClientID: "s6BhdRkqt3", Scope: "read write"}
	ep := provider.Endpoints{Authorize: "https://omnibk.ai/o/authorize/"}
	b.ReportAllocs()
	for b.Loop() {
		if p.AuthorizeURL(ep, request) == "" {
			b.Fatal("no URL")
		}
	}
}

// trusting returns the transport that trusts a test server.
func trusting(client *http.Client) *http.Transport {
	return client.Transport.(*http.Transport)
}

var epoch = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
