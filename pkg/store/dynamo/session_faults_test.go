package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

// newEntry is a session as the store is given it, at a time that an item can have.
func newEntry(now time.Time) session.Entry {
	return session.Entry{
		Key: session.Key(session.NewCookie()), User: session.UserOf("cashmere", secret.Mint(64)), Created: now, Sealed: []byte("ciphertext"),
		SeenAt: now, ExpiresAt: now.Add(time.Hour), MaxAt: now.Add(24 * time.Hour),
	}
}

func putEntry(t testing.TB, b *bench, now time.Time) session.Entry {
	t.Helper()
	e := newEntry(now)
	if err := b.PutSession(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return e
}

// renewed is what the request nonce commits.
func renewed(e session.Entry, nonce string, now time.Time) session.Entry {
	e.Sealed, e.Claim, e.SeenAt, e.ExpiresAt = []byte("ciphertext of "+nonce), nonce, now, now.Add(time.Hour)
	return e
}

// errMisled: a write was answered with what is not so.
var errMisled = errors.New("misled")

// sessionWrites are the conditional writes to a session, of the request n1,
// and what another request is told afterwards.
var sessionWrites = []struct {
	name   string
	do     func(ctx context.Context, b *bench, e session.Entry, nonce string, now time.Time) error
	rivals error
	want   func(e session.Entry, now time.Time) session.Entry
}{
	{"lease", func(ctx context.Context, b *bench, e session.Entry, nonce string, now time.Time) error {
		got, err := b.LeaseSession(ctx, e.Key, 0, nonce, now, now.Add(10*time.Second))
		if err == nil && got.Lease != nonce {
			return fmt.Errorf("%w: with the lease of %q", errMisled, got.Lease)
		}
		return err
	}, session.ErrLeased, func(e session.Entry, now time.Time) session.Entry {
		e.Lease, e.LeaseUntil = "n1", now.Add(10*time.Second)
		return e
	}},
	{"commit", func(ctx context.Context, b *bench, e session.Entry, nonce string, now time.Time) error {
		got, err := b.CommitSession(ctx, renewed(e, nonce, now.Add(time.Minute)), now)
		if (err == nil || errors.Is(err, session.ErrChanged)) && (got.Version != 1 || got.Claim != "n1") {
			return fmt.Errorf("%w: with the refresh of %q", errMisled, got.Claim)
		}
		return err
	}, session.ErrChanged, func(e session.Entry, now time.Time) session.Entry {
		e = renewed(e, "n1", now.Add(time.Minute))
		e.Version = 1
		return e
	}},
	{"slide", func(ctx context.Context, b *bench, e session.Entry, _ string, now time.Time) error {
		return b.SlideSession(ctx, e.Key, e.SeenAt, now.Add(time.Minute), now.Add(61*time.Minute))
	}, nil, func(e session.Entry, now time.Time) session.Entry {
		e.SeenAt, e.ExpiresAt = now.Add(time.Minute), now.Add(61*time.Minute)
		return e
	}},
}

func whole() time.Time { return time.Now().Truncate(time.Second) }

func mustHave(t testing.TB, b *bench, want session.Entry, now time.Time) {
	t.Helper()
	got, err := b.GetSession(t.Context(), want.Key, now)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("kept (-want +kept):\n%s%v", diff, err)
	}
}

func mustBeGone(t testing.TB, b *bench, key string, now time.Time) {
	t.Helper()
	if e, err := b.GetSession(t.Context(), key, now); !errors.Is(err, session.ErrUnknown) {
		t.Errorf("it is there: %+v, %v", e, err)
	}
}

