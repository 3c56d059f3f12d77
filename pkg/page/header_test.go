package page_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
)

func TestRetryAfterIsNeverEarly(t *testing.T) {
	for name, c := range map[string]struct {
		in             time.Duration
		header, onPage string
	}{
		"none":                  {0, "", ""},
		"negative":              {-time.Second, "", ""},
		"a nanosecond":          {1, "1", "Please wait a second "},
		"a whole second":        {time.Second, "1", "Please wait a second "},
		"just above a second":   {time.Second + 1, "2", "Please wait 2 seconds "},
		"two and a half":        {2500 * time.Millisecond, "3", "Please wait 3 seconds "},
		"two minutes":           {2 * time.Minute, "120", "Please wait 120 seconds "},
		"as long as it can get": {1<<63 - 1, "9223372037", "Please wait 9223372037 seconds "},
	} {
		t.Run(name, func(t *testing.T) {
			e := &oauth.Error{Code: oauth.StoreUnavailable, Description: "x", RetryAfter: c.in}
			for _, mode := range []string{"cors", "navigate"} {
				w, _ := ask(t, "GET", mode, "", e)
				if got := w.Header().Get("Retry-After"); got != c.header {
					t.Errorf("%s: Retry-After %q, want %q", mode, got, c.header)
				}
				if mode == "navigate" && !strings.Contains(w.Body.String(), c.onPage) {
					t.Errorf("the page lacks %q", c.onPage)
				}
			}
		})
	}
}

func TestHeadHasNoBody(t *testing.T) {
	for _, mode := range []string{"cors", "navigate"} {
		e := &oauth.Error{Code: oauth.StateUsed, Description: "x"}
		get, _ := ask(t, "GET", mode, "", e)
		head, _ := ask(t, "HEAD", mode, "", e)
		if head.Body.Len() != 0 || head.Code != get.Code {
			t.Errorf("%s: status %d, %d bytes of body", mode, head.Code, head.Body.Len())
		}
		if diff := cmp.Diff(get.Header(), head.Header()); diff != "" {
			t.Errorf("%s: header (-GET +HEAD):\n%s", mode, diff)
		}
	}
}

func TestRefusalDropsTheGivenUpAnswer(t *testing.T) {
	for _, mode := range []string{"cors", "navigate"} {
		t.Run(mode, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/callback", nil)
			r.Header.Set("Sec-Fetch-Mode", mode)
			w := httptest.NewRecorder()
			gone := []string{
				"Location", "Refresh", "Set-Cookie", "Retry-After", "Content-Length", "Content-Encoding",
				"Content-Disposition", "Etag", "Last-Modified", "Expires",
			}
			for _, name := range gone {
				w.Header().Add(name, "https://app.example/")
				w.Header().Add(name, "session=abc")
			}
			w.Header().Set("Cache-Control", "public, max-age=600")
			w.Header().Set("Content-Security-Policy", "default-src *")
			w.Header().Set("Allow", "GET")
			page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: 405, Description: "x"})

			want := http.Header{
				"Allow":                  {"GET"},
				"Cache-Control":          {"no-store"},
				"Content-Type":           {"application/json"},
				"Referrer-Policy":        {"no-referrer"},
				"X-Content-Type-Options": {"nosniff"},
			}
			if mode == "navigate" {
				want["Content-Type"] = []string{"text/html; charset=utf-8"}
				want["X-Frame-Options"] = []string{"DENY"}
				want["Content-Security-Policy"] = w.Header()["Content-Security-Policy"]
			}
			if diff := cmp.Diff(want, w.Header()); diff != "" || w.Code != 405 {
				t.Errorf("status %d; header (-want +got):\n%s", w.Code, diff)
			}
			if strings.Contains(w.Header().Get("Content-Security-Policy"), "*") {
				t.Error("a handler's own policy survived")
			}
		})
	}
}
