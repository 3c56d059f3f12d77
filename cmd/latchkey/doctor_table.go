package main

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	checks "github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// described adds to what the store says of its table what only an operator
// wants to know: types, states and projection, and whose table it is.
func described(ctx context.Context, client *dynamodb.Client, name string, indexed bool, found dynamo.Inspection) checks.Inspection {
	i := checks.Inspection{
		Missing: found.Missing, Denied: found.Denied, Silent: found.Silent, Code: found.Code, Wrong: found.Wrong,
		TTL: found.TTL, TTLKnown: found.TTLKnown, NoTTL: found.NoTTL,
	}
	if i.Missing || i.Denied || i.Silent || i.Code != "" {
		return i
	}
	out, err := client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &name})
	if err != nil || out.Table == nil {
		i.Silent = true // it has answered a moment ago
		return i
	}
	i.ARN = aws.ToString(out.Table.TableArn)
	if i.Wrong == "" {
		i.Wrong = unfit(out.Table, indexed)
	}
	if indexed {
		i.Odd = odd(out.Table)
	}
	return i
}

// byUser is the index of the sessions and grants of one user.
const byUser = "by_user"

// unfit says why a table with the right names is none that works: no value
// of another type can be written, and none at all into a table that goes.
func unfit(t *types.TableDescription, indexed bool) string {
	switch t.TableStatus {
	case types.TableStatusActive, types.TableStatusUpdating, "":
	default:
		return "it is in the state " + string(t.TableStatus)
	}
	if !indexed {
		return ""
	}
	for _, want := range []struct {
		name string
		kind types.ScalarAttributeType
		word string
	}{{"user", types.ScalarAttributeTypeS, "a string"}, {"created", types.ScalarAttributeTypeN, "a number"}} {
		fits := func(d types.AttributeDefinition) bool {
			return aws.ToString(d.AttributeName) == want.name && d.AttributeType == want.kind
		}
		if !slices.ContainsFunc(t.AttributeDefinitions, fits) {
			return "the key " + want.name + " of its index " + byUser + " is of another type; it must be " + want.word
		}
	}
	if index := indexOf(t); index != nil && (index.IndexStatus == types.IndexStatusCreating || index.IndexStatus == types.IndexStatusDeleting) {
		return "its index " + byUser + " is in the state " + string(index.IndexStatus)
	}
	return ""
}

// odd says what works and is not as table create makes it.
func odd(t *types.TableDescription) string {
	index := indexOf(t)
	if index == nil || index.Projection == nil || index.Projection.ProjectionType == types.ProjectionTypeKeysOnly {
		return ""
	}
	return "its index " + byUser + " has more than the keys in it (projection " + string(index.Projection.ProjectionType) + ")"
}

func indexOf(t *types.TableDescription) *types.GlobalSecondaryIndexDescription {
	at := slices.IndexFunc(t.GlobalSecondaryIndexes, func(d types.GlobalSecondaryIndexDescription) bool { return aws.ToString(d.IndexName) == byUser })
	if at < 0 {
		return nil
	}
	return &t.GlobalSecondaryIndexes[at]
}
