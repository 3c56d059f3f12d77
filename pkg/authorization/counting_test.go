package authorization_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/session"
)

var errDown = errors.New("the store is down")

// counting wraps the store and counts operations; fail makes some of them fail.
type counting struct {
	authorization.Flows
	mu    sync.Mutex
	count map[string]int
	fail  map[string]bool
	last  grant.Record
}

func (c *counting) op(name string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count[name]++
	if c.fail[name] || c.fail["all"] {
		return errDown
	}
	return nil
}

// ops are the operations since the last call, writes by name.
func (c *counting) ops() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	got := c.count
	c.count = map[string]int{}
	return got
}

func (c *counting) breakDown(names ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = map[string]bool{}
	for _, n := range names {
		c.fail[n] = true
	}
}

func (c *counting) PutGrant(ctx context.Context, r grant.Record) error {
	if err := c.op("PutGrant"); err != nil {
		return err
	}
	c.mu.Lock()
	c.last = r
	c.mu.Unlock()
	return c.Flows.PutGrant(ctx, r)
}

func (c *counting) PutSignIn(ctx context.Context, r session.Record) error {
	if err := c.op("PutSignIn"); err != nil {
		return err
	}
	return c.Flows.PutSignIn(ctx, r)
}

func (c *counting) DeleteSignIn(ctx context.Context, key string) error {
	if err := c.op("DeleteSignIn"); err != nil {
		return err
	}
	return c.Flows.DeleteSignIn(ctx, key)
}

func (c *counting) GetSignIn(ctx context.Context, a, b string) (session.Record, session.Record, error) {
	if err := c.op("GetSignIn"); err != nil {
		return session.Record{}, session.Record{}, err
	}
	return c.Flows.GetSignIn(ctx, a, b)
}

func (c *counting) PutConsent(ctx context.Context, r session.Record) error {
	if err := c.op("PutConsent"); err != nil {
		return err
	}
	return c.Flows.PutConsent(ctx, r)
}

func (c *counting) TakeTry(ctx context.Context, bucket string, limit int, now time.Time) (time.Duration, error) {
	if err := c.op("TakeTry"); err != nil {
		return 0, err
	}
	return c.Flows.TakeTry(ctx, bucket, limit, now)
}

func (c *counting) ReturnTry(ctx context.Context, bucket string) error {
	if err := c.op("ReturnTry"); err != nil {
		return err
	}
	return c.Flows.ReturnTry(ctx, bucket)
}
