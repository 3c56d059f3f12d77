package provider_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
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

// broken are far sides that do everything but answer. status is that of the
// error, the same for every call but for a timeout in a refresh.
var broken = []struct {
	name   string
	answer func(io.Writer)
	reset  bool
	status int
	cause  string
}{
	{"closes before it answers", func(io.Writer) {}, false, 503, "connection lost before an answer"},
	{"resets before it answers", func(io.Writer) {}, true, 503, "connection lost before an answer"},
	{"does not speak HTTP", func(w io.Writer) { _, _ = io.WriteString(w, "SSH-2.0-OpenSSH_9.9\r\n") }, false, 502, "malformed answer"},
	{"dies in the header", func(w io.Writer) { _, _ = io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-") }, false, 502, "malformed answer"},
	{"dies in the body", func(w io.Writer) { _, _ = io.WriteString(w, head+"Content-Length: 200\r\n\r\n"+good[:40]) }, false, 502, "answer cut short"},
	{"dies in a chunk", func(w io.Writer) {
		_, _ = io.WriteString(w, head+"Transfer-Encoding: chunked\r\n\r\n40\r\n"+good[:20])
	}, false, 502, "answer cut short"},
	{"sends a body of 100 MB", func(w io.Writer) {
		_, _ = io.WriteString(w, head+"Content-Length: 104857600\r\n\r\n")
		pour(w, 1600)
	}, false, 502, "answer too large"},
	{"sends a body without an end", func(w io.Writer) { _, _ = io.WriteString(w, head+"\r\n"); pour(w, -1) }, false, 502, "answer too large"},
	{"sends headers without an end", func(w io.Writer) { _, _ = io.WriteString(w, head+"X: "); pour(w, -1) }, false, 502, "malformed answer"},
	{"sends interim answers without an end", func(w io.Writer) {
		for {
			if _, err := io.WriteString(w, "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"); err != nil {
				return
			}
		}
	}, false, 502, "malformed answer"},
	{"sends a gzip bomb", func(w io.Writer) {
		_, _ = io.WriteString(w, head+"Content-Encoding: gzip\r\n\r\n")
		_, _ = w.Write(bomb())
	}, false, 502, " an encoded body"},
	{"says nothing", func(w io.Writer) { drip(w, "") }, false, 504, "timeout"},
	{"drips its header", func(w io.Writer) { drip(w, head) }, false, 504, "timeout"},
	{"drips its body", func(w io.Writer) { _, _ = io.WriteString(w, head+"\r\n"); drip(w, good) }, false, 504, "timeout"},
}

// TestBrokenProviders_C54_F15_F18_F19: whatever the far side does,
// there is one request, one answer, in time.
func TestBrokenProviders_C54_F15_F18_F19(t *testing.T) {
	bomb() // made before anybody waits for it
	for name, call := range map[string]func(context.Context, *provider.Provider, provider.Endpoints) error{
		"exchange": func(ctx context.Context, p *provider.Provider, ep provider.Endpoints) error {
			_, err := exchange(ctx, p, ep)
			return err
		},
		"refresh": func(ctx context.Context, p *provider.Provider, ep provider.Endpoints) error {
			_, err := p.Refresh(ctx, ep, oldRefresh)
			return err
		},
		"userinfo": func(ctx context.Context, p *provider.Provider, ep provider.Endpoints) error {
			_, err := p.UserInfo(ctx, ep, access)
			return err
		},
	} {
		for _, test := range broken {
			t.Run(name+" "+test.name, func(t *testing.T) {
				s := newRaw(t, func(s *raw, c net.Conn, _ int) {
					if !s.post(bufio.NewReader(c)) {
						return
					}
					test.answer(c)
					if test.reset {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
				})
				ctx, status := t.Context(), test.status
				if status == 504 {
					ctx = soon(t)
					if name == "refresh" {
						status = 503
					}
				}
				err := call(ctx, client(func(p *provider.Provider) { p.Subject = "sub" }), s.endpoints())
				if ctx.Err() != nil {
					t.Error("no time is left to answer the browser")
				}
				e := refusal(t, err)
				if e.HTTPStatus() != status || !strings.HasSuffix(e.Cause.Error(), test.cause) {
					t.Errorf("%v, status %d; want %d, %q", e, e.HTTPStatus(), status, test.cause)
				}
				if want := map[int]oauth.Code{502: oauth.ProviderError, 503: oauth.ProviderUnavailable, 504: oauth.ProviderUnavailable}[test.status]; e.Code != want {
					t.Errorf("code %s, want %s", e.Code, want)
				}
				if (e.RetryAfter > 0) != (e.Code == oauth.ProviderUnavailable) {
					t.Errorf("%s with Retry-After %v", e.Code, e.RetryAfter)
				}
				if errors.Is(err, provider.ErrRefreshRefused) {
					t.Error("is taken for the provider's refusal")
				}
				if posts, _ := s.counts(); posts != 1 {
					t.Errorf("%d requests, want one", posts)
				}
			})
		}
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

var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	pour(z, 512)
	_ = z.Close()
	return b.Bytes()
})

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
