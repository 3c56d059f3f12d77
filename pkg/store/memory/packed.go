package memory

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

// packed is a grant as bytes, without its key.
type packed []byte

// numbers are before the texts: Seq, and the times in epoch seconds, ExpiresAt
// first.
const numbers = 4 + 6*8

// appendPacked appends r to b as unpack reads it.
func appendPacked(b []byte, r *grant.Record) packed {
	b = binary.BigEndian.AppendUint32(b, r.Seq)
	for _, t := range times(r) {
		b = binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
	}
	for _, s := range texts(r) {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	return append(b, r.Sealed...)
}

// unpack returns a copy that the caller may change.
func (p packed) unpack(key string) grant.Record {
	r := grant.Record{Key: key, Seq: binary.BigEndian.Uint32(p)}
	for i, t := range times(&r) {
		*t = p.time(i)
	}
	rest := string(p[numbers:]) // one copy, which all texts share
	for _, s := range texts(&r) {
		n, size := binary.Uvarint([]byte(rest))
		*s, rest = rest[size:size+int(n)], rest[size+int(n):]
	}
	r.Sealed = bytes.Clone(p[len(p)-len(rest):])
	return r
}

func (p packed) time(i int) time.Time {
	return time.Unix(int64(binary.BigEndian.Uint64(p[4+8*i:])), 0).UTC()
}

func times(r *grant.Record) [6]*time.Time {
	return [...]*time.Time{&r.ExpiresAt, &r.Created, &r.RotatedAt, &r.CodeExpiresAt, &r.IdleAt, &r.MaxAt}
}

func texts(r *grant.Record) [6]*string {
	return [...]*string{&r.User, &r.Client, &r.Redirect, &r.Challenge, (*string)(&r.Status), &r.Claim}
}

// grants are packed records under a hash of their key. Neither the map nor the
// slab has anything in it that the garbage collector would follow: next to
// 100,000 grants as structures, every request would pay a sixth more.
type grants struct {
	at      map[name]extent
	in      slab
	broom   broom
	scratch []byte
}

// name is the hash of a key.
type name [sha256.Size]byte

func nameOf(key string) name { return sha256.Sum256([]byte(key)) }

func newGrants() grants { return grants{at: map[name]extent{}} }

func (h *grants) get(key string) (grant.Record, bool) {
	e, ok := h.at[nameOf(key)]
	if !ok {
		return grant.Record{}, false
	}
	return packed(h.in.get(e)).unpack(key), true
}

func (h *grants) add(r *grant.Record) {
	h.scratch = appendPacked(h.scratch[:0], r)
	h.at[nameOf(r.Key)] = h.in.put(h.scratch)
}

// set keeps r in place of the one that is there.
func (h *grants) set(r *grant.Record) { h.replace(nameOf(r.Key), r) }

func (h *grants) replace(n name, r *grant.Record) {
	h.scratch = appendPacked(h.scratch[:0], r)
	h.at[n] = h.in.replace(h.at[n], h.scratch)
}

// revoke ends all grants of a user.
func (h *grants) revoke(userHash string) {
	for n, e := range h.at {
		if r := packed(h.in.get(e)).unpack(""); r.User == userHash {
			r.Status = grant.Revoked
			h.replace(n, &r)
		}
	}
}

func (h *grants) len() int { return len(h.at) }

// sweep implements swept.
func (h *grants) sweep(at time.Time) {
	for n, e := range h.at {
		if !at.Before(packed(h.in.get(e)).time(0)) {
			h.in.drop(e)
			delete(h.at, n)
		}
	}
}
