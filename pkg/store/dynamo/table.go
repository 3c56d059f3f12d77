package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// CreateTable makes the table (on demand, key pk, index by_user, TTL on
// [TTLAttribute]) and returns once it can be used, after a minute at most. A
// table that is there already is accepted if its key and index are the same.
// ttlEnabled is false on an endpoint that has no TTL call; what has expired
// then stays until somebody removes it, and is refused all the same.
//
// It is for the operator's command: a deployed stack's template makes the
// table, and its functions have no permission to.
func (s *Store) CreateTable(ctx context.Context) (ttlEnabled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	if err := s.createTable(ctx, true); err != nil {
		return false, err
	}
	ttlEnabled, err = s.enableTTL(ctx)
	if err != nil {
		return false, fmt.Errorf("dynamo: enable TTL on table %s: %w", s.table, err)
	}
	return ttlEnabled, nil
}

func (s *Store) createTable(ctx context.Context, indexed bool) error {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	in := &dynamodb.CreateTableInput{
		TableName:            &s.table,
		BillingMode:          types.BillingModePayPerRequest,
		KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String(attrKey), KeyType: types.KeyTypeHash}},
		AttributeDefinitions: []types.AttributeDefinition{define(attrKey, types.ScalarAttributeTypeS)},
	}
	if indexed {
		in.AttributeDefinitions = append(in.AttributeDefinitions,
			define(attrUser, types.ScalarAttributeTypeS), define(attrCreated, types.ScalarAttributeTypeN))
		in.GlobalSecondaryIndexes = []types.GlobalSecondaryIndex{{
			IndexName: aws.String(userIndex), KeySchema: userKey,
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}}
	}
	_, err := s.client.CreateTable(ctx, in)
	var exists *types.ResourceInUseException
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("dynamo: create table %s: %w", s.table, err)
	}
	if err := s.awaitTable(ctx, indexed); err != nil {
		return fmt.Errorf("dynamo: create table %s: %w", s.table, err)
	}
	return nil
}

// userKey is the key of the index by_user.
var userKey = []types.KeySchemaElement{
	{AttributeName: aws.String(attrUser), KeyType: types.KeyTypeHash},
	{AttributeName: aws.String(attrCreated), KeyType: types.KeyTypeRange},
}

func define(name string, t types.ScalarAttributeType) types.AttributeDefinition {
	return types.AttributeDefinition{AttributeName: &name, AttributeType: t}
}

// ErrNoTable is returned by CheckTable.
var ErrNoTable = errors.New("dynamo: there is no such table")

// CheckTable reports whether the table is there and has our key and index:
// nil, [ErrNoTable], or another error. An endpoint that does not let us look
// is taken to have them. It takes at most 5 seconds.
func (s *Store) CheckTable(ctx context.Context) error { return s.checkTable(ctx, true) }

func (s *Store) checkTable(ctx context.Context, indexed bool) error {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	var absent *types.ResourceNotFoundException
	var api smithy.APIError
	switch {
	case errors.As(err, &absent):
		return ErrNoTable
	case errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException":
		return nil
	case err != nil:
		return fmt.Errorf("dynamo: look at table %s: %w", s.table, err)
	}
	if err := ours(out.Table, indexed); err != nil {
		return fmt.Errorf("dynamo: table %s: %w", s.table, err)
	}
	return nil
}

var (
	errKey   = fmt.Errorf("it has another key; it must be %s, a string, alone", attrKey)
	errNone  = errors.New("the endpoint does not describe it; what answers there may not be DynamoDB")
	errIndex = fmt.Errorf("it has no index %s with the keys %s and %s", userIndex, attrUser, attrCreated)
)

// awaitTable returns when the table is active and is ours.
func (s *Store) awaitTable(ctx context.Context, indexed bool) error {
	tick := time.NewTicker(tablePoll)
	defer tick.Stop()
	for {
		out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
		var notYet *types.ResourceNotFoundException
		switch {
		case errors.As(err, &notYet): // what was just created may not be shown yet
		case err != nil:
			return err
		case ours(out.Table, indexed) != nil:
			return ours(out.Table, indexed)
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

// ours checks the keys of a table and of its index, and their types: of
// another type, no item of ours can be written.
func ours(t *types.TableDescription, indexed bool) error {
	if t == nil {
		return errNone
	}
	if len(t.KeySchema) != 1 || aws.ToString(t.KeySchema[0].AttributeName) != attrKey || typeOf(t, attrKey) != types.ScalarAttributeTypeS {
		return errKey
	}
	if !indexed {
		return nil
	}
	index := userIndexOf(t)
	if index == nil || !slices.EqualFunc(index.KeySchema, userKey, sameElement) {
		return errIndex
	}
	for _, want := range []struct {
		name string
		kind types.ScalarAttributeType
		word string
	}{{attrUser, types.ScalarAttributeTypeS, "a string"}, {attrCreated, types.ScalarAttributeTypeN, "a number"}} {
		if typeOf(t, want.name) != want.kind {
			return fmt.Errorf("the key %s of its index %s is of another type; it must be %s", want.name, userIndex, want.word)
		}
	}
	return nil
}

// userIndexOf finds the index by_user, nil if there is none.
func userIndexOf(t *types.TableDescription) *types.GlobalSecondaryIndexDescription {
	for i := range t.GlobalSecondaryIndexes {
		if aws.ToString(t.GlobalSecondaryIndexes[i].IndexName) == userIndex {
			return &t.GlobalSecondaryIndexes[i]
		}
	}
	return nil
}

func sameElement(a, b types.KeySchemaElement) bool {
	return aws.ToString(a.AttributeName) == aws.ToString(b.AttributeName) && a.KeyType == b.KeyType
}

// typeOf is the type of a key attribute, empty for one that is no key.
func typeOf(t *types.TableDescription, name string) types.ScalarAttributeType {
	for _, d := range t.AttributeDefinitions {
		if aws.ToString(d.AttributeName) == name {
			return d.AttributeType
		}
	}
	return ""
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
