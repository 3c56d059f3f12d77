package main

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/cloudformation"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// place says which tables a command works on.
type place struct {
	Stack string `placeholder:"NAME" help:"Take the tables from this CloudFormation stack instead of TABLE_NAME and ACCOUNTS_TABLE_NAME."`
}

// The outputs of the template that name its tables and its deployment secret.
const (
	outputFlows    = "TableName"
	outputAccounts = "AccountsTableName"
	outputSecret   = "DeploymentSecretArn"
)

// stores are the two tables of one deployment. flows is nil if nobody named it.
type stores struct {
	accounts *dynamo.Accounts
	flows    *dynamo.Store
}

// open opens the Accounts table, and with both set also the Flows table, which
// has to be known then.
func (p place) open(ctx context.Context, both bool) (*stores, error) {
	e := env.Reader{Partial: true}
	t := tablesFromEnv(&e)
	if p.Stack == "" {
		e.Required("ACCOUNTS_TABLE_NAME", "latchkey-accounts")
		if both {
			e.Required("TABLE_NAME", "latchkey-flows")
		}
	}
	if err := e.Err(); err != nil {
		return nil, err
	}
	asked := t.endpoint
	if p.Stack != "" {
		asked = "" // CloudFormation is at AWS, wherever the tables are
	}
	cfg, err := awsConfig(ctx, asked)
	if err != nil {
		return nil, err
	}
	if p.Stack != "" {
		if t.flows, t.accounts, err = tablesOf(ctx, cloudformation.NewFromConfig(cfg), p.Stack); err != nil {
			return nil, err
		}
	}
	s := &stores{accounts: dynamo.NewAccountsFromConfig(cfg, t.accounts, t.endpoint)}
	if err := usable(s.accounts.CheckTable(ctx), "ACCOUNTS_TABLE_NAME", t.accounts, t.endpoint); err != nil {
		return nil, err
	}
	if both {
		s.flows = dynamo.NewFromConfig(cfg, t.flows, t.endpoint)
		if err := usable(s.flows.CheckTable(ctx), "TABLE_NAME", t.flows, t.endpoint); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// stacks is what stackNamed needs of CloudFormation.
type stacks interface {
	DescribeStacks(ctx context.Context, in *cloudformation.DescribeStacksInput, more ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error)
}

// stackNamed reads what CloudFormation says of a stack.
func stackNamed(ctx context.Context, from stacks, name string) (*checks.Stack, error) {
	out, err := from.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil || len(out.Stacks) != 1 {
		return nil, fmt.Errorf("--stack %s: there is no such stack here, or your credentials do not allow to look at it; check the name and AWS_REGION", name)
	}
	return stackOf(name, out.Stacks[0]), nil
}

// tablesOf reads the names of both tables from a stack's outputs.
func tablesOf(ctx context.Context, from stacks, stack string) (flows, accounts string, err error) {
	s, err := stackNamed(ctx, from, stack)
	if err != nil {
		return "", "", err
	}
	flows, accounts = s.Outputs[outputFlows], s.Outputs[outputAccounts]
	if flows == "" || accounts == "" {
		return "", "", fmt.Errorf("--stack %s: the stack has no outputs %s and %s; is it Latchkey's, with the built-in server?", stack, outputFlows, outputAccounts)
	}
	return flows, accounts, nil
}

// secretOf reads the ARN of the deployment secret from a stack's outputs.
func secretOf(ctx context.Context, from stacks, stack string) (s *checks.Stack, arn string, err error) {
	if s, err = stackNamed(ctx, from, stack); err != nil {
		return nil, "", err
	}
	if arn = s.Outputs[outputSecret]; arn == "" {
		return nil, "", fmt.Errorf("--stack %s: the stack has no output %s; is it Latchkey's?", stack, outputSecret)
	}
	return s, arn, nil
}
