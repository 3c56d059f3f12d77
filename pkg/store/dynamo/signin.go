package dynamo

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// encodeSignIn is for sign-ins and consents alike.
func encodeSignIn(r session.Record) item {
	i := item{
		attrKey:     text(r.Key),
		attrVersion: number(version),
		attrCreated: number(r.Created.Unix()),
		attrSealed:  blob(r.Sealed),
		attrExpires: number(r.ExpiresAt.Unix()),
	}
	i.setText(attrUser, r.User)
	return i
}

// decodeSignIn reverses encodeSignIn; what is no whole item of this version is
// session.ErrUnknown.
func decodeSignIn(i item) (session.Record, error) {
	d := decode(i)
	r := session.Record{
		Key:       d.text(attrKey),
		User:      d.text(attrUser),
		Created:   d.time(attrCreated),
		Sealed:    d.bytes(attrSealed),
		ExpiresAt: d.time(attrExpires),
	}
	if err := d.failed(session.ErrUnknown); err != nil {
		return session.Record{}, err
	}
	return r, nil
}

// PutSignIn keeps a browser's sign-in.
func (s *Store) PutSignIn(ctx context.Context, r session.Record) error {
	ctx, c := s.begin(ctx, "put sign-in")
	defer c.end()
	return c.wrap(c.put(ctx, encodeSignIn(r), false))
}

// DeleteSignIn forgets a sign-in. One that is not there is no error.
func (s *Store) DeleteSignIn(ctx context.Context, key string) error {
	ctx, c := s.begin(ctx, "delete sign-in")
	defer c.end()
	return c.wrap(c.delete(ctx, key))
}

// PutConsent keeps what a user has allowed a client, in place of what it was
// before.
func (s *Store) PutConsent(ctx context.Context, r session.Record) error {
	ctx, c := s.begin(ctx, "put consent")
	defer c.end()
	return c.wrap(c.put(ctx, encodeSignIn(r), false))
}

// GetSignIn reads a sign-in and a consent in one operation, consistently; a
// key may be empty. What is not there is the zero Record and no error, and so
// is what cannot be read, which the request's log line then says. Whether
// they have expired is judged where they are opened.
func (s *Store) GetSignIn(ctx context.Context, signInKey, consentKey string) (signIn, consent session.Record, err error) {
	var keys []map[string]types.AttributeValue
	for _, key := range []string{signInKey, consentKey} {
		if key != "" {
			keys = append(keys, item{attrKey: text(key)})
		}
	}
	if len(keys) == 0 {
		return signIn, consent, nil
	}
	ctx, c := s.begin(ctx, "get sign-in")
	defer c.end()
	found, err := c.readAll(ctx, keys)
	if err != nil {
		return signIn, consent, c.wrap(err)
	}
	for _, i := range found {
		r, err := decodeSignIn(i)
		switch {
		case err != nil:
			logline.Add(c.parent, slog.String("store_unreadable", err.Error()))
		case r.Key == signInKey:
			signIn = r
		case r.Key == consentKey:
			consent = r
		}
	}
	return signIn, consent, nil
}

var errUnprocessed = errors.New("the endpoint left keys unread")

// readAll reads items in one operation, repeated for the keys that a busy
// table leaves over.
func (c *call) readAll(ctx context.Context, keys []map[string]types.AttributeValue) ([]item, error) {
	c.ops++
	ask := map[string]types.KeysAndAttributes{c.table: {Keys: keys, ConsistentRead: aws.Bool(true)}}
	var found []item
	for attempt := range maxAttempts {
		out, err := c.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: ask})
		if err != nil {
			return nil, err
		}
		for _, i := range out.Responses[c.table] {
			found = append(found, i)
		}
		if ask = out.UnprocessedKeys; len(ask) == 0 {
			return found, nil
		}
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
	return nil, errUnprocessed
}

// pause waits as long as between two attempts of one operation.
func pause(ctx context.Context, attempt int) error {
	d, _ := delay(attempt, nil)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
