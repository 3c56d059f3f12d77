package e2e_test

import (
	"context"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// walker is a person who fills in forms. It stops at every redirect.
type walker struct {
	t      testing.TB
	client *http.Client
}

// form is one form of a page, as a browser would read it.
type form struct {
	action string
	fields url.Values // hidden fields, checked boxes, texts as they stand
	body   string
}

var (
	formTag  = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)</form>`)
	inputTag = regexp.MustCompile(`(?is)<input\b([^>]*)>`)
	attr     = regexp.MustCompile(`(?is)([a-z-]+)(?:\s*=\s*"([^"]*)")?`)
)

func attributes(tag string) map[string]string {
	all := map[string]string{}
	for _, m := range attr.FindAllStringSubmatch(tag, -1) {
		all[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	return all
}

// formTo finds the form of a page whose action ends in path.
func (w walker) formTo(page reply, path string) form {
	w.t.Helper()
	for _, m := range formTag.FindAllStringSubmatch(page.body, -1) {
		action := attributes(m[1])["action"]
		target, err := page.Request.URL.Parse(action)
		if err != nil || !strings.HasSuffix(target.Path, path) {
			continue
		}
		f := form{action: target.String(), fields: url.Values{}, body: m[2]}
		for _, input := range inputTag.FindAllStringSubmatch(m[2], -1) {
			a := attributes(input[1])
			_, checked := a["checked"]
			if a["name"] == "" || a["type"] == "submit" || (a["type"] == "checkbox" && !checked) {
				continue
			}
			f.fields.Add(a["name"], a["value"])
		}
		return f
	}
	w.t.Fatalf("no form to %s on %s (%d):\n%s", path, page.Request.URL, page.StatusCode, page.body)
	return form{}
}

// submit sends a form with some fields filled in, and returns the answer.
func (w walker) submit(f form, filled ...string) reply {
	w.t.Helper()
	values := url.Values{}
	for name, v := range f.fields {
		values[name] = v
	}
	for i := 0; i < len(filled); i += 2 {
		values.Set(filled[i], filled[i+1])
	}
	return post(w.t, w.client, f.action, values)
}

// follow goes where a redirect on the same host leads, as far as it goes.
func (w walker) follow(r reply, base string) reply {
	w.t.Helper()
	for range 10 {
		location := r.Header.Get("Location")
		target, err := r.Request.URL.Parse(location)
		if location == "" || err != nil || !strings.HasPrefix(target.String(), base+"/oauth/") {
			return r
		}
		r = get(w.t, w.client, target.String())
	}
	w.t.Fatal("redirects without end")
	return r
}

func post(t testing.TB, c *http.Client, target string, values url.Values, header ...string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, target, strings.NewReader(values.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	return send(t, c, request)
}
