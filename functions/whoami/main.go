// Whoami is an example of a function behind the authorizer: it says who asks.
package main

import (
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

func main() {
	e := env.Reader{Partial: true}
	api := gateway.FromEnv(&e)
	e.Must()
	api.Start(&rp.WhoAmI{})
}
