package page_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
)

const requestID = "JKJaXmPLvHcESHA="

// ask refuses a request with e and returns the answer and the log line. mode
// is the request's Sec-Fetch-Mode.
func ask(t testing.TB, method, mode, id string, e *oauth.Error) (*httptest.ResponseRecorder, map[string]string) {
	t.Helper()
	r := httptest.NewRequest(method, "/callback", nil)
	r.Header.Set("Sec-Fetch-Mode", mode)
	ctx, line := logline.With(r.Context(), id)
	w := httptest.NewRecorder()
	page.Refuse(w, r.WithContext(ctx), e)
	logged := map[string]string{}
	for _, a := range line.Attrs() {
		logged[a.Key] = a.Value.String()
	}
	return w, logged
}

func members(t testing.TB, w *httptest.ResponseRecorder) map[string]string {
	t.Helper()
	got := map[string]string{}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("body is not a JSON object of strings: %v\n%s", err, w.Body)
	}
	return got
}

var h1 = regexp.MustCompile(`<h1>([^<]+)</h1>`)

func TestEveryCodeAsJSONAndAsPage(t *testing.T) {
	codes := map[oauth.Code]int{
		oauth.InvalidRequest:      400,
		oauth.AccessDenied:        400,
		oauth.LoginExpired:        400,
		oauth.StateUnknown:        400,
		oauth.StateUsed:           400,
		oauth.IssuerMismatch:      400,
		oauth.NonceMismatch:       400,
		oauth.WrongBrowser:        403,
		oauth.ConfigError:         500,
		oauth.ProviderError:       502,
		oauth.ProviderUnavailable: 503,
		oauth.StoreUnavailable:    503,
		oauth.NotAuthenticated:    401,
		oauth.SessionExpired:      401,
		oauth.CSRFRequired:        403,
	}
	login := map[oauth.Code]bool{oauth.NotAuthenticated: true, oauth.SessionExpired: true}
	headings := map[string]oauth.Code{"Something went wrong": "one without a heading"}
	for code, status := range codes {
		t.Run(string(code), func(t *testing.T) {
			e := &oauth.Error{Code: code, Description: "What happened.", RetryURL: "/login?return_to=%2Fx"}
			w, logged := ask(t, "GET", "cors", requestID, e)
			want := map[string]string{
				"error": string(code), "error_description": "What happened.",
				"request_id": requestID, "retry_url": "/login?return_to=%2Fx",
			}
			way := "Try again"
			if login[code] {
				want["login_url"], way = want["retry_url"], "Sign in"
			}
			if diff := cmp.Diff(want, members(t, w)); diff != "" || w.Code != status {
				t.Errorf("JSON status %d, want %d; members (-want +got):\n%s", w.Code, status, diff)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
			if diff := cmp.Diff(map[string]string{"outcome": string(code)}, logged); diff != "" {
				t.Errorf("log line (-want +got):\n%s", diff)
			}

			w, _ = ask(t, "GET", "navigate", requestID, e)
			body := w.Body.String()
			for _, fact := range []string{string(code), "What happened.", requestID, `href="/login?return_to=%2Fx">` + way + `</a>`} {
				if !strings.Contains(body, fact) {
					t.Errorf("the page lacks %q", fact)
				}
			}
			if w.Code != status {
				t.Errorf("page status %d, want %d", w.Code, status)
			}
			found := h1.FindStringSubmatch(body)
			if found == nil {
				t.Fatal("the page has no heading")
			}
			if other, taken := headings[found[1]]; taken {
				t.Errorf("heading %q is also that of %s", found[1], other)
			}
			headings[found[1]] = code
		})
	}
}

func TestHeadingsBesidesTheCodes(t *testing.T) {
	for name, c := range map[string]struct {
		e       oauth.Error
		status  int
		heading string
	}{
		"a code without a status":  {oauth.Error{Code: "novel"}, 500, "Something went wrong"},
		"a fault of our own":       {oauth.Error{Code: oauth.ServerError}, 500, "Something went wrong"},
		"no such address":          {oauth.Error{Code: oauth.InvalidRequest, Status: 404}, 404, "There is nothing here"},
		"no such method":           {oauth.Error{Code: oauth.InvalidRequest, Status: 405}, 405, "That does not work here"},
		"any other status of ours": {oauth.Error{Code: oauth.StoreUnavailable, Status: 504}, 504, "We cannot sign you in right now"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := ask(t, "GET", "navigate", "", &c.e)
			if w.Code != c.status || !strings.Contains(w.Body.String(), "<h1>"+c.heading+"</h1>") {
				t.Errorf("status %d\n%s", w.Code, w.Body)
			}
		})
	}
}

func TestMembersWithoutValueAreLeftOut(t *testing.T) {
	w, _ := ask(t, "GET", "cors", "", &oauth.Error{Code: oauth.ConfigError, Description: "x"})
	want := map[string]string{"error": "config_error", "error_description": "x"}
	if diff := cmp.Diff(want, members(t, w)); diff != "" {
		t.Error(diff)
	}
	w, _ = ask(t, "GET", "navigate", "", &oauth.Error{Code: oauth.ConfigError, Description: "x"})
	for _, absent := range []string{"Try again", "Request", "Please wait"} {
		if strings.Contains(w.Body.String(), absent) {
			t.Errorf("the page says %q without a value for it", absent)
		}
	}
}

