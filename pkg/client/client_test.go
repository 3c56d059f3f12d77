package client_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const base = "https://as.example"

// good is a client that may be registered.
func good() client.Client {
	return client.Client{
		ID: "app", SecretHash: secret.Hash("s3cret"), RedirectURIs: []string{"https://app.example/cb"}, Scopes: []string{"read", "write"},
		GrantTypes: []string{client.AuthorizationCode, client.RefreshToken}, AuthMethods: []string{client.SecretBasic, client.SecretPost},
	}
}

func public() client.Client {
	c := good()
	c.SecretHash, c.AuthMethods = "", []string{client.None}
	return c
}

func TestCheckSecret_S54_S56(t *testing.T) {
	c := good()
	if !c.CheckSecret("s3cret") {
		t.Error("its own secret is refused")
	}
	for name, tt := range map[string]struct {
		client client.Client
		secret string
	}{
		"wrong": {c, "S3cret"}, "empty": {c, ""}, "part": {c, "s3cre"}, "more": {c, "s3cret "}, "the hash": {c, c.SecretHash},
		"public, any": {public(), "x"}, "public, empty": {public(), ""}, "public, dashes": {public(), strings.Repeat("-", 43)},
		"unknown, any": {client.Client{}, "s3cret"}, "unknown, empty": {client.Client{}, ""},
		"hash of nothing": {client.Client{SecretHash: secret.Hash("")}, ""},
	} {
		if tt.client.CheckSecret(tt.secret) {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, s := range []string{"p:a+ss%wörd&=☃", " ", "\x00", strings.Repeat("x", 5000)} {
		c.SecretHash = secret.Hash(s)
		if !c.CheckSecret(s) {
			t.Errorf("%q: its own secret is refused", s)
		}
	}
}

// RFC 6749 §3.3: what is asked for, or everything, in one order.
func TestRequested(t *testing.T) {
	c := good()
	for scope, want := range map[string][]string{
		"": {"read", "write"}, "read": {"read"}, "write read": {"read", "write"}, "read read": {"read"}, " read  write ": {"read", "write"}, "  ": {"read", "write"},
	} {
		if got, ok := c.Requested(scope); !ok || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", scope, got, ok)
		}
	}
	for _, scope := range []string{"admin", "read admin", "READ", "read,write", "read\twrite", "read\u00a0write", "*"} {
		if got, ok := c.Requested(scope); ok || got != nil {
			t.Errorf("%q: %v", scope, got)
		}
	}
	all, _ := c.Requested("")
	all[0] = "changed"
	if !c.AllowsScope("read") || c.AllowsScope("") || c.AllowsScope("rea") {
		t.Error("AllowsScope, or the client's own list went out")
	}
}

func TestFirstPartyClient(t *testing.T) {
	for _, at := range []string{base, "http://localhost:3000"} {
		c := client.FirstPartyClient(at)
		if !c.Public() || c.PKCEOptional || !c.MatchRedirect(at+"/callback") || c.MatchRedirect(at+"/callback2") || !c.AllowsAuth(client.None) || c.AllowsAuth(client.SecretPost) {
			t.Errorf("%s: %+v", at, c)
		}
		c.ID = "another" // its own id is reserved
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", at, err)
		}
	}
	c := client.FirstPartyClient("http://127.0.0.1:3000")
	if !c.MatchRedirect("http://127.0.0.1:3000/callback") {
		t.Error("at a loopback address")
	}
}

