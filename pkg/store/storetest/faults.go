package storetest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Fault is what happens to one request on its way to the store and back.
type Fault func(next http.RoundTripper, r *http.Request) (*http.Response, error)

// The faults without a parameter.
var (
	// Pass lets the request through.
	Pass Fault = func(next http.RoundTripper, r *http.Request) (*http.Response, error) { return next.RoundTrip(r) }
	// DropRequest loses the request before it arrives.
	DropRequest Fault = func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		closeBody(r)
		return nil, errors.New("connection reset before the request")
	}
	// DropReply loses the reply after the request was applied.
	DropReply Fault = func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		reply, err := next.RoundTrip(r)
		if err != nil {
			return nil, err
		}
		_, _ = io.Copy(io.Discard, reply.Body) // applied for certain once it has all been said
		_ = reply.Body.Close()
		return nil, errors.New("connection reset before the reply")
	}
	// Throttle refuses as DynamoDB does beyond its throughput.
	Throttle = Reply(http.StatusBadRequest, awsError("ProvisionedThroughputExceededException"))
	// ServerError is DynamoDB's own failure.
	ServerError = Reply(http.StatusInternalServerError, awsError("InternalServerError"))
	// Garbage is a success that cannot be read.
	Garbage = Reply(http.StatusOK, `<html>`)
)

func awsError(code string) string {
	return `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `","message":"planted"}`
}

// Reply answers in the store's place; the request does not arrive.
func Reply(status int, body string) Fault {
	return func(_ http.RoundTripper, r *http.Request) (*http.Response, error) {
		closeBody(r)
		return &http.Response{
			StatusCode: status, Status: http.StatusText(status),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header:        http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
			Body:          io.NopCloser(strings.NewReader(body)),
			ContentLength: int64(len(body)), Request: r,
		}, nil
	}
}

// Delay holds the request back; its context may end the wait.
func Delay(d time.Duration) Fault {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return next.RoundTrip(r)
		case <-r.Context().Done():
			closeBody(r)
			return nil, r.Context().Err()
		}
	}
}

// StaleRead answers a GetItem with an old reply, as an eventually consistent
// read may be answered, unless it asks for a consistent one.
func StaleRead(reply string) Fault {
	return stale(reply, func(body []byte) bool {
		var asked struct{ ConsistentRead bool }
		return json.Unmarshal(body, &asked) == nil && asked.ConsistentRead
	})
}

// StaleBatch is StaleRead for a BatchGetItem: it finds nothing, unless every
// table is to be read consistently.
var StaleBatch = stale(`{"Responses":{},"UnprocessedKeys":{}}`, func(body []byte) bool {
	var asked struct {
		RequestItems map[string]struct{ ConsistentRead bool }
	}
	if json.Unmarshal(body, &asked) != nil {
		return false
	}
	for _, table := range asked.RequestItems {
		if !table.ConsistentRead {
			return false
		}
	}
	return true
})

func stale(reply string, consistent func(body []byte) bool) Fault {
	old := Reply(http.StatusOK, reply)
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		closeBody(r)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		if consistent(body) {
			return next.RoundTrip(r)
		}
		return old(next, r)
	}
}

// OneOf picks among faults, by a seed.
func OneOf(seed uint64, faults ...Fault) Fault {
	var count atomic.Uint64
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		dice := sha256.Sum256(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, seed), count.Add(1)))
		return faults[int(dice[0])%len(faults)](next, r)
	}
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

// Faults is a way to a DynamoDB endpoint on which things go wrong as planned,
// and which counts what passes. It is safe for concurrent use.
type Faults struct {
	// Next is the way on; nil means http.DefaultTransport.
	Next http.RoundTripper

	mu     sync.Mutex
	plan   map[string][]Fault
	always map[string]Fault
	seen   map[string]int
}

// Plan sets what happens to the next requests of an operation ("UpdateItem"),
// one fault each. Later ones pass, or have what Always says.
func (f *Faults) Plan(operation string, faults ...Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.plan == nil {
		f.plan = map[string][]Fault{}
	}
	f.plan[operation] = faults
}

// Always sets what happens to every request of an operation that Plan does
// not provide for.
func (f *Faults) Always(operation string, fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.always == nil {
		f.always = map[string]Fault{}
	}
	f.always[operation] = fault
}

// Seen returns how many requests of the operations were sent, faults included.
func (f *Faults) Seen(operations ...string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, operation := range operations {
		n += f.seen[operation]
	}
	return n
}

// RoundTrip implements [http.RoundTripper].
func (f *Faults) RoundTrip(r *http.Request) (*http.Response, error) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	next := f.Next
	if next == nil {
		next = http.DefaultTransport
	}
	return f.take(operation)(next, r)
}

func (f *Faults) take(operation string) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	f.seen[operation]++
	if plan := f.plan[operation]; len(plan) > 0 {
		f.plan[operation] = plan[1:]
		return plan[0]
	}
	if fault := f.always[operation]; fault != nil {
		return fault
	}
	return Pass
}
