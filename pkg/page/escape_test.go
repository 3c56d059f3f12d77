package page_test

import (
	"html"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
)

// hole stands where text of others goes.
const hole = "HOLE"

// shown returns what the page has where hole was, or fails if the text
// changed anything else on the page.
func shown(t testing.TB, with func(text string) string, text string) string {
	t.Helper()
	before, after, ok := strings.Cut(with(hole), hole)
	if !ok || strings.Contains(after, hole) {
		t.Fatal("the text does not stand on the page exactly once")
	}
	body := with(text)
	inside, ok := strings.CutPrefix(body, before)
	if ok {
		inside, ok = strings.CutSuffix(inside, after)
	}
	if !ok {
		t.Fatalf("%q changed the page around it:\n%s", text, body)
	}
	if strings.ContainsAny(inside, `<>"'`) {
		t.Errorf("%q stands unescaped: %s", text, inside)
	}
	return html.UnescapeString(inside)
}

var vectors = []string{
	`<script>alert(1)</script>`,
	`</p><script>alert(1)</script><p>`,
	`<img src=x onerror=alert(1)>`,
	`<svg/onload=alert(1)>`,
	`"><svg onload=alert(1)>`,
	`' onmouseover='alert(1)`,
	`" autofocus onfocus="alert(1)`,
	`</style><script>alert(1)</script>`,
	`</title><script>alert(1)</script>`,
	`--><script>alert(1)</script><!--`,
	`<!--`,
	`<![CDATA[<script>alert(1)</script>]]>`,
	`&lt;script&gt;alert(1)&lt;/script&gt;`,
	`&#60;script&#62;alert(1)&#60;/script&#62;`,
	`<a href="javascript:alert(1)">Try again</a>`,
	`<iframe srcdoc="<script>alert(1)</script>">`,
	`<base href="https://evil.example/">`,
	`<meta http-equiv="refresh" content="0;url=https://evil.example/">`,
	`<form action="https://evil.example/"><input name=password>`,
	`<style>*{display:none}</style>`,
	`<ScRiPt>alert(1)</sCrIpT>`,
	"<\x00script>alert(1)</script>",
	"<scr\nipt>alert(1)</scr\nipt>",
	"\xc0\xbcscript\xc0\xbe",
	"+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
	"\u003cscript\u003e",
	"\uff1cscript\uff1e",
	"{{.}}${7*7}<%= 1 %>",
	"`onclick=alert(1)`",
	`\"><script>alert(1)</script>`,
}

func TestTextOfOthersStaysText_C31(t *testing.T) {
	for _, v := range vectors {
		for part, e := range map[string]func(string) *oauth.Error{
			"description": func(s string) *oauth.Error { return &oauth.Error{Code: oauth.ProviderError, Description: s} },
			"code":        func(s string) *oauth.Error { return &oauth.Error{Code: oauth.Code(s), Description: "x"} },
			"retry URL": func(s string) *oauth.Error {
				return &oauth.Error{Code: oauth.AccessDenied, Description: "x", RetryURL: "/login?return_to=" + s}
			},
		} {
			t.Run(part+" "+v, func(t *testing.T) {
				with := func(s string) string {
					w, _ := ask(t, "GET", "navigate", "", e(s))
					return w.Body.String()
				}
				if part == "retry URL" && !strings.Contains(with(v), "Try again") {
					return // not a URL at all: no link, nothing shown
				}
				got := shown(t, with, v)
				if want := oneLine(v); part != "retry URL" && got != want {
					t.Errorf("shown as %q, want %q", got, want)
				}
			})
		}
		t.Run("request id "+v, func(t *testing.T) {
			shown(t, func(s string) string {
				w, _ := ask(t, "GET", "navigate", s, &oauth.Error{Code: oauth.ProviderError, Description: "x"})
				return w.Body.String()
			}, v)
		})
	}
}

// oneLine is what a page makes of text: valid, without control characters.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "?"))
}

func FuzzRefuse(f *testing.F) {
	for i, v := range vectors {
		f.Add(v, "/login?return_to=%2F", requestID, "state_used", "text/html", i%2 == 0)
		f.Add("x", v, v, v, v, i%2 == 0)
	}
	f.Add("x", "//evil.example", "", "", "*/*", false)
	f.Fuzz(func(t *testing.T, description, retry, id, code, accept string, navigate bool) {
		answer := func(description string) *httptest.ResponseRecorder {
			r := httptest.NewRequest("GET", "/callback", nil)
			r.Header.Set("Accept", accept)
			if navigate {
				r.Header.Set("Sec-Fetch-Mode", "navigate")
			}
			ctx, _ := logline.With(r.Context(), id)
			w := httptest.NewRecorder()
			w.Header().Set("Location", retry)
			w.Header().Set("Set-Cookie", "session="+id)
			page.Refuse(w, r.WithContext(ctx), &oauth.Error{Code: oauth.Code(code), Description: description, RetryURL: retry})
			return w
		}
		w := answer(description)
		if w.Header()["Location"] != nil || w.Header()["Set-Cookie"] != nil || w.Code < 400 {
			t.Errorf("status %d, header %v", w.Code, w.Header())
		}
		if w.Header().Get("Content-Type") == "application/json" {
			m := members(t, w)
			for _, member := range []string{m["error"], m["error_description"]} {
				if i := slices.IndexFunc([]byte(member), func(b byte) bool { return b < 0x20 || b == '"' || b == '\\' || b > 0x7e }); i >= 0 {
					t.Errorf("%q has a character that RFC 6749 does not allow", member)
				}
			}
			if r := m["retry_url"]; r != "" && (r[0] != '/' || strings.HasPrefix(r, "//") || strings.Contains(r, `\`)) {
				t.Errorf("retry_url leads elsewhere: %q", r)
			}
			if l := m["login_url"]; l != "" && l != m["retry_url"] {
				t.Errorf("login_url is %q", l)
			}
			return
		}
		if strings.Contains(retry+id+code, hole) {
			t.Skip("the other values hold the marker itself")
		}
		with := func(s string) string { return answer(s).Body.String() }
		if got := shown(t, with, description); got != oneLine(description) {
			t.Errorf("shown as %q, want %q", got, oneLine(description))
		}
	})
}
