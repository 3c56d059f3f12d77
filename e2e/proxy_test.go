package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// tableProxy stands between the functions and a DynamoDB endpoint and does to
// the connection what networks do.
type tableProxy struct {
	url    string
	target string

	mu      sync.Mutex
	faults  map[string]*fault // by operation
	applied map[string]int    // requests that the endpoint has answered, by operation
	server  *http.Server      // nil while connections are refused
}

// fault is what happens to the next requests of one operation; each number
// counts down to 0, and a negative one does not end.
type fault struct {
	throttle  int // answered with a throttling error, not forwarded
	dropReply int // forwarded, then the connection is cut
	delay     int // forwarded, then nothing until the client leaves
}

func startProxy(t *testing.T, target string) *tableProxy {
	t.Helper()
	// Not a port of the system's own choice: it must be free again after the
	// proxy has refused connections for a while.
	p := &tableProxy{url: fmt.Sprintf("http://127.0.0.1:%d", port()), target: target, faults: map[string]*fault{}, applied: map[string]int{}}
	p.accept(t)
	t.Cleanup(p.refuse)
	return p
}

// accept takes connections (again).
func (p *tableProxy) accept(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = &http.Server{Handler: p}
	go p.server.Serve(l)
}

// refuse cuts all connections and takes no new one.
func (p *tableProxy) refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.server != nil {
		_ = p.server.Close()
		p.server = nil
	}
}

// plan says what happens to an operation from now on.
func (p *tableProxy) plan(operation string, f fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[operation] = &f
}

// appliedTo is how many requests of an operation the endpoint has answered.
func (p *tableProxy) appliedTo(operation string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.applied[operation]
}

// next takes one fault off the plan.
func (p *tableProxy) next(operation string) (throttle, drop, delay bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.faults[operation]
	if f == nil {
		return false, false, false
	}
	take := func(n *int) bool {
		if *n > 0 {
			*n--
			return true
		}
		return *n < 0
	}
	if take(&f.throttle) {
		return true, false, false
	}
	return false, take(&f.dropReply), take(&f.delay)
}

// ServeHTTP implements [http.Handler].
func (p *tableProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	throttle, drop, delay := p.next(operation)
	if throttle {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`)
		return
	}
	answer, header, status, err := p.forward(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	p.mu.Lock()
	p.applied[operation]++
	p.mu.Unlock()
	if delay {
		<-r.Context().Done()
	}
	if drop || delay {
		panic(http.ErrAbortHandler) // net/http cuts the connection
	}
	for _, name := range []string{"Content-Type", "X-Amz-Crc32", "X-Amzn-Requestid"} {
		if v := header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.WriteHeader(status)
	_, _ = w.Write(answer)
}

// forward sends the request on, whether its client still waits or not.
func (p *tableProxy) forward(r *http.Request) ([]byte, http.Header, int, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, 0, err
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), r.Method, p.target+r.URL.Path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, 0, err
	}
	request.Header, request.Host = r.Header.Clone(), r.Host
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, nil, 0, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	return answer, response.Header, response.StatusCode, err
}
