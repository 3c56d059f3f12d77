package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

const example = `
users:
  - {username: admin, password: admin, name: Admin, email: admin@example.com}
  - username: ada
    password: 12345678
clients:
  - id: test_client
    secret: password
    name: Example client
    redirect_uris: [https://www.example.com/redirect]
    scopes: [email]
    grant_types: [authorization_code, refresh_token]
    auth_methods: [client_secret_basic, client_secret_post]
    require_pkce: false
    access_token: jwt
    resource_server: true
    post_logout_redirect_uris: [https://www.example.com/]
  - id: spa
    redirect_uris: [https://spa.example.com/cb, "http://127.0.0.1/cb"]
    scopes: [openid, email]
lifetimes: {code: 30s, access: 300s, refresh: 900s, refresh_grace: 0s, refresh_max: 720h}
`

func TestConfig(t *testing.T) {
	c, err := parseConfig(strings.NewReader(example))
	if err != nil {
		t.Fatal(err)
	}
	want := []client.Client{
		{
			ID: "test_client", Name: "Example client", SecretHash: secretHash("password"), RedirectURIs: []string{"https://www.example.com/redirect"},
			Scopes: []string{"email"}, GrantTypes: []string{"authorization_code", "refresh_token"}, AuthMethods: []string{"client_secret_basic", "client_secret_post"},
			PKCEOptional: true, JWT: true, ResourceServer: true, PostLogoutRedirectURIs: []string{"https://www.example.com/"},
		},
		{
			ID: "spa", RedirectURIs: []string{"https://spa.example.com/cb", "http://127.0.0.1/cb"}, Scopes: []string{"openid", "email"},
			GrantTypes: []string{"authorization_code", "refresh_token"}, AuthMethods: []string{"none"},
		},
	}
	if diff := cmp.Diff(want, c.clients); diff != "" {
		t.Error(diff)
	}
	times := grant.DefaultLifetimes
	times.Code, times.Refresh, times.RefreshGrace = 30*time.Second, 15*time.Minute, 0
	if diff := cmp.Diff(times, c.lifetimes); diff != "" {
		t.Error(diff)
	}
	if len(c.users) != 2 || !user.Verify(c.users[0].PasswordHash, "admin") || !user.Verify(c.users[1].PasswordHash, "12345678") || c.users[0].Email != "admin@example.com" {
		t.Errorf("%+v", c.users)
	}
	if c.users[0].Subject == "" || c.users[0].Subject == c.users[1].Subject || c.demo {
		t.Errorf("%+v", c.users)
	}
}

func TestPasswordHashInConfig(t *testing.T) {
	hash := user.Hash("x")
	c, err := parseConfig(strings.NewReader("users: [{username: a, password_hash: '" + hash + "'}]"))
	if err != nil || c.users[0].PasswordHash != hash {
		t.Errorf("%v", err)
	}
}

// badConfigs each have one thing wrong; the second string is in the report.
var badConfigs = map[string][2]string{
	"empty":                        {"", "the file is empty"},
	"not YAML":                     {"users: [", "line 1"},
	"a list":                       {"[]", "line 1: has to be a mapping"},
	"two documents":                {"users: []\n---\nusers: []", "a second document"},
	"unknown key at the top":       {"user: []", `line 1: "user" is not known here; use clients, lifetimes, users`},
	"users is no list":             {"users: {a: b}", "users has to be a list"},
	"a user that is a text":        {"users: [admin]", "a user has to be a mapping"},
	"unknown key of a user":        {"users:\n  - {username: a, password: b, mail: c}", `line 2: "mail" is not known here`},
	"key twice":                    {"users:\n  - {username: a, password: b, password: c}", `line 2: "password" is there twice`},
	"no username":                  {"users: [{password: b}]", "username: is missing"},
	"username with a space":        {"users: [{username: ' a', password: b}]", "username: begins or ends"},
	"username too long":            {"users: [{username: " + strings.Repeat("a", 129) + ", password: b}]", "1 to 128 bytes"},
	"no password":                  {"users: [{username: a}]", `user "a" has neither password nor password_hash`},
	"password and hash":            {"users: [{username: a, password: b, password_hash: c}]", "has both password and password_hash"},
	"empty password":               {"users: [{username: a, password: ''}]", "password: 1 to 1024 bytes"},
	"null password":                {"users: [{username: a, password: }]", "a text is missing here"},
	"not a hash":                   {"users: [{username: a, password_hash: secret}]", "password_hash: not a hash of this form"},
	"user twice":                   {"users:\n  - {username: a, password: b}\n  - {username: a, password: c}", `line 3: user "a" is there twice`},
	"unknown key of a client":      {"clients: [{id: a, secrets: x, redirect_uris: [https://a.example], scopes: [x]}]", `"secrets" is not known here`},
	"client without an id":         {"clients: [{secret: x, redirect_uris: [https://a.example], scopes: [x]}]", "an id is 1 to 128"},
	"client twice":                 {"clients:\n  - {id: a, secret: x, redirect_uris: [https://a.example]}\n  - {id: a, secret: y, redirect_uris: [https://b.example]}", `line 3: client "a" is there twice`},
	"the first party's id":         {"clients: [{id: latchkey, secret: x, redirect_uris: [https://a.example]}]", "belongs to the stack's own client"},
	"no redirect URI":              {"clients: [{id: a, secret: x}]", "needs a redirect URI"},
	"javascript: (S-08)":           {"clients: [{id: a, secret: x, redirect_uris: ['javascript:alert(1)']}]", "has the scheme javascript"},
	"data: (S-08)":                 {"clients: [{id: a, secret: x, redirect_uris: ['data:text/html,x']}]", "has the scheme data"},
	"fragment (S-09)":              {"clients: [{id: a, secret: x, redirect_uris: ['https://a.example/#f']}]", "fragment"},
	"wildcard":                     {"clients: [{id: a, secret: x, redirect_uris: ['https://*.a.example/']}]", "redirect URI"},
	"http":                         {"clients: [{id: a, secret: x, redirect_uris: ['http://a.example/']}]", "redirect URI"},
	"public without PKCE":          {"clients: [{id: a, require_pkce: false, redirect_uris: [https://a.example]}]", "a public client needs PKCE"},
	"public with a method":         {"clients: [{id: a, auth_methods: [client_secret_basic], redirect_uris: [https://a.example]}]", "is public"},
	"empty secret":                 {"clients: [{id: a, secret: '', redirect_uris: [https://a.example]}]", "secret: is empty"},
	"password grant":               {"clients: [{id: a, secret: x, grant_types: [password], redirect_uris: [https://a.example]}]", `grant type "password"`},
	"unknown token form":           {"clients: [{id: a, secret: x, access_token: paseto, redirect_uris: [https://a.example]}]", `access_token: "paseto"`},
	"scopes as a text":             {"clients: [{id: a, secret: x, scopes: email, redirect_uris: [https://a.example]}]", "a list is missing here"},
	"a scope with a space":         {"clients: [{id: a, secret: x, scopes: ['a b'], redirect_uris: [https://a.example]}]", "is not a scope"},
	"require_pkce: maybe":          {"clients: [{id: a, secret: x, require_pkce: maybe, redirect_uris: [https://a.example]}]", `"maybe" is neither true nor false`},
	"lifetime without a unit":      {"lifetimes: {code: 60}", `lifetimes: code: "60" is not a duration`},
	"lifetime of nothing":          {"lifetimes: {access: 0s}", "lifetimes: access"},
	"code that lasts too long":     {"lifetimes: {code: 11m}", `lifetimes: code: "11m" is not a duration of whole seconds from 1s to 10m0s`},
	"empty lifetime":               {"lifetimes: {code: ''}", "lifetimes: code: is empty"},
	"unknown lifetime":             {"lifetimes: {session: 1h}", `"session" is not known here`},
	"refresh longer than the end":  {"lifetimes: {refresh: 48h, refresh_max: 24h}", "is longer than refresh_max"},
	"a control character in a URI": {"clients: [{id: a, secret: x, redirect_uris: [\"https://a.example/\\n\"]}]", "control character"},
}

