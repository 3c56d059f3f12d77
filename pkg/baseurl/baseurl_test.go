package baseurl_test

import (
	"context"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"https://login.example.com":      "https://login.example.com",
		"https://login.example.com/":     "https://login.example.com",
		"https://Login.Example.COM:8443": "https://login.example.com:8443",
		"http://localhost:3000":          "http://localhost:3000",
		"http://127.0.0.1:3000":          "http://127.0.0.1:3000",
		"http://[::1]:3000":              "http://[::1]:3000",
		"http://localhost:80":            "http://localhost",
		"https://login.example.com:443":  "https://login.example.com",
		"http://[0:0:0:0:0:0:0:1]:3000":  "http://[::1]:3000",
	} {
		if got, err := baseurl.Parse(in); err != nil || got != want {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
	for _, in := range []string{
		"", "login.example.com", "http://login.example.com", "http://localhost.example.com", "https://a/b", "https://a?x", "https://a?", "https://a#f",
		"https://a#", "https://u@a", "https://", "https:///x", "ftp://a", "https:a", "//a", "http://10.0.0.1", "http://[::2]:1", "https://a:", "https://a:x", " https://a", "https://*.a.example", "https://a;b", "https://a:99999", "https://a:0", "https://a b", "https://ä.example",
	} {
		if got, err := baseurl.Parse(in); err == nil {
			t.Errorf("%q accepted as %q", in, got)
		}
	}
}

func TestFromPanicsWithoutOne(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	baseurl.From(context.Background())
}
