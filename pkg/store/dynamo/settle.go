package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// errUndecided is what a judge answers when nothing speaks against the write,
// but the image does not show it either.
var errUndecided = errors.New("not applied")

// settle makes the conditional write in on the item under key and returns what
// judge makes of the item: of its new image, or of the old one if the
// condition did not hold. A write marks the item with the nonce of its request
// (or, like a revocation, comes out the same for everybody), so that the judge
// also knows a write whose reply was lost.
//
// Where no image came, a consistent read settles it: after a reply that was
// lost for good, for an item that does not exist, and on an endpoint that does
// not show the old image. With in == nil there is only the read.
//
// What judge answers is returned as it is, but for errUndecided: that means
// that the outcome is not known, or that the item changed in between.
func settle[T any](ctx context.Context, c *call, key string, in *dynamodb.UpdateItemInput, judge func(item) (T, error)) (T, error) {
	image, lost := c.write(ctx, key, in)
	if len(image) == 0 {
		var err error
		if image, err = c.read(ctx, key); err != nil {
			if lost != nil {
				err = fmt.Errorf("%w; then reading: %w", lost, err)
			}
			var none T
			return none, c.wrap(err)
		}
	}
	result, err := judge(image)
	if errors.Is(err, errUndecided) {
		if lost != nil {
			err = fmt.Errorf("%w: %w", err, lost)
		}
		return result, c.wrap(err)
	}
	return result, err
}

// write tries the write and returns the item as it then was: the new image,
// or the old one if the condition did not hold. No image and no error: the
// condition did not hold, and there is no item or the endpoint does not show
// it. An error leaves open whether the write was applied, since an attempt
// before the last may have been.
func (c *call) write(ctx context.Context, key string, in *dynamodb.UpdateItemInput) (item, error) {
	if in == nil {
		return nil, nil
	}
	ctx, cancel := part(ctx)
	defer cancel()
	in.TableName, in.Key = &c.table, item{attrKey: text(key)}
	in.ReturnValues = types.ReturnValueAllNew
	in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	c.ops++
	out, err := c.client.UpdateItem(ctx, in)
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

// put writes a whole item; onlyNew refuses with errThere to replace one.
func (c *call) put(ctx context.Context, i item, onlyNew bool) error {
	in := &dynamodb.PutItemInput{TableName: &c.table, Item: i}
	if onlyNew {
		in.ConditionExpression = aws.String("attribute_not_exists(#pk)")
		in.ExpressionAttributeNames = map[string]string{"#pk": attrKey}
	}
	c.ops++
	_, err := c.client.PutItem(ctx, in)
	var there *types.ConditionalCheckFailedException
	if errors.As(err, &there) {
		return errThere
	}
	return err
}

// errThere: put was to make a new item, and there is one.
var errThere = errors.New("it is there already")

// delete removes an item, whether it is there or not.
func (c *call) delete(ctx context.Context, key string) error {
	c.ops++
	_, err := c.client.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &c.table, Key: item{attrKey: text(key)}})
	return err
}
