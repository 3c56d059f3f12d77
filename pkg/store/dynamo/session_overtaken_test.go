package dynamo_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

// A commit is applied and its reply lost; before the next attempt the session
// moves on. The request is told what is there, and brings nothing back.
func TestCommitSessionOvertakenBetweenAttempts_F05(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		moves func(ctx context.Context, b *bench, e session.Entry, now time.Time) error
		want  error
	}{
		{"leased by the next", func(ctx context.Context, b *bench, e session.Entry, now time.Time) error {
			_, err := b.LeaseSession(ctx, e.Key, 1, "n2", now, now.Add(10*time.Second))
			return err
		}, nil},
		{"slid", func(ctx context.Context, b *bench, e session.Entry, now time.Time) error {
			return b.SlideSession(ctx, e.Key, now, now.Add(time.Minute), now.Add(2*time.Hour))
		}, nil},
		{"refreshed again", func(ctx context.Context, b *bench, e session.Entry, now time.Time) error {
			e.Version = 1
			_, err := b.CommitSession(ctx, renewed(e, "n2", now), now)
			return err
		}, session.ErrChanged},
		{"deleted", func(ctx context.Context, b *bench, e session.Entry, _ time.Time) error {
			_, err := b.DeleteSession(ctx, e.Key)
			return err
		}, session.ErrUnknown},
		{"ended", func(ctx context.Context, b *bench, e session.Entry, _ time.Time) error {
			return b.EndSession(ctx, e.Key, 1)
		}, session.ErrUnknown},
	}
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, c := range cases {
			for _, everyReply := range []bool{false, true} {
				now := whole()
				e := putEntry(t, b, now)
				var there session.Entry
				b.faults.Plan("UpdateItem", func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
					reply, err := storetest.DropReply(next, r)
					b.faults.Plan("UpdateItem") // what moves it passes
					if moved := c.moves(r.Context(), b, e, now); moved != nil {
						t.Errorf("%s: %v", c.name, moved)
					}
					there, _ = b.GetSession(r.Context(), e.Key, now)
					if everyReply {
						b.faults.Plan("UpdateItem", repeat(storetest.DropRequest, attempts-1)...)
					}
					return reply, err
				})
				got, err := b.CommitSession(t.Context(), renewed(e, "n1", now), now)
				if !errors.Is(err, c.want) || c.want == nil && err != nil {
					t.Errorf("%s, every reply lost %v: %v, want %v", c.name, everyReply, err, c.want)
				}
				if diff := cmp.Diff(there, got); diff != "" {
					t.Errorf("%s (-there +told):\n%s", c.name, diff)
				}
				if c.want == session.ErrUnknown {
					mustBeGone(t, b, e.Key, now)
				} else {
					mustHave(t, b, there, now)
				}
			}
		}
	})
}

func TestLeaseRivalsOnABadNetwork_F07(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		if b.peer == "moto" {
			t.Skip(motoRivals)
		}
		for seed := range uint64(4) {
			b.faults.Always("UpdateItem", storetest.OneOf(seed,
				storetest.DropReply, storetest.DropReply, storetest.DropRequest, storetest.Pass))
			if won, other := storetest.LeaseRivals(t, b.Store, 50); won != [2]int{1, 1} {
				t.Errorf("seed %d: %v have the lease, want one and then one; others: %v", seed, won, other)
			}
		}
	})
}

// F-11: a read that may be old would show a session that was signed out of,
// or none where there is one.
func TestSessionsAreReadConsistently_F11(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		b.faults.Always("GetItem", storetest.StaleRead(`{}`))
		b.faults.Always("BatchGetItem", storetest.StaleBatch)
		now := whole()
		e := putEntry(t, b, now)
		mustHave(t, b, e, now)
		if all, err := b.ListSessions(t.Context(), e.User, now); err != nil || len(all) != 1 {
			t.Errorf("listed %d, %v", len(all), err)
		}
		for _, write := range sessionWrites {
			e := putEntry(t, b, now)
			b.faults.Plan("UpdateItem", repeat(storetest.DropReply, attempts)...)
			if err := write.do(t.Context(), b, e, "n1", now); err != nil {
				t.Errorf("%s: %v", write.name, err)
			}
		}
		b.faults.Plan("DeleteItem", repeat(storetest.DropRequest, attempts)...)
		if err := b.EndSession(t.Context(), e.Key, 1); !errors.Is(err, session.ErrChanged) {
			t.Errorf("end: %v", err)
		}
	})
}
