// Callback exchanges the code that the provider sent the browser back with.
package main

import (
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

func main() {
	var e env.Reader
	p, flows, api := provider.FromEnv(&e), dynamo.FromEnv(&e), gateway.FromEnv(&e)
	warm := []gateway.Warmer{flows.Warm}
	if s := awssecret.FromEnv(&e, p.SecretARN, "client_secret"); s != nil {
		p.Secret, warm = s.Value, append(warm, s.Warm)
	}
	callback := &rp.Callback{Provider: p, Logins: flows, IDTokens: &idtoken.Verifier{}, Now: time.Now}
	if rp.CallbackMode(&e, rp.ModeSession) == rp.ModeSession {
		keys := awssecret.KeysFromEnv(&e)
		warm = append(warm, awssecret.Warm(keys))
		callback.Keeper = &rp.Keeper{Sessions: flows, Keys: keys, Lifetimes: session.LifetimesFromEnv(&e), Now: time.Now}
	}
	e.Must()
	api.Start(callback, warm...)
}