// Everything wrong is reported, in words that name it and say what to do.
func TestValidate_P20_S08_S09(t *testing.T) {
	for name, c := range map[string]client.Client{"confidential": good(), "public": public()} {
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	many := make([]string, 33)
	for i := range many {
		many[i] = "s" + strings.Repeat("x", i)
	}
	for name, tt := range map[string]struct {
		change func(c *client.Client)
		says   string
	}{
		"no id":                          {func(c *client.Client) { c.ID = "" }, "choose another"},
		"id not ASCII":                   {func(c *client.Client) { c.ID = "ünicode" }, "printable ASCII"},
		"id with a control":              {func(c *client.Client) { c.ID = "a\nb" }, "printable ASCII"},
		"id with a space behind":         {func(c *client.Client) { c.ID = "app " }, "printable ASCII"},
		"id too long":                    {func(c *client.Client) { c.ID = strings.Repeat("a", 129) }, "1 to 128"},
		"the reserved id":                {func(c *client.Client) { c.ID = "latchkey" }, "stack's own client"},
		"secret in clear":                {func(c *client.Client) { c.SecretHash = "s3cret" }, "make a new secret"},
		"scope with a space":             {func(c *client.Client) { c.Scopes = []string{"a b"} }, "is not a scope"},
		"scope with a quote":             {func(c *client.Client) { c.Scopes = []string{`a"b`} }, "is not a scope"},
		"empty scope":                    {func(c *client.Client) { c.Scopes = []string{""} }, "is not a scope"},
		"scope not ASCII":                {func(c *client.Client) { c.Scopes = []string{"ü"} }, "is not a scope"},
		"scope twice":                    {func(c *client.Client) { c.Scopes = []string{"a", "a"} }, "twice"},
		"33 scopes":                      {func(c *client.Client) { c.Scopes = many }, "more than 32"},
		"no grant type":                  {func(c *client.Client) { c.GrantTypes = nil }, "no grant type"},
		"unknown grant type":             {func(c *client.Client) { c.GrantTypes = []string{"password"} }, `grant type "password"`},
		"implicit":                       {func(c *client.Client) { c.GrantTypes = append(c.GrantTypes, "implicit") }, `grant type "implicit"`},
		"refresh alone":                  {func(c *client.Client) { c.GrantTypes = []string{"refresh_token"} }, "authorization_code only"},
		"code without a redirect URI":    {func(c *client.Client) { c.RedirectURIs = nil }, "needs a redirect URI"},
		"redirect URI twice":             {func(c *client.Client) { c.RedirectURIs = append(c.RedirectURIs, c.RedirectURIs[0]) }, "twice"},
		"bad redirect URI":               {func(c *client.Client) { c.RedirectURIs = []string{"http://app.example/cb"} }, "use https"},
		"bad post-logout URI":            {func(c *client.Client) { c.PostLogoutRedirectURIs = []string{"https://app.example/#x"} }, "post-logout redirect URI"},
		"no auth method":                 {func(c *client.Client) { c.AuthMethods = nil }, "no auth method"},
		"unknown auth method":            {func(c *client.Client) { c.AuthMethods = []string{"private_key_jwt"} }, `auth method "private_key_jwt"`},
		"none with a secret":             {func(c *client.Client) { c.AuthMethods = []string{"none"} }, "has to use it"},
		"basic without a secret":         {func(c *client.Client) { c.SecretHash = "" }, "is public"},
		"public without PKCE":            {func(c *client.Client) { *c = public(); c.PKCEOptional = true }, "needs PKCE"},
		"public and client_credentials":  {func(c *client.Client) { *c = public(); c.GrantTypes = append(c.GrantTypes, "client_credentials") }, "needs a secret"},
		"public resource server":         {func(c *client.Client) { *c = public(); c.ResourceServer = true }, "needs a secret"},
		"public, method of a secret too": {func(c *client.Client) { *c = public(); c.AuthMethods = append(c.AuthMethods, "client_secret_post") }, "is public"},
	} {
		c := good()
		tt.change(&c)
		err := c.Validate()
		if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "client ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c := good()
	c.Scopes, c.GrantTypes, c.RedirectURIs = []string{""}, nil, []string{"javascript:alert(1)", "https://app.example/#x"}
	if err := c.Validate(); err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("not everything at once: %v", err)
	}
}

func TestGuessableSecretIsTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"one character":                   {"x", true},
		"15 characters":                   {strings.Repeat("a", 15), true},
		"16 characters":                   {strings.Repeat("a", 16), false},
		"15 characters of two bytes each": {strings.Repeat("ä", 15), true},
		"what client add makes":           {secret.Mint(256), false},
	} {
		if got := client.Guessable(tt.text); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
		if c := (client.Client{SecretHash: secret.Hash(tt.text)}); !c.CheckSecret(tt.text) {
			t.Errorf("%s: is refused", name)
		}
	}
}
