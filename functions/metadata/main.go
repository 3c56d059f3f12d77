// Metadata publishes what the authorization server can do.
package main

import (
	"github.com/latchkey-go/latchkey/pkg/discovery"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
)

func main() {
	e := env.Reader{Partial: true}
	api := gateway.FromEnv(&e)
	e.Must()
	api.Start(&discovery.Endpoint{})
}
