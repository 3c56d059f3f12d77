package oauth_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

func TestParseParams_RFC6749_3_1(t *testing.T) {
	for name, tt := range map[string]struct {
		raw  string
		want oauth.Params
	}{
		"nothing":             {"", oauth.Params{}},
		"two":                 {"code=a&state=b", oauth.Params{"code": "a", "state": "b"}},
		"plus is a space":     {"scope=read+write", oauth.Params{"scope": "read write"}},
		"escapes":             {"a=%2Fapp%3Fx%3D1", oauth.Params{"a": "/app?x=1"}},
		"equals in the value": {"a=b=c", oauth.Params{"a": "b=c"}},
		"without a value":     {"a&b=", oauth.Params{"a": "", "b": ""}},
		"stray ampersands":    {"&&a=1&", oauth.Params{"a": "1"}},
		"semicolon is a byte": {"a=1;b=2", oauth.Params{"a": "1;b=2"}},
		"UTF-8":               {"name=J%C3%BCrgen", oauth.Params{"name": "Jürgen"}},
	} {
		got, err := oauth.ParseParams(tt.raw)
		if err != nil || !cmp.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// The vectors of C-34 (repetition) and C-41 (broken encodings).
func TestParseParamsRefuses_C34_C41(t *testing.T) {
	for name, raw := range map[string]string{
		"repeated":                     "code=a&code=b",
		"repeated, same value":         "code=a&code=a",
		"repeated, second empty":       "code=a&code=",
		"repeated, first empty":        "code=&code=a",
		"repeated, no equals":          "code=a&code",
		"repeated, name escaped":       "code=a&c%6fde=b",
		"repeated, name plus-escaped":  "a+b=1&a%20b=2",
		"repeated, far apart":          "state=1&code=a&iss=2&state=3",
		"repeated unknown":             "x=1&x=2",
		"repeated empty name":          "=1&=2",
		"escape %zz":                   "code=%zz",
		"escape cut":                   "code=abc%",
		"escape cut after one":         "code=abc%4",
		"escape in the name":           "co%zzde=a",
		"escape %u0041":                "code=%u0041",
		"escape in a stranger":         "code=a&junk=%g1",
		"not UTF-8":                    "state=%ff%fe",
		"overlong UTF-8":               "state=%c0%af",
		"UTF-16 surrogate":             "state=%ed%a0%80",
		"cut UTF-8":                    "state=%e2%82",
		"raw bytes that are not UTF-8": "state=\xff",
		"NUL":                          "state=a%00b",
		"CR LF":                        "state=a%0d%0aSet-Cookie:+x=1",
		"raw CR":                       "state=a\rb",
		"tab":                          "state=a%09b",
		"DEL":                          "state=%7f",
		"control in the name":          "st%00ate=a",
		"too many":                     strings.Repeat("&a", 1) + manyParams(oauth.MaxParams),
		"far too many":                 manyParams(1000),
	} {
		p, err := oauth.ParseParams(raw)
		if !errors.Is(err, oauth.ErrParams) || p != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
		if err != nil && strings.Contains(err.Error(), "Set-Cookie") {
			t.Errorf("%s: the error quotes a value: %v", name, err)
		}
	}
}

func manyParams(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("&p" + strings.Repeat("x", i) + "=1")
	}
	return b.String()
}

func FuzzParseParams(f *testing.F) {
	for _, seed := range []string{
		"code=SplxlOBeZQQYbYS6WxSbIA&state=xyz", "error=access_denied&state=xyz", "a=%zz", "a=1&a=2", "iss=https%3A%2F%2Fhonest.as.example",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		p, err := oauth.ParseParams(raw)
		if err != nil {
			return
		}
		again, err := oauth.ParseParams(p.Encode())
		if err != nil || !cmp.Equal(p, again) {
			t.Errorf("%q: %v became %v, %v", raw, p, again, err)
		}
		std, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
		if err != nil {
			t.Fatalf("%q: accepted, but net/url says %v", raw, err)
		}
		for name, values := range std {
			if len(values) != 1 || values[0] != p[name] {
				t.Errorf("%q: %s is %q, net/url has %q", raw, name, p[name], values)
			}
		}
	})
}

func TestPlain(t *testing.T) {
	for name, tt := range map[string]struct{ in, want string }{
		"as it is":    {"The user said no.", "The user said no."},
		"one line":    {"a\r\nb\tc", "a b c"},
		"bidi":        {"abc\u202edef", "abc def"},
		"zero width":  {"a\u200bb", "a b"},
		"not UTF-8":   {"a\xffb", "ab"},
		"C1 controls": {"a\u0085b", "a b"},
		"cut at 200":  {strings.Repeat("ä", 300), strings.Repeat("ä", 200)},
		"markup stay": {"<script>", "<script>"},
	} {
		if got := oauth.Plain(tt.in); got != tt.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestErrorStatus(t *testing.T) {
	for code, want := range map[oauth.Code]int{
		oauth.InvalidRequest: 400, oauth.AccessDenied: 400, oauth.LoginExpired: 400, oauth.StateUnknown: 400, oauth.StateUsed: 400,
		oauth.IssuerMismatch: 400, oauth.NonceMismatch: 400, oauth.WrongBrowser: 403, oauth.ConfigError: 500, oauth.ProviderError: 502,
		oauth.ProviderUnavailable: 503, oauth.StoreUnavailable: 503, "surprise": 500,
	} {
		if got := (&oauth.Error{Code: code}).HTTPStatus(); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
	if got := (&oauth.Error{Code: oauth.ProviderUnavailable, Status: 504}).HTTPStatus(); got != 504 {
		t.Errorf("an explicit status is lost: %d", got)
	}
}
