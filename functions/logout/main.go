// Logout ends sessions here and, as well as it can, at the provider.
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
	warm := []gateway.Warmer{flows.Warm, awssecret.Warm(keys)}
	if s := awssecret.FromEnv(&e, p.SecretARN, "client_secret"); s != nil {
		p.Secret, warm = s.Value, append(warm, s.Warm)
	}
	keeper := &rp.Keeper{Sessions: flows, Keys: keys, Lifetimes: session.LifetimesFromEnv(&e), Now: time.Now}
	e.Must()
	api.Start(&rp.Logout{Keeper: keeper, Provider: p}, warm...)
}
