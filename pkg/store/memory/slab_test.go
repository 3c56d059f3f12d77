package memory_test

import (
	"math/rand/v2"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

// kept is a grant that can be rotated, with a payload of size bytes.
func kept(key string, size int, ends time.Time) grant.Record {
	return grant.Record{
		Key: key, User: grant.Hash(key), Client: "c", Status: grant.Active, Seq: 1, Created: ends, RotatedAt: ends, CodeExpiresAt: ends,
		Sealed: []byte(strings.Repeat(key[:1], size)), IdleAt: ends, MaxAt: ends, ExpiresAt: ends,
	}
}

// Grants of all lengths come and go, become longer and shorter, and each is
// what was last made of it: none ever lies in another's place.
func TestGrantsKeepTheirPlaces(t *testing.T) {
	start := time.Unix(1_800_000_000, 0).UTC()
	now, s, want := start, memory.New(), map[string]grant.Record{}
	s.Now = func() time.Time { return now }
	r := rand.New(rand.NewPCG(1, 2))
	for step := range 8_000 {
		key := strconv.Itoa(r.IntN(500))
		old, there := want[key]
		switch {
		case !there:
			size := r.IntN(30) * r.IntN(30)
			if r.IntN(1000) == 0 {
				size += 70_000 // more than a page
			}
			want[key] = kept(key, size, now.Add(time.Hour))
			if err := s.PutGrant(t.Context(), want[key]); err != nil {
				t.Fatal(err)
			}
		case r.IntN(20) == 0:
			old.Status = grant.Revoked
			want[key] = old
			if err := s.EndUser(t.Context(), old.User); err != nil {
				t.Fatal(err)
			}
		case old.Status == grant.Active:
			o := grant.Rotation{Client: "c", Seq: old.Seq, Nonce: strings.Repeat("n", 1+r.IntN(200)), Now: now, IdleAt: now.Add(time.Hour)}
			want[key] = o.Apply(old)
			if got, err := s.Rotate(t.Context(), key, o); err != nil || !reflect.DeepEqual(got, want[key]) {
				t.Fatalf("step %d: %v: %s", step, err, cmp.Diff(want[key], got))
			}
		}
		if step%2_000 == 1_999 { // all expire, and room for others is made of theirs
			for key, r := range want {
				if got, err := s.GetGrant(t.Context(), key); err != nil || !reflect.DeepEqual(got, r) {
					t.Fatalf("step %d: %v: %s", step, err, cmp.Diff(r, got))
				}
			}
			now = now.Add(2 * time.Hour)
			s.Limit = len(want) // full: the next one sweeps
			if err := s.PutGrant(t.Context(), kept("x"+strconv.Itoa(step), 1, now)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.GetGrant(t.Context(), key); err == nil {
				t.Fatalf("step %d: it was not swept", step)
			}
			s.Limit, want = 1000, map[string]grant.Record{}
		}
	}
}

// The garbage collector has next to nothing to mark, however many grants there
// are: every request would pay for it.
func TestGrantsAreFewObjects(t *testing.T) {
	objects := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	const n = 10_000
	s, before := memory.New(), objects()
	for i := range n {
		if err := s.PutGrant(t.Context(), kept(strconv.Itoa(i), 300, time.Now().Add(time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	if more := int(objects()) - int(before); more > n/20 {
		t.Errorf("%d objects for %d grants", more, n)
	}
	runtime.KeepAlive(s)
}