// What the network loses changes nothing: the request that won knows it, and
// another is told what there is.
func TestSessionWritesLostOnTheWay(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, write := range sessionWrites {
			for _, c := range append(lostOnTheWay, lostThrice) {
				t.Run(write.name+" "+c.name, func(t *testing.T) {
					now := whole()
					e := putEntry(t, b, now)
					reads := b.faults.Seen("GetItem")
					b.faults.Plan("UpdateItem", c.faults...)
					if err := write.do(t.Context(), b, e, "n1", now); err != nil {
						t.Fatal(err)
					}
					// dynalite shows no old image: a reply lost for a while costs a read there.
					if n := b.faults.Seen("GetItem") - reads; n != c.reads && (b.peer != "dynalite" || n > 1) {
						t.Errorf("%d reads, want %d", n, c.reads)
					}
					mustHave(t, b, write.want(e, now), now)
					if err := write.do(t.Context(), b, e, "n2", now); !errors.Is(err, write.rivals) {
						t.Errorf("another request: %v, want %v", err, write.rivals)
					}
					mustHave(t, b, write.want(e, now), now)
				})
			}
		}
	})
}

var lostThrice = struct {
	name   string
	faults []storetest.Fault
	reads  int
}{"F-05 reply lost three times", repeat(storetest.DropReply, 3), 0}

// isAnswer reports that err says something about the session.
func isAnswer(err error) bool {
	return isVerdict(err) || errors.Is(err, errMisled) || errors.Is(err, session.ErrChanged) || errors.Is(err, session.ErrLeased)
}

// F-06: nothing arrived, or nobody answers at all. The request fails without
// a verdict. In the first case the next one has what this one was to have.
func TestSessionWriteWithoutAnAnswer_F06(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, write := range sessionWrites {
			t.Run(write.name, func(t *testing.T) {
				now := whole()
				e := putEntry(t, b, now)
				b.faults.Plan("UpdateItem", repeat(storetest.DropRequest, attempts)...)
				if err := write.do(t.Context(), b, e, "n0", now); err == nil || isAnswer(err) {
					t.Fatalf("nothing arrived: %v, want an error that is no verdict", err)
				}
				mustHave(t, b, e, now)
				b.faults.Plan("UpdateItem", repeat(storetest.DropReply, attempts)...)
				b.faults.Plan("GetItem", repeat(storetest.DropReply, attempts)...)
				if err := write.do(t.Context(), b, e, "n1", now); err == nil || isAnswer(err) {
					t.Fatalf("no answer: %v, want an error that is no verdict", err)
				}
				mustHave(t, b, write.want(e, now), now)
				if err := write.do(t.Context(), b, e, "n2", now); !errors.Is(err, write.rivals) {
					t.Errorf("another request: %v, want %v", err, write.rivals)
				}
				mustHave(t, b, write.want(e, now), now)
			})
		}
	})
}

func TestReleaseSessionLostOnTheWay(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, c := range append(lostOnTheWay, lostThrice) {
			t.Run(c.name, func(t *testing.T) {
				now := whole()
				e := putEntry(t, b, now)
				if _, err := b.LeaseSession(t.Context(), e.Key, 0, "n1", now, now.Add(10*time.Second)); err != nil {
					t.Fatal(err)
				}
				b.faults.Plan("UpdateItem", c.faults...)
				if err := b.ReleaseSession(t.Context(), e.Key, "n1", now.Add(2*time.Second)); err != nil {
					t.Error(err)
				}
				e.Lease, e.LeaseUntil = session.FailedLease, now.Add(2*time.Second)
				mustHave(t, b, e, now)
			})
		}
		now := whole()
		e := putEntry(t, b, now)
		e.Lease, e.LeaseUntil = "n1", now.Add(10*time.Second)
		if _, err := b.LeaseSession(t.Context(), e.Key, 0, "n1", now, e.LeaseUntil); err != nil {
			t.Fatal(err)
		}
		b.faults.Plan("UpdateItem", repeat(storetest.DropRequest, attempts)...)
		if err := b.ReleaseSession(t.Context(), e.Key, "n1", now); err == nil || isAnswer(err) {
			t.Errorf("it never arrived: %v, want an error that is no verdict", err)
		}
		mustHave(t, b, e, now)
	})
}

