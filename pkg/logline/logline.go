// Package logline collects, over one request, what its one log line will say.
// The gateway opens a line and writes it; whoever serves the request adds
// facts without knowing who logs them.
//
// It never writes anything and is never given a code, state, verifier, token,
// cookie or secret.
package logline

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

type key struct{}

// Line is the log line of one request. It is safe for concurrent use.
type Line struct {
	id    string
	mu    sync.Mutex
	attrs []slog.Attr
	space [8]slog.Attr // where attrs begins: most lines have no more
}

// With returns a context that carries a new Line, and the line. requestID
// names the request in its log line and in a refusal.
func With(ctx context.Context, requestID string) (context.Context, *Line) {
	l := &Line{id: requestID}
	l.attrs = l.space[:0]
	return context.WithValue(ctx, key{}, l), l
}

// RequestID returns the id of the request in ctx, or "".
func RequestID(ctx context.Context) string {
	l, _ := ctx.Value(key{}).(*Line)
	if l == nil {
		return ""
	}
	return l.id
}

// Add puts attrs on the line in ctx; without one they are dropped.
func Add(ctx context.Context, attrs ...slog.Attr) {
	l, _ := ctx.Value(key{}).(*Line)
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attrs = append(l.attrs, attrs...)
}

// Detached returns ctx without its line: for what is done for several requests
// at once, or may outlive the one that began it.
func Detached(ctx context.Context) context.Context {
	return context.WithValue(ctx, key{}, (*Line)(nil))
}

// Attrs returns what was added so far, in order. Callers do not change it.
func (l *Line) Attrs() []slog.Attr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.attrs)
}
