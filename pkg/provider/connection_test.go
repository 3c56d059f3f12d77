package provider_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
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

func TestEachExchangeHasItsOwnConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, dials := pipes(polite)
		p := client(func(p *provider.Provider) { p.Transport = transport })
		for range 3 {
			if _, err := exchange(t.Context(), p, provider.Endpoints{Token: "http://op.example/token"}); err != nil {
				t.Fatal(err)
			}
		}
		if n := dials(); n != 3 {
			t.Errorf("%d connections for 3 exchanges", n)
		}
	})
}

// TestAServerThatClosesEveryConnection_C51: each connection serves one request
// and is then closed without notice, which would race with a second one.
func TestAServerThatClosesEveryConnection_C51(t *testing.T) {
	s := newRaw(t, func(s *raw, c net.Conn, _ int) {
		if s.post(bufio.NewReader(c)) {
			_, _ = io.WriteString(c, head+"Content-Length: "+strconv.Itoa(len(good))+"\r\n\r\n"+good)
		}
	})
	p := client()
	const rounds = 200
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range rounds / 10 {
				if _, err := exchange(t.Context(), p, s.endpoints()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if posts, _ := s.counts(); posts != rounds {
		t.Errorf("%d posts arrived in %d exchanges", posts, rounds)
	}
}

// TestSurplusBytesStayOutOfTheLog_C49: net/http logs what arrives on a
// connection that it keeps, and it would be tokens.
func TestSurplusBytesStayOutOfTheLog_C49(t *testing.T) {
	var lines bytes.Buffer
	log.SetOutput(&lines)
	defer log.SetOutput(os.Stderr)
	for _, status := range []string{"204 No Content", "304 Not Modified", "200 OK\r\nContent-Length: 2"} {
		gone := make(chan struct{})
		s := newRaw(t, func(s *raw, c net.Conn, _ int) {
			defer close(gone)
			if s.post(bufio.NewReader(c)) {
				_, _ = io.WriteString(c, "HTTP/1.1 "+status+"\r\nContent-Type: application/json\r\n\r\n{}"+good)
				_, _ = io.Copy(io.Discard, c) // until the other end has hung up
			}
		})
		if _, err := exchange(t.Context(), client(), s.endpoints()); err == nil {
			t.Errorf("%s: accepted", status)
		}
		<-gone
	}
	if lines.Len() > 0 {
		t.Errorf("logged: %s", lines.String())
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
