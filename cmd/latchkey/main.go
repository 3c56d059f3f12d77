// Latchkey is the operator's and developer's command: it serves the login on a
// laptop, makes the tables, keeps users, clients and keys, and checks a
// configuration against the real provider.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode"

	"github.com/alecthomas/kong"
)

type cli struct {
	Serve  serve  `cmd:"" default:"withargs" help:"Serve the login on this machine (the default)."`
	Doctor doctor `cmd:"" help:"Check the settings and the provider live, and print the redirect URI to register."`
	Table  struct {
		Create tableCreate `cmd:"" help:"Create the table TABLE_NAME, and ACCOUNTS_TABLE_NAME if set, at AWS or at a DynamoDB-compatible endpoint."`
	} `cmd:"" help:"Work on the tables."`
	User   userCommands   `cmd:"" help:"Work on the users in the Accounts table."`
	Client clientCommands `cmd:"" help:"Work on the clients in the Accounts table."`
	Keys   keysCommands   `cmd:"" help:"Work on the deployment's keys in Secrets Manager."`
}

func main() {
	var c cli
	parser := kong.Must(&c,
		kong.Name("latchkey"),
		kong.Description("OAuth 2.0 login for serverless applications on AWS. Settings come from the environment; the README lists them."),
	)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command, err := parser.Parse(idsLast(os.Args[1:]))
	if err != nil {
		err = usage(err)
	} else {
		command.BindTo(ctx, (*context.Context)(nil))
		err = command.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "latchkey: "+printable(err.Error()))
		stop()
		os.Exit(1)
	}
}

// printable is a text of which a part may be somebody else's, such as a stack's
// outputs, without what a terminal would obey.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsGraphic(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}

// warning says what works, and should not stay as it is.
func warning(text string) { fmt.Fprintln(os.Stderr, "latchkey: warning: "+text) }

// usage says what to do about arguments that cannot be read.
func usage(err error) error {
	what := err.Error()
	if word, ok := strings.CutPrefix(what, "unexpected argument "); ok {
		what = "there is no command " + word + "; the commands are serve, doctor, table, user, client and keys"
	}
	if name, _, ok := strings.Cut(what, `: expected string value but got "EOL"`); ok {
		what = name + " needs a value"
	}
	return errors.New(strings.TrimSuffix(what, "?") + "; latchkey --help, or COMMAND --help, lists what there is")
}
