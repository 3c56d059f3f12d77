package gateway

import (
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// What a request may carry, in bytes. API Gateway has the first limit too.
const (
	MaxHeader = 10_240    // names and values of all headers, cookies included: 431
	MaxQuery  = 16 * 1024 // the raw query string: 414
	MaxBody   = 64 * 1024 // the decoded body: 413
)

// front is a gateway at work.
type front struct {
	next http.Handler
	log  slog.Handler
	now  func() time.Time
	warm *atomic.Bool
}

// arrival is what is known about a request before anyone looks at it.
type arrival struct {
	base    string       // empty only with a refusal
	host    string       // replaces r.Host unless empty
	id      string       // empty: one is minted
	refusal *oauth.Error // answers the request instead of the handler
}

// serve answers r through the handler and writes its log line. The headers
// that every response has are set first, so that the handler may override
// them.
func (f *front) serve(w http.ResponseWriter, r *http.Request, a arrival) {
	start := f.now()
	if a.id == "" {
		a.id = secret.Mint(128)
	}
	ctx, line := logline.With(r.Context(), a.id)
	if a.base != "" {
		ctx = baseurl.With(ctx, a.base)
	}
	r = r.WithContext(ctx)
	if a.host != "" {
		r.Host = a.host
	}
	rec := &recorder{ResponseWriter: w}
	common(w.Header(), a.base)

	c := f.run(rec, r, a.refusal)
	if c.panicked {
		c.aborted = !f.apologise(rec, r, a.base, c.value)
	}
	f.write(r, rec.status, start, f.warm.CompareAndSwap(false, true), a.id, &c, line)
	if c.aborted {
		panic(http.ErrAbortHandler) // net/http cuts the connection and stays silent
	}
}

// common sets the headers of every response. The array is the response's own:
// a handler may write into the slices.
func common(h http.Header, base string) {
	v := [4]string{"no-store", "nosniff", "no-referrer", "max-age=63072000"}
	h["Cache-Control"] = v[0:1:1]
	h["X-Content-Type-Options"] = v[1:2:2]
	h["Referrer-Policy"] = v[2:3:3]
	if baseurl.Secure(base) {
		// Without includeSubDomains: what runs on other hosts is not ours to
		// decide (RFC 6797 §6.1.2).
		h["Strict-Transport-Security"] = v[3:4:4]
	}
}

// crash says how a handler ended other than by returning.
type crash struct {
	panicked bool
	value    any
	stack    []byte // nil for http.ErrAbortHandler, which is not a fault
	aborted  bool   // the connection is to be cut
}

// run calls the handler, or answers in its place when the request must not
// reach it.
func (f *front) run(w *recorder, r *http.Request, refusal *oauth.Error) (c crash) {
	defer func() {
		if c.value = recover(); c.value != nil {
			c.panicked = true
			if c.value != http.ErrAbortHandler {
				c.stack = debug.Stack()
			}
		}
	}()
	if limit := admit(r); refusal == nil {
		refusal = limit
	}
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return c
	}
	f.next.ServeHTTP(w, r)
	return c
}

// apologise answers a request whose handler panicked. It reports false if a
// part of another answer is on its way already, or if the handler asked for
// the connection to be cut and there is one.
func (f *front) apologise(w *recorder, r *http.Request, base string, value any) bool {
	if b, ok := w.ResponseWriter.(*buffer); ok {
		b.reset()
		w.status = 0
	} else if w.status != 0 || value == http.ErrAbortHandler {
		return false
	}
	h := w.Header()
	clear(h)
	common(h, base)
	page.Refuse(w, r, &oauth.Error{Code: oauth.ServerError, Description: "Something went wrong here. The log has the details under the request id."})
	return true
}

// admit drops the headers that only a trusted proxy could vouch for and
// returns a refusal if the request carries more than the limits allow.
func admit(r *http.Request) *oauth.Error {
	size := len(r.Host)
	for name, values := range r.Header {
		if name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-") {
			delete(r.Header, name)
			continue
		}
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	switch {
	case size > MaxHeader:
		return tooLarge(http.StatusRequestHeaderFieldsTooLarge, "The headers and cookies of the request are too large. Deleting this site's cookies may help.")
	case len(r.URL.RawQuery) > MaxQuery:
		return tooLarge(http.StatusRequestURITooLong, "The query of the request is too long.")
	case r.ContentLength > MaxBody:
		return tooLarge(http.StatusRequestEntityTooLarge, "The body of the request is too large.")
	case r.ContentLength < 0:
		return measure(r)
	}
	return nil
}

func tooLarge(status int, description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidRequest, Status: status, Description: description}
}

// measure reads a body of unknown length, so that a handler never has to tell
// "too large" from "malformed".
func measure(r *http.Request) *oauth.Error {
	body, err := io.ReadAll(io.LimitReader(r.Body, MaxBody+1))
	switch {
	case err != nil:
		return badRequest("The body of the request could not be read.")
	case len(body) > MaxBody:
		return tooLarge(http.StatusRequestEntityTooLarge, "The body of the request is too large.")
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	r.ContentLength = int64(len(body))
	return nil
}
