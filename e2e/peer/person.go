package peer

import (
	"errors"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// person plays whoever sits at the browser: follows redirects, signs in, and
// says yes. Every named field of a form is sent, filled in where it is known.
type person struct {
	fields       map[string]string // form field to what the person types there
	redirectURIs []string          // where the walk ends
}

// maxSteps bounds a walk: a loop between two pages is a failure, not a wait.
const maxSteps = 20

// signIn walks from an authorization URL to the redirect to a registered
// redirect URI and returns that URL without fetching it, be it a code or an
// error. The client's cookies are used and kept if it has a jar.
func (p person) signIn(t testing.TB, client *http.Client, authorizeURL string) string {
	t.Helper()
	walker := *client
	walker.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	if walker.Jar == nil {
		walker.Jar, _ = cookiejar.New(nil)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, authorizeURL, nil)
	for range maxSteps {
		if err != nil {
			t.Fatalf("peer: sign in: %v", err)
		}
		resp, doErr := walker.Do(req)
		if doErr != nil {
			t.Fatalf("peer: sign in: %v", doErr)
		}
		body, readErr := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		resp.Body.Close()
		if readErr != nil {
			t.Fatalf("peer: sign in: %s: %v", req.URL, readErr)
		}
		location, locErr := resp.Location()
		switch {
		case locErr == nil && p.registered(location):
			return location.String()
		case locErr == nil && resp.StatusCode/100 == 3:
			req, err = http.NewRequestWithContext(t.Context(), http.MethodGet, location.String(), nil)
		case resp.StatusCode == http.StatusOK:
			req, err = p.submit(t, resp.Request.URL, string(body))
		default:
			t.Fatalf("peer: sign in: %s %s answered %s:\n%s", req.Method, req.URL, resp.Status, body)
		}
	}
	t.Fatalf("peer: sign in did not end within %d steps; the last was %s", maxSteps, req.URL)
	return ""
}

// registered tells whether a URL is one of the redirect URIs plus parameters.
func (p person) registered(u *url.URL) bool {
	bare := *u
	bare.RawQuery, bare.Fragment = "", ""
	return slices.ContainsFunc(p.redirectURIs, func(uri string) bool {
		want, _, _ := strings.Cut(uri, "?")
		return bare.String() == want
	})
}

// The pages come from two known programs, so patterns do for a parser.
var (
	formPattern  = regexp.MustCompile(`(?is)<form\b([^>]*)>(.*?)</form>`)
	inputPattern = regexp.MustCompile(`(?is)<input\b([^>]*)>`)
	attrPattern  = regexp.MustCompile(`(?is)([a-z-]+)\s*=\s*"([^"]*)"`)
)

// submit makes the request that a browser sends for the page's first form.
func (p person) submit(t testing.TB, page *url.URL, body string) (*http.Request, error) {
	t.Helper()
	form := formPattern.FindStringSubmatch(body)
	if form == nil {
		return nil, errors.New("no form on " + page.String() + ":\n" + body)
	}
	target, err := page.Parse(attributes(form[1])["action"])
	if err != nil {
		return nil, err
	}
	values := url.Values{}
	for _, input := range inputPattern.FindAllStringSubmatch(form[2], -1) {
		at := attributes(input[1])
		name := at["name"]
		if name == "" {
			continue
		}
		value := at["value"]
		if typed, ok := p.fields[name]; ok {
			value = typed
		}
		values.Set(name, value)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req, nil
}

// attributes reads the double-quoted attributes of a tag.
func attributes(tag string) map[string]string {
	all := map[string]string{}
	for _, m := range attrPattern.FindAllStringSubmatch(tag, -1) {
		all[strings.ToLower(m[1])] = html.UnescapeString(m[2])
	}
	return all
}
