package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// claimCondition holds for a live login of this browser that nobody has
// claimed, or that this very request has (and the reply was lost).
const claimCondition = "#v = :v AND #expires > :now AND #browser = :browser" +
	" AND (attribute_not_exists(#claim) OR #claim = :n)"

func encodeLogin(r session.Record) item {
	i := item{
		attrKey:     text(r.Key),
		attrVersion: number(version),
		attrBrowser: text(r.BrowserHash),
		attrSealed:  blob(r.Sealed),
		attrExpires: number(r.ExpiresAt.Unix()),
	}
	i.setText(attrClaim, r.Claim)
	return i
}

// decodeLogin reverses encodeLogin; what is no whole login of this version is
// session.ErrUnknown.
func decodeLogin(i item) (session.Record, error) {
	if len(i) == 0 {
		return session.Record{}, session.ErrUnknown
	}
	d := decode(i)
	r := session.Record{
		Key:         d.text(attrKey),
		BrowserHash: d.text(attrBrowser),
		Sealed:      d.bytes(attrSealed),
		ExpiresAt:   d.time(attrExpires),
		Claim:       d.optionalText(attrClaim),
	}
	if err := d.failed(session.ErrUnknown); err != nil {
		return session.Record{}, err
	}
	return r, nil
}

// PutLogin keeps r. The write has no condition: sent twice it leaves what it
// leaves when sent once. It takes at most 5 seconds.
func (s *Store) PutLogin(ctx context.Context, r session.Record) error {
	ctx, c := s.begin(ctx, "put login")
	defer c.end()
	return c.wrap(c.put(ctx, encodeLogin(r), false))
}

// ClaimLogin consumes the login under key for the browser with browserHash,
// in one conditional write that sets the claim to nonce. nonce is fresh for
// each request; repeated with the same one, ClaimLogin succeeds again. For a
// request without a browser, which cannot win, nothing is written.
//
// It answers with session.ErrUnknown, ErrExpired, ErrOtherBrowser or ErrUsed,
// in that order of precedence, with the record on ErrExpired and ErrUsed; any
// other error means that the outcome could not be found out within 5 seconds.
func (s *Store) ClaimLogin(ctx context.Context, key, browserHash, nonce string, now time.Time) (session.Record, error) {
	ctx, c := s.begin(ctx, "claim login")
	defer c.end()
	if nonce == "" {
		return session.Record{}, c.wrap(errNoNonce)
	}
	var in *dynamodb.UpdateItemInput
	if browserHash != "" {
		in = &dynamodb.UpdateItemInput{
			UpdateExpression:    aws.String("SET #claim = :n"),
			ConditionExpression: aws.String(claimCondition),
			ExpressionAttributeNames: map[string]string{
				"#v": attrVersion, "#expires": attrExpires, "#browser": attrBrowser, "#claim": attrClaim,
			},
			ExpressionAttributeValues: item{
				":v": number(version), ":now": number(now.Unix()), ":browser": text(browserHash), ":n": text(nonce),
			},
		}
	}
	return settle(ctx, c, key, in, func(i item) (session.Record, error) {
		return judgeLogin(i, browserHash, nonce, now)
	})
}

var errNoNonce = errors.New("the nonce is empty")

// judgeLogin says what the image of an item means for a request with
// browserHash and nonce: nil (the claim is this request's own), one of
// session's errors, or errUndecided. The record comes with nil, ErrExpired and
// ErrUsed only.
func judgeLogin(image item, browserHash, nonce string, now time.Time) (session.Record, error) {
	r, err := decodeLogin(image)
	if err == nil {
		err = r.Verdict(browserHash, nonce, now)
	}
	if err == nil && r.Claim == "" {
		err = errUndecided
	}
	if err != nil && !errors.Is(err, session.ErrExpired) && !errors.Is(err, session.ErrUsed) {
		return session.Record{}, err
	}
	return r, err
}
