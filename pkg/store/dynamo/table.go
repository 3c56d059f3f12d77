package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

const (
	tableTimeout = time.Minute
	tablePoll    = 250 * time.Millisecond
)

// CreateTable makes the table (on demand, key pk, TTL on [TTLAttribute]) and
// returns once it can be used, after a minute at most. A table that is there
// already is accepted if its key is the same. ttlEnabled is false on an
// endpoint that has no TTL call; what has expired then stays until somebody
// removes it, and is refused all the same.
//
// It is for the operator's command: a deployed stack's template makes the
// table, and its functions have no permission to.
func (s *Store) CreateTable(ctx context.Context) (ttlEnabled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	_, err = s.client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   &s.table,
		BillingMode: types.BillingModePayPerRequest,
		KeySchema:   []types.KeySchemaElement{{AttributeName: aws.String(attrKey), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String(attrKey), AttributeType: types.ScalarAttributeTypeS},
		},
	})
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return false, fmt.Errorf("dynamo: create table %s: %w", s.table, err)
	}
	if err := s.awaitTable(ctx); err != nil {
		return false, fmt.Errorf("dynamo: create table %s: %w", s.table, err)
	}
	ttlEnabled, err = s.enableTTL(ctx)
	if err != nil {
		return false, fmt.Errorf("dynamo: enable TTL on table %s: %w", s.table, err)
	}
	return ttlEnabled, nil
}

// awaitTable returns when the table is active and has our key.
func (s *Store) awaitTable(ctx context.Context) error {
	tick := time.NewTicker(tablePoll)
	defer tick.Stop()
	for {
		out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
		var notYet *types.ResourceNotFoundException
		switch {
		case errors.As(err, &notYet): // what was just created may not be shown yet
		case err != nil:
			return err
		case !ourKey(out.Table):
			return fmt.Errorf("it exists with another key; it must be %s, a string, alone", attrKey)
		case out.Table.TableStatus == types.TableStatusActive || out.Table.TableStatus == types.TableStatusUpdating:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("it did not become active: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

func ourKey(t *types.TableDescription) bool {
	if len(t.KeySchema) != 1 || aws.ToString(t.KeySchema[0].AttributeName) != attrKey {
		return false
	}
	for _, d := range t.AttributeDefinitions {
		if aws.ToString(d.AttributeName) == attrKey {
			return d.AttributeType == types.ScalarAttributeTypeS
		}
	}
	return false
}

// enableTTL reports whether TTL is on afterwards.
func (s *Store) enableTTL(ctx context.Context) (bool, error) {
	out, err := s.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &s.table})
	if unknownOperation(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if d := out.TimeToLiveDescription; d != nil &&
		(d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		if aws.ToString(d.AttributeName) != TTLAttribute {
			return false, fmt.Errorf("it is on for another attribute; it must be %s", TTLAttribute)
		}
		return true, nil
	}
	_, err = s.client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &s.table,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String(TTLAttribute), Enabled: aws.Bool(true),
		},
	})
	if unknownOperation(err) {
		return false, nil
	}
	return err == nil, err
}

// unknownOperation reports that the endpoint does not know the call at all.
func unknownOperation(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "UnknownOperationException"
}
