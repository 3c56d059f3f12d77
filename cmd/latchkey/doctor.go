package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

type doctor struct {
	Listen string  `default:"localhost:3000" placeholder:"HOST:PORT" help:"Where serve would listen, for the redirect URI (${default})."`
	Stack  *string `placeholder:"NAME" help:"Examine this CloudFormation stack instead of the settings here."`
	JSON   bool    `name:"json" help:"Print the findings as JSON."`
}

// Run examines, prints, and ends the process with the report's status. What
// keeps it from examining at all is an error, as in any other command, and with
// --json a finding.
func (d *doctor) Run(ctx context.Context) error {
	r, err := d.examine(ctx)
	if err != nil && !d.JSON {
		return err
	}
	if err != nil {
		r = checks.NewReport(findingsOf(err), "", "")
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
	if d.Stack != nil {
		if strings.TrimSpace(*d.Stack) == "" {
			return checks.Report{}, errors.New("--stack has no name; name the stack, or leave --stack out to have the settings here examined")
		}
		return examineStack(ctx, *d.Stack), nil
	}
	var e env.Reader
	redirectURI(&e)
	x, api, t := checks.FromEnv(&e, rp.ModeJSON), gateway.FromEnv(&e), tablesFromEnv(&e)
	localSecret(&e, x.Provider)
	keys := keysFromEnv(&e)
	if err := e.Err(); err != nil {
		return checks.Report{}, unusable{err, e.Problems()}
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
		return checks.Report{}, err
	}
	x.Keys = keys
	return x.Run(ctx), nil
}

// unusable is the error of settings that no program starts with.
type unusable struct {
	error
	problems []env.Problem
}

// findingsOf is what keeps doctor from examining, for a script.
func findingsOf(err error) []checks.Finding {
	if settings, ok := errors.AsType[unusable](err); ok {
		return checks.WrongSettings(settings.problems)
	}
	what, do, _ := strings.Cut(err.Error(), "; ")
	return []checks.Finding{{ID: "usage", Level: checks.Problem, What: what, Why: "nothing was examined", Do: do}}
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
