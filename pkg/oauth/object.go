package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// Why a JSON object cannot be read in one way only. Nothing of it is quoted.
var (
	ErrBrokenJSON = errors.New("broken JSON")
	ErrNoObject   = errors.New("no JSON object")
	ErrMembers    = errors.New("a repeated member")
)

// ReadObject reads exactly one JSON object and returns the members named by
// known. encoding/json matches names without regard to case and lets the last
// of several win; here a known name that comes twice, or in other letters,
// has two meanings and is refused. What is unknown is not looked at.
func ReadObject(body []byte, known ...string) (map[string]json.RawMessage, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, ErrBrokenJSON
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, ErrNoObject
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, ErrBrokenJSON
		}
		for _, k := range known {
			if !strings.EqualFold(name, k) {
				continue
			}
			if _, twice := members[k]; twice || name != k {
				return nil, ErrMembers
			}
			members[k] = value
		}
	}
	return members, nil
}
