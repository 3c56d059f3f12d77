package dynamo_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// approved puts a grant whose code is out.
func approved(t testing.TB, b *bench, now time.Time) grant.Record {
	t.Helper()
	root, err := secret.ParseRing(secret.Mint(256))
	if err != nil {
		t.Fatal(err)
	}
	g := grant.Grant{GID: grant.NewGID(), ClientID: "client", User: "user", RedirectURI: "https://app.example/", Challenge: grant.Hash("verifier")}
	r, err := g.Seal(root.Newest(), grant.Record{
		Created: now, Status: grant.Issued, CodeExpiresAt: now.Add(time.Minute), MaxAt: now.Add(time.Hour), ExpiresAt: now.Add(2 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := b.PutGrant(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func redeem(ctx context.Context, b *bench, r grant.Record, nonce string, now time.Time) (grant.Record, error) {
	return b.RedeemCode(ctx, r.Key, grant.Redemption{
		Client: r.Client, Redirect: r.Redirect, Challenge: r.Challenge, Nonce: nonce, Now: now, IdleAt: now.Add(time.Minute),
	})
}

// refresh has no grace: only its nonce tells a lost reply from a reuse.
func refresh(ctx context.Context, b *bench, r grant.Record, nonce string, now time.Time) (grant.Record, error) {
	return b.Rotate(ctx, r.Key, grant.Rotation{Client: r.Client, Seq: 1, Nonce: nonce, Now: now, IdleAt: now.Add(time.Minute)})
}

// trades are the two writes that turn a token into its successor.
var trades = []struct {
	name   string
	bring  func(t *testing.T, b *bench, r grant.Record, now time.Time)
	do     func(ctx context.Context, b *bench, r grant.Record, nonce string, now time.Time) (grant.Record, error)
	seq    uint32
	rivals error
}{
	{"code", func(*testing.T, *bench, grant.Record, time.Time) {}, redeem, 1, grant.ErrReplayed},
	{"refresh token", func(t *testing.T, b *bench, r grant.Record, now time.Time) {
		if _, err := redeem(t.Context(), b, r, "n0", now); err != nil {
			t.Fatal(err)
		}
	}, refresh, 2, grant.ErrReused},
}

func eachTrade(t *testing.T, test func(t *testing.T, b *bench, trade int)) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for i, trade := range trades {
			t.Run(trade.name, func(t *testing.T) { test(t, b, i) })
		}
	})
}

// What the network loses changes nothing: the request that won knows it, and
// is not taken for a replay; everybody else's is one.
func TestGrantWritesLostOnTheWay(t *testing.T) {
	t.Parallel()
	eachTrade(t, func(t *testing.T, b *bench, i int) {
		trade := trades[i]
		for _, c := range lostOnTheWay {
			t.Run(c.name, func(t *testing.T) {
				now := time.Now()
				r := approved(t, b, now)
				trade.bring(t, b, r, now)
				reads := b.faults.Seen("GetItem")
				b.faults.Plan("UpdateItem", c.faults...)
				got, err := trade.do(t.Context(), b, r, "n1", now)
				if err != nil || got.Claim != "n1" || got.Seq != trade.seq || got.Status != grant.Active {
					t.Fatalf("%+v, %v", got, err)
				}
				// dynalite shows no old image: a reply lost for a while costs a read there.
				if n := b.faults.Seen("GetItem") - reads; n != c.reads && (b.peer != "dynalite" || n > 1) {
					t.Errorf("%d reads, want %d", n, c.reads)
				}
				if _, err := trade.do(t.Context(), b, r, "n2", now); !errors.Is(err, trade.rivals) {
					t.Errorf("another request: %v, want %v", err, trade.rivals)
				}
				kept, err := b.GetGrant(t.Context(), r.Key)
				if err != nil || !cmp.Equal(kept, got) {
					t.Errorf("kept (-answered +kept):\n%s%v", cmp.Diff(got, kept), err)
				}
			})
		}
	})
}

// F-06: nothing arrived. The request fails without a verdict, and the token is
// as good as before.
func TestGrantWriteThatNeverArrived_F06(t *testing.T) {
	t.Parallel()
	eachTrade(t, func(t *testing.T, b *bench, i int) {
		trade, now := trades[i], time.Now()
		r := approved(t, b, now)
		trade.bring(t, b, r, now)
		b.faults.Plan("UpdateItem", repeat(storetest.DropRequest, attempts)...)
		if _, err := trade.do(t.Context(), b, r, "n1", now); err == nil || isVerdict(err) {
			t.Fatalf("got %v, want an error that is no verdict", err)
		}
		if _, err := trade.do(t.Context(), b, r, "n2", now); err != nil {
			t.Errorf("the next request: %v", err)
		}
	})
}

// F-06: neither the write nor the read gets an answer. It stands, and nobody
// else wins.
func TestGrantWriteWithoutAnyAnswer_F06(t *testing.T) {
	t.Parallel()
	eachTrade(t, func(t *testing.T, b *bench, i int) {
		trade, now := trades[i], time.Now()
		r := approved(t, b, now)
		trade.bring(t, b, r, now)
		b.faults.Plan("UpdateItem", repeat(storetest.DropReply, attempts)...)
		b.faults.Plan("GetItem", repeat(storetest.DropReply, attempts)...)
		if _, err := trade.do(t.Context(), b, r, "n1", now); err == nil || isVerdict(err) {
			t.Fatalf("got %v, want an error that is no verdict", err)
		}
		if _, err := trade.do(t.Context(), b, r, "n2", now); !errors.Is(err, trade.rivals) {
			t.Errorf("another request: %v, want %v", err, trade.rivals)
		}
	})
}

// A trade is applied, its reply lost; before the SDK's next attempt a rival's
// replay revokes the grant. The nonce is this request's, and it has lost.
func TestRevokedBetweenAttemptsStaysRevoked_F05(t *testing.T) {
	t.Parallel()
	for _, everyReply := range []bool{false, true} {
		eachTrade(t, func(t *testing.T, b *bench, i int) {
			trade, now := trades[i], time.Now()
			r := approved(t, b, now)
			trade.bring(t, b, r, now)
			thenRevoke := storetest.Fault(func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
				reply, err := storetest.DropReply(next, req)
				b.faults.Plan("UpdateItem") // the revocation passes
				if revoked := b.RevokeGrant(req.Context(), r.Key, ""); revoked != nil {
					t.Error(revoked)
				}
				if everyReply {
					b.faults.Plan("UpdateItem", repeat(storetest.DropRequest, attempts-1)...)
				}
				return reply, err
			})
			b.faults.Plan("UpdateItem", thenRevoke)
			if _, err := trade.do(t.Context(), b, r, "n1", now); !errors.Is(err, grant.ErrRevoked) {
				t.Errorf("every reply lost %v: %v, want %v", everyReply, err, grant.ErrRevoked)
			}
			if kept, err := b.GetGrant(t.Context(), r.Key); err != nil || kept.Status != grant.Revoked {
				t.Errorf("it is %s, %v", kept.Status, err)
			}
		})
	}
}

func TestRevokeGrantLostOnTheWay(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, c := range lostOnTheWay {
			t.Run(c.name, func(t *testing.T) {
				r := approved(t, b, time.Now())
				b.faults.Plan("UpdateItem", c.faults...)
				if err := b.RevokeGrant(t.Context(), r.Key, r.Client); err != nil {
					t.Error(err)
				}
				if kept, err := b.GetGrant(t.Context(), r.Key); err != nil || kept.Status != grant.Revoked {
					t.Errorf("it is %s, %v", kept.Status, err)
				}
			})
		}
		r := approved(t, b, time.Now())
		b.faults.Plan("UpdateItem", repeat(storetest.DropRequest, attempts)...)
		if err := b.RevokeGrant(t.Context(), r.Key, r.Client); err == nil || isVerdict(err) {
			t.Errorf("it never arrived: %v, want an error that is no verdict", err)
		}
	})
}