// A put that is repeated is one, and one that arrives late takes nothing back.
func TestPutSessionLostOnTheWay(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for n := 1; n < attempts; n++ {
			now := whole()
			e := newEntry(now)
			b.faults.Plan("PutItem", repeat(storetest.DropReply, n)...)
			if err := b.PutSession(t.Context(), e); err != nil {
				t.Errorf("reply lost %d times: %v", n, err)
			}
			mustHave(t, b, e, now)
		}
		now := whole()
		e := newEntry(now)
		var after session.Entry
		b.faults.Plan("PutItem", func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			reply, err := storetest.DropReply(next, r)
			after, _ = b.CommitSession(r.Context(), renewed(e, "n1", now), now)
			return reply, err
		})
		if err := b.PutSession(t.Context(), e); err != nil || after.Version != 1 {
			t.Errorf("%v; refreshed in between: %+v", err, after)
		}
		mustHave(t, b, after, now)
		b.faults.Plan("PutItem", repeat(storetest.DropRequest, attempts)...)
		if err := b.PutSession(t.Context(), newEntry(now)); err == nil || isAnswer(err) {
			t.Errorf("it never arrived: %v", err)
		}
	})
}

// Whoever has deleted a session but not heard of it has deleted it; what it
// was is lost with the reply.
func TestDeleteSessionLostOnTheWay(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for n := 0; n < attempts; n++ {
			now := whole()
			e := putEntry(t, b, now)
			b.faults.Plan("DeleteItem", repeat(storetest.DropReply, n)...)
			was, err := b.DeleteSession(t.Context(), e.Key)
			if err != nil || n == 0 && !cmp.Equal(was, e) || n > 0 && !cmp.Equal(was, session.Entry{}) {
				t.Errorf("reply lost %d times: %+v, %v", n, was, err)
			}
			mustBeGone(t, b, e.Key, now)
		}
		for _, fault := range []storetest.Fault{storetest.DropReply, storetest.DropRequest} {
			e := putEntry(t, b, whole())
			b.faults.Plan("DeleteItem", repeat(fault, attempts)...)
			if _, err := b.DeleteSession(t.Context(), e.Key); err == nil || isAnswer(err) {
				t.Errorf("no answer: %v, want an error that is no verdict", err)
			}
			if _, err := b.DeleteSession(t.Context(), e.Key); err != nil {
				t.Errorf("again: %v", err)
			}
			mustBeGone(t, b, e.Key, whole())
		}
	})
}

func TestEndSessionLostOnTheWay(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, c := range append(lostOnTheWay, lostThrice) {
			t.Run(c.name, func(t *testing.T) {
				now := whole()
				e := putEntry(t, b, now)
				b.faults.Plan("DeleteItem", c.faults...)
				if err := b.EndSession(t.Context(), e.Key, 0); err != nil {
					t.Error(err)
				}
				mustBeGone(t, b, e.Key, now)
			})
		}
		now := whole()
		e := putEntry(t, b, now)
		for n := range attempts + 1 {
			b.faults.Plan("DeleteItem", repeat(storetest.DropReply, n)...)
			if err := b.EndSession(t.Context(), e.Key, 1); !errors.Is(err, session.ErrChanged) {
				t.Errorf("at another version, reply lost %d times: %v", n, err)
			}
		}
		b.faults.Plan("DeleteItem", repeat(storetest.DropRequest, attempts)...)
		if err := b.EndSession(t.Context(), e.Key, 0); err == nil || isAnswer(err) {
			t.Errorf("it never arrived: %v, want an error that is no verdict", err)
		}
		mustHave(t, b, e, now)
		b.faults.Plan("DeleteItem", repeat(storetest.DropReply, attempts)...)
		b.faults.Plan("GetItem", repeat(storetest.DropReply, attempts)...)
		if err := b.EndSession(t.Context(), e.Key, 0); err == nil || isAnswer(err) {
			t.Errorf("no answer: %v, want an error that is no verdict", err)
		}
		mustBeGone(t, b, e.Key, now)
	})
}
