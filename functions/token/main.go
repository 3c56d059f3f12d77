// Token answers the token endpoint, revocation, introspection and the JWKS.
package main

import (
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/token"
)

func main() {
	e := env.Reader{Partial: true}
	flows, accounts, keys := dynamo.FromEnv(&e), dynamo.AccountsFromEnv(&e), awssecret.KeysFromEnv(&e)
	lifetimes, api := grant.LifetimesFromEnv(&e, grant.DefaultLifetimes), gateway.FromEnv(&e)
	e.Must()
	api.Start((&token.Endpoint{
		Keys: keys, Clients: &client.Registry{Clients: accounts, Now: time.Now}, Users: accounts, Grants: flows,
		Lifetimes: lifetimes, Now: time.Now,
	}).Routes(), flows.Warm, accounts.Warm, awssecret.Warm(keys))
}
