package provider_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// soon is a request that has little time left, of which the exchange must
// leave half a second.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

// TestBrokenProviders_C54_F15_F18_F19: whatever the far side does, there is one
// post, one answer, in time.
func TestBrokenProviders_C54_F15_F18_F19(t *testing.T) {
	compressed := bomb()
	for _, test := range []struct {
		name   string
		answer func(io.Writer)
		reset  bool
		status int
		cause  string
		posts  int
	}{
		{"closes before it answers", func(io.Writer) {}, false, 503, "connection lost before an answer", 1},
		{"resets before it answers", func(io.Writer) {}, true, 503, "connection lost before an answer", 1},
		{"does not speak HTTP", func(w io.Writer) { _, _ = io.WriteString(w, "SSH-2.0-OpenSSH_9.9\r\n") }, false, 502, "malformed answer", 1},
		{"dies in the header", func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-") }, false, 502, "malformed answer", 1},
		{"dies in the body", func(w io.Writer) { _, _ = io.WriteString(w, head+"Content-Length: 200\r\n\r\n"+good[:40]) }, false, 502, "answer cut short", 1},
		{"dies in a chunk", func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Transfer-Encoding: chunked\r\n\r\n40\r\n"+good[:20])
		}, false, 502, "answer cut short", 1},
		{"sends a body of 100 MB", func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Content-Length: 104857600\r\n\r\n")
			pour(w, 1600)
		}, false, 502, "answer too large", 1},
		{"sends a body without an end", func(w io.Writer) { _, _ = io.WriteString(w, head+"\r\n"); pour(w, -1) }, false, 502, "answer too large", 1},
		{"sends headers without an end", func(w io.Writer) { _, _ = io.WriteString(w, head+"X: "); pour(w, -1) }, false, 502, "malformed answer", 1},
		{"sends interim answers without an end", func(w io.Writer) {
			for {
				if _, err := io.WriteString(w, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); err != nil {
					return
				}
			}
		}, false, 502, "malformed answer", 1},
		{"sends a gzip bomb", func(w io.Writer) {
			_, _ = io.WriteString(w, head+"Content-Encoding: gzip\r\n\r\n")
			_, _ = w.Write(compressed)
		}, false, 502, "token endpoint answered 200 an encoded body", 1},
		{"says nothing", func(w io.Writer) { drip(w, "") }, false, 504, "timeout", 1},
		{"drips its header", func(w io.Writer) { drip(w, head) }, false, 504, "timeout", 1},
		{"drips its body", func(w io.Writer) { _, _ = io.WriteString(w, head+"\r\n"); drip(w, good) }, false, 504, "timeout", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newRaw(t, func(s *raw, c net.Conn, _ int) {
				if !s.post(bufio.NewReader(c)) {
					return
				}
				test.answer(c)
				if test.reset {
					_ = c.(*net.TCPConn).SetLinger(0)
				}
			})
			ctx := t.Context()
			if test.status == 504 {
				ctx = soon(t)
			}
			_, err := exchange(ctx, client(), s.endpoints())
			if ctx.Err() != nil {
				t.Error("no time is left to answer the browser")
			}
			e := refusal(t, err)
			if e.HTTPStatus() != test.status || !strings.HasSuffix(e.Cause.Error(), test.cause) {
				t.Errorf("%v, status %d; want %d, %q", e, e.HTTPStatus(), test.status, test.cause)
			}
			if want := map[int]oauth.Code{502: oauth.ProviderError, 503: oauth.ProviderUnavailable, 504: oauth.ProviderUnavailable}[test.status]; e.Code != want {
				t.Errorf("code %s, want %s", e.Code, want)
			}
			if (e.RetryAfter > 0) != (e.Code == oauth.ProviderUnavailable) {
				t.Errorf("%s with Retry-After %v", e.Code, e.RetryAfter)
			}
			if posts, _ := s.counts(); posts != test.posts {
				t.Errorf("%d posts, want %d", posts, test.posts)
			}
		})
	}
}

// pour writes n times 64 KB, or until the other side has had enough.
func pour(w io.Writer, n int) {
	block := bytes.Repeat([]byte("x"), 64<<10)
	for ; n != 0; n-- {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// drip writes s too slowly, and then nothing, until the other side hangs up.
func drip(w io.Writer, s string) {
	c := w.(net.Conn)
	gone := make(chan struct{})
	go func() { _, _ = c.Read(make([]byte, 1)); close(gone) }()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-tick.C:
			if s != "" {
				_, _ = io.WriteString(c, s[:1])
				s = s[1:]
			}
		}
	}
}

func bomb() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	pour(z, 512)
	_ = z.Close()
	return b.Bytes()
}

func TestLargeAnswersTakeNoMemory_C54(t *testing.T) {
	s := newRaw(t, func(s *raw, c net.Conn, _ int) {
		if s.post(bufio.NewReader(c)) {
			_, _ = io.WriteString(c, head+"\r\n")
			pour(c, 1600)
		}
	})
	p := client()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 4 {
		_, err := exchange(t.Context(), p, s.endpoints())
		refusal(t, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 16<<20 {
		t.Errorf("four answers of 100 MB took %d KB", grown>>10)
	}
}

func TestNobodyListens_F15(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String() + "/token"
	_ = l.Close()
	for name, url := range map[string]string{"dial": closed, "dns": "http://provider.invalid/token"} {
		t.Run(name, func(t *testing.T) {
			_, err := exchange(t.Context(), client(), provider.Endpoints{Token: url})
			if e := refusal(t, err); e.HTTPStatus() != 503 || e.RetryAfter <= 0 || e.Cause.Error() != "token endpoint: "+name {
				t.Errorf("%v, status %d, retry after %v", e, e.HTTPStatus(), e.RetryAfter)
			}
		})
	}
}

func TestNoTimeIsLeft(t *testing.T) {
	f := newFar(t, answer(200, good))
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	_, err := exchange(ctx, client(), f.endpoints())
	if e := refusal(t, err); e.HTTPStatus() != 504 {
		t.Errorf("%v, status %d", e, e.HTTPStatus())
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d posts whose answer could not be used", n)
	}
}
