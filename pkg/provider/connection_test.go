package provider_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-go/latchkey/pkg/provider"
)

// pipes makes a transport whose connections end in serve, without a network,
// so that time can be the test's own.
func pipes(serve func(net.Conn)) (*http.Transport, func() int) {
	dials := make(chan int, 1)
	dials <- 0
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		dials <- <-dials + 1
		go serve(far)
		return near, nil
	}
	return &http.Transport{DialContext: dial}, func() int { n := <-dials; dials <- n; return n }
}

// polite answers every request on a connection.
func polite(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		_, _ = io.WriteString(c, head+"Content-Length: "+strconv.Itoa(len(good))+"\r\n\r\n"+good)
	}
}

func TestTheExchangeEndsAfterEightSeconds_F17(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, _ := pipes(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		began := time.Now()
		_, err := exchange(t.Context(), client(func(p *provider.Provider) { p.Transport = transport }), provider.Endpoints{Token: "http://op.example/token"})
		if e := refusal(t, err); e.HTTPStatus() != 504 || e.RetryAfter <= 0 {
			t.Errorf("%v, status %d, retry after %v", e, e.HTTPStatus(), e.RetryAfter)
		}
		if took := time.Since(began); took != 8*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestARestedConnectionIsNotUsed(t *testing.T) {
	for _, test := range []struct {
		name  string
		rest  time.Duration // both clocks
		jump  time.Duration // the wall clock alone, as after a freeze
		dials int
	}{
		{"at once", 0, 0, 1},
		{"after a second", time.Second, 0, 1},
		{"after two seconds", 2001 * time.Millisecond, 0, 2},
		{"after a freeze that the monotonic clock did not see", 0, 2001 * time.Millisecond, 2},
		{"after the wall clock was set back", 0, -time.Hour, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, dials := pipes(polite)
				ahead := time.Duration(0)
				p := client(func(p *provider.Provider) {
					p.Transport = transport
					p.Now = func() time.Time { return time.Now().Add(ahead) }
				})
				ep := provider.Endpoints{Token: "http://op.example/token"}
				if _, err := exchange(t.Context(), p, ep); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.rest)
				ahead = test.jump
				if _, err := exchange(t.Context(), p, ep); err != nil {
					t.Fatal(err)
				}
				if n := dials(); n != test.dials {
					t.Errorf("%d connections, want %d", n, test.dials)
				}
				time.Sleep(time.Minute) // lets the idle connections end
			})
		})
	}
}

// TestAServerThatClosesIdleConnections_C51: each connection serves one request
// and is then closed without notice, which races with the next request.
func TestAServerThatClosesIdleConnections_C51(t *testing.T) {
	s := newRaw(t, func(s *raw, c net.Conn, _ int) {
		if s.post(bufio.NewReader(c)) {
			_, _ = io.WriteString(c, head+"Content-Length: "+strconv.Itoa(len(good))+"\r\n\r\n"+good)
		}
	})
	p := client()
	const rounds = 200
	lost := 0
	for range rounds {
		if _, err := exchange(t.Context(), p, s.endpoints()); err != nil {
			if e := refusal(t, err); e.HTTPStatus() != 503 {
				t.Errorf("%v, status %d", e, e.HTTPStatus())
			}
			lost++
		}
	}
	// A lost exchange was written to a connection that was already closed at
	// the other end, where nobody read it; it is never written again.
	if posts, _ := s.counts(); posts+lost != rounds {
		t.Errorf("%d posts arrived and %d were lost in %d exchanges", posts, lost, rounds)
	}
}

// TestASecondRequestIsNotRepeated_C51: the connection dies after the second
// request was read from it. Repeating that one would redeem the code twice.
func TestASecondRequestIsNotRepeated_C51(t *testing.T) {
	s := newRaw(t, func(s *raw, c net.Conn, _ int) {
		r := bufio.NewReader(c)
		if s.post(r) {
			_, _ = io.WriteString(c, head+"Content-Length: "+strconv.Itoa(len(good))+"\r\n\r\n"+good)
		}
		s.post(r)
	})
	p := client()
	if _, err := exchange(t.Context(), p, s.endpoints()); err != nil {
		t.Fatal(err)
	}
	_, err := exchange(t.Context(), p, s.endpoints())
	if e := refusal(t, err); e.HTTPStatus() != 503 {
		t.Errorf("%v, status %d", e, e.HTTPStatus())
	}
	if posts, conns := s.counts(); posts != 2 || conns != 1 {
		t.Errorf("%d posts on %d connections, want 2 on 1", posts, conns)
	}
}

// TestOneRequestForEachExchange_C51: whatever x/oauth2 may come to do, a second
// request of the same exchange ends here.
func TestOneRequestForEachExchange_C51(t *testing.T) {
	f := newFar(t, answer(200, good))
	once := provider.Once(client())
	for i, ok := range []bool{true, false, false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := once.RoundTrip(req)
		if (err == nil) != ok {
			t.Errorf("request %d: error %v", i+1, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d posts, want 1", n)
	}
}
