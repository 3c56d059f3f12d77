// Latchkey is the operator's and developer's command: it serves the login on a
// laptop, makes the table and checks a configuration against the real
// provider.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Serve  serve  `cmd:"" default:"withargs" help:"Serve the login on this machine (the default)."`
	Doctor doctor `cmd:"" help:"Check the settings and the provider live, and print the redirect URI to register."`
	Table  struct {
		Create tableCreate `cmd:"" help:"Create the Flows table at AWS or at a DynamoDB-compatible endpoint."`
	} `cmd:"" help:"Work on the Flows table."`
}

func main() {
	var c cli
	command := kong.Parse(&c,
		kong.Name("latchkey"),
		kong.Description("OAuth 2.0 login for serverless applications on AWS. Settings come from the environment; the README lists them."),
		kong.UsageOnError(),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey: "+err.Error())
		stop()
		os.Exit(1)
	}
}
