package gateway

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// The warmers run at the same time, and an init waits for all of them.
func TestWarmWaitsForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Int32
		slow := func(context.Context) error {
			time.Sleep(time.Second)
			done.Add(1)
			return nil
		}
		began := time.Now()
		warm([]Warmer{slow, slow, slow})
		if took := time.Since(began); done.Load() != 3 || took != time.Second {
			t.Errorf("%d of 3 done after %v, want all after 1s", done.Load(), took)
		}
	})
}

// Whatever a warmer does, the function starts, and in time.
func TestWarmNeverFailsTheStart_F13(t *testing.T) {
	for name, tt := range map[string]struct {
		w    Warmer
		most time.Duration
	}{
		"an error":             {func(context.Context) error { return errors.New("no") }, 0},
		"a panic":              {func(context.Context) error { panic("no") }, 0},
		"one that hears":       {func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, warmTime},
		"one that hears later": {func(context.Context) error { time.Sleep(time.Minute); return nil }, warmTime},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				warm([]Warmer{tt.w})
				if took := time.Since(began); took > tt.most {
					t.Errorf("took %v, want at most %v", took, tt.most)
				}
				time.Sleep(time.Hour) // of the bubble's clock: whatever goes on ends
			})
		})
	}
}
