package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

type keysCommands struct {
	Show   keysShow   `cmd:"" help:"List the ids of the deployment's keys, newest first."`
	Rotate keysRotate `cmd:"" help:"Add a key. It verifies and opens at once, and signs and seals eleven minutes later, when every function knows it. The others still verify and open."`
	Retire keysRetire `cmd:"" help:"Drop a key: what it signed or sealed is no longer taken, and grants sealed with it end."`
}

// vault says which deployment secret a command works on.
type vault struct {
	Stack string `placeholder:"NAME" help:"Take the deployment secret from this CloudFormation stack instead of LATCHKEY_SECRET_ARN."`
}

// open opens the secret; nothing is read from it yet.
func (v vault) open(ctx context.Context) (*awssecret.Operator, error) {
	e := env.Reader{Partial: true}
	var arn string
	if v.Stack == "" {
		arn = e.Required("LATCHKEY_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:latchkey")
	}
	if err := e.Err(); err != nil {
		return nil, err
	}
	cfg, err := awsConfig(ctx, "")
	if err != nil {
		return nil, err
	}
	if v.Stack != "" {
		if arn, err = secretOf(ctx, cloudformation.NewFromConfig(cfg), v.Stack); err != nil {
			return nil, err
		}
	}
	return awssecret.NewOperator(cfg, arn), nil
}

type keysShow struct {
	vault `embed:""`
}

func (c *keysShow) Run(ctx context.Context) error {
	o, err := c.open(ctx)
	if err != nil {
		return err
	}
	return showKeys(ctx, o)
}

// showKeys prints ids, which reveal nothing.
func showKeys(ctx context.Context, o *awssecret.Operator) error {
	now := time.Now()
	ring, due, err := o.Ring(ctx, now)
	if err != nil {
		return err
	}
	for i, root := range ring.Roots() {
		what := "verifies and opens"
		switch {
		case root == ring.Newest():
			what = "signs and seals"
		case i == 0:
			what += "; signs and seals in " + due.Sub(now).Round(time.Second).String()
		}
		fmt.Println(root.ID + "\t" + what)
	}
	return nil
}

type keysRotate struct {
	vault `embed:""`
}

func (c *keysRotate) Run(ctx context.Context) error {
	return c.change(ctx, func(list string) (string, error) { return secret.Mint(256) + "," + list, nil })
}

type keysRetire struct {
	vault `embed:""`
	ID    string `arg:"" help:"The key's id, as keys show prints it."`
}

func (c *keysRetire) Run(ctx context.Context) error {
	return c.change(ctx, func(list string) (string, error) { return without(list, c.ID) })
}

// change writes the changed list, once it is sure that it can be read.
func (v vault) change(ctx context.Context, change func(list string) (string, error)) error {
	o, err := v.open(ctx)
	if err != nil {
		return err
	}
	err = o.Change(ctx, func(list string) (string, error) {
		list, err := change(list)
		if err == nil {
			_, err = secret.ParseRing(list)
		}
		return list, err
	})
	if err != nil {
		return err
	}
	if err := showKeys(ctx, o); err != nil {
		return err
	}
	fmt.Println("running functions notice within five minutes")
	return nil
}

// without is list without the secret whose key has the id.
func without(list, id string) (string, error) {
	var left []string
	for _, text := range strings.Split(list, ",") {
		ring, err := secret.ParseRing(text)
		if err != nil {
			return "", err
		}
		if ring.Newest().ID != id {
			left = append(left, strings.TrimSpace(text))
		}
	}
	switch all := strings.Count(list, ",") + 1; {
	case len(left) == all:
		return "", fmt.Errorf("there is no key %s; latchkey keys show lists them", id)
	case len(left) == 0:
		return "", errors.New("this is the only key; add another first: latchkey keys rotate")
	}
	return strings.Join(left, ","), nil
}
