package rp

import (
	"slices"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/page"
)

// Timeline remembers what happened in the login that began last, for a
// developer who tries the server. It keeps descriptions, and no value that
// is secret. The zero value works, a nil one remembers nothing, and any is safe
// for concurrent use.
type Timeline struct {
	mu    sync.Mutex
	trace string
	began time.Time
	steps []page.Step
}

// maxSteps bounds what one login can leave.
const maxSteps = 40

// Steps returns what is remembered, in order.
func (t *Timeline) Steps() []page.Step {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.steps)
}

// begin forgets what was before and remembers the login that trace names.
func (t *Timeline) begin(trace string, at time.Time) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trace, t.began, t.steps = trace, at, nil
}

// add remembers a step of the login that trace names, if it is the last one,
// which began at from and ends now.
func (t *Timeline) add(trace string, from time.Time, step page.Step) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if trace != t.trace || len(t.steps) >= maxSteps {
		return
	}
	step.At, step.Took = from.Sub(t.began), time.Since(from)
	t.steps = append(t.steps, step)
}

// trace names a login in logs: the second half of the hash in its item's key.
// It joins what /login and /callback did, and tells nobody the state.
func trace(key string) string { return key[len(key)-22:] }
