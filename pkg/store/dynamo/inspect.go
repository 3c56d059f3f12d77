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
	// Wrong says what is wrong with the key or the index; empty when they are
	// ours.
	Wrong string
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
	if err := ours(out.Table, indexed); err != nil {
		return Inspection{Wrong: err.Error()}
	}
	return Inspection{}
}
