package main

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// outputs answers for one stack, by the keys and values of its outputs.
type outputs map[string]string

func (o outputs) DescribeStacks(_ context.Context, in *cloudformation.DescribeStacksInput, _ ...func(*cloudformation.Options)) (*cloudformation.DescribeStacksOutput, error) {
	if aws.ToString(in.StackName) != "mine" {
		return nil, errors.New("ValidationError: Stack with id canary does not exist")
	}
	var stack types.Stack
	for key, value := range o {
		stack.Outputs = append(stack.Outputs, types.Output{OutputKey: &key, OutputValue: &value})
	}
	return &cloudformation.DescribeStacksOutput{Stacks: []types.Stack{stack}}, nil
}

func TestTablesOfAStack(t *testing.T) {
	both := outputs{outputFlows: "F", outputAccounts: "A", "LoginUrl": "x"}
	if flows, accounts, err := tablesOf(context.Background(), both, "mine"); err != nil || flows != "F" || accounts != "A" {
		t.Errorf("%q, %q, %v", flows, accounts, err)
	}
	for name, tt := range map[string]struct {
		from  outputs
		stack string
		want  string
	}{
		"no such stack":      {both, "other", "there is no such stack"},
		"no built-in server": {outputs{outputFlows: "F"}, "mine", "has no outputs"},
	} {
		if _, _, err := tablesOf(context.Background(), tt.from, tt.stack); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSecretOfAStack(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:DeploymentSecret-x"
	if _, got, err := secretOf(context.Background(), outputs{outputSecret: arn, outputFlows: "F"}, "mine"); err != nil || got != arn {
		t.Errorf("%q, %v", got, err)
	}
	for name, tt := range map[string]struct {
		from  outputs
		stack string
		want  string
	}{
		"no such stack":     {outputs{outputSecret: arn}, "other", "there is no such stack"},
		"somebody else's":   {outputs{outputFlows: "F"}, "mine", "has no output DeploymentSecretArn"},
		"an empty output":   {outputs{outputSecret: ""}, "mine", "has no output DeploymentSecretArn"},
		"without an output": {nil, "mine", "is it Latchkey's?"},
	} {
		if _, got, err := secretOf(context.Background(), tt.from, tt.stack); err == nil || got != "" || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}
