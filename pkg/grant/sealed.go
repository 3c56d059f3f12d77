package grant

import (
	"encoding/binary"
	"errors"
	"time"
)

// payloadVersion starts every payload. It is raised with every change of the
// encoding; a payload of another version does not open.
const payloadVersion = 1

var errPayload = errors.New("grant: payload is malformed or of another version")

// encode is what Seal encrypts: the version, then the texts of g, each after
// its length, the time of the sign-in in epoch seconds, and the scopes after
// their number. Lengths and numbers are varints. Every use of a token opens a
// payload, and decoding the same as JSON was a tenth of a refresh.
func (g *Grant) encode() []byte {
	texts := g.texts()
	size := 1 + 2*binary.MaxVarintLen64
	for _, s := range texts {
		size += binary.MaxVarintLen16 + len(*s)
	}
	for _, s := range g.Scopes {
		size += binary.MaxVarintLen16 + len(s)
	}
	b := append(make([]byte, 0, size), payloadVersion)
	for _, s := range texts {
		b = appendText(b, *s)
	}
	b = binary.AppendVarint(b, g.AuthTime.Unix()) // also the zero time's
	b = binary.AppendUvarint(b, uint64(len(g.Scopes)))
	for _, s := range g.Scopes {
		b = appendText(b, s)
	}
	return b
}

// decode reverses encode. It takes nothing that is short, has something left
// over, or counts more scopes than a grant can have.
func (g *Grant) decode(payload []byte) error {
	r := reader{rest: string(payload)} // one copy, which all texts share
	if r.rest == "" || r.rest[0] != payloadVersion {
		return errPayload
	}
	r.rest = r.rest[1:]
	for _, s := range g.texts() {
		*s = r.text()
	}
	g.AuthTime = time.Unix(r.varint(), 0).UTC()
	if n := r.uvarint(); n > MaxScopes {
		r.bad = true
	} else if n > 0 {
		g.Scopes = make([]string, n)
	}
	for i := range g.Scopes {
		g.Scopes[i] = r.text()
	}
	if r.bad || r.rest != "" {
		return errPayload
	}
	return nil
}

// texts are in the order of the payload.
func (g *Grant) texts() [6]*string {
	return [...]*string{&g.ClientID, &g.User, &g.Subject, &g.RedirectURI, &g.Challenge, &g.Nonce}
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// reader takes values off the start of rest. After the first that is not there
// it is bad and gives zeros.
type reader struct {
	rest string
	bad  bool
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint([]byte(r.rest))
	if !r.skip(size) {
		return 0
	}
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint([]byte(r.rest))
	if !r.skip(size) {
		return 0
	}
	return n
}

// skip drops the bytes of a number; none, or an overflow, is no number.
func (r *reader) skip(size int) bool {
	if size <= 0 {
		r.bad, r.rest = true, ""
		return false
	}
	r.rest = r.rest[size:]
	return true
}

func (r *reader) text() string {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	s := r.rest[:n]
	r.rest = r.rest[n:]
	return s
}
