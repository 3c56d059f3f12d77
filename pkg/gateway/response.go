package gateway

import (
	"net/http"
	"strconv"
	"strings"
)

// recorder notes the status of a response on its way out. Like net/http it
// takes the first final status and panics on a number that is none; unlike
// net/http it says nothing about a second one.
type recorder struct {
	http.ResponseWriter
	status int // 0 until it is decided
}

func (w *recorder) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic("gateway: the handler sent the status " + strconv.Itoa(status))
	}
	if w.status != 0 {
		return
	}
	if status >= 200 { // before that it is informational, more follows
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// buffer holds a response until the handler is done, with the rules of
// net/http: the headers are those at the time of the first WriteHeader, some
// answers have no body. The zero value is ready.
type buffer struct {
	head   bool // the request was a HEAD
	header http.Header
	sent   http.Header // header as it was when status was decided
	status int
	body   []byte
}

func (b *buffer) Header() http.Header {
	if b.header == nil {
		b.header = make(http.Header, 8)
	}
	return b.header
}

func (b *buffer) WriteHeader(status int) {
	if b.status != 0 || status < 200 {
		return
	}
	b.status, b.sent = status, b.Header().Clone()
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	switch {
	case b.status == http.StatusNoContent || b.status == http.StatusNotModified:
		return 0, http.ErrBodyNotAllowed
	case !b.head:
		b.body = append(b.body, p...)
	}
	return len(p), nil
}

func (b *buffer) reset() { *b = buffer{head: b.head} }

// sendTo hands the response to the adapter. Nothing written means 200.
func (b *buffer) sendTo(w http.ResponseWriter) {
	b.WriteHeader(http.StatusOK)
	h := w.Header()
	for name, values := range b.sent {
		for i, v := range values {
			values[i] = lineEnds.Replace(v)
		}
		h[name] = values
	}
	w.WriteHeader(b.status)
	if len(b.body) > 0 {
		_, _ = w.Write(b.body) // into memory
	}
}

// lineEnds does to a header's value what net/http does when it writes one.
var lineEnds = strings.NewReplacer("\r", " ", "\n", " ")
