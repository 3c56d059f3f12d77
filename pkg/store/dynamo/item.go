package dynamo

import (
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// version is the schema of the items written here. What has a higher one was
// written by a later release and is not touched.
const version = 1

// Attribute names. The rest stand with the kind of item that has them.
const (
	attrKey     = "pk"
	attrVersion = "v"
	attrBrowser = "browser_hash"
	attrSealed  = "sealed"
	attrExpires = TTLAttribute
	attrClaim   = "claim"
	attrUser    = "user"    // a hash; the index's hash key
	attrCreated = "created" // epoch seconds; the index's range key
)

// item is how DynamoDB shows an item.
type item map[string]types.AttributeValue

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func blob(b []byte) types.AttributeValue { return &types.AttributeValueMemberB{Value: b} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// setText leaves out what is empty: absent and empty are the same to us, and
// an attribute of an index cannot be empty.
func (i item) setText(name, value string) {
	if value != "" {
		i[name] = text(value)
	}
}

// setTime leaves out the zero time.
func (i item) setTime(name string, t time.Time) {
	if !t.IsZero() {
		i[name] = number(t.Unix())
	}
}

// decoder reads attributes and keeps the first thing that was wrong.
type decoder struct {
	item item
	err  error
}

// decode starts to read an item; its version comes first.
func decode(i item) *decoder {
	d := &decoder{item: i}
	switch v := d.number(attrVersion); {
	case d.err == nil && v > version:
		d.err = fmt.Errorf("item has schema version %d, this program knows %d", v, version)
	case d.err == nil && v < version:
		d.err = fmt.Errorf("item has schema version %d, which never was", v)
	}
	return d
}

// failed wraps what was wrong, if anything was, as unknown: a cause that names
// the attribute and no value.
func (d *decoder) failed(unknown error) error {
	if d.err == nil {
		return nil
	}
	return fmt.Errorf("%w: dynamo: %w", unknown, d.err)
}

func (d *decoder) has(name string) bool { _, ok := d.item[name]; return ok }

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

// optionalText is "" when the attribute is absent.
func (d *decoder) optionalText(name string) string {
	if !d.has(name) {
		return ""
	}
	return d.text(name)
}

func (d *decoder) time(name string) time.Time { return time.Unix(d.number(name), 0) }

// optionalTime is the zero time when the attribute is absent.
func (d *decoder) optionalTime(name string) time.Time {
	if !d.has(name) {
		return time.Time{}
	}
	return d.time(name)
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
