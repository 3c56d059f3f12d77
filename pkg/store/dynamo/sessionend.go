package dynamo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// EndSession deletes the session if it still is at the version count, in one
// conditional write, and fails with session.ErrChanged if not. One that is not
// there, or cannot be read, is no error; any other error means that the
// outcome could not be found out within 5 seconds.
func (s *Store) EndSession(ctx context.Context, key string, count uint32) error {
	ctx, c := s.begin(ctx, "end session")
	defer c.end()
	judge := func(image item) (struct{}, error) {
		e, err := decodeSession(image)
		switch {
		case errors.Is(err, session.ErrUnknown):
			return struct{}{}, nil
		case e.Version != count:
			return struct{}{}, session.ErrChanged
		}
		return struct{}{}, errUndecided
	}
	write, cancel := part(ctx)
	defer cancel()
	c.ops++
	_, lost := c.client.DeleteItem(write, &dynamodb.DeleteItemInput{
		TableName: &c.table, Key: item{attrKey: text(key)},
		ConditionExpression:                 aws.String("#v = :v AND #count = :count"),
		ExpressionAttributeNames:            map[string]string{"#v": attrVersion, "#count": attrCount},
		ExpressionAttributeValues:           item{":v": number(version), ":count": number(int64(count))},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	if lost == nil {
		return nil
	}
	var failed *types.ConditionalCheckFailedException
	if errors.As(lost, &failed) && len(failed.Item) > 0 {
		_, err := judge(failed.Item)
		return err
	}
	_, err := settle(ctx, c, key, nil, judge)
	if err != nil && !errors.Is(err, session.ErrChanged) {
		return fmt.Errorf("%w; before: %w", err, lost)
	}
	return err
}

// DeleteSession deletes the session whatever it is at and returns what it was,
// expired or not: the zero Entry if there was none, or none that can be read,
// or if an earlier attempt has deleted it and its reply was lost.
func (s *Store) DeleteSession(ctx context.Context, key string) (session.Entry, error) {
	ctx, c := s.begin(ctx, "delete session")
	defer c.end()
	c.ops++
	out, err := c.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &c.table, Key: item{attrKey: text(key)}, ReturnValues: types.ReturnValueAllOld,
	})
	if err != nil {
		return session.Entry{}, c.wrap(err)
	}
	if len(out.Attributes) == 0 {
		return session.Entry{}, nil
	}
	return c.readable(out.Attributes), nil
}

// readable is the session that an item is, or the zero Entry; the request's
// log line then says why.
func (c *call) readable(i item) session.Entry {
	e, err := decodeSession(i)
	if err != nil {
		logline.Add(c.parent, slog.String("store_unreadable", err.Error()))
	}
	return e
}
