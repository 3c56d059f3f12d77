package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// claimCondition holds for a live login of this browser that nobody has
// claimed, or that this very request has (and the reply was lost).
const claimCondition = "#v = :v AND #expires > :now AND #browser = :browser" +
	" AND (attribute_not_exists(#claim) OR #claim = :n)"

// PutLogin keeps r. The write has no condition: sent twice it leaves what it
// leaves when sent once. It takes at most 5 seconds.
func (s *Store) PutLogin(ctx context.Context, r session.Record) error {
	ctx, c := s.begin(ctx)
	defer c.end()
	c.ops++
	_, err := s.client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &s.table, Item: encode(r)})
	if err != nil {
		return fmt.Errorf("dynamo: put login: %w", err)
	}
	return nil
}

// ClaimLogin consumes the login under key for the browser with browserHash,
// in one conditional write that sets the claim to nonce. nonce is fresh for
// each request; repeated with the same one, ClaimLogin succeeds again.
//
// It answers with session.ErrUnknown, ErrExpired, ErrOtherBrowser or ErrUsed,
// in that order of precedence, with the record on ErrExpired and ErrUsed; any
// other error means that the outcome could not be found out within 5 seconds.
func (s *Store) ClaimLogin(ctx context.Context, key, browserHash, nonce string, now time.Time) (session.Record, error) {
	if nonce == "" {
		return session.Record{}, errors.New("dynamo: claim login: the nonce is empty")
	}
	ctx, c := s.begin(ctx)
	defer c.end()

	image, lost := c.claim(ctx, key, browserHash, nonce, now)
	if len(image) == 0 {
		var err error
		if image, err = c.read(ctx, key); err != nil {
			if lost != nil {
				err = fmt.Errorf("%w; then reading: %w", lost, err)
			}
			return session.Record{}, fmt.Errorf("dynamo: claim login: %w", err)
		}
	}
	r, err := verdict(image, browserHash, nonce, now)
	if errors.Is(err, errUnclaimed) {
		if lost != nil {
			err = fmt.Errorf("%w: %w", err, lost)
		}
		return session.Record{}, fmt.Errorf("dynamo: claim login: %w", err)
	}
	return r, err
}

// claim tries the write and returns the item as it then was: the new image,
// or the old one if the condition did not hold. No image and no error: the
// condition did not hold, and there is no item or the endpoint does not show
// it. An error leaves open whether the write was applied, since an attempt
// before the last may have been.
//
// A request without a browser cannot win, so nothing is written for it.
func (c *call) claim(ctx context.Context, key, browserHash, nonce string, now time.Time) (item, error) {
	if browserHash == "" {
		return nil, nil
	}
	ctx, cancel := part(ctx)
	defer cancel()
	c.ops++
	out, err := c.client.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName:           &c.table,
		Key:                 item{attrKey: text(key)},
		UpdateExpression:    aws.String("SET #claim = :n"),
		ConditionExpression: aws.String(claimCondition),
		ExpressionAttributeNames: map[string]string{
			"#v": attrVersion, "#expires": attrExpires, "#browser": attrBrowser, "#claim": attrClaim,
		},
		ExpressionAttributeValues: item{
			":v": number(version), ":now": number(now.Unix()), ":browser": text(browserHash), ":n": text(nonce),
		},
		ReturnValues:                        types.ReturnValueAllNew,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	var failed *types.ConditionalCheckFailedException
	switch {
	case errors.As(err, &failed):
		return failed.Item, nil
	case err != nil:
		return nil, err
	}
	return out.Attributes, nil
}

// read returns the item as every write acknowledged so far has left it; empty
// if there is none.
func (c *call) read(ctx context.Context, key string) (item, error) {
	c.ops++
	out, err := c.client.GetItem(ctx, &dynamodb.GetItemInput{
		TableName:      &c.table,
		Key:            item{attrKey: text(key)},
		ConsistentRead: aws.Bool(true),
	})
	if err != nil {
		return nil, err
	}
	return out.Item, nil
}
