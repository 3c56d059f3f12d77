package dynamo

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// version is the schema of the items written here. What has a higher one was
// written by a later release and is not touched.
const version = 1

// Attribute names.
const (
	attrKey     = "pk"
	attrVersion = "v"
	attrBrowser = "browser_hash"
	attrSealed  = "sealed"
	attrExpires = TTLAttribute
	attrClaim   = "claim"
)

// item is how DynamoDB shows an item.
type item = map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

func encode(r session.Record) item {
	i := item{
		attrKey:     text(r.Key),
		attrVersion: number(version),
		attrBrowser: text(r.BrowserHash),
		attrSealed:  &types.AttributeValueMemberB{Value: r.Sealed},
		attrExpires: number(r.ExpiresAt.Unix()),
	}
	if r.Claim != "" {
		i[attrClaim] = text(r.Claim)
	}
	return i
}

// decode reverses encode. What is not an item of this version is
// session.ErrUnknown, with a cause that names the attribute and no value.
func decode(i item) (session.Record, error) {
	if len(i) == 0 {
		return session.Record{}, session.ErrUnknown
	}
	d := decoder{item: i}
	switch v := d.number(attrVersion); {
	case d.err == nil && v > version:
		d.err = fmt.Errorf("item has schema version %d, this program knows %d", v, version)
	case d.err == nil && v < version:
		d.err = fmt.Errorf("item has schema version %d, which never was", v)
	}
	r := session.Record{
		Key:         d.text(attrKey),
		BrowserHash: d.text(attrBrowser),
		Sealed:      d.bytes(attrSealed),
		ExpiresAt:   time.Unix(d.number(attrExpires), 0),
	}
	if _, ok := i[attrClaim]; ok {
		r.Claim = d.text(attrClaim)
	}
	if d.err != nil {
		return session.Record{}, fmt.Errorf("%w: dynamo: %w", session.ErrUnknown, d.err)
	}
	return r, nil
}

// decoder reads attributes and keeps the first thing that was wrong.
type decoder struct {
	item item
	err  error
}

func (d *decoder) bad(name string) {
	if d.err == nil {
		d.err = fmt.Errorf("item's %s is missing, empty or of the wrong type", name)
	}
}

func (d *decoder) text(name string) string {
	v, ok := d.item[name].(*types.AttributeValueMemberS)
	if !ok || v.Value == "" {
		d.bad(name)
		return ""
	}
	return v.Value
}

func (d *decoder) bytes(name string) []byte {
	v, ok := d.item[name].(*types.AttributeValueMemberB)
	if !ok || len(v.Value) == 0 {
		d.bad(name)
		return nil
	}
	return v.Value
}

func (d *decoder) number(name string) int64 {
	v, ok := d.item[name].(*types.AttributeValueMemberN)
	if !ok {
		d.bad(name)
		return 0
	}
	n, err := strconv.ParseInt(v.Value, 10, 64)
	if err != nil {
		d.bad(name)
	}
	return n
}

// errUnclaimed: nothing speaks against the claim, but it is not there.
var errUnclaimed = errors.New("not claimed")

// verdict says what the image of an item means for a request with browserHash
// and nonce: nil (the claim is this request's own), one of session's errors,
// or errUnclaimed. The record comes with nil, ErrExpired and ErrUsed only.
func verdict(image item, browserHash, nonce string, now time.Time) (session.Record, error) {
	r, err := decode(image)
	if err == nil {
		err = r.Verdict(browserHash, nonce, now)
	}
	if err == nil && r.Claim == "" {
		err = errUnclaimed
	}
	if err != nil && !errors.Is(err, session.ErrExpired) && !errors.Is(err, session.ErrUsed) {
		return session.Record{}, err
	}
	return r, err
}
