package dynamo

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// Attributes of a session alone.
const (
	attrCount      = "version" // of refreshes; the schema's is attrVersion
	attrLease      = "lease"
	attrLeaseUntil = "lease_until"
	attrSeen       = "seen_at"
)

func encodeSession(e session.Entry) item {
	i := item{
		attrKey:     text(e.Key),
		attrVersion: number(version),
		attrCreated: number(e.Created.Unix()),
		attrSealed:  blob(e.Sealed),
		attrCount:   number(int64(e.Version)),
		attrSeen:    number(e.SeenAt.Unix()),
		attrMax:     number(e.MaxAt.Unix()),
		attrExpires: number(e.ExpiresAt.Unix()),
	}
	i.setText(attrUser, e.User)
	i.setText(attrClaim, e.Claim)
	if e.Lease != "" {
		i[attrLease], i[attrLeaseUntil] = text(e.Lease), number(e.LeaseUntil.Unix())
	}
	return i
}

// decodeSession reverses encodeSession; what is no whole session of this
// version is session.ErrUnknown. A write cannot take the earlier of two times,
// so the absolute end bounds the idle one here.
func decodeSession(i item) (session.Entry, error) {
	if len(i) == 0 {
		return session.Entry{}, session.ErrUnknown
	}
	d := decode(i)
	e := session.Entry{
		Key:       d.text(attrKey),
		User:      d.optionalText(attrUser),
		Created:   d.time(attrCreated),
		Sealed:    d.bytes(attrSealed),
		Claim:     d.optionalText(attrClaim),
		Lease:     d.optionalText(attrLease),
		SeenAt:    d.time(attrSeen),
		ExpiresAt: d.time(attrExpires),
		MaxAt:     d.time(attrMax),
	}
	if e.Lease != "" {
		e.LeaseUntil = d.time(attrLeaseUntil)
	}
	count := d.number(attrCount)
	if count < 0 || count > math.MaxUint32 {
		d.bad(attrCount)
	}
	e.Version = uint32(count)
	if err := d.failed(session.ErrUnknown); err != nil {
		return session.Entry{}, err
	}
	if e.ExpiresAt.After(e.MaxAt) {
		e.ExpiresAt = e.MaxAt
	}
	return e, nil
}

// PutSession keeps a new session. One that is there already stays as it is,
// and that is no error: an attempt that arrives late does not take back what a
// refresh has stored since.
func (s *Store) PutSession(ctx context.Context, e session.Entry) error {
	ctx, c := s.begin(ctx, "put session")
	defer c.end()
	err := c.put(ctx, encodeSession(e), true)
	if errors.Is(err, errThere) {
		return nil
	}
	return c.wrap(err)
}

// GetSession reads the session under key as every write so far has left it.
// The error is session.ErrUnknown, ErrExpired, or that the store could not be
// asked.
func (s *Store) GetSession(ctx context.Context, key string, now time.Time) (session.Entry, error) {
	ctx, c := s.begin(ctx, "get session")
	defer c.end()
	return settle(ctx, c, key, nil, judgeSession(func(e session.Entry) error { return over(e, now) }))
}

// over is the verdict of whoever asks for no more than a live session.
func over(e session.Entry, now time.Time) error {
	if e.Expired(now) {
		return session.ErrExpired
	}
	return nil
}

// judgeSession makes a judge of a verdict: the entry comes with nil,
// session.ErrChanged and session.ErrLeased only.
func judgeSession(verdict func(session.Entry) error) func(item) (session.Entry, error) {
	return func(image item) (session.Entry, error) {
		e, err := decodeSession(image)
		if err == nil {
			err = verdict(e)
		}
		if err != nil && !errors.Is(err, session.ErrChanged) && !errors.Is(err, session.ErrLeased) {
			return session.Entry{}, err
		}
		return e, err
	}
}

