package token_test

import (
	"context"
	"sync/atomic"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

// counted counts what is asked of a store, and fails when told to.
type counted struct {
	*memory.Store
	writes, reads atomic.Uint32
	fail          func(operation string) error
}

func (c *counted) ask(operation string, n *atomic.Uint32) error {
	n.Add(1)
	if c.fail != nil {
		return c.fail(operation)
	}
	return nil
}

func (c *counted) PutGrant(ctx context.Context, r grant.Record) error {
	if err := c.ask("put", &c.writes); err != nil {
		return err
	}
	return c.Store.PutGrant(ctx, r)
}

func (c *counted) RedeemCode(ctx context.Context, key string, d grant.Redemption) (grant.Record, error) {
	if err := c.ask("redeem", &c.writes); err != nil {
		return grant.Record{}, err
	}
	return c.Store.RedeemCode(ctx, key, d)
}

func (c *counted) Rotate(ctx context.Context, key string, o grant.Rotation) (grant.Record, error) {
	if err := c.ask("rotate", &c.writes); err != nil {
		return grant.Record{}, err
	}
	return c.Store.Rotate(ctx, key, o)
}

func (c *counted) GetGrant(ctx context.Context, key string) (grant.Record, error) {
	if err := c.ask("get", &c.reads); err != nil {
		return grant.Record{}, err
	}
	return c.Store.GetGrant(ctx, key)
}

func (c *counted) RevokeGrant(ctx context.Context, key, clientHash string) error {
	if err := c.ask("revoke", &c.writes); err != nil {
		return err
	}
	return c.Store.RevokeGrant(ctx, key, clientHash)
}
