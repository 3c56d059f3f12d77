package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// fixtures are what --config gives, or the demo.
type fixtures struct {
	users     []user.User
	clients   []client.Client
	lifetimes grant.Lifetimes
	// guessable are warnings of passwords and secrets that are too short, each
	// with a name and without the value.
	guessable []string
	// demo says that names and passwords are in the documentation.
	demo bool
}

// demoPassword is the hash of the demo user's password, "admin". It stands
// here ready made: to make it takes 19 MB and longer than the whole start.
const demoPassword = "$argon2id$v=19$m=19456,t=2,p=1$IyQOQ1xemVRoZLg9Nd0/PA$KcJUVrVRQVZI2x0PlH6FIY2LeFB3g5HkDaF3ohGNidc"

// demoConfig are the fixtures of the server that this one succeeds. They are
// for a laptop.
func demoConfig() *fixtures {
	return &fixtures{
		users: []user.User{{Name: "admin", Subject: subjectOf("admin"), PasswordHash: demoPassword, DisplayName: "Admin", Email: "admin@example.com"}},
		clients: []client.Client{{
			ID: "test_client", Name: "Example client", SecretHash: secretHash("password"),
			RedirectURIs: []string{"https://www.example.com/redirect"}, Scopes: []string{"email"},
			GrantTypes:  []string{client.AuthorizationCode, client.RefreshToken},
			AuthMethods: []string{client.SecretBasic, client.SecretPost}, PKCEOptional: true,
		}},
		lifetimes: grant.DemoLifetimes, demo: true,
	}
}

// readConfig reads a YAML file. The error lists every problem, each with its
// line.
func readConfig(path string) (*fixtures, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w; write the path of a YAML file", err)
	}
	defer file.Close()
	c, err := parseConfig(file)
	if err != nil {
		return nil, fmt.Errorf("--config %s: %w", path, err)
	}
	return c, nil
}

func parseConfig(from io.Reader) (*fixtures, error) {
	var document, another yaml.Node
	decoder := yaml.NewDecoder(from)
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; it has users and clients, see the README")
	} else if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	p := &parser{found: &fixtures{lifetimes: grant.DefaultLifetimes}}
	if decoder.Decode(&another) == nil {
		p.report(&another, "a second document; put everything into one")
	}
	p.fields(document.Content[0], "", map[string]func(*yaml.Node){
		"users":     func(n *yaml.Node) { p.each(n, "users", p.user) },
		"clients":   func(n *yaml.Node) { p.each(n, "clients", p.client) },
		"lifetimes": p.lifetimes,
	})
	if len(p.problems) > 0 {
		return nil, p.err()
	}
	return p.found, nil
}

// parser collects what is in a file, and what is wrong with it.
type parser struct {
	found    *fixtures
	problems []problem
}

type problem struct {
	line int
	what string
}

func (p *parser) report(n *yaml.Node, format string, args ...any) {
	p.problems = append(p.problems, problem{n.Line, fmt.Sprintf(format, args...)})
}

func (p *parser) err() error {
	slices.SortStableFunc(p.problems, func(a, b problem) int { return a.line - b.line })
	var b strings.Builder
	fmt.Fprintf(&b, "%d problem(s):", len(p.problems))
	for _, one := range p.problems {
		fmt.Fprintf(&b, "\n  - line %d: %s", one.line, one.what)
	}
	return errors.New(b.String())
}

