package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/discovery"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
	"github.com/latchkey-go/latchkey/pkg/token"
	"github.com/latchkey-go/latchkey/pkg/user"
	"github.com/latchkey-go/latchkey/pkg/userinfo"
)

// flows is the store of everything that expires, for both halves.
type flows interface {
	rp.Logins
	rp.Sessions
	authorization.Flows
	token.Grants
}

// accounts is where users and clients are read.
type accounts interface {
	GetUser(ctx context.Context, name string) (user.User, error)
	GetUserByTag(ctx context.Context, tag string) (user.User, error)
	client.Store
}

// server is the server half of the stack, and whom it knows.
type server struct {
	keys      secret.Keys
	lifetimes grant.Lifetimes
	accounts  accounts
	// found is what --config or the demo gave; nil with a table of accounts.
	found *fixtures
}

// newServer reads the settings of the server half. Users and clients come from
// the table if there is one, else from the file, else they are the demo. Behind
// a public address there is no demo: nobody is known then, which only makes
// sense beside another provider.
func newServer(e *env.Reader, file, table, base, provider string) (*server, error) {
	s := &server{}
	lifetimes := grant.DefaultLifetimes
	switch {
	case file != "" && table != "":
		return nil, errors.New("--config contradicts ACCOUNTS_TABLE_NAME, where users and clients are then; leave out one of the two")
	case file != "":
		var err error
		if s.found, err = readConfig(file); err != nil {
			return nil, err
		}
	case table == "" && e.String("AWS_LAMBDA_FUNCTION_NAME") != "":
		return nil, errors.New("the demo user does not exist on Lambda (AWS_LAMBDA_FUNCTION_NAME is set): everybody knows that password; set ACCOUNTS_TABLE_NAME, or give --config FILE")
	case table == "" && baseurl.Secure(base) && provider == builtin:
		return nil, fmt.Errorf("the demo user does not exist behind %s: everybody knows that password; give --config FILE, or set ACCOUNTS_TABLE_NAME", base)
	case table == "" && baseurl.Secure(base):
		s.found = &fixtures{lifetimes: lifetimes}
	case table == "":
		s.found = demoConfig()
	}
	if s.found != nil {
		lifetimes = s.found.lifetimes
		known, err := memory.NewAccounts(s.found.users, s.found.clients)
		if err != nil {
			return nil, fmt.Errorf("--config: %w", err)
		}
		s.accounts = known
	}
	s.lifetimes = grant.LifetimesFromEnv(e, lifetimes)
	if e.Given("LATCHKEY_SECRET") || e.Given("LATCHKEY_SECRET_ARN") {
		s.keys = awssecret.KeysFromEnv(e)
		return s, nil
	}
	ring, err := secret.ParseRing(secret.Mint(256))
	s.keys = ring
	return s, err
}

// handle puts the server half on mux.
func (s *server) handle(mux *http.ServeMux, kept flows, now func() time.Time) {
	clients := &client.Registry{Clients: s.accounts, Now: now}
	forms := &authorization.Endpoint{Keys: s.keys, Clients: clients, Users: s.accounts, Flows: kept, Lifetimes: s.lifetimes, Now: now}
	for _, path := range authorization.Paths {
		mux.Handle(path, forms)
	}
	tokens := &token.Endpoint{Keys: s.keys, Clients: clients, Users: s.accounts, Grants: kept, Lifetimes: s.lifetimes, Now: now}
	for _, path := range []string{"/oauth/tokenize", "/oauth/token", "/oauth/revoke", "/oauth/introspect", "/oauth/jwks"} {
		mux.Handle(path, tokens.Routes())
	}
	mux.Handle("/oauth/userinfo", &userinfo.Endpoint{Keys: s.keys, Grants: kept, Users: s.accounts, Now: now})
	documents := &discovery.Endpoint{}
	mux.Handle(discovery.PathOAuth, documents)
	mux.Handle(discovery.PathOpenID, documents)
}

// warn says what nobody should have outside of a demonstration.
func (s *server) warn(at net.Addr) {
	if s.found == nil {
		return
	}
	if s.found.demo && !here(at) {
		warning("other machines reach this server at " + at.String() + ", and with it the demo user, whose password everybody knows; listen on localhost, or give --config FILE")
	}
	for _, c := range s.found.clients {
		if c.PKCEOptional {
			warning("client " + c.ID + " may leave PKCE out (require_pkce: false); its codes can be stolen and used by others")
		}
	}
	for _, one := range s.found.guessable {
		warning(one)
	}
}

// here reports whether only this machine reaches what listens at an address.
func here(at net.Addr) bool { return at.(*net.TCPAddr).IP.IsLoopback() }
