package page

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// maxCause bounds, in characters, how much of a cause goes to the log.
const maxCause = 300

// Refuse answers r with e: a page for navigations, JSON for everything else,
// with the same facts in both. It drops what a handler may have set for an
// answer that is not to be given, a redirect and cookies above all, and puts
// the outcome and the cause on the log line.
func Refuse(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	record(r, e)
	h := w.Header()
	for _, name := range notOnRefusal {
		h.Del(name)
	}
	wait := Seconds(e.RetryAfter)
	if wait != "" {
		h.Set("Retry-After", wait)
	}
	id, again := logline.RequestID(r.Context()), local(e.RetryURL)
	if Navigation(r) {
		Show(w, r, e.HTTPStatus(), failure(failureView{
			Heading:     heading(e),
			Description: readable(e.Description),
			RetryURL:    again,
			Retry:       retry(e),
			Wait:        wait,
			RequestID:   readable(id),
			Code:        readable(string(e.Code)),
		}))
		return
	}
	answer := refusal{Error: ascii(string(e.Code)), Description: ascii(e.Description), RequestID: id, RetryURL: again}
	if signedOut(e) {
		answer.LoginURL = again
	}
	body, err := json.Marshal(answer)
	if err != nil {
		panic("page: " + err.Error()) // strings always marshal
	}
	send(w, r, e.HTTPStatus(), "application/json", append(body, '\n'))
}

// refusal is the JSON form (RFC 6749 §5.2 and members of our own).
type refusal struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	RequestID   string `json:"request_id,omitempty"`
	RetryURL    string `json:"retry_url,omitempty"`
	// LoginURL is RetryURL where that is a new login.
	LoginURL string `json:"login_url,omitempty"`
}

// notOnRefusal names what belongs to the answer that was given up.
var notOnRefusal = []string{
	"Location", "Refresh", "Set-Cookie", "Retry-After", "Content-Security-Policy",
	"Content-Length", "Content-Encoding", "Content-Disposition", "Content-Language", "Content-Range",
	"Accept-Ranges", "Etag", "Last-Modified", "Expires",
}

func record(r *http.Request, e *oauth.Error) {
	attrs := []slog.Attr{slog.String("outcome", string(e.Code))}
	if e.Cause != nil {
		attrs = append(attrs, slog.String("cause", cut(e.Cause.Error(), maxCause)))
	}
	logline.Add(r.Context(), attrs...)
}

// cut returns at most n characters of s.
func cut(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// Seconds is the delay-seconds of Retry-After (RFC 9110 §10.2.3), rounded up:
// whoever waits that long is never early. It is empty when there is nothing
// to wait for.
func Seconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	s := d / time.Second
	if d%time.Second != 0 {
		s++
	}
	return strconv.FormatInt(int64(s), 10)
}

// local returns s if it is a path on this host and "" if a browser could take
// it elsewhere: "//host" and "/\host" name another host, also with the tabs
// and line ends between that browsers remove.
func local(s string) string {
	if !strings.HasPrefix(s, "/") || strings.HasPrefix(s, "//") || strings.ContainsRune(s, '\\') {
		return ""
	}
	if strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c == 0x7f || c == unicode.ReplacementChar }) {
		return ""
	}
	return s
}

// readable is s as a page may show it: valid, on one line. Escaping is the
// template's.
func readable(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}

// ascii reduces s to the characters of error_description: %x20-21, %x23-5B
// and %x5D-7E (RFC 6749 §5.2).
func ascii(s string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '"' || c == '\u2018' || c == '\u2019' || c == '\u201c' || c == '\u201d':
			return '\''
		case c == '\\':
			return '/'
		case c >= '\u2010' && c <= '\u2015':
			return '-'
		case unicode.IsSpace(c) || unicode.IsControl(c):
			return ' '
		case c > 0x7e:
			return '?'
		}
		return c
	}, s)
}
