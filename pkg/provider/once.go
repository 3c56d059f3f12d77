package provider

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
)

// once is a RoundTripper for a single request. It reads the whole answer, up
// to maxBody, and keeps it.
type once struct {
	p      *Provider
	sent   atomic.Bool
	status int // 0 until an answer has come
	header http.Header
	body   []byte
	fail   failure
}

// Waited adds to the log line of ctx's request how long it has waited for the
// provider. Each request to a provider does so by itself; whoever waits for one
// that is made for several, which has no line, does it with the time that it
// has waited.
func Waited(ctx context.Context, began time.Time) {
	logline.Add(ctx, slog.Int64("provider_ms", time.Since(began).Milliseconds()))
}

// RoundTrip implements [http.RoundTripper].
func (o *once) RoundTrip(req *http.Request) (*http.Response, error) {
	if o.sent.Swap(true) {
		o.fail = failTwice
		return nil, o.fail
	}
	defer Waited(req.Context(), time.Now())
	var began atomic.Bool
	trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { began.Store(true) }}
	req = req.Clone(httptrace.WithClientTrace(req.Context(), trace))
	req.Header.Set("Accept", "application/json")
	resp, err := o.p.transport().RoundTrip(req)
	if err != nil {
		o.fail = classify(err, began.Load())
		return nil, o.fail
	}
	defer func() { _ = resp.Body.Close() }()
	o.status, o.header = resp.StatusCode, resp.Header
	o.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		if o.fail = classify(err, true); o.fail == failMalformed {
			o.fail = failCut
		}
	case len(o.body) > maxBody:
		o.fail = failLarge
	}
	if o.fail != "" {
		o.body = nil
		return nil, o.fail
	}
	kept := *resp
	kept.Body = io.NopCloser(bytes.NewReader(o.body))
	return &kept, nil
}

// client is an HTTP client for this one request. It follows no redirect: the
// target of one would be given the code, the verifier and the credentials.
func (o *once) client() *http.Client {
	return &http.Client{
		Transport:     o,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// failed is why there is no answer. The request may not have been sent at
// all when the time was up before it began.
func (o *once) failed(ctx context.Context) failure {
	switch {
	case o.fail != "":
		return o.fail
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return failTimeout
	case ctx.Err() != nil:
		return failCanceled
	}
	return failLost
}

// send makes one request that is not x/oauth2's. The failure is empty when
// there is a whole answer, whatever its status; it is kept in the once.
func (p *Provider) send(req *http.Request) (*once, failure) {
	call := &once{p: p}
	if resp, err := call.client().Do(req); err == nil {
		_ = resp.Body.Close()
	}
	if call.status == 0 || call.fail != "" {
		return call, call.failed(req.Context())
	}
	return call, ""
}

// bounded limits ctx to d, and to what it has left less the reserve.
func bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)-reserve)
	}
	return context.WithTimeout(ctx, d)
}
