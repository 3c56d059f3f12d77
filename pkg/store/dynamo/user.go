package dynamo

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// userIndex finds what belongs to a user, by attributes that never change: no
// redemption and no rotation writes to it.
const userIndex = "by_user"

const (
	endTimeout  = time.Minute
	endPage     = 100
	endParallel = 8
)

// EndUser revokes every grant and deletes every sign-in and session of the user
// with the hash userHash: that of the name (grants, sign-ins) or that of
// session.UserOf. It goes on after a failure and takes a minute at most;
// repeated it does the rest. The index lags behind the table by a moment, so
// what is being made at that very time can be missed: whoever disables a user
// also sets user.User.ValidFrom, which ends that too.
func (s *Store) EndUser(ctx context.Context, userHash string) error {
	return s.endUser(ctx, userHash, false)
}

// ForgetUser is EndUser, and it deletes what the user has consented to.
func (s *Store) ForgetUser(ctx context.Context, userHash string) error {
	return s.endUser(ctx, userHash, true)
}

func (s *Store) endUser(ctx context.Context, userHash string, consents bool) error {
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	if userHash == "" {
		return errors.New("dynamo: end user: there is no user")
	}
	var errs []error
	var from map[string]types.AttributeValue
	for {
		keys, next, err := s.ofUser(ctx, userHash, from)
		if err != nil {
			return errors.Join(append(errs, err)...)
		}
		if err := s.endAll(ctx, keys, consents); err != nil {
			errs = append(errs, err)
		}
		if from = next; len(from) == 0 {
			return errors.Join(errs...)
		}
	}
}

// ofUser returns a page of keys, and where the next one starts.
func (s *Store) ofUser(ctx context.Context, userHash string, from map[string]types.AttributeValue) ([]string, map[string]types.AttributeValue, error) {
	ctx, c := s.begin(ctx, "find what belongs to a user")
	defer c.end()
	c.ops++
	out, err := c.client.Query(ctx, &dynamodb.QueryInput{
		TableName: &c.table, IndexName: aws.String(userIndex), Limit: aws.Int32(endPage), ExclusiveStartKey: from,
		KeyConditionExpression:    aws.String("#user = :user"),
		ExpressionAttributeNames:  map[string]string{"#user": attrUser},
		ExpressionAttributeValues: item{":user": text(userHash)},
	})
	if err != nil {
		return nil, nil, c.wrap(err)
	}
	var keys []string
	for _, i := range out.Items {
		d := decoder{item: i}
		if key := d.text(attrKey); key != "" {
			keys = append(keys, key)
		}
	}
	return keys, out.LastEvaluatedKey, nil
}

// endAll ends a page of items, a few at a time.
func (s *Store) endAll(ctx context.Context, keys []string, consents bool) error {
	var wg sync.WaitGroup
	errs, room := make([]error, len(keys)), make(chan struct{}, endParallel)
	for n, key := range keys {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			switch {
			case strings.HasPrefix(key, grant.Prefix):
				errs[n] = s.RevokeGrant(ctx, key, "")
			case strings.HasPrefix(key, session.SignInPrefix), consents && strings.HasPrefix(key, session.ConsentPrefix):
				errs[n] = s.DeleteSignIn(ctx, key)
			case strings.HasPrefix(key, session.Prefix):
				_, errs[n] = s.DeleteSession(ctx, key)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
