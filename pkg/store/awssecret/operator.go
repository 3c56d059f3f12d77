package awssecret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Operator changes the deployment secret, which no function may.
type Operator struct {
	client *secretsmanager.Client
	arn    string
}

// NewOperator returns an Operator with region and credentials of cfg.
func NewOperator(cfg aws.Config, arn string) *Operator {
	return &Operator{secretsmanager.NewFromConfig(cfg), arn}
}

// Read returns the list, newest first.
func (o *Operator) Read(ctx context.Context) (secret.Text, error) {
	text, _, err := o.read(ctx)
	return text, err
}

func (o *Operator) read(ctx context.Context) (list secret.Text, object map[string]string, err error) {
	out, err := o.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &o.arn})
	if err != nil {
		return list, nil, plain("read", err)
	}
	value := aws.ToString(out.SecretString)
	if json.Unmarshal([]byte(value), &object) == nil {
		value = object[Member]
	} else {
		object = nil
	}
	if value == "" {
		return list, nil, fmt.Errorf("awssecret: the secret is empty or has no member %q", Member)
	}
	return secret.NewText(value), object, nil
}

// Change replaces the list by what change makes of it, in the form that the
// secret had. Two changes at the same time are not kept apart: the later one
// wins.
func (o *Operator) Change(ctx context.Context, change func(list string) (string, error)) error {
	text, object, err := o.read(ctx)
	if err != nil {
		return err
	}
	value, err := change(text.Reveal())
	if err != nil {
		return err
	}
	if object != nil {
		object[Member] = value
		b, err := json.Marshal(object)
		if err != nil {
			return errors.New("awssecret: the secret's JSON cannot be written")
		}
		value = string(b)
	}
	if _, err := o.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &o.arn, SecretString: &value}); err != nil {
		return plain("write", err)
	}
	return nil
}

// plain reduces an SDK error to what helps.
func plain(what string, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Errorf("awssecret: %s: %s: %s", what, api.ErrorCode(), api.ErrorMessage())
	}
	return fmt.Errorf("awssecret: %s: no answer from Secrets Manager", what)
}
