package authorization_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// answer is the query of a redirect to a client.
func answer(t *testing.T, resp *http.Response) url.Values {
	t.Helper()
	u, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther && resp.StatusCode != http.StatusFound || strings.HasPrefix(u.String(), base+"/oauth") || strings.HasPrefix(u.String(), "/") {
		t.Fatalf("no redirect to a client: %d %v\n%s", resp.StatusCode, resp.Header, bodyOf(resp))
	}
	return u.Query()
}

// wantREDIR asserts REDIR(code) of the cases.
func wantREDIR(t *testing.T, resp *http.Response, to, code, state string) {
	t.Helper()
	location := resp.Header.Get("Location")
	if resp.StatusCode != http.StatusFound && resp.StatusCode != http.StatusSeeOther || !strings.HasPrefix(location, to) {
		t.Fatalf("got %d to %q, want a redirect to %s\n%s", resp.StatusCode, location, to, bodyOf(resp))
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	if len(q["error"]) != 1 || q.Get("error") != code || q.Get("state") != state || len(q["state"]) > 1 || len(q["iss"]) != 1 || q.Get("iss") != base || q.Has("code") {
		t.Errorf("got %s, want error=%s, state=%q and iss", location, code, state)
	}
	if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("header %v", resp.Header)
	}
}

// wantPAGE asserts PAGE(status) of the cases.
func wantPAGE(t *testing.T, resp *http.Response, status int) {
	t.Helper()
	if resp.StatusCode != status || resp.Header.Get("Location") != "" || !strings.Contains(bodyOf(resp), "<h1>") || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %v, want a page with %d\n%s", resp.StatusCode, resp.Header, status, bodyOf(resp))
	}
}
