package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxParams bounds how many parameters one request may carry.
const MaxParams = 100

// ErrParams is wrapped by every error of ParseParams. The wrapping text names
// what is wrong and never quotes a value.
var ErrParams = errors.New("malformed parameters")

// Params are the parameters of one request. A parameter is present at most
// once, and one without a value is as good as omitted (RFC 6749 §3.1).
type Params map[string]string

// ParseParams reads a query string or an urlencoded form. Unlike net/url it
// refuses, with an error that wraps ErrParams, a broken percent escape, a
// repeated name, bytes that are not UTF-8, control characters and more than
// MaxParams parameters; nothing is dropped silently.
func ParseParams(raw string) (Params, error) {
	p := Params{}
	n := 0
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		if n++; n > MaxParams {
			return nil, fmt.Errorf("%w: more than %d", ErrParams, MaxParams)
		}
		k, v, _ := strings.Cut(pair, "=")
		name, err := unescape(k)
		if err != nil {
			return nil, err
		}
		value, err := unescape(v)
		if err != nil {
			return nil, err
		}
		if _, twice := p[name]; twice {
			return nil, fmt.Errorf("%w: a parameter is repeated", ErrParams)
		}
		p[name] = value
	}
	return p, nil
}

func unescape(s string) (string, error) {
	s, err := url.QueryUnescape(s)
	if err != nil {
		return "", fmt.Errorf("%w: a percent escape is broken", ErrParams)
	}
	if !utf8.ValidString(s) {
		return "", fmt.Errorf("%w: not UTF-8", ErrParams)
	}
	for _, r := range s {
		if r < 0x20 || r == 0x7f {
			return "", fmt.Errorf("%w: a control character", ErrParams)
		}
	}
	return s, nil
}

// Encode is the form that ParseParams reads, sorted by name.
func (p Params) Encode() string {
	v := make(url.Values, len(p))
	for name, value := range p {
		v.Set(name, value)
	}
	return v.Encode()
}