func TestGrantRivalsOnABadNetwork_F07(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		if b.peer == "moto" {
			t.Skip(motoRivals)
		}
		for seed := range uint64(4) {
			good := storetest.OneOf(seed, storetest.DropReply, storetest.DropReply, storetest.DropRequest, storetest.Pass)
			b.faults.Always("UpdateItem", good)
			won, other := storetest.RedeemRivals(t, b.Store, 50)
			if won != 1 {
				t.Errorf("seed %d: %d redeemed, want 1; others: %v", seed, won, other)
			}
		}
	})
}

func TestParallelRefreshesOnABadNetwork_F07(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		if b.peer == "moto" {
			t.Skip(motoRivals)
		}
		for seed := range uint64(8) {
			// Every second reply is lost: each caller still gets the successor.
			b.faults.Always("UpdateItem", storetest.OneOf(seed, storetest.DropReply, storetest.Pass))
			for _, err := range storetest.ParallelRotations(t, b.Store, 8) {
				if isVerdict(err) {
					t.Errorf("seed %d: a caller was told %v", seed, err)
				}
			}
		}
	})
}

// A read that may be old would show a grant that has been revoked since.
func TestGrantsAreReadConsistently_F11(t *testing.T) {
	eachEndpoint(t, func(t *testing.T, b *bench) {
		b.faults.Always("GetItem", storetest.StaleRead(`{}`))
		b.faults.Always("BatchGetItem", storetest.StaleBatch)
		now := time.Now()
		r := approved(t, b, now)
		if got, err := b.GetGrant(t.Context(), r.Key); err != nil || got.Key != r.Key {
			t.Errorf("grant: %v", err)
		}
		in := session.SignIn{ID: session.NewSignInID(), User: "user", AuthTime: now, ExpiresAt: now.Add(time.Minute)}
		record, err := in.Seal()
		if err != nil {
			t.Fatal(err)
		}
		if err := b.PutSignIn(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		if got, _, err := b.GetSignIn(t.Context(), record.Key, ""); err != nil || got.Key != record.Key {
			t.Errorf("sign-in: %v, %v", got.Key, err)
		}
	})
}

// A try whose reply is lost counts once.
func TestTakeTryLostOnTheWay_F05(t *testing.T) {
	t.Parallel()
	eachEndpoint(t, func(t *testing.T, b *bench) {
		for _, c := range lostOnTheWay {
			t.Run(c.name, func(t *testing.T) {
				bucket, now := user.Bucket("account", secret.Mint(64)), time.Now()
				b.faults.Plan("UpdateItem", c.faults...)
				for i, want := range []time.Duration{0, 0, user.Pause} {
					if wait, err := b.TakeTry(t.Context(), bucket, 2, now); err != nil || wait != want {
						t.Errorf("try %d: %v, %v, want %v", i+1, wait, err, want)
					}
				}
				b.faults.Plan("UpdateItem", c.faults...)
				if err := b.ReturnTry(t.Context(), bucket); err != nil {
					t.Errorf("given back: %v", err)
				}
				for i, want := range []time.Duration{0, user.Pause} {
					if wait, err := b.TakeTry(t.Context(), bucket, 2, now); err != nil || wait != want {
						t.Errorf("afterwards, try %d: %v, %v, want %v", i+1, wait, err, want)
					}
				}
			})
		}
	})
}

// A store that does not answer lets nobody guess.
func TestTakeTryWithoutAnyAnswer(t *testing.T) {
	s, f, _ := wire()
	f.Always("UpdateItem", storetest.Throttle)
	f.Always("GetItem", storetest.Throttle)
	if wait, err := s.TakeTry(t.Context(), "try#x", 5, early); err == nil {
		t.Errorf("a try passed: wait %v", wait)
	}
}
