package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

type clientCommands struct {
	Add          clientAdd    `cmd:"" help:"Register a client; a secret is made and shown once."`
	List         clientList   `cmd:"" help:"List the clients."`
	RotateSecret clientRotate `cmd:"" help:"Give a client a new secret, shown once; the old one ends."`
	Remove       clientRemove `cmd:"" help:"Remove a client; its refresh tokens end, access tokens run out."`
}

type clientAdd struct {
	place                 `embed:""`
	ID                    string   `arg:"" help:"The client_id."`
	RedirectURI           []string `sep:"none" placeholder:"URI" help:"Where the browser may be sent back to, exactly; repeat for more."`
	Scope                 []string `sep:"none" placeholder:"SCOPE" help:"What it may ask for; repeat for more."`
	Name                  string   `placeholder:"TEXT" help:"The name that people see."`
	Public                bool     `help:"An app that cannot keep a secret: none is made, PKCE is required."`
	JWT                   bool     `name:"jwt" help:"Give it JWT access tokens (RFC 9068) instead of opaque ones."`
	ResourceServer        bool     `help:"Let it introspect every token."`
	PKCEOptional          bool     `name:"pkce-optional" help:"Let it leave PKCE out. Only for a client that cannot do better."`
	GrantType             []string `sep:"none" placeholder:"TYPE" help:"authorization_code, refresh_token, client_credentials; repeat for more. The first two unless given."`
	PostLogoutRedirectURI []string `sep:"none" name:"post-logout-redirect-uri" placeholder:"URI" help:"Where signing out may lead; repeat for more."`
}

func (c *clientAdd) Run(ctx context.Context) error {
	text := secret.Mint(256)
	made := client.Client{
		ID: c.ID, Name: c.Name, SecretHash: secretHash(text), RedirectURIs: c.RedirectURI, Scopes: c.Scope, GrantTypes: c.GrantType,
		PKCEOptional: c.PKCEOptional, JWT: c.JWT, ResourceServer: c.ResourceServer, PostLogoutRedirectURIs: c.PostLogoutRedirectURI,
	}
	if c.Public {
		made.SecretHash = ""
	}
	if len(made.GrantTypes) == 0 {
		made.GrantTypes = []string{client.AuthorizationCode, client.RefreshToken}
	}
	made.AuthMethods = authMethods(made)
	if err := made.Validate(); err != nil {
		return fmt.Errorf("this cannot be registered:\n%w", err)
	}
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	err = s.accounts.PutClient(ctx, made, true)
	if errors.Is(err, dynamo.ErrExists) {
		return fmt.Errorf("there is a client %s already; remove it first, or choose another id", c.ID)
	}
	if err != nil {
		return err
	}
	fmt.Println("client " + c.ID + " added")
	if !c.Public {
		showSecret(text)
	}
	return nil
}

// showSecret is the only place where a client's secret is seen.
func showSecret(text string) {
	fmt.Println("its secret, which is shown only now:")
	fmt.Println(text)
}

type clientList struct {
	place `embed:""`
}

func (c *clientList) Run(ctx context.Context) error {
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	clients, err := s.accounts.ListClients(ctx)
	if err != nil {
		return err
	}
	for _, one := range clients {
		kind := "confidential"
		if one.Public() {
			kind = "public"
		}
		fmt.Println(strings.Join([]string{one.ID, kind, strings.Join(one.Scopes, " "), strings.Join(one.RedirectURIs, " ")}, "\t"))
	}
	return nil
}

type clientRotate struct {
	place `embed:""`
	ID    string `arg:"" help:"The client_id."`
}

func (c *clientRotate) Run(ctx context.Context) error {
	s, found, err := c.find(ctx, c.ID)
	if err != nil {
		return err
	}
	if found.Public() {
		return fmt.Errorf("client %s is public and has no secret", c.ID)
	}
	text := secret.Mint(256)
	found.SecretHash = secretHash(text)
	if err := s.accounts.PutClient(ctx, found, false); err != nil {
		return err
	}
	fmt.Println("client " + c.ID + " has a new secret; the old one ends within a minute")
	showSecret(text)
	return nil
}

type clientRemove struct {
	place `embed:""`
	ID    string `arg:"" help:"The client_id."`
}

func (c *clientRemove) Run(ctx context.Context) error {
	s, _, err := c.find(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := s.accounts.DeleteClient(ctx, c.ID); err != nil {
		return err
	}
	fmt.Println("client " + c.ID + " removed")
	return nil
}

// find opens the table and reads a client that has to be there.
func (p place) find(ctx context.Context, id string) (*stores, client.Client, error) {
	s, err := p.open(ctx, false)
	if err != nil {
		return nil, client.Client{}, err
	}
	found, err := s.accounts.GetClient(ctx, id)
	if errors.Is(err, client.ErrUnknown) {
		err = fmt.Errorf("there is no client %s; latchkey client list shows who is there", id)
	}
	return s, found, err
}
