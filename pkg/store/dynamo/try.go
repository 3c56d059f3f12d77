package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// Attributes of a bucket alone.
const (
	attrFails = "fails"
	attrNext  = "next_at"
)

// tryRounds is how often a bucket that changes under a try is looked at.
const tryRounds = 3

// liveTry holds for a bucket that can be counted on; no other item is one.
const liveTry = "#v = :v AND attribute_type(#fails, :number) AND attribute_type(#next, :number)" +
	" AND attribute_type(#expires, :number) AND #expires > :now"

// errStale: there is no bucket, or it is over or cannot be read.
var errStale = errors.New("no live bucket")

// TakeTry counts one try against the bucket with the key bucket, by the rule
// of user.Tries, in one conditional write; a second one starts a bucket anew
// whose time is over. It returns 0 if the try may be made, else how long to
// wait, at most user.Pause. An error means that the try must not be made.
func (s *Store) TakeTry(ctx context.Context, bucket string, limit int, now time.Time) (wait time.Duration, err error) {
	ctx, c := s.begin(ctx, "take try")
	defer c.end()
	nonce := secret.Mint(128)
	names := map[string]string{
		"#pk": attrKey, "#v": attrVersion, "#fails": attrFails, "#next": attrNext, "#expires": attrExpires, "#claim": attrClaim,
	}
	values := func() item {
		return item{
			":v": number(version), ":number": text("N"), ":now": number(now.Unix()), ":one": number(1), ":n": text(nonce),
			":next": number(now.Add(user.Pause).Unix()), ":end": number(now.Add(user.Window).Unix()),
		}
	}
	judge := func(i item) (time.Duration, error) { return judgeTry(i, nonce, limit, now) }
	for range tryRounds {
		take := &dynamodb.UpdateItemInput{
			UpdateExpression: aws.String("SET #v = :v, #fails = if_not_exists(#fails, :zero) + :one, #next = :next," +
				" #expires = if_not_exists(#expires, :end), #claim = :n"),
			ConditionExpression: aws.String("attribute_not_exists(#pk) OR (" + liveTry +
				" AND (#fails < :limit OR #next <= :now) AND #claim <> :n)"),
			ExpressionAttributeNames:  names,
			ExpressionAttributeValues: values(),
		}
		take.ExpressionAttributeValues[":zero"], take.ExpressionAttributeValues[":limit"] = number(0), number(int64(limit))
		wait, err = settle(ctx, c, bucket, take, judge)
		if errors.Is(err, errStale) {
			wait, err = settle(ctx, c, bucket, &dynamodb.UpdateItemInput{
				UpdateExpression:          aws.String("SET #v = :v, #fails = :one, #next = :next, #expires = :end, #claim = :n"),
				ConditionExpression:       aws.String("NOT (" + liveTry + ")"),
				ExpressionAttributeNames:  without(names, "#pk"),
				ExpressionAttributeValues: values(),
			}, judge)
		}
		if !errors.Is(err, errUndecided) && !errors.Is(err, errStale) {
			return wait, err
		}
	}
	if errors.Is(err, errStale) {
		err = c.wrap(err)
	}
	return 0, err
}

// judgeTry says what the image of a bucket means for the try that nonce names:
// 0 (it is counted), how long to wait, errStale, or errUndecided.
func judgeTry(image item, nonce string, limit int, now time.Time) (time.Duration, error) {
	d := decode(image)
	fails, next, ends, claim := d.number(attrFails), d.time(attrNext), d.time(attrExpires), d.optionalText(attrClaim)
	switch {
	case d.err != nil || !now.Before(ends):
		return 0, errStale
	case claim == nonce:
		return 0, nil
	case fails < int64(limit) || !now.Before(next):
		return 0, errUndecided // a try was given back in between
	}
	return min(next.Sub(now.Truncate(time.Second)), user.Pause), nil
}

// ReturnTry gives back a try that turned out to be right. A bucket that is not
// there has nothing to give back to.
func (s *Store) ReturnTry(ctx context.Context, bucket string) error {
	ctx, c := s.begin(ctx, "return try")
	defer c.end()
	nonce := secret.Mint(128)
	_, err := settle(ctx, c, bucket, &dynamodb.UpdateItemInput{
		UpdateExpression:    aws.String("SET #fails = #fails - :one, #claim = :n"),
		ConditionExpression: aws.String("#v = :v AND #fails > :zero AND #claim <> :n"),
		ExpressionAttributeNames: map[string]string{
			"#v": attrVersion, "#fails": attrFails, "#claim": attrClaim,
		},
		ExpressionAttributeValues: item{":v": number(version), ":one": number(1), ":zero": number(0), ":n": text(nonce)},
	}, func(i item) (struct{}, error) {
		d := decode(i)
		if claim := d.optionalText(attrClaim); d.err == nil && claim != nonce && d.number(attrFails) > 0 {
			return struct{}{}, errUndecided
		}
		return struct{}{}, nil
	})
	return err
}

func without(names map[string]string, name string) map[string]string {
	rest := make(map[string]string, len(names))
	for k, v := range names {
		if k != name {
			rest[k] = v
		}
	}
	return rest
}
