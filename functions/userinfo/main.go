// Userinfo answers with the claims of the user an access token stands for.
package main

import (
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/userinfo"
)

func main() {
	e := env.Reader{Partial: true}
	flows, accounts, keys, api := dynamo.FromEnv(&e), dynamo.AccountsFromEnv(&e), awssecret.KeysFromEnv(&e), gateway.FromEnv(&e)
	e.Must()
	api.Start(&userinfo.Endpoint{Keys: keys, Grants: flows, Users: accounts, Now: time.Now}, flows.Warm, accounts.Warm, awssecret.Warm(keys))
}