func TestRefusalWithoutALogLine(t *testing.T) {
	w := httptest.NewRecorder()
	page.Refuse(w, httptest.NewRequest("GET", "/", nil), &oauth.Error{Code: oauth.InvalidRequest, Description: "x"})
	if got := members(t, w); got["request_id"] != "" || w.Code != 400 {
		t.Errorf("status %d, %v", w.Code, got)
	}
}

func TestDescriptionInJSONKeepsToRFC6749(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain ASCII is kept":          {"Start again! (It's free; [a]~b #1)", "Start again! (It's free; [a]~b #1)"},
		"quotation mark":               {`the "state"`, "the 'state'"},
		"backslash":                    {`a\b`, "a/b"},
		"typographic quotes":           {"\u201ca\u201d \u2018b\u2019", "'a' 'b'"},
		"dashes":                       {"a\u2013b\u2014c\u2011d", "a-b-c-d"},
		"line ends and tabs":           {"a\r\nb\tc", "a  b c"},
		"no-break space":               {"a\u00a0b", "a b"},
		"NUL and DEL":                  {"a\x00b\x7fc", "a b c"},
		"C1 control":                   {"a\u0085b\u009bc", "a b c"},
		"letters beyond ASCII":         {"caf\u00e9 \u65e5\u672c", "caf? ??"},
		"beyond the basic plane":       {"\U0001f511", "?"},
		"bytes that are not UTF-8":     {"a\xff\xfeb", "a??b"},
		"right-to-left override":       {"a\u202eb", "a?b"},
		"markup stays text":            {"<b>&amp;</b>", "<b>&amp;</b>"},
		"characters next to the limit": {"\x20\x21\x23\x5b\x5d\x7e", "\x20\x21\x23\x5b\x5d\x7e"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := ask(t, "GET", "cors", "", &oauth.Error{Code: oauth.ProviderError, Description: c.in})
			if got := members(t, w)["error_description"]; got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestRetryURLStaysOnThisHost(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"path":                            {"/login", "/login"},
		"path with a query":               {"/login?return_to=%2Fx%3Fa%3D1&prompt=login", "/login?return_to=%2Fx%3Fa%3D1&prompt=login"},
		"other host":                      {"https://evil.example/login", ""},
		"other host, scheme left out":     {"//evil.example/login", ""},
		"backslash for a slash":           {`/\evil.example`, ""},
		"tab that a browser removes":      {"/\t/evil.example", ""},
		"line end that a browser removes": {"/\n/evil.example", ""},
		"script":                          {"javascript:alert(1)", ""},
		"relative":                        {"login", ""},
		"not UTF-8":                       {"/login?\xff", ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := &oauth.Error{Code: oauth.StateUsed, Description: "x", RetryURL: c.in}
			w, _ := ask(t, "GET", "cors", "", e)
			if got := members(t, w)["retry_url"]; got != c.want {
				t.Errorf("retry_url %q, want %q", got, c.want)
			}
			w, _ = ask(t, "GET", "navigate", "", e)
			if linked := strings.Contains(w.Body.String(), "<a "); linked != (c.want != "") {
				t.Errorf("the page has a link: %v\n%s", linked, w.Body)
			}
		})
	}
}

func TestCauseGoesToTheLogOnly(t *testing.T) {
	for name, c := range map[string]struct{ cause, want string }{
		"as it is":       {"dial tcp: refused", "dial tcp: refused"},
		"300 characters": {strings.Repeat("\u00e9", 300), strings.Repeat("\u00e9", 300)},
		"longer":         {strings.Repeat("\u00e9", 301), strings.Repeat("\u00e9", 300)},
	} {
		t.Run(name, func(t *testing.T) {
			e := &oauth.Error{Code: oauth.StoreUnavailable, Description: "x", Cause: errors.New(c.cause)}
			for _, mode := range []string{"cors", "navigate"} {
				w, logged := ask(t, "GET", mode, "", e)
				if diff := cmp.Diff(map[string]string{"outcome": "store_unavailable", "cause": c.want}, logged); diff != "" {
					t.Errorf("%s: log line (-want +got):\n%s", mode, diff)
				}
				if strings.Contains(w.Body.String(), c.cause[:10]) {
					t.Errorf("%s: the cause is in the body", mode)
				}
			}
		})
	}
}

// A request whose time ran out still gets its refusal.
func TestRefusalAfterTheDeadline(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequest("GET", "/callback", nil).WithContext(ctx)
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	w := httptest.NewRecorder()
	page.Refuse(w, r, &oauth.Error{Code: oauth.ProviderUnavailable, Description: "The provider is slow."})
	if w.Code != 503 || !strings.Contains(w.Body.String(), "The provider is slow.") {
		t.Errorf("status %d\n%s", w.Code, w.Body)
	}
}

// What a handler noted before the refusal stays on the line.
func TestLogLineAttributes(t *testing.T) {
	ctx, line := logline.With(t.Context(), requestID)
	logline.Add(ctx, slog.String("provider", "google"))
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	page.Refuse(httptest.NewRecorder(), r, &oauth.Error{Code: oauth.StateUsed, Description: "x"})
	want := []string{"provider=google", "outcome=state_used"}
	var got []string
	for _, a := range line.Attrs() {
		got = append(got, a.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
