package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// signInAndApprove walks from an authorization URL over both forms to the
// redirect to the client, and returns where it leads.
func signInAndApprove(t testing.TB, c *http.Client, base, authorize, decision string) *url.URL {
	t.Helper()
	w := walker{t, c}
	page := w.follow(get(t, c, authorize), base)
	if strings.Contains(page.body, "/oauth/signin") {
		page = w.follow(w.submit(w.formTo(page, "/oauth/signin"), "username", "admin", "password", "admin"), base)
	}
	if page.StatusCode == http.StatusOK {
		page = w.submit(w.formTo(page, "/oauth/approve"), "do", decision)
	}
	if page.StatusCode != http.StatusSeeOther && page.StatusCode != http.StatusFound {
		t.Fatalf("no redirect to the client: %d\n%s", page.StatusCode, page.body)
	}
	u, err := url.Parse(page.Header.Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// The aioauth example's documented walk, word for word (S-01, S-46).
func TestAioauthWalk_S01_S40_S46(t *testing.T) {
	s := startServe(t, "localhost:0", nil)
	authorize := s.base + "/oauth/authorize?client_id=test_client&redirect_uri=https%3A%2F%2Fwww.example.com%2Fredirect&response_type=code&state=somestate&scope=email"

	denied := signInAndApprove(t, person(nil), s.base, authorize, "deny").Query()
	if denied.Get("error") != "access_denied" || denied.Get("state") != "somestate" || denied.Get("iss") != s.base || denied.Has("code") {
		t.Errorf("deny: %v", denied)
	}

	back := signInAndApprove(t, person(nil), s.base, authorize, "approve")
	q := back.Query()
	if back.Scheme+"://"+back.Host+back.Path != "https://www.example.com/redirect" || q.Get("state") != "somestate" || q.Get("code") == "" || q.Get("iss") != s.base {
		t.Fatalf("back at the client: %s", back)
	}
	first := tokenise(t, s.base, url.Values{
		"grant_type": {"authorization_code"}, "code": {q.Get("code")}, "redirect_uri": {"https://www.example.com/redirect"},
	})
	if first["expires_in"] != 300.0 || first["refresh_token_expires_in"] != 900.0 || first["scope"] != "email" || first["token_type"] != "Bearer" {
		t.Errorf("tokens: %v", first)
	}
	if names := slices.Sorted(maps.Keys(first)); strings.Join(names, " ") != "access_token expires_in refresh_token refresh_token_expires_in scope token_type" {
		t.Errorf("members: %v", names)
	}
	second := tokenise(t, s.base, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first["refresh_token"].(string)}})
	if second["refresh_token"] == first["refresh_token"] || second["access_token"] == first["access_token"] {
		t.Error("a refresh gave the same tokens")
	}
}

// tokenise asks for tokens as the documented curl does.
func tokenise(t testing.TB, base string, form url.Values) map[string]any {
	t.Helper()
	r := post(t, person(nil), base+"/oauth/tokenize", form, "Authorization", "Basic dGVzdF9jbGllbnQ6cGFzc3dvcmQ=")
	if r.StatusCode != http.StatusOK || r.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%v: %d %s", form["grant_type"], r.StatusCode, r.body)
	}
	var tokens map[string]any
	if err := json.Unmarshal([]byte(r.body), &tokens); err != nil {
		t.Fatal(err)
	}
	return tokens
}

// With no setting at all: /login leads to our own server, and tokens come back.
func TestLoginWithoutAnySetting(t *testing.T) {
	s := startServe(t, "localhost:0", nil)
	browser := person(nil)
	sent := get(t, browser, s.base+"/login")
	if sent.StatusCode != http.StatusFound || !strings.HasPrefix(sent.Header.Get("Location"), s.base+"/oauth/authorize?") {
		t.Fatalf("/login: %d %s", sent.StatusCode, sent.Header.Get("Location"))
	}
	back := signInAndApprove(t, browser, s.base, sent.Header.Get("Location"), "approve")
	got := get(t, browser, back.String())
	if got.StatusCode != http.StatusOK || !strings.Contains(got.body, `"access_token"`) || !strings.Contains(got.body, `"id_token"`) {
		t.Fatalf("/callback: %d %s", got.StatusCode, got.body)
	}
	// Signed in and approved before: the second login asks nothing.
	again := get(t, browser, s.base+"/login")
	answer := walker{t, browser}.follow(get(t, browser, again.Header.Get("Location")), s.base)
	if !strings.HasPrefix(answer.Header.Get("Location"), s.base+"/callback?") {
		t.Errorf("asked again: %d %s", answer.StatusCode, answer.body)
	}
}
