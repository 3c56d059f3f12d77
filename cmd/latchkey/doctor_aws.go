package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// awsTimeout bounds one question to CloudFormation.
const awsTimeout = 5 * time.Second

// keysFromEnv reads which deployment secret serve would use; nil if none.
func keysFromEnv(e *env.Reader) func(context.Context) (secret.Text, error) {
	list, arn := e.Secret("LATCHKEY_SECRET"), e.String("LATCHKEY_SECRET_ARN")
	switch {
	case !list.IsZero() && arn != "":
		e.Report("LATCHKEY_SECRET", "contradicts LATCHKEY_SECRET_ARN", "remove one of the two")
	case !list.IsZero():
		return func(context.Context) (secret.Text, error) { return list, nil }
	case arn != "":
		return func(ctx context.Context) (secret.Text, error) {
			cfg, err := awsConfig(ctx, "")
			switch {
			case errors.Is(err, errNoRegion):
				return secret.Text{}, checks.ErrNoRegion
			case err != nil:
				return secret.Text{}, err
			}
			return stored(ctx, cfg, arn, awssecret.Member)
		}
	}
	return nil
}

// examined are the tables for doctor; none of them is asked yet.
func (t tables) examined(ctx context.Context) ([]checks.Table, error) {
	if t.flows == "" && t.accounts == "" {
		return nil, nil
	}
	cfg, err := awsConfig(ctx, t.endpoint)
	if err != nil {
		return nil, err
	}
	return t.at(cfg), nil
}

// at are the tables at AWS as cfg reaches it.
func (t tables) at(cfg aws.Config) []checks.Table {
	var list []checks.Table
	add := func(id, setting, name, ttl string, inspect func(context.Context) dynamo.Inspection) {
		list = append(list, checks.Table{ID: id, Setting: setting, Name: name, TTL: ttl, Elsewhere: t.endpoint != "", Inspect: func(ctx context.Context) checks.Inspection {
			return checks.Inspection(inspect(ctx))
		}})
	}
	if t.flows != "" {
		add("table", "TABLE_NAME", t.flows, dynamo.TTLAttribute, dynamo.NewFromConfig(cfg, t.flows, t.endpoint).Inspect)
	}
	if t.accounts != "" {
		add("accounts", "ACCOUNTS_TABLE_NAME", t.accounts, "", dynamo.NewAccountsFromConfig(cfg, t.accounts, t.endpoint).Inspect)
	}
	return list
}

// examineStack examines the deployment of that name.
func examineStack(ctx context.Context, name string) checks.Report {
	e := env.Reader{Partial: true}
	endpoint := dynamo.EndpointFromEnv(&e)
	if wrong := checks.WrongSettings(e.Problems()); wrong != nil {
		return checks.NewReport(wrong, "", "")
	}
	cfg, err := awsConfig(ctx, "") // CloudFormation is at AWS, wherever the tables are
	if err != nil {
		return checks.NewReport([]checks.Finding{unasked(err)}, "", "")
	}
	s, missing := describe(ctx, cloudformation.NewFromConfig(cfg), name)
	if missing != nil {
		return checks.NewReport([]checks.Finding{*missing}, "", "")
	}
	x, findings := checks.FromStack(s)
	if x == nil {
		return checks.NewReport(findings, "", "")
	}
	if arn := x.Provider.SecretARN; arn != "" {
		x.Provider.Secret = func(ctx context.Context) (secret.Text, error) { return stored(ctx, cfg, arn, "client_secret") }
	}
	if arn := s.Outputs[outputSecret]; arn != "" {
		x.Keys = func(ctx context.Context) (secret.Text, error) { return stored(ctx, cfg, arn, awssecret.Member) }
	}
	x.Tables = tables{s.Outputs[outputFlows], s.Outputs[outputAccounts], endpoint}.at(cfg)
	return x.Run(ctx)
}

// unasked is about settings with which nobody can ask AWS. Whoever has not
// signed in has nothing to mend: the stack may be right or wrong.
func unasked(err error) checks.Finding {
	what, do, _ := strings.Cut(err.Error(), "; ")
	f := checks.Finding{ID: "aws", Level: checks.Problem, What: what, Why: "CloudFormation says what the stack is, and nobody can ask it", Do: do}
	if errors.Is(err, errNoCredentials) {
		f.Level, f.What, f.Do = checks.Unchecked, "there are no AWS credentials", "choose a profile with AWS_PROFILE and sign in (aws sso login), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
	}
	return f
}

// describe reads a stack's parameters and outputs, or says why it cannot.
func describe(ctx context.Context, from stacks, name string) (*checks.Stack, *checks.Finding) {
	ctx, cancel := context.WithTimeout(ctx, awsTimeout)
	defer cancel()
	out, err := from.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	api, answered := errors.AsType[smithy.APIError](err)
	f := &checks.Finding{ID: "stack", Level: checks.Problem, Why: "its parameters and outputs say what was deployed, and where"}
	switch {
	case answered && strings.Contains(api.ErrorMessage(), "does not exist"), err == nil && len(out.Stacks) != 1:
		f.What, f.Do = "there is no stack "+name+" here", "check the name, AWS_REGION and AWS_PROFILE"
		return nil, f
	case answered:
		f.Level, f.What, f.Do = checks.Unchecked, "CloudFormation says "+api.ErrorCode(), "allow cloudformation:DescribeStacks, or choose another AWS_PROFILE"
		return nil, f
	case err != nil:
		f.Level, f.What, f.Do = checks.Unchecked, "CloudFormation does not answer", "check AWS_REGION and the network"
		return nil, f
	}
	return stackOf(name, out.Stacks[0]), nil
}

func stackOf(name string, d types.Stack) *checks.Stack {
	s := &checks.Stack{Name: name, Status: string(d.StackStatus), Outputs: map[string]string{}, Parameters: map[string]string{}}
	if at, err := arn.Parse(aws.ToString(d.StackId)); err == nil {
		s.Place = at.Region + ":" + at.AccountID
	}
	for _, o := range d.Outputs {
		s.Outputs[aws.ToString(o.OutputKey)] = aws.ToString(o.OutputValue)
	}
	for _, p := range d.Parameters {
		s.Parameters[aws.ToString(p.ParameterKey)] = aws.ToString(p.ParameterValue)
	}
	return s
}

// stored reads a secret as the functions do: as text, or as the member of an
// object that they look for.
func stored(ctx context.Context, cfg aws.Config, id, member string) (secret.Text, error) {
	v, err := version(ctx, cfg, id, member, "AWSCURRENT")
	return v.text, err
}

// dated is one version of a secret, and when it was made, zero if nobody says.
type dated struct {
	text    secret.Text
	created time.Time
}

// version is stored for the version with the label stage.
func version(ctx context.Context, cfg aws.Config, id, member, stage string) (dated, error) {
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &id, VersionStage: &stage})
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "AccessDeniedException":
			return dated{}, checks.ErrDenied
		case "ResourceNotFoundException", "InvalidRequestException", "ValidationException", "InvalidParameterException":
			return dated{}, checks.ErrNoSecret
		}
	}
	if err != nil {
		return dated{}, errors.New("the secret cannot be read")
	}
	value := aws.ToString(out.SecretString)
	var object map[string]json.RawMessage
	if json.Unmarshal([]byte(value), &object) == nil && object != nil {
		value = ""
		_ = json.Unmarshal(object[member], &value) // no text is no secret
	}
	if value == "" {
		return dated{}, checks.ErrNoSecret
	}
	return dated{secret.NewText(value), aws.ToTime(out.CreatedDate)}, nil
}
