package memory

import (
	"encoding/binary"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

// packed is a grant as one string, without its key. What refers to nothing is
// all that the garbage collector need not follow: next to 100,000 grants as
// structures, every request would pay a sixth more.
type packed string

// numbers are before the texts: Seq, and the times in epoch seconds, ExpiresAt
// first.
const numbers = 4 + 6*8

func pack(r grant.Record) packed {
	b := make([]byte, 0, numbers+7*2+len(r.User)+len(r.Client)+len(r.Redirect)+len(r.Challenge)+len(r.Status)+len(r.Claim)+len(r.Sealed))
	b = binary.BigEndian.AppendUint32(b, r.Seq)
	for _, t := range []time.Time{r.ExpiresAt, r.Created, r.RotatedAt, r.CodeExpiresAt, r.IdleAt, r.MaxAt} {
		b = binary.BigEndian.AppendUint64(b, uint64(t.Unix()))
	}
	for _, s := range []string{r.User, r.Client, r.Redirect, r.Challenge, string(r.Status), r.Claim} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return packed(append(b, r.Sealed...))
}

// unpack returns a copy that the caller may change. Its times are in UTC.
func (p packed) unpack(key string) grant.Record {
	r := grant.Record{Key: key, Seq: uint32(p.number(0, 4))}
	for i, t := range []*time.Time{&r.ExpiresAt, &r.Created, &r.RotatedAt, &r.CodeExpiresAt, &r.IdleAt, &r.MaxAt} {
		*t = p.time(i)
	}
	rest := p[numbers:]
	for _, s := range []*string{&r.User, &r.Client, &r.Redirect, &r.Challenge, (*string)(&r.Status), &r.Claim} {
		*s, rest = rest.text()
	}
	r.Sealed = []byte(rest)
	return r
}

func (p packed) expires() time.Time { return p.time(0) }

func (p packed) time(i int) time.Time { return time.Unix(int64(p.number(4+8*i, 8)), 0).UTC() }

func (p packed) number(at, size int) uint64 {
	n := uint64(0)
	for _, b := range []byte(p[at : at+size]) {
		n = n<<8 | uint64(b)
	}
	return n
}

// text takes a text off the start of p.
func (p packed) text() (string, packed) {
	n, shift := 0, 0
	for i := range len(p) {
		n |= int(p[i]&0x7f) << shift
		shift += 7
		if p[i] < 0x80 {
			return string(p[i+1 : i+1+n]), p[i+1+n:]
		}
	}
	return "", ""
}
