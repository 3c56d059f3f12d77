package dynamo

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
)

// Inspection is what a look at a table has found. It holds no value of an item.
type Inspection struct {
	// Missing says that there is no such table, Denied that the credentials
	// do not allow to look, Silent that nothing answered.
	Missing, Denied, Silent bool
	// Code is the error code of an answer that is none of these.
	Code string
	// ARN is the table's own name for itself, empty if it has none.
	ARN string
	// Wrong says what is wrong with the key, the index or the table's state;
	// empty when it is ours and can be used.
	Wrong string
	// Odd says what works, and is not as CreateTable makes it.
	Odd string
	// TTL is the attribute by which DynamoDB removes items, empty when it is
	// off. TTLKnown is false where nobody could tell, and NoTTL says that this
	// is because the endpoint does not have the call.
	TTL             string
	TTLKnown, NoTTL bool
}

// Inspect looks at the table's key, its index and its TTL, in at most 5 s. It
// is for an operator: no function has the permission.
func (s *Store) Inspect(ctx context.Context) Inspection {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	i := s.inspect(ctx, true)
	if i.Missing || i.Denied || i.Silent || i.Code != "" {
		return i
	}
	out, err := s.client.DescribeTimeToLive(ctx, &dynamodb.DescribeTimeToLiveInput{TableName: &s.table})
	if err != nil {
		i.NoTTL = unknownOperation(err)
		return i
	}
	i.TTLKnown = true
	if d := out.TimeToLiveDescription; d != nil &&
		(d.TimeToLiveStatus == types.TimeToLiveStatusEnabled || d.TimeToLiveStatus == types.TimeToLiveStatusEnabling) {
		i.TTL = aws.ToString(d.AttributeName)
	}
	return i
}

// Inspect is [Store.Inspect] for the Accounts table, where nothing expires.
func (a *Accounts) Inspect(ctx context.Context) Inspection {
	ctx, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	return a.on.inspect(ctx, false)
}

func (s *Store) inspect(ctx context.Context, indexed bool) Inspection {
	out, err := s.client.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &s.table})
	var absent *types.ResourceNotFoundException
	var api smithy.APIError
	switch {
	case errors.As(err, &absent):
		return Inspection{Missing: true}
	case errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException":
		return Inspection{Denied: true}
	case errors.As(err, &api):
		return Inspection{Code: api.ErrorCode()}
	case err != nil:
		return Inspection{Silent: true}
	}
	if out.Table == nil {
		return Inspection{Wrong: errNone.Error()}
	}
	i := Inspection{ARN: aws.ToString(out.Table.TableArn), Wrong: state(out.Table, indexed)}
	if err := ours(out.Table, indexed); err != nil {
		i.Wrong = err.Error()
	}
	if indexed {
		i.Odd = odd(out.Table)
	}
	return i
}

// state says why nothing can be written into the table, or found by its index,
// whatever its keys are. An endpoint that has no states says none.
func state(t *types.TableDescription, indexed bool) string {
	switch t.TableStatus {
	case types.TableStatusActive, types.TableStatusUpdating, "":
	default:
		return "it is in the state " + string(t.TableStatus)
	}
	index := userIndexOf(t)
	if indexed && index != nil && (index.IndexStatus == types.IndexStatusCreating || index.IndexStatus == types.IndexStatusDeleting) {
		return "its index " + userIndex + " is in the state " + string(index.IndexStatus)
	}
	return ""
}

// odd is about the index's projection.
func odd(t *types.TableDescription) string {
	index := userIndexOf(t)
	if index == nil || index.Projection == nil || index.Projection.ProjectionType == types.ProjectionTypeKeysOnly {
		return ""
	}
	return "its index " + userIndex + " has more than the keys in it (projection " + string(index.Projection.ProjectionType) + ")"
}
