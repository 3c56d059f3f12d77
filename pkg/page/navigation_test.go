package page_test

import (
	"net/http/httptest"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/page"
)

func TestNavigation(t *testing.T) {
	const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
	for name, c := range map[string]struct {
		mode   string
		accept []string
		want   bool
	}{
		"navigate": {"navigate", nil, true},
		"navigate wins over Accept: application/json": {"navigate", []string{"application/json"}, true},
		"navigate wins over text/html;q=0":            {"navigate", []string{"text/html;q=0"}, true},
		"cors":                                        {"cors", nil, false},
		"cors wins over Accept: text/html":            {"cors", []string{chromium}, false},
		"no-cors":                                     {"no-cors", []string{chromium}, false},
		"same-origin":                                 {"same-origin", []string{chromium}, false},
		"websocket":                                   {"websocket", []string{chromium}, false},
		"a mode that is not defined":                  {"teleport", []string{chromium}, false},
		"tokens are case-sensitive":                   {"Navigate", []string{chromium}, false},

		"neither header":                         {"", nil, false},
		"an older browser":                       {"", []string{chromium}, true},
		"text/html":                              {"", []string{"text/html"}, true},
		"media types are not case-sensitive":     {"", []string{"Text/HTML"}, true},
		"second in the list":                     {"", []string{"application/json, text/html"}, true},
		"on a second line":                       {"", []string{"application/json", "text/html"}, true},
		"behind JSON by weight":                  {"", []string{"application/json, text/html;q=0.1"}, true},
		"smallest weight":                        {"", []string{"text/html;q=0.001"}, true},
		"weight zero":                            {"", []string{"text/html;q=0"}, false},
		"weight zero with three decimals":        {"", []string{"text/html ; Q=0.000"}, false},
		"weight zero after a parameter":          {"", []string{"text/html;charset=utf-8;q=0"}, false},
		"weight that is no number":               {"", []string{"text/html;q=high"}, false},
		"weight that is not a number in name":    {"", []string{"text/html;q=NaN"}, false},
		"excluded once, named once":              {"", []string{"text/html;level=1;q=0, text/html"}, true},
		"parameter without weight":               {"", []string{"text/html;level=1"}, true},
		"any type":                               {"", []string{"*/*"}, false},
		"any text":                               {"", []string{"text/*"}, false},
		"JSON":                                   {"", []string{"application/json"}, false},
		"plain text":                             {"", []string{"text/plain"}, false},
		"XHTML alone":                            {"", []string{"application/xhtml+xml"}, false},
		"longer type":                            {"", []string{"text/htmlx"}, false},
		"empty":                                  {"", []string{""}, false},
		"commas only":                            {"", []string{",,"}, false},
		"text/html as a parameter of other type": {"", []string{"application/json;profile=text/html"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			if c.mode != "" {
				r.Header.Set("Sec-Fetch-Mode", c.mode)
			}
			r.Header["Accept"] = c.accept
			if got := page.Navigation(r); got != c.want {
				t.Errorf("Sec-Fetch-Mode %q, Accept %q: %v, want %v", c.mode, c.accept, got, c.want)
			}
		})
	}
}
