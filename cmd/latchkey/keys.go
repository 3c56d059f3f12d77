package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/smithy-go"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

type keysCommands struct {
	Show   keysShow   `cmd:"" help:"List the ids of the deployment's keys, newest first."`
	Rotate keysRotate `cmd:"" help:"Add a key. It verifies and opens at once, and signs and seals eleven minutes later, when every function knows it. The others still verify and open."`
	Retire keysRetire `cmd:"" help:"Drop a key: what it signed or sealed is no longer taken. If some of that is alive, it says what would end, and asks."`
}

// vault says which deployment secret a command works on.
type vault struct {
	Stack string `placeholder:"NAME" help:"Take the deployment secret from this CloudFormation stack instead of LATCHKEY_SECRET_ARN."`
}

// deployment is the secret of one deployment.
type deployment struct {
	*awssecret.Operator
	cfg aws.Config
	arn string
	// stack is the one that named it, nil without --stack.
	stack *checks.Stack
}

// open finds the secret; nothing is read from it yet.
func (v vault) open(ctx context.Context) (*deployment, error) {
	e := env.Reader{Partial: true}
	d := &deployment{}
	if v.Stack == "" {
		d.arn = e.Required("LATCHKEY_SECRET_ARN", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:latchkey")
	}
	err := e.Err()
	if err != nil {
		return nil, err
	}
	if d.cfg, err = awsConfig(ctx, ""); err != nil {
		return nil, err
	}
	if v.Stack != "" {
		if d.stack, d.arn, err = secretOf(ctx, cloudformation.NewFromConfig(d.cfg), v.Stack); err != nil {
			return nil, err
		}
	}
	d.Operator = awssecret.NewOperator(d.cfg, d.arn)
	return d, nil
}

type keysShow struct {
	vault `embed:""`
}

func (c *keysShow) Run(ctx context.Context) error {
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	return d.show(ctx)
}

// ring is the ring as functions have it now, and when its first key takes over.
func (d *deployment) ring(ctx context.Context, now time.Time) (*secret.Ring, time.Time, error) {
	ring, due, err := d.Ring(ctx, now)
	return ring, due, unreadable(err)
}

// unreadable is an error of the deployment secret for an operator: not that of
// a request.
func unreadable(err error) error {
	refused, ours := errors.AsType[*oauth.Error](err)
	api, answered := errors.AsType[smithy.APIError](err)
	switch {
	case err == nil:
		return nil
	case answered:
		return fmt.Errorf("the deployment secret cannot be read: %s: %s; check its ARN, AWS_REGION, and what your credentials allow", api.ErrorCode(), api.ErrorMessage())
	case ours && refused.Code == oauth.ConfigError:
		return errors.New("the deployment secret cannot be used: " + strings.TrimPrefix(fmt.Sprint(refused.Cause), "awssecret: "))
	}
	return errors.New("the deployment secret cannot be read: no answer from Secrets Manager; check the network, AWS_REGION and your credentials")
}

// show prints ids, which reveal nothing.
func (d *deployment) show(ctx context.Context) error {
	now := time.Now()
	ring, due, err := d.ring(ctx, now)
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
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	return d.change(ctx, func(list string) (string, error) { return secret.Mint(256) + "," + list, nil })
}

type keysRetire struct {
	vault `embed:""`
	ID    string `arg:"" help:"The key's id, as keys show prints it."`
	Yes   bool   `help:"Drop the key whatever ends with it; nothing is asked."`
}

func (c *keysRetire) Run(ctx context.Context) error {
	d, err := c.open(ctx)
	if err != nil {
		return err
	}
	return d.change(ctx, func(list string) (string, error) {
		left, err := without(list, c.ID)
		if err != nil || c.Yes {
			return left, err
		}
		lives, err := d.lives()
		if err != nil {
			return "", err
		}
		price, err := d.price(ctx, c.ID, lives, time.Now())
		if err == nil && price != "" {
			err = agree(ctx, price)
		}
		return left, err
	})
}

// change writes the changed list, once it is sure that it can be read.
func (d *deployment) change(ctx context.Context, change func(list string) (string, error)) error {
	err := d.Change(ctx, func(list string) (string, error) {
		list, err := change(list)
		if err == nil {
			_, err = secret.ParseRing(list)
		}
		return list, err
	})
	if err != nil {
		return err
	}
	if err := d.show(ctx); err != nil {
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

// idsLast moves key ids that pass for flags, since they begin with a hyphen, to
// the end of the arguments of keys retire and behind the mark that flags are
// over.
func idsLast(args []string) []string {
	if len(args) < 2 || args[0] != "keys" || args[1] != "retire" {
		return args
	}
	var others, ids []string
	for i, arg := range args {
		if arg == "--" {
			ids = append(ids, args[i+1:]...)
			break
		}
		if strings.HasPrefix(arg, "-") && len(arg) == secret.KeyIDLen && arg != "--help" {
			ids = append(ids, arg)
		} else {
			others = append(others, arg)
		}
	}
	if len(ids) > 0 {
		others = append(append(others, "--"), ids...)
	}
	return others
}
