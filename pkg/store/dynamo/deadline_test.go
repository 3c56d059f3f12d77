package dynamo_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// The clock of these tests is the bubble's: the budget is exact, and nobody
// waits.
func TestStoreFailsInTime(t *testing.T) {
	const never = time.Hour
	cases := []struct {
		name  string
		fault storetest.Fault
		limit time.Duration
		tries int
	}{
		{"F-02 throttled for ever", storetest.Throttle, 3 * time.Second, attempts},
		{"F-03 no reply for 30 s", storetest.Delay(30 * time.Second), 5 * time.Second, 1},
		{"no reply at all", storetest.Delay(never), 5 * time.Second, 1},
		{"500 for ever", storetest.ServerError, 3 * time.Second, attempts},
		{"garbage for ever", storetest.Garbage, 3 * time.Second, attempts},
		{"connections lost for ever", storetest.DropRequest, 3 * time.Second, attempts},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, f, _ := wire()
				for _, operation := range []string{"PutItem", "UpdateItem", "GetItem"} {
					f.Always(operation, c.fault)
				}
				calls := map[string]func() error{
					"PutItem": func() error { return s.PutLogin(t.Context(), pending(t, time.Now())) },
					"UpdateItem": func() error {
						_, err := s.ClaimLogin(t.Context(), "login#k", cookieHash, "n1", time.Now())
						return err
					},
				}
				for operation, call := range calls {
					start := time.Now()
					err := call()
					if err == nil || isVerdict(err) || !strings.HasPrefix(err.Error(), "dynamo: ") {
						t.Errorf("%s: %v, want an error of dynamo that is no verdict", operation, err)
					}
					if took := time.Since(start); took > c.limit {
						t.Errorf("%s: took %v, want at most %v", operation, took, c.limit)
					}
					if n := f.Seen(operation); n != c.tries {
						t.Errorf("%s: sent %d times, want %d", operation, n, c.tries)
					}
				}
			})
		})
	}
}

// A write that hangs leaves time for the read that settles it.
func TestClaimLoginThatHangsIsSettled_F03(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := wire()
		f.Always("UpdateItem", storetest.Delay(30*time.Second))
		f.Always("GetItem", storetest.Reply(http.StatusOK, `{"Item":`+image(map[string]string{"claim": `{"S":"n1"}`})+`}`))
		start := time.Now()
		r, err := s.ClaimLogin(t.Context(), "login#k", cookieHash, "n1", early)
		if err != nil || r.Claim != "n1" {
			t.Errorf("claim %q, %v", r.Claim, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// The same over a real connection, with the deadlines per attempt that a
// Lambda function has. It takes its 5 seconds.
func TestSilentEndpoint_F03(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-time.After(30 * time.Second):
		case <-release:
		}
	}))
	defer silent.Close()
	defer close(release)
	e := &env.Reader{Environ: []string{"TABLE_NAME=flows", "AWS_ENDPOINT_URL_DYNAMODB=" + silent.URL}}
	s := dynamo.FromEnv(e)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := s.PutLogin(t.Context(), pending(t, start)); err == nil {
		t.Error("a login was put where nobody answers")
	}
	if took := time.Since(start); took > 5500*time.Millisecond {
		t.Errorf("took %v, want at most 5.5s", took)
	}
}

// One attempt that hangs does not use up the call: the next one is answered.
func TestOneSilentAttempt_F03(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	release := make(chan struct{})
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if asked.Add(1) == 1 {
			<-release
		}
		_, _ = w.Write([]byte("{}"))
	}))
	defer endpoint.Close()
	defer close(release)
	s := dynamo.FromEnv(&env.Reader{Environ: []string{"TABLE_NAME=flows", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint.URL}})
	if err := s.PutLogin(t.Context(), pending(t, time.Now())); err != nil {
		t.Error(err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("%d attempts, want 2", n)
	}
}

// A caller that has less time, or none, is heeded.
func TestCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, _ := wire()
		f.Always("UpdateItem", storetest.Delay(time.Hour))
		f.Always("GetItem", storetest.Delay(time.Hour))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		if _, err := s.ClaimLogin(ctx, "login#k", cookieHash, "n1", early); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// Every other method keeps to the budget too, and says nothing about a grant,
// a sign-in or an account that it could not ask for.
func TestEveryMethodFailsInTime_F02_F03(t *testing.T) {
	now := early
	r := grant.Record{Key: "grant#k", Client: "c", Sealed: []byte("x")}
	methods := map[string]func(context.Context, *dynamo.Store, *dynamo.Accounts) error{
		"PutGrant": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error { return s.PutGrant(ctx, r) },
		"RedeemCode": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error {
			_, err := s.RedeemCode(ctx, r.Key, grant.Redemption{Client: "c", Nonce: "n", Now: now})
			return err
		},
		"Rotate": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error {
			_, err := s.Rotate(ctx, r.Key, grant.Rotation{Client: "c", Seq: 1, Nonce: "n", Now: now})
			return err
		},
		"GetGrant": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error {
			_, err := s.GetGrant(ctx, r.Key)
			return err
		},
		"RevokeGrant": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error {
			return s.RevokeGrant(ctx, r.Key, "")
		},
		"PutSignIn": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error {
			return s.PutSignIn(ctx, session.Record{Key: "signin#k"})
		},
		"GetSignIn": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error {
			_, _, err := s.GetSignIn(ctx, "signin#k", "")
			return err
		},
		"TakeTry": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error {
			_, err := s.TakeTry(ctx, "try#k", 5, now)
			return err
		},
		"ReturnTry": func(ctx context.Context, s *dynamo.Store, _ *dynamo.Accounts) error { return s.ReturnTry(ctx, "try#k") },
		"GetUser": func(ctx context.Context, _ *dynamo.Store, a *dynamo.Accounts) error {
			_, err := a.GetUser(ctx, "name")
			return err
		},
		"PutUser": func(ctx context.Context, _ *dynamo.Store, a *dynamo.Accounts) error {
			return a.PutUser(ctx, user.User{Name: "name"}, true)
		},
	}
	for fault, f := range map[string]storetest.Fault{"throttled for ever": storetest.Throttle, "no reply at all": storetest.Delay(time.Hour)} {
		for name, method := range methods {
			t.Run(fault+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					faults := &storetest.Faults{}
					for _, operation := range []string{"PutItem", "UpdateItem", "GetItem", "BatchGetItem"} {
						faults.Always(operation, f)
					}
					cfg := config(&http.Client{Transport: faults})
					s := dynamo.NewFromConfig(cfg, "flows", "http://dynamodb.invalid")
					a := dynamo.NewAccountsFromConfig(cfg, "accounts", "http://dynamodb.invalid")
					start := time.Now()
					err := method(t.Context(), s, a)
					if err == nil || isVerdict(err) || errors.Is(err, user.ErrUnknown) || !strings.HasPrefix(err.Error(), "dynamo: ") {
						t.Errorf("%v, want an error of dynamo that is no verdict", err)
					}
					if took := time.Since(start); took > 5*time.Second {
						t.Errorf("took %v", took)
					}
				})
			})
		}
	}
}
