package main

import (
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

// command is how the README starts this program.
const command = "go run ./cmd/latchkey"

// builtin is the name of the provider that is this very server.
const builtin = "builtin"

// clientHalf is the relying party of the stack.
type clientHalf struct {
	provider *provider.Provider
	kept     flows
	keeper   *rp.Keeper // nil in mode json
	loginTTL time.Duration
	setup    page.Setup
	// alone says that this server is for one developer, on a loopback host: its
	// front door tells how it is set up, and what happened in the last login.
	alone bool
	now   func() time.Time
}

// handle puts the client half on mux. What belongs to sessions is not there in
// mode json.
func (c *clientHalf) handle(mux *http.ServeMux) {
	front := &rp.Front{Keeper: c.keeper, Provider: c.provider}
	var last *rp.Timeline
	if c.alone {
		last = &rp.Timeline{}
		front.Setup, front.Timeline = &c.setup, last
	}
	mux.Handle("/{$}", front)
	mux.Handle("/login", &rp.Login{Provider: c.provider, Logins: c.kept, TTL: c.loginTTL, Now: c.now, Timeline: last})
	mux.Handle("/callback", &rp.Callback{
		Provider: c.provider, Logins: c.kept, IDTokens: &idtoken.Verifier{Now: c.now}, Now: c.now, Keeper: c.keeper, Timeline: last,
	})
	if c.keeper == nil {
		return
	}
	own := &rp.Session{Keeper: c.keeper, Provider: c.provider}
	for _, path := range []string{"/session", "/sessions", "/sessions/{handle}", "/auth.js"} {
		mux.Handle(path, own)
	}
	mux.Handle("/refresh", &rp.Refresh{Refresher: &rp.Refresher{Keeper: c.keeper, Provider: c.provider}})
	mux.Handle("/logout", &rp.Logout{Keeper: c.keeper, Provider: c.provider})
	mux.Handle("/api/whoami", (&rp.Authorizer{Keeper: c.keeper}).Guard(&rp.WhoAmI{}))
}

// announce prints what to do next.
func announce(c *clientHalf, s *server, base string, at net.Addr) {
	answered := "tokens are answered as JSON"
	if c.keeper != nil {
		answered = "tokens stay in a session"
	}
	fmt.Println("sign in at " + base + "/login (provider " + c.provider.Name + ", " + answered + ")")
	if c.provider.Name != builtin {
		fmt.Println("register " + c.setup.RedirectURI + " as redirect URI with the provider")
	} else {
		fmt.Println("the redirect URI is " + c.setup.RedirectURI + "; another provider wants it registered, this server knows it")
	}
	if s.found != nil && s.found.demo {
		which, where := "DEMO", "for this machine only"
		if c.provider.Name != builtin {
			which = "DEMO of the built-in server, beside that"
		}
		if !here(at) {
			where = "for everybody who reaches this server"
		}
		fmt.Println(which + ", " + where + ": user admin, password admin; client test_client, secret password. Everybody knows them: --config FILE has your own")
	}
}
