package authorization_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

var states = map[string]string{
	"letters":             "abcXYZ019",
	"base64url":           "eyJhIjoxfQ-_",
	"base64":              "a+b/c==",
	"percent":             "100%",
	"an escape in it":     "a%20b%2Fc%00",
	"ampersand":           "a&code=evil&error=x",
	"equals":              "a=b=c",
	"hash":                "a#b",
	"question mark":       "a?b",
	"spaces":              " a  b ",
	"plus":                "a+b",
	"JSON":                `{"return_to":"/x?y=1&z=2","n":1}`,
	"quotes":              `"'` + "`",
	"markup":              "</script><script>alert(1)</script>",
	"backslash":           `a\b`,
	"semicolon":           "a;b",
	"a URL":               "https://evil.example/?a=b#c",
	"umlauts":             "größe",
	"an emoji":            "🔑",
	"line separator":      "a\u2028b",
	"zero width":          "a\u200bb",
	"all printable ASCII": " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
	"3 KB":                strings.Repeat("s", 3072),
	"one character":       "0",
}

func TestStateFidelity_S17(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.signIn(A("web"), "admin")
	for name, state := range states {
		t.Run(name, func(t *testing.T) {
			target := A("web", "state", state, "scope", "read", "prompt", "consent")
			for what, resp := range map[string]*http.Response{
				"approved": b.post(authorization.PathApprove, "form", b.approvePage(target), "do", "approve", "scope", "read"),
				"denied":   b.post(authorization.PathApprove, "form", b.approvePage(target), "do", "deny"),
				"refused":  b.get(A("web", "state", state, "scope", "root")),
				"by POST":  b.do(http.MethodPost, authorization.PathAuthorize, "application/x-www-form-urlencoded", strings.SplitN(A("web", "state", state, "scope", "root"), "?", 2)[1]),
			} {
				u, err := url.Parse(resp.Header.Get("Location"))
				if err != nil {
					t.Fatal(err)
				}
				q, err := url.ParseQuery(u.RawQuery)
				if err != nil || len(q["state"]) != 1 || q.Get("state") != state || q.Get("iss") != base || len(q["iss"]) != 1 || u.Fragment != "" {
					t.Errorf("%s: %v %s", what, err, u)
				}
			}
		})
	}
}

// Also a state that is an error itself comes back, if it can be read at all.
func TestStateOfARefusal_S17(t *testing.T) {
	s := newServer(t)
	for name, tt := range map[string]struct{ raw, want string }{
		"none":          {"", ""},
		"empty":         {"&state=", ""},
		"too long":      {"&state=" + strings.Repeat("s", 3073), strings.Repeat("s", 3073)},
		"long in JSON":  {"&state=" + strings.Repeat("%5c", 1537), strings.Repeat("\\", 1537)},
		"a NUL":         {"&state=a%00b", "a\x00b"},
		"a line end":    {"&state=a%0d%0aSet-Cookie:%20x", "a\r\nSet-Cookie: x"},
		"not UTF-8":     {"&state=%ff", "\xff"},
		"broken escape": {"&state=%zz", ""},
		"twice":         {"&state=a&state=b", ""},
	} {
		resp := s.browser().get(A("web", "state", "-", "scope", "root") + tt.raw)
		code := "invalid_scope"
		if name != "none" && name != "empty" {
			code = "invalid_request"
		}
		t.Run(name, func(t *testing.T) { wantREDIR(t, resp, "https://app.example/cb2?", code, tt.want) })
	}
}
