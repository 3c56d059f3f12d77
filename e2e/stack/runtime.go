package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxReply is the size from which Lambda refuses a reply.
const maxReply = 6<<20 + 100

// invocation is one event on its way through a process.
type invocation struct {
	id       string
	event    []byte
	deadline time.Time
	arn      string
	done     chan outcome // has room for the one outcome
}

// outcome is how an invocation ended: the function's reply, or why there is none.
type outcome struct {
	reply []byte
	err   error
}

// errTooLarge is the outcome of a reply over maxReply.
var errTooLarge = errors.New("the reply is larger than Lambda takes")

// runtimeAPI stands in for the Lambda Runtime API (2018-06-01) of one process:
// next, response, error and init/error. It hands out one invocation at a time.
type runtimeAPI struct {
	listener net.Listener
	server   *http.Server
	work     chan *invocation
	ready    chan struct{} // closed at the first call of next: init is over

	mu        sync.Mutex
	isReady   bool
	current   *invocation
	initError string
}

func newRuntimeAPI() (*runtimeAPI, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("stack: runtime API: %w", err)
	}
	a := &runtimeAPI{listener: l, work: make(chan *invocation), ready: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", a.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", a.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", a.failedInit)
	a.server = &http.Server{Handler: mux}
	go a.server.Serve(l)
	return a, nil
}

func (a *runtimeAPI) address() string { return a.listener.Addr().String() }

func (a *runtimeAPI) close() { _ = a.server.Close() }

// next waits for work. The wait ends with the process, whose connection breaks.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	if !a.isReady {
		a.isReady = true
		close(a.ready)
	}
	a.mu.Unlock()
	select {
	case <-r.Context().Done():
	case inv := <-a.work:
		a.mu.Lock()
		a.current = inv
		a.mu.Unlock()
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
		h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
		h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
		h.Set("Lambda-Runtime-Trace-Id", "Root=1-"+inv.id[:8]+"-"+strings.ReplaceAll(inv.id[9:], "-", "")[:24]+";Sampled=0")
		_, _ = w.Write(inv.event)
	}
}

func (a *runtimeAPI) response(w http.ResponseWriter, r *http.Request) {
	reply, err := io.ReadAll(io.LimitReader(r.Body, maxReply+1))
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "InvalidRequest")
	case len(reply) > maxReply:
		a.settle(r.PathValue("id"), outcome{err: errTooLarge})
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge")
	default:
		accept(w, a.settle(r.PathValue("id"), outcome{reply: reply}))
	}
}

func (a *runtimeAPI) failure(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxReply))
	accept(w, a.settle(r.PathValue("id"), outcome{err: fmt.Errorf("the function failed: %s", text)}))
}

func (a *runtimeAPI) failedInit(w http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(io.LimitReader(r.Body, maxReply))
	a.mu.Lock()
	a.initError = string(text)
	a.mu.Unlock()
	accept(w, true)
}

// settle ends the current invocation; false if it has another id.
func (a *runtimeAPI) settle(id string, o outcome) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current == nil || a.current.id != id {
		return false
	}
	a.current.done <- o
	a.current = nil
	return true
}

// give hands an invocation to the process, and waits until the process took it.
// A process that ends instead (after a panic it replies, then exits) has not
// seen the invocation: errNotTaken.
func (a *runtimeAPI) give(ctx context.Context, inv *invocation, gone <-chan struct{}) error {
	select {
	case a.work <- inv:
		return nil
	case <-gone:
		return errNotTaken
	case <-ctx.Done():
		return ctx.Err()
	}
}

func accept(w http.ResponseWriter, ok bool) {
	if !ok {
		refuse(w, http.StatusBadRequest, "InvalidRequestID")
		return
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, status int, kind string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"errorMessage":"refused","errorType":%q}`, kind)
}
