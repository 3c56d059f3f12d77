// Package dynamo keeps Latchkey's state in DynamoDB: it owns the layout of
// the items, the conditional writes that make things happen once, and the
// name of the TTL attribute. docs/storage.md is the same in prose.
//
// It never decides a policy, never seals or opens a payload, never relies on
// TTL for expiry, and hands no type of the AWS SDK to its callers.
package dynamo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// TTLAttribute is the attribute by which DynamoDB removes old items, days
// late if it likes. It is in every condition too, so nothing waits for that.
const TTLAttribute = "expires_at"

// budget is what one method call may take in all, retries and the read that
// settles a doubt included.
const budget = 5 * time.Second

// Store keeps in one table everything that expires: logins in flight, grants,
// sign-ins, consents and the tries at a password. It is safe for concurrent use.
type Store struct {
	client *dynamodb.Client
	table  string
}

// New returns a Store on a table. The client brings its own deadlines per
// attempt and its own retries; [FromEnv] and [NewFromConfig] make one that
// fits the budget.
func New(client *dynamodb.Client, table string) *Store {
	return &Store{client: client, table: table}
}

// call is one method call: its deadline and its entry in the log line.
type call struct {
	*Store
	what    string // for errors, such as "put login"
	parent  context.Context
	cancel  context.CancelFunc
	started time.Time
	ops     int
}

// begin bounds a method call, which errors will name; end must follow.
func (s *Store) begin(ctx context.Context, what string) (context.Context, *call) {
	bounded, cancel := context.WithTimeout(ctx, budget)
	return bounded, &call{Store: s, what: what, parent: ctx, cancel: cancel, started: time.Now()}
}

// end puts what the call cost onto the request's log line. An operation
// counts once, however often the SDK had to send it.
func (c *call) end() {
	c.cancel()
	logline.Add(c.parent,
		slog.Int("store_ops", c.ops),
		slog.Int64("store_ms", time.Since(c.started).Milliseconds()))
}

// wrap says of an error where it happened; nil stays nil. What will not pass by
// itself is an *oauth.Error that says so.
func (c *call) wrap(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("dynamo: %s: %w", c.what, err)
	var api smithy.APIError
	if errors.As(err, &api) && misconfigured[api.ErrorCode()] {
		return &oauth.Error{
			Code: oauth.ConfigError, Cause: err,
			Description: "The table cannot be used. Check TABLE_NAME, the region, and what the function's role may do.",
		}
	}
	return err
}

// misconfigured are the answers that stay the same until an operator mends
// something: there is no such table, or it has another key, or the credentials
// do not allow the call.
var misconfigured = map[string]bool{
	"ResourceNotFoundException": true, "AccessDeniedException": true, "UnrecognizedClientException": true, "ValidationException": true,
}

// part returns a context with seven tenths of what is left of ctx, so that a
// write that hangs leaves time to ask what became of it.
func part(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, _ := ctx.Deadline() // begin has set one
	return context.WithTimeout(ctx, time.Until(deadline)*7/10)
}
