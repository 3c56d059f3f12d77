// Package secret mints, hashes, seals and hides the values that must not be
// seen: states, verifiers, tokens, client secrets. What it returns is either
// a digest, a sealed blob or a Text that prints REDACTED.
//
// It never does I/O and never decides how long a secret lives.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

const redacted = "REDACTED"

// Text is a string that must not be printed. fmt, log/slog and encoding/json
// all show REDACTED; the value leaves only through Reveal.
type Text struct{ value string }

// NewText wraps value.
func NewText(value string) Text { return Text{value} }

// Reveal returns the value itself. Callers hand it to the wire, never to a log.
func (t Text) Reveal() string { return t.value }

// IsZero reports whether there is no value.
func (t Text) IsZero() bool { return t.value == "" }

// String implements [fmt.Stringer].
func (t Text) String() string { return redacted }

// GoString implements [fmt.GoStringer].
func (t Text) GoString() string { return redacted }

// Format implements [fmt.Formatter], so that no verb shows the value.
func (t Text) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements [slog.LogValuer].
func (t Text) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements [encoding.TextMarshaler].
func (t Text) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Equal compares two secrets in time that depends on their lengths only.
func Equal(a, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1
}
