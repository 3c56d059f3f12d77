package awssecret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// ErrChanged: somebody else has changed the secret since it was read.
var ErrChanged = errors.New("the secret was changed by somebody else at the same moment, and nothing was changed now; run this again")

const (
	current, previous = "AWSCURRENT", "AWSPREVIOUS"
	// next is the label of a version that is not current yet.
	next = "latchkey-next"
	// writing bounds the time from the making of a version to its being
	// current: the age of a version is to say how long it has been there.
	writing = 30 * time.Second
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

// Ring returns the ring as a function that reads it at this time has it: its
// Newest signs and seals. While that is not the first of its Roots, due is
// when the first takes over.
func (o *Operator) Ring(ctx context.Context, now time.Time) (ring *secret.Ring, due time.Time, err error) {
	s := &Secret{arn: o.arn, member: Member, client: o.client, Now: func() time.Time { return now }}
	t, err := s.turn(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	if ring = t.at(now); ring != t.after {
		due = t.due
	}
	return ring, due, nil
}

// read returns the current version too; object is nil if the secret is a text.
func (o *Operator) read(ctx context.Context) (list secret.Text, object map[string]string, version *string, err error) {
	out, err := o.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &o.arn, VersionStage: aws.String(current)})
	if err != nil {
		return list, nil, nil, plain("read", err)
	}
	value := aws.ToString(out.SecretString)
	if json.Unmarshal([]byte(value), &object) == nil {
		value = object[Member]
	} else {
		object = nil
	}
	if value == "" {
		return list, nil, nil, fmt.Errorf("awssecret: the secret is empty or has no member %q", Member)
	}
	return secret.NewText(value), object, out.VersionId, nil
}

// Change replaces the list by what change makes of it, in the form that the
// secret had. Of two changes at the same time one wins, and the other is
// ErrChanged.
func (o *Operator) Change(ctx context.Context, change func(list string) (string, error)) error {
	text, object, before, err := o.read(ctx)
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
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	out, err := o.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &o.arn, SecretString: &value, VersionStages: []string{next}})
	if err != nil {
		return plain("write", err)
	}
	return o.swap(ctx, before, out.VersionId)
}

// swap makes the version after current if before still is: Secrets Manager
// moves a label only away from the version that has it. What has failed may be
// a repeated attempt whose first reply was lost, so the secret says how it was.
func (o *Operator) swap(ctx context.Context, before, after *string) error {
	_, err := o.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &o.arn, VersionStage: aws.String(current), RemoveFromVersionId: before, MoveToVersionId: after,
	})
	if err == nil {
		return nil
	}
	_, _, now, unread := o.read(ctx)
	switch {
	case unread != nil || aws.ToString(now) == aws.ToString(before):
		return plain("write", err)
	case aws.ToString(now) == aws.ToString(after):
		return nil
	}
	return ErrChanged
}

// plain reduces an SDK error to what helps.
func plain(what string, err error) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Errorf("awssecret: %s: %s: %s", what, api.ErrorCode(), api.ErrorMessage())
	}
	return fmt.Errorf("awssecret: %s: no answer from Secrets Manager", what)
}
