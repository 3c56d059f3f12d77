// Authorizer tells API Gateway whether a request may reach a function behind
// it, and whose request it is.
package main

import (
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

func main() {
	e := env.Reader{Partial: true}
	flows, keys, lifetimes, api := dynamo.FromEnv(&e), awssecret.KeysFromEnv(&e), session.LifetimesFromEnv(&e), gateway.FromEnv(&e)
	e.Must()
	keeper := &rp.Keeper{Sessions: flows, Keys: keys, Lifetimes: lifetimes, Now: time.Now}
	api.StartAuthorizer(&rp.Authorizer{Keeper: keeper}, flows.Warm, awssecret.Warm(keys))
}
