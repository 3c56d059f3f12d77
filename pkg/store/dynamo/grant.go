package dynamo

import (
	"context"
	"errors"
	"math"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Attributes of a grant alone.
const (
	attrClient    = "client"
	attrRedirect  = "redirect"
	attrChallenge = "challenge"
	attrStatus    = "status"
	attrSeq       = "seq"
	attrRotated   = "rotated_at"
	attrCodeEnds  = "code_expires_at"
	attrIdle      = "idle_at"
	attrMax       = "max_at"
)

func encodeGrant(r grant.Record) item {
	i := item{
		attrKey:     text(r.Key),
		attrVersion: number(version),
		attrCreated: number(r.Created.Unix()),
		attrClient:  text(r.Client),
		attrStatus:  text(string(r.Status)),
		attrSeq:     number(int64(r.Seq)),
		attrMax:     number(r.MaxAt.Unix()),
		attrExpires: number(r.ExpiresAt.Unix()),
		attrSealed:  blob(r.Sealed),
	}
	i.setText(attrUser, r.User)
	i.setText(attrRedirect, r.Redirect)
	i.setText(attrChallenge, r.Challenge)
	i.setText(attrClaim, r.Claim)
	i.setTime(attrRotated, r.RotatedAt)
	i.setTime(attrCodeEnds, r.CodeExpiresAt)
	i.setTime(attrIdle, r.IdleAt)
	return i
}

// decodeGrant reverses encodeGrant; what is no whole grant of this version is
// grant.ErrUnknown. A write cannot take the earlier of two times, so the item
// has the end of the refresh token as it was asked for, and the end of the
// grant bounds it here.
func decodeGrant(i item) (grant.Record, error) {
	if len(i) == 0 {
		return grant.Record{}, grant.ErrUnknown
	}
	d := decode(i)
	r := grant.Record{
		Key:           d.text(attrKey),
		User:          d.optionalText(attrUser),
		Created:       d.time(attrCreated),
		Client:        d.text(attrClient),
		Redirect:      d.optionalText(attrRedirect),
		Challenge:     d.optionalText(attrChallenge),
		Status:        grant.Status(d.text(attrStatus)),
		Claim:         d.optionalText(attrClaim),
		RotatedAt:     d.optionalTime(attrRotated),
		CodeExpiresAt: d.optionalTime(attrCodeEnds),
		IdleAt:        d.optionalTime(attrIdle),
		MaxAt:         d.time(attrMax),
		ExpiresAt:     d.time(attrExpires),
		Sealed:        d.bytes(attrSealed),
	}
	seq := d.number(attrSeq)
	if seq < 0 || seq > math.MaxUint32 {
		d.bad(attrSeq)
	}
	r.Seq = uint32(seq)
	switch r.Status {
	case grant.Issued, grant.Active, grant.Revoked:
	default:
		d.bad(attrStatus)
	}
	if err := d.failed(grant.ErrUnknown); err != nil {
		return grant.Record{}, err
	}
	if r.IdleAt.After(r.MaxAt) {
		r.IdleAt = r.MaxAt
	}
	return r, nil
}

// PutGrant keeps a new grant. One that is there already stays as it is, and
// that is no error: one form makes one grant, however often it is submitted
// and however its first reply was lost.
func (s *Store) PutGrant(ctx context.Context, r grant.Record) error {
	ctx, c := s.begin(ctx, "put grant")
	defer c.end()
	err := c.put(ctx, encodeGrant(r), true)
	if errors.Is(err, errThere) {
		return nil
	}
	return c.wrap(err)
}

// GetGrant reads the grant under key as every write so far has left it. The
// error is grant.ErrUnknown, or that the store could not be asked. Whether the
// grant has ended is the caller's to see (grant.Record.Live).
func (s *Store) GetGrant(ctx context.Context, key string) (grant.Record, error) {
	ctx, c := s.begin(ctx, "get grant")
	defer c.end()
	return settle(ctx, c, key, nil, decodeGrant)
}

const redeemCondition = "#v = :v AND #status = :code AND #seq = :zero AND #ends > :now AND #client = :client"

// RedeemCode turns the code of the grant under key into its first tokens, in
// one conditional write marked with d.Nonce, and returns the grant as it is
// then. Repeated with the same nonce it succeeds again, unless the grant was
// revoked since. The error is what d.Verdict says of the grant; any other
// means that the outcome could not be found out within 5 seconds.
func (s *Store) RedeemCode(ctx context.Context, key string, d grant.Redemption) (grant.Record, error) {
	ctx, c := s.begin(ctx, "redeem code")
	defer c.end()
	if d.Nonce == "" {
		return grant.Record{}, c.wrap(errNoNonce)
	}
	names := map[string]string{
		"#v": attrVersion, "#status": attrStatus, "#seq": attrSeq, "#ends": attrCodeEnds, "#client": attrClient,
		"#redirect": attrRedirect, "#challenge": attrChallenge, "#claim": attrClaim, "#rotated": attrRotated, "#idle": attrIdle,
	}
	values := item{
		":v": number(version), ":code": text(string(grant.Issued)), ":zero": number(0), ":now": number(d.Now.Unix()),
		":client": text(d.Client), ":active": text(string(grant.Active)), ":one": number(1), ":n": text(d.Nonce),
		":idle": number(d.IdleAt.Unix()),
	}
	condition := redeemCondition + " AND " + same(values, "#redirect", ":redirect", d.Redirect) +
		" AND " + same(values, "#challenge", ":challenge", d.Challenge)
	in := &dynamodb.UpdateItemInput{
		UpdateExpression:          aws.String("SET #status = :active, #seq = :one, #claim = :n, #rotated = :now, #idle = :idle"),
		ConditionExpression:       &condition,
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
	return settle(ctx, c, key, ofClient(d.Client, in), func(i item) (grant.Record, error) { return judgeGrant(i, d.Verdict) })
}

// Rotate turns the refresh token of o.Seq into its successor, in one
// conditional write marked with o.Nonce, and returns the grant as it is then.
// Repeated with the same nonce, and by anybody within the grace, it returns
// the successor that is out already. The errors are as for RedeemCode.
func (s *Store) Rotate(ctx context.Context, key string, o grant.Rotation) (grant.Record, error) {
	ctx, c := s.begin(ctx, "rotate grant")
	defer c.end()
	if o.Nonce == "" {
		return grant.Record{}, c.wrap(errNoNonce)
	}
	in := &dynamodb.UpdateItemInput{
		UpdateExpression: aws.String("SET #seq = :next, #claim = :n, #rotated = :now, #idle = :idle"),
		ConditionExpression: aws.String("#v = :v AND #status = :active AND #seq = :seq AND #idle > :now AND #max > :now" +
			" AND #client = :client"),
		ExpressionAttributeNames: map[string]string{
			"#v": attrVersion, "#status": attrStatus, "#seq": attrSeq, "#idle": attrIdle, "#max": attrMax,
			"#client": attrClient, "#claim": attrClaim, "#rotated": attrRotated,
		},
		ExpressionAttributeValues: item{
			":v": number(version), ":active": text(string(grant.Active)), ":seq": number(int64(o.Seq)), ":now": number(o.Now.Unix()),
			":client": text(o.Client), ":next": number(int64(o.Seq) + 1), ":n": text(o.Nonce), ":idle": number(o.IdleAt.Unix()),
		},
	}
	if o.Seq == 0 {
		in = nil // no refresh token has it
	}
	return settle(ctx, c, key, ofClient(o.Client, in), func(i item) (grant.Record, error) { return judgeGrant(i, o.Verdict) })
}

// judgeGrant says what the image of an item means by verdict.
func judgeGrant(image item, verdict func(grant.Record) (bool, error)) (grant.Record, error) {
	r, err := decodeGrant(image)
	if err != nil {
		return grant.Record{}, err
	}
	won, err := verdict(r)
	switch {
	case err != nil:
		return grant.Record{}, err
	case !won:
		return grant.Record{}, errUndecided
	}
	return r, nil
}

// RevokeGrant ends the grant under key, in one conditional write, if it is
// there and its client has clientHash; "" is for any. Repeated it succeeds
// again, and a grant that does not exist is none to revoke: nil. The error is
// grant.ErrClient, grant.ErrUnknown for an item that is there and cannot be
// read, or that the outcome could not be found out within 5 seconds.
func (s *Store) RevokeGrant(ctx context.Context, key, clientHash string) error {
	ctx, c := s.begin(ctx, "revoke grant")
	defer c.end()
	condition := "attribute_exists(#pk) AND #v = :v"
	names := map[string]string{"#pk": attrKey, "#v": attrVersion, "#status": attrStatus}
	values := item{":v": number(version), ":revoked": text(string(grant.Revoked))}
	if clientHash != "" {
		condition += " AND #client = :client"
		names["#client"], values[":client"] = attrClient, text(clientHash)
	}
	in := &dynamodb.UpdateItemInput{
		UpdateExpression:          aws.String("SET #status = :revoked"),
		ConditionExpression:       &condition,
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
	_, err := settle(ctx, c, key, in, func(i item) (struct{}, error) { return struct{}{}, judgeRevocation(i, clientHash) })
	return err
}

// judgeRevocation looks at as little as it can: a grant with a part missing is
// of no use to anybody, and revoked all the same.
func judgeRevocation(image item, clientHash string) error {
	if len(image) == 0 {
		return nil
	}
	d := decode(image)
	status := grant.Status(d.text(attrStatus))
	if clientHash != "" && !secret.Equal(d.text(attrClient), clientHash) && d.err == nil {
		return grant.ErrClient
	}
	if err := d.failed(grant.ErrUnknown); err != nil {
		return err
	}
	if status != grant.Revoked {
		return errUndecided
	}
	return nil
}

// same is the condition that an attribute has a value, where "" is for absent.
func same(values item, name, placeholder, value string) string {
	if value == "" {
		return "attribute_not_exists(" + name + ")"
	}
	values[placeholder] = text(value)
	return name + " = " + placeholder
}

// ofClient leaves out a write that no client asks for: it cannot win.
func ofClient(client string, in *dynamodb.UpdateItemInput) *dynamodb.UpdateItemInput {
	if client == "" {
		return nil
	}
	return in
}