func TestBadConfigs_S08_S09(t *testing.T) {
	for name, tt := range badConfigs {
		c, err := parseConfig(strings.NewReader(tt[0]))
		if err == nil || c != nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%s: want %q, got %v", name, tt[1], err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := parseConfig(strings.NewReader("lifetimes: {code: x}\nusers:\n  - {username: a}\n  - {username: a, password: canary-password, x: y}\nclients:\n  - {id: b, secret: canary-secret}\n"))
	if err == nil || !strings.HasPrefix(err.Error(), "5 problem(s):") || strings.Contains(err.Error(), "canary") {
		t.Fatalf("%v", err)
	}
	last := 0
	for _, line := range []string{"line 1:", "line 3:", "line 4:", "line 6:"} {
		at := strings.Index(err.Error(), line)
		if at <= last {
			t.Errorf("%q is missing or out of order in %v", line, err)
		}
		last = at
	}
}

func TestGuessableInConfig(t *testing.T) {
	c, err := parseConfig(strings.NewReader(`
users:
  - {username: ada, password: canary7}
  - {username: bob, password: canary-8}
  - {username: eve, password_hash: '` + demoPassword + `'}
clients:
  - {id: shop, secret: canary-15-chars, scopes: [read], grant_types: [client_credentials]}
  - {id: wiki, secret: canary-16-chars!, scopes: [read], grant_types: [client_credentials]}
  - {id: spa, redirect_uris: [https://spa.example.com/cb]}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"the password of user ada has fewer than 8 characters; it works, but can be guessed",
		"the secret of client shop has fewer than 16 characters; it works, but can be guessed",
	}
	if diff := cmp.Diff(want, c.guessable); diff != "" {
		t.Error(diff)
	}
	if demo := demoConfig(); demo.guessable != nil {
		t.Errorf("the demo warns of itself: %q", demo.guessable)
	}
}

func TestDemoConfig(t *testing.T) {
	c := demoConfig()
	for _, one := range c.clients {
		if err := one.Validate(); err != nil {
			t.Error(err)
		}
	}
	if !c.demo || !user.Verify(c.users[0].PasswordHash, "admin") || !c.clients[0].CheckSecret("password") || c.lifetimes != grant.DemoLifetimes {
		t.Errorf("%+v", c)
	}
}

func TestWithout(t *testing.T) {
	one, two := strings.Repeat("a", 43), strings.Repeat("b", 43)
	idOf := func(text string) string {
		ring, err := secret.ParseRing(text)
		if err != nil {
			t.Fatal(err)
		}
		return ring.Newest().ID
	}
	if _, err := without(one+","+two, "AAAAAA"); err == nil {
		t.Error("an unknown id")
	}
	if got, err := without(one+", "+two, idOf(one)); err != nil || got != two {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := without(one+","+two, idOf(two)); err != nil || got != one {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := without(one, idOf(one)); err == nil || strings.Contains(err.Error(), one) {
		t.Errorf("the only key was dropped: %v", err)
	}
}
