// Session says who is signed in with a browser, lists that person's sessions
// and ends single ones.
package main

import (
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

func main() {
	var e env.Reader
	p, flows, keys, api := provider.FromEnv(&e), dynamo.FromEnv(&e), awssecret.KeysFromEnv(&e), gateway.FromEnv(&e)
	keeper := &rp.Keeper{Sessions: flows, Keys: keys, Lifetimes: session.LifetimesFromEnv(&e), Now: time.Now}
	e.Must()
	api.Start(&rp.Session{Keeper: keeper, Provider: p}, flows.Warm, awssecret.Warm(keys))
}
