// Login sends a browser to the provider with a PKCE challenge.
package main

import (
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

func main() {
	var e env.Reader
	p, flows, ttl, api := provider.FromEnv(&e), dynamo.FromEnv(&e), rp.LoginTTL(&e), gateway.FromEnv(&e)
	e.Must()
	api.Start(&rp.Login{Provider: p, Logins: flows, TTL: ttl, Now: time.Now}, flows.Warm)
}
