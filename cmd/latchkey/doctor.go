package main

import (
	"context"
	"fmt"
	"net"
	"os"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

type doctor struct {
	Listen string `default:"localhost:3000" placeholder:"HOST:PORT" help:"Where serve would listen, for the redirect URI (${default})."`
	Stack  string `placeholder:"NAME" help:"Examine this CloudFormation stack instead of the settings here."`
	JSON   bool   `name:"json" help:"Print the findings as JSON."`
}

// Run examines, prints, and ends the process with the report's status. What
// keeps it from examining at all is an error, as in any other command.
func (d *doctor) Run(ctx context.Context) error {
	r, err := d.examine(ctx)
	if err != nil {
		return err
	}
	write := r.Text
	if d.JSON {
		write = r.JSON
	}
	if err := write(os.Stdout); err != nil {
		return err
	}
	if r.Exit != 0 {
		os.Exit(r.Exit)
	}
	return nil
}

func (d *doctor) examine(ctx context.Context) (checks.Report, error) {
	if d.Stack != "" {
		return examineStack(ctx, d.Stack), nil
	}
	var e env.Reader
	redirectURI(&e)
	x, api, t := checks.FromEnv(&e, rp.ModeJSON), gateway.FromEnv(&e), tablesFromEnv(&e)
	localSecret(&e, x.Provider)
	keys := keysFromEnv(&e)
	if err := e.Err(); err != nil {
		return d.wrong(err)
	}
	x.Base = api.BaseURL
	if x.Base == "" {
		var err error
		if x.Base, err = d.base(); err != nil {
			return checks.Report{}, err
		}
	}
	var err error
	if x.Tables, err = t.examined(ctx); err != nil {
		return d.wrong(err)
	}
	x.Keys = keys
	return x.Run(ctx), nil
}

// wrong is the outcome with settings that no program starts with: an error, as
// everywhere, or findings for a script.
func (d *doctor) wrong(err error) (checks.Report, error) {
	if d.JSON {
		return checks.NewReport(checks.WrongSettings(err), "", ""), nil
	}
	return checks.Report{}, err
}

// base is the base URL that serve would have with the same --listen.
func (d *doctor) base() (string, error) {
	if _, err := hostOf(d.Listen); err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(d.Listen)
	if port == "0" {
		return "", fmt.Errorf("--listen %s: the redirect URI has the port in it; name the one that serve will listen on", d.Listen)
	}
	return baseOf(d.Listen, "http://"+net.JoinHostPort(nameOf(d.Listen), port))
}