func (p *parser) user(n *yaml.Node) {
	var u user.User
	var password, hash *yaml.Node
	p.fields(n, "a user", map[string]func(*yaml.Node){
		"username":      p.text(&u.Name),
		"password":      func(n *yaml.Node) { password = n },
		"password_hash": func(n *yaml.Node) { hash = n },
		"name":          p.text(&u.DisplayName),
		"email":         p.text(&u.Email),
		"disabled":      p.bool(&u.Disabled),
	})
	if err := checkName(u.Name); err != nil {
		p.report(n, "username: %v", err)
	}
	if slices.ContainsFunc(p.found.users, func(other user.User) bool { return other.Name == u.Name }) {
		p.report(n, "user %q is there twice; remove one", u.Name)
	}
	switch {
	case password != nil && hash != nil:
		p.report(hash, "user %q has both password and password_hash; remove one", u.Name)
	case password != nil:
		var text string
		if p.text(&text)(password); user.CheckPassword(text) != nil {
			p.report(password, "password: 1 to 1024 bytes of UTF-8")
		}
		if user.Guessable(text) {
			p.found.guessable = append(p.found.guessable, guessablePassword("the password of user "+u.Name))
		}
		u.PasswordHash = user.Hash(text)
	case hash != nil:
		if p.text(&u.PasswordHash)(hash); user.CheckHash(u.PasswordHash) != nil {
			p.report(hash, "password_hash: not a hash of this form: $argon2id$v=19$m=19456,t=2,p=1$salt$key")
		}
	default:
		p.report(n, "user %q has neither password nor password_hash", u.Name)
	}
	u.Subject = subjectOf(u.Name)
	p.found.users = append(p.found.users, u)
}

func (p *parser) client(n *yaml.Node) {
	c := client.Client{GrantTypes: []string{client.AuthorizationCode, client.RefreshToken}}
	var clientSecret string
	var given, pkce = false, true
	form := "opaque"
	p.fields(n, "a client", map[string]func(*yaml.Node){
		"id": p.text(&c.ID),
		"secret": func(n *yaml.Node) {
			given = true
			if p.text(&clientSecret)(n); clientSecret == "" {
				p.report(n, "secret: is empty; leave it out for a public client")
			}
		},
		"name":                      p.text(&c.Name),
		"redirect_uris":             p.list(&c.RedirectURIs),
		"scopes":                    p.list(&c.Scopes),
		"grant_types":               p.list(&c.GrantTypes),
		"auth_methods":              p.list(&c.AuthMethods),
		"require_pkce":              p.bool(&pkce),
		"access_token":              p.text(&form),
		"resource_server":           p.bool(&c.ResourceServer),
		"post_logout_redirect_uris": p.list(&c.PostLogoutRedirectURIs),
	})
	if given {
		c.SecretHash = secretHash(clientSecret)
		if client.Guessable(clientSecret) {
			p.found.guessable = append(p.found.guessable, "the secret of client "+c.ID+" has fewer than 16 characters; it works, but can be guessed")
		}
	}
	if c.AuthMethods == nil {
		c.AuthMethods = authMethods(c)
	}
	c.PKCEOptional, c.JWT = !pkce, form == "jwt"
	if form != "jwt" && form != "opaque" {
		p.report(n, "access_token: %q is not known; use opaque or jwt", form)
	}
	if slices.ContainsFunc(p.found.clients, func(other client.Client) bool { return other.ID == c.ID }) {
		p.report(n, "client %q is there twice; remove one", c.ID)
	}
	for _, err := range parts(c.Validate()) {
		p.report(n, "%v", err)
	}
	p.found.clients = append(p.found.clients, c)
}

// parts are the errors that one error joins.
func parts(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// lifetimes are held to the same limits as the settings of the environment.
func (p *parser) lifetimes(n *yaml.Node) {
	known := map[string]func(*yaml.Node){}
	for name, setting := range map[string]string{
		"code": "CODE_TTL", "access": "ACCESS_TTL", "refresh": "REFRESH_TTL", "refresh_grace": "REFRESH_GRACE", "refresh_max": "REFRESH_MAX",
	} {
		known[name] = func(n *yaml.Node) {
			var value string
			p.text(&value)(n)
			e := env.Reader{Environ: []string{setting + "=" + value}, Partial: true}
			p.found.lifetimes = grant.LifetimesFromEnv(&e, p.found.lifetimes)
			if wrong := e.Problems(); len(wrong) > 0 {
				p.report(n, "lifetimes: %s: %s", name, wrong[0].What)
			} else if value == "" {
				p.report(n, "lifetimes: %s: is empty; for example 300s", name)
			}
		}
	}
	p.fields(n, "lifetimes", known)
	if l := p.found.lifetimes; l.Refresh > l.RefreshMax {
		p.report(n, "lifetimes: refresh, %v, is longer than refresh_max, %v", l.Refresh, l.RefreshMax.Round(time.Second))
	}
}
