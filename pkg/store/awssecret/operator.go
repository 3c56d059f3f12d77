package awssecret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
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

// found is the current version as an operator sees it; object is nil if the
// secret is a text, and at is the time at Secrets Manager.
type found struct {
	list   secret.Text
	object map[string]json.RawMessage
	id     string
	at     time.Time
}

func (o *Operator) read(ctx context.Context) (found, error) {
	out, err := o.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &o.arn, VersionStage: aws.String(current)})
	if err != nil {
		return found{}, plain("read", err)
	}
	value, object := parse(aws.ToString(out.SecretString), Member)
	if value == "" {
		return found{}, fmt.Errorf("awssecret: the secret is empty or has no member %q", Member)
	}
	at, told := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !told {
		at = time.Now()
	}
	return found{secret.NewText(value), object, aws.ToString(out.VersionId), at}, nil
}

// Change replaces the list by what change makes of it, in the form that the
// secret had, if it can be read. What signs goes on, or the next older key if
// it is taken out. Of two changes at the same time one wins, and the other is
// ErrChanged.
func (o *Operator) Change(ctx context.Context, change func(list string) (string, error)) error {
	was, err := o.read(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	value, err := change(was.list.Reveal()) // somebody may think about it
	if err != nil {
		return err
	}
	ring, err := secret.ParseRing(value)
	if err != nil {
		return err
	}
	id := newID(o.signsOn(ctx, was.at.Add(time.Since(began)), ring))
	if was.object != nil {
		if value, err = with(was.object, Member, value); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, writing)
	defer cancel()
	_, err = o.client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &o.arn, SecretString: &value, ClientRequestToken: &id, VersionStages: []string{next}})
	if err != nil {
		return plain("write", err)
	}
	return o.swap(ctx, was.id, id)
}

// signsOn is the id of the key that signs until the first of ring may: the one
// that signs now, or the next older one that is left. It is empty if there is
// none, or nobody knows.
func (o *Operator) signsOn(ctx context.Context, now time.Time, ring *secret.Ring) string {
	was, _, err := o.Ring(ctx, now)
	if err != nil {
		return ""
	}
	older := false
	for _, root := range was.Roots() {
		older = older || root == was.Newest()
		if _, left := ring.Root(root.ID); left && older {
			return root.ID
		}
	}
	return ""
}

// with is object as JSON, with one member replaced and the others as they are.
func with(object map[string]json.RawMessage, member, text string) (string, error) {
	quoted, err := json.Marshal(text)
	object[member] = quoted
	if err == nil {
		quoted, err = json.Marshal(object)
	}
	if err != nil {
		return "", errors.New("awssecret: the secret's JSON cannot be written")
	}
	return string(quoted), nil
}

// swap makes the version after current if before still is: Secrets Manager
// moves a label only away from the version that has it. What has failed may be
// a repeated attempt whose first reply was lost, so the secret says how it was.
func (o *Operator) swap(ctx context.Context, before, after string) error {
	_, err := o.client.UpdateSecretVersionStage(ctx, &secretsmanager.UpdateSecretVersionStageInput{
		SecretId: &o.arn, VersionStage: aws.String(current), RemoveFromVersionId: &before, MoveToVersionId: &after,
	})
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout) // also when it was broken off
	defer cancel()
	now, unread := o.read(ctx)
	switch {
	case unread != nil || now.id == before:
		return plain("write", err)
	case now.id == after:
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