// ifLive is a write to a session that is there and not over at now. names and
// values are those of update and of condition, which starts with AND.
func ifLive(now time.Time, update, condition string, names map[string]string, values item) *dynamodb.UpdateItemInput {
	names["#v"], names["#expires"], names["#max"] = attrVersion, attrExpires, attrMax
	values[":v"], values[":now"] = number(version), number(now.Unix())
	return &dynamodb.UpdateItemInput{
		UpdateExpression:          &update,
		ConditionExpression:       aws.String("#v = :v AND #expires > :now AND #max > :now " + condition),
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
}

// SlideSession moves the idle end to until and the last sign of life to now,
// in one conditional write. What another request has moved since seen, or
// further than until, stays where it is, and that is no error. The error is
// session.ErrUnknown, ErrExpired, or that the outcome could not be found out
// within 5 seconds.
func (s *Store) SlideSession(ctx context.Context, key string, seen, now, until time.Time) error {
	ctx, c := s.begin(ctx, "slide session")
	defer c.end()
	in := ifLive(now, "SET #expires = :until, #seen = :now", "AND #seen <= :seen AND #expires <= :until",
		map[string]string{"#seen": attrSeen},
		item{":seen": number(seen.Unix()), ":until": number(until.Unix())})
	_, err := settle(ctx, c, key, in, judgeSession(func(e session.Entry) error {
		err := over(e, now)
		done := e.SeenAt.After(seen) || e.SeenAt.Unix() == now.Unix() || e.ExpiresAt.After(until) || e.ExpiresAt.Equal(e.MaxAt)
		if err == nil && !done {
			return errUndecided
		}
		return err
	}))
	return err
}

// LeaseSession gives the request that nonce names the lease on refreshing
// version until until, in one conditional write. nonce is fresh for each
// request; repeated with the same one, LeaseSession succeeds again.
//
// The error is session.ErrUnknown, ErrExpired, ErrChanged or ErrLeased, the
// last two with the entry; any other means that the outcome could not be found
// out within 5 seconds. Nobody may have the lease then until it runs out.
func (s *Store) LeaseSession(ctx context.Context, key string, count uint32, nonce string, now, until time.Time) (session.Entry, error) {
	ctx, c := s.begin(ctx, "lease session")
	defer c.end()
	if !nonceLike(nonce) {
		return session.Entry{}, c.wrap(errNoNonce)
	}
	in := ifLive(now, "SET #lease = :n, #until = :until",
		"AND #count = :count AND (attribute_not_exists(#lease) OR #until <= :now OR #lease = :n)",
		map[string]string{"#count": attrCount, "#lease": attrLease, "#until": attrLeaseUntil},
		item{":count": number(int64(count)), ":n": text(nonce), ":until": number(until.Unix())})
	return settle(ctx, c, key, in, judgeSession(func(e session.Entry) error {
		err := e.JudgeLease(count, nonce, now)
		if err == nil && (e.Lease != nonce || !now.Before(e.LeaseUntil)) {
			return errUndecided
		}
		return err
	}))
}

// nonceLike: session.FailedLease stands where a nonce does, and is none.
func nonceLike(nonce string) bool { return nonce != "" && nonce != session.FailedLease }

// CommitSession stores what e.Claim, the nonce of a request, has refreshed
// e.Version to, and ends the lease, whoever has it, in one conditional write.
// Repeated with the same nonce it succeeds again.
//
// The error is session.ErrUnknown, ErrExpired or, with the entry that is
// there, ErrChanged; any other means that the outcome could not be found out
// within 5 seconds.
func (s *Store) CommitSession(ctx context.Context, e session.Entry, now time.Time) (session.Entry, error) {
	ctx, c := s.begin(ctx, "commit session")
	defer c.end()
	if !nonceLike(e.Claim) {
		return session.Entry{}, c.wrap(errNoNonce)
	}
	in := ifLive(now, "SET #sealed = :sealed, #count = :next, #claim = :n, #expires = :end, #seen = :seen REMOVE #lease, #until",
		"AND #count = :count",
		map[string]string{
			"#sealed": attrSealed, "#count": attrCount, "#claim": attrClaim, "#seen": attrSeen,
			"#lease": attrLease, "#until": attrLeaseUntil,
		}, item{
			":sealed": blob(e.Sealed), ":count": number(int64(e.Version)), ":next": number(int64(e.Version) + 1),
			":n": text(e.Claim), ":end": number(e.ExpiresAt.Unix()), ":seen": number(e.SeenAt.Unix()),
		})
	return settle(ctx, c, e.Key, in, judgeSession(func(there session.Entry) error {
		err := there.JudgeCommit(e.Version, e.Claim, now)
		if err == nil && there.Version == e.Version {
			return errUndecided
		}
		return err
	}))
}

// ReleaseSession turns the lease of nonce into a pause until until, in one
// conditional write. That there is no such lease, or no such session, is no
// error; one means that the outcome could not be found out within 5 seconds.
func (s *Store) ReleaseSession(ctx context.Context, key, nonce string, until time.Time) error {
	ctx, c := s.begin(ctx, "release session")
	defer c.end()
	if !nonceLike(nonce) {
		return c.wrap(errNoNonce)
	}
	in := &dynamodb.UpdateItemInput{
		UpdateExpression:         aws.String("SET #lease = :failed, #until = :until"),
		ConditionExpression:      aws.String("#v = :v AND #lease = :n"),
		ExpressionAttributeNames: map[string]string{"#v": attrVersion, "#lease": attrLease, "#until": attrLeaseUntil},
		ExpressionAttributeValues: item{
			":v": number(version), ":n": text(nonce), ":failed": text(session.FailedLease), ":until": number(until.Unix()),
		},
	}
	_, err := settle(ctx, c, key, in, func(image item) (struct{}, error) {
		if d := decode(image); d.optionalText(attrLease) == nonce && d.err == nil {
			return struct{}{}, errUndecided
		}
		return struct{}{}, nil
	})
	return err
}
