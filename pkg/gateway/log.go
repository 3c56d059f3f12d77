package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// What of a request or a panic goes into the log, in bytes.
const (
	maxPath   = 200
	maxMethod = 32
	maxPanic  = 500
	maxStack  = 8 * 1024
)

// write writes the log line of a request. It takes nothing of the request but
// method and path.
func (f *front) write(r *http.Request, status int, start time.Time, cold bool, id string, c *crash, line *logline.Line) {
	if status == 0 {
		status = http.StatusOK
	}
	level := slog.LevelInfo
	if c.stack != nil || status >= 500 {
		level = slog.LevelError
	}
	ctx := r.Context()
	if !f.log.Enabled(ctx, level) {
		return
	}
	end := f.now()
	var space [24]slog.Attr
	attrs := append(space[:0],
		slog.String("request_id", id),
		slog.String("method", bound(r.Method, maxMethod)),
		slog.String("path", bound(pathOnly(r.URL.Path), maxPath)),
		slog.Int("status", status),
		slog.Int64("ms", end.Sub(start).Milliseconds()),
		slog.Bool("cold", cold),
	)
	outcome := ended(status)
	if c.panicked {
		outcome = string(oauth.ServerError)
	}
	f.emit(ctx, level, "request", end, attrs, c, line, outcome)
}

// The outcomes of requests whose handlers have named none.
const (
	outcomeOK      = "ok"
	outcomeRefused = "refused"
)

func ended(status int) string {
	if status < 400 {
		return outcomeOK
	}
	return outcomeRefused
}

// emit writes one line: attrs, which are the gateway's, what is known of a
// crash, and what was added to line. outcome is for a line that has none.
func (f *front) emit(ctx context.Context, level slog.Level, message string, at time.Time, attrs []slog.Attr, c *crash, line *logline.Line, outcome string) {
	own := len(attrs)
	if c.stack != nil {
		attrs = append(attrs, slog.String("panic", bound(fmt.Sprint(c.value), maxPanic)), slog.String("stack", bound(string(c.stack), maxStack)))
	}
	if c.aborted {
		attrs = append(attrs, slog.Bool("aborted", true))
	}
	for _, a := range line.Attrs() {
		attrs = merge(attrs, a, own)
	}
	if !slices.ContainsFunc(attrs, func(a slog.Attr) bool { return a.Key == "outcome" }) {
		attrs = append(attrs, slog.String("outcome", outcome))
	}
	record := slog.NewRecord(at, level, message, 0)
	record.AddAttrs(attrs...)
	_ = f.log.Handle(ctx, record) // there is nowhere to report it
}

// merge adds a to attrs so that every key is there once: numbers add up, of
// anything else the last one counts. The first own attrs are the gateway's
// and cannot be changed.
func merge(attrs []slog.Attr, a slog.Attr, own int) []slog.Attr {
	for i := range attrs {
		if attrs[i].Key != a.Key {
			continue
		}
		if i >= own {
			attrs[i].Value = sum(attrs[i].Value, a.Value)
		}
		return attrs
	}
	switch a.Key {
	case slog.TimeKey, slog.LevelKey, slog.MessageKey, "function":
		return attrs
	}
	return append(attrs, a)
}

func sum(a, b slog.Value) slog.Value {
	if a.Kind() == b.Kind() {
		switch a.Kind() {
		case slog.KindInt64:
			return slog.Int64Value(a.Int64() + b.Int64())
		case slog.KindUint64:
			return slog.Uint64Value(a.Uint64() + b.Uint64())
		case slog.KindFloat64:
			return slog.Float64Value(a.Float64() + b.Float64())
		case slog.KindDuration:
			return slog.DurationValue(a.Duration() + b.Duration())
		}
	}
	return b
}

// pathOnly cuts a path at a question mark: one that was escaped would carry a
// query into the log.
func pathOnly(p string) string {
	p, _, _ = strings.Cut(p, "?")
	return p
}

// bound returns at most n bytes of s, whole characters only.
func bound(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
