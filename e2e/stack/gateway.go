package stack

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

type onProcess struct{}

// OnProcess returns a context for requests that go to process number i of the
// function they meet, instead of to the next one in turn.
func OnProcess(ctx context.Context, i int) context.Context {
	return context.WithValue(ctx, onProcess{}, i)
}

// RoundTrip stands in for API Gateway: a request for the stack's address
// becomes an event for the function whose route it matches. A function that
// fails, is too slow or replies nonsense is a 500, no route is a 404, and what
// an authorizer does not let pass a 401, 403 or 500, all with the gateway's
// own bodies. Requests for other addresses go to the base.
func (s *Stack) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.hosts[r.URL.Scheme+"://"+strings.ToLower(r.URL.Host)] {
		return s.base.RoundTrip(r)
	}
	body, err := readBody(r)
	if err != nil {
		return nil, fmt.Errorf("stack: body of the request: %w", err)
	}
	id := newID()
	route, parameters, ok := s.route(r.Method, cmp.Or(r.URL.Path, "/"))
	if !ok {
		return refusal(r, http.StatusNotFound, "Not Found", id), nil
	}
	e := s.eventOf(r, route, body, id)
	e.PathParameters = parameters
	if s.samLocal {
		e = s.asSAMLocal(e, r, body)
	}
	if refused, err := s.authorize(r, route, &e); refused != nil || err != nil {
		return refused, err
	}
	event, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("stack: event: %w", err)
	}
	answer, err := s.Invoke(r.Context(), route.Function, event)
	if ctxErr := r.Context().Err(); err != nil && ctxErr != nil {
		return nil, ctxErr
	}
	if err == nil {
		var response *http.Response
		if response, err = responseTo(r, answer, id); err == nil {
			return response, nil
		}
		s.failures.add(route.Function, err)
	}
	return refusal(r, http.StatusInternalServerError, "Internal Server Error", id), nil
}

// route finds the route of a request: the one of just this path, else one with
// a parameter.
func (s *Stack) route(method, path string) (Route, map[string]string, bool) {
	if r, exact := s.routes[method+" "+path]; exact {
		return r, nil, true
	}
	for _, r := range s.routes {
		if parameters, ok := r.match(method, path); ok {
			return r, parameters, true
		}
	}
	return Route{}, nil, false
}

// Invoke hands an event to a function and returns its reply. The invocation
// goes on when ctx ends, as it does on Lambda; only the wait is over.
func (s *Stack) Invoke(ctx context.Context, id string, event []byte) ([]byte, error) {
	f, ok := s.functions[id]
	if !ok {
		return nil, fmt.Errorf("stack: no function %s", id)
	}
	slot := f.pick(ctx)
	done := make(chan outcome, 1)
	go func() {
		reply, err := slot.invoke(event)
		if err != nil {
			s.failures.add(id, err)
		}
		done <- outcome{reply, err}
	}()
	select {
	case o := <-done:
		return o.reply, o.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Kill ends process number i of a function at once, as when Lambda takes an
// instance away. An invocation that it is at fails.
func (s *Stack) Kill(id string, i int) { s.functions[id].slots[i].kill() }

// Log is all that a function's processes wrote, the ended ones included.
func (s *Stack) Log(id string) string {
	var b strings.Builder
	for _, slot := range s.functions[id].slots {
		b.WriteString(slot.log())
	}
	return b.String()
}

// ProcessLog is what the processes in place i of a function wrote.
func (s *Stack) ProcessLog(id string, i int) string { return s.functions[id].slots[i].log() }

// Failures lists, in order, the invocations that ended without a usable
// reply, and the processes that ended by themselves, with function and reason.
func (s *Stack) Failures() []string { return s.failures.all() }

// newID is a random request id in the form of a UUID.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
