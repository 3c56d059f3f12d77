package dynamo_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

// attempts is how often the store sends one operation.
const attempts = 4

func repeat(f storetest.Fault, n int) []storetest.Fault {
	return slices.Repeat([]storetest.Fault{f}, n)
}

func TestPutLoginThrottledForAWhile_F01(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for n := 1; n <= 2; n++ {
			now := time.Now()
			r := pending(t, now)
			b.faults.Plan("PutItem", repeat(storetest.Throttle, n)...)
			if err := b.PutLogin(t.Context(), r); err != nil {
				t.Fatalf("throttled %d times: %v", n, err)
			}
			if took := time.Since(now); took >= time.Second {
				t.Errorf("throttled %d times, it took %v, want less than 1s", n, took)
			}
			if _, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, "n1", now); err != nil {
				t.Errorf("throttled %d times, it cannot be claimed: %v", n, err)
			}
		}
	})
}

// lostOnTheWay is what may happen to a write that one request makes; reads is
// how many reads then settle it.
var lostOnTheWay = []struct {
	name   string
	faults []storetest.Fault
	reads  int
}{
	{"F-04 request lost once", repeat(storetest.DropRequest, 1), 0},
	{"F-04 request lost twice", repeat(storetest.DropRequest, 2), 0},
	{"F-05 reply lost once", repeat(storetest.DropReply, 1), 0},
	{"F-05 reply lost twice", repeat(storetest.DropReply, 2), 0},
	{"F-05 reply lost, then throttled", []storetest.Fault{storetest.DropReply, storetest.Throttle}, 0},
	{"F-05 reply lost, then 500", []storetest.Fault{storetest.DropReply, storetest.ServerError}, 0},
	{"reply lost, then one that cannot be read", []storetest.Fault{storetest.DropReply, storetest.Garbage}, 0},
	{"F-06 every reply lost", repeat(storetest.DropReply, attempts), 1},
	{"F-06 first reply lost, then throttled for ever",
		append(repeat(storetest.DropReply, 1), repeat(storetest.Throttle, attempts-1)...), 1},
	{"F-06 first reply lost, then refused",
		[]storetest.Fault{storetest.DropReply, storetest.Reply(400, `{"__type":"x#ValidationException"}`)}, 1},
}

// What the network loses on the way to the write or back from it changes
// nothing: the request that claimed knows that it did, everybody else is told
// that the login is used, and no second request wins.
func TestClaimLoginLostOnTheWay(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, c := range lostOnTheWay {
			t.Run(c.name, func(t *testing.T) {
				now := time.Now()
				r := pending(t, now)
				if err := b.PutLogin(t.Context(), r); err != nil {
					t.Fatal(err)
				}
				reads := b.faults.Seen("GetItem")
				b.faults.Plan("UpdateItem", c.faults...)
				got, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, "n1", now)
				if err != nil || got.Claim != "n1" {
					t.Fatalf("claim: %q, %v", got.Claim, err)
				}
				if reads = b.faults.Seen("GetItem") - reads; reads != c.reads {
					t.Errorf("%d reads, want %d", reads, c.reads)
				}
				if _, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, "n2", now); !errors.Is(err, session.ErrUsed) {
					t.Errorf("another request: %v, want %v", err, session.ErrUsed)
				}
			})
		}
	})
}

// F-06: nothing arrived. The request fails, without a verdict, and the login
// can still be claimed by the next.
func TestClaimLoginThatNeverArrived_F06(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		now := time.Now()
		r := pending(t, now)
		if err := b.PutLogin(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		b.faults.Plan("UpdateItem", repeat(storetest.DropRequest, attempts)...)
		_, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, "n1", now)
		if err == nil || isVerdict(err) {
			t.Fatalf("got %v, want an error that is no verdict", err)
		}
		if _, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, "n2", now); err != nil {
			t.Errorf("the next request: %v", err)
		}
	})
}

// F-06: neither the write nor the read gets an answer. The claim stands, and
// nobody else wins.
func TestClaimLoginWithoutAnyAnswer_F06(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		now := time.Now()
		r := pending(t, now)
		if err := b.PutLogin(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		b.faults.Plan("UpdateItem", repeat(storetest.DropReply, attempts)...)
		b.faults.Plan("GetItem", repeat(storetest.DropReply, attempts)...)
		_, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, "n1", now)
		if err == nil || isVerdict(err) {
			t.Fatalf("got %v, want an error that is no verdict", err)
		}
		if _, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, "n2", now); !errors.Is(err, session.ErrUsed) {
			t.Errorf("another request: %v, want %v", err, session.ErrUsed)
		}
	})
}

func TestRivalsOnABadNetwork_F07(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		if b.peer == "moto" {
			t.Skip(motoRivals)
		}
		for seed := range uint64(4) {
			b.faults.Always("UpdateItem", storetest.OneOf(seed,
				storetest.DropReply, storetest.DropReply, storetest.DropRequest, storetest.Pass))
			o := storetest.Rivals(t, b.Store, 50)
			if o.Won != 1 {
				t.Errorf("seed %d: %d won, want 1; %d were told it is used, others: %v", seed, o.Won, o.Used, o.Other)
			}
		}
	})
}

// F-11: a read that may be old shows the login unclaimed, and another version
// of it altogether. No verdict may come from it.
func TestClaimLoginReadsConsistently_F11(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		b.faults.Always("GetItem", storetest.StaleRead(`{}`))
		now := time.Now()
		r := pending(t, now)
		if err := b.PutLogin(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		b.faults.Plan("UpdateItem", repeat(storetest.DropReply, attempts)...)
		for _, step := range []struct {
			nonce string
			want  error
		}{{"n1", nil}, {"n2", session.ErrUsed}} {
			if _, err := b.ClaimLogin(t.Context(), r.Key, r.BrowserHash, step.nonce, now); !errors.Is(err, step.want) {
				t.Errorf("%s: %v, want %v", step.nonce, err, step.want)
			}
		}
		if b.faults.Seen("GetItem") == 0 {
			t.Error("nothing was read: the test proves nothing")
		}
	})
}

// isVerdict reports that err says something about the login or the grant.
func isVerdict(err error) bool {
	return slices.ContainsFunc([]error{session.ErrUnknown, session.ErrExpired, session.ErrOtherBrowser, session.ErrUsed,
		grant.ErrUnknown, grant.ErrExpired, grant.ErrRevoked, grant.ErrClient, grant.ErrReplayed, grant.ErrReused},
		func(verdict error) bool { return errors.Is(err, verdict) })
}
