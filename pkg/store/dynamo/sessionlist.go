package dynamo

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/pkg/session"
)

const (
	// listMost is how many sessions are listed, and looked at per page.
	listMost = 50
	// listPages bounds how far one call looks past what has expired.
	listPages = 20
)

// ListSessions returns the live sessions of a user (session.UserOf), newest
// first, at most fifty. It takes two operations, and two more for each fifty
// sessions that have expired and are still there. What cannot be read is left
// out, and the log line says so. The index lags behind the table by a moment:
// a session may be missing that was made just now; one that has ended never
// shows.
func (s *Store) ListSessions(ctx context.Context, user string, now time.Time) ([]session.Entry, error) {
	if user == "" {
		return nil, nil
	}
	ctx, c := s.begin(ctx, "list sessions")
	defer c.end()
	var live []session.Entry
	var from map[string]types.AttributeValue
	for range listPages {
		keys, next, err := c.sessionKeys(ctx, user, from)
		if err != nil {
			return nil, c.wrap(err)
		}
		if len(keys) > 0 {
			found, err := c.readAll(ctx, keys)
			if err != nil {
				return nil, c.wrap(err)
			}
			for _, i := range found {
				if e := c.readable(i); e.User == user && !e.Expired(now) {
					live = append(live, e)
				}
			}
		}
		if from = next; len(from) == 0 || len(live) >= listMost {
			break
		}
	}
	slices.SortFunc(live, session.NewestFirst)
	return live[:min(len(live), listMost)], nil
}

// sessionKeys returns a page of keys, the newest first, and where the next one
// starts.
func (c *call) sessionKeys(ctx context.Context, user string, from map[string]types.AttributeValue) (keys []map[string]types.AttributeValue, next map[string]types.AttributeValue, err error) {
	c.ops++
	out, err := c.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &c.table, IndexName: aws.String(userIndex), Limit: aws.Int32(listMost),
		ScanIndexForward: aws.Bool(false), ExclusiveStartKey: from,
		KeyConditionExpression:    aws.String("#user = :user"),
		ExpressionAttributeNames:  map[string]string{"#user": attrUser},
		ExpressionAttributeValues: item{":user": text(user)},
	})
	if err != nil {
		return nil, nil, err
	}
	for _, i := range out.Items {
		d := decoder{item: i}
		if key := d.text(attrKey); strings.HasPrefix(key, session.Prefix) {
			keys = append(keys, item{attrKey: text(key)})
		}
	}
	return keys, out.LastEvaluatedKey, nil
}
