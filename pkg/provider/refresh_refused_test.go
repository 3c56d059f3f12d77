package provider_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// TestRefreshRefused_C51_C58_F16: a session ends when, and only when, the
// provider itself says that its refresh token is spent.
func TestRefreshRefused_C51_C58_F16(t *testing.T) {
	const jsonType, spent = "application/json", `{"error":"invalid_grant"}`
	date := epoch.Add(90 * time.Second).Format(http.TimeFormat)
	for _, test := range []struct {
		name    string
		status  int
		kind    string
		body    string
		retry   string
		refused bool
		code    oauth.Code
		wait    time.Duration
		says    string
	}{
		{"invalid_grant", 400, jsonType, spent, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"invalid_grant with a description", 400, jsonType + ";charset=UTF-8", `{"error":"invalid_grant","error_description":"hunter2"}`, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"invalid_grant with status 401", 401, jsonType, spent, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"GitHub's bad_refresh_token", 200, jsonType, `{"error":"bad_refresh_token","error_description":"hunter2"}`, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"bad_refresh_token with status 400", 400, jsonType, `{"error":"bad_refresh_token"}`, "", true, oauth.ProviderError, 0, "Sign in again"},

		{"an HTML 400", 400, "text/html", `<title>invalid_grant</title>`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant that is called HTML", 400, "text/html", spent, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant without a type", 400, "", spent, "", false, oauth.ProviderError, 0, "no usable token"},
		{"two errors", 400, jsonType, `{"error":"invalid_grant","error":"invalid_client"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"an error in other letters", 400, jsonType, `{"Error":"invalid_grant"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"an error that is a list", 400, jsonType, `{"error":["invalid_grant"]}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"INVALID_GRANT", 400, jsonType, `{"error":"INVALID_GRANT"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"something longer", 400, jsonType, `{"error":"invalid_grant_type"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"only a description", 400, jsonType, `{"error_description":"invalid_grant"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"no JSON in JSON", 400, jsonType, `invalid_grant`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant with status 200", 200, jsonType, spent, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant with status 403, as Auth0", 403, jsonType, spent, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"invalid_grant with status 404", 404, jsonType, spent, "", false, oauth.ProviderError, 0, "URL"},
		{"invalid_grant with status 429", 429, jsonType, spent, "", false, oauth.ProviderUnavailable, 5 * time.Second, "too many"},
		{"invalid_grant with status 500", 500, jsonType, spent, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"invalid_grant with status 503", 503, jsonType, spent, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"bad_refresh_token with status 502", 502, jsonType, `{"error":"bad_refresh_token"}`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"invalid_client", 401, jsonType, `{"error":"invalid_client"}`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"invalid_client with status 400", 400, jsonType, `{"error":"invalid_client"}`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"401 without a code", 401, jsonType, `{}`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"an HTML 401", 401, "text/html", `<title>Sign in</title>`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"invalid_request", 400, jsonType, `{"error":"invalid_request"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_scope", 400, jsonType, `{"error":"invalid_scope"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"unauthorized_client", 400, jsonType, `{"error":"unauthorized_client"}`, "", false, oauth.ProviderError, 0, "refresh token grant"},
		{"unsupported_grant_type", 400, jsonType, `{"error":"unsupported_grant_type"}`, "", false, oauth.ProviderError, 0, "refresh token grant"},
		{"404", 404, jsonType, `{}`, "", false, oauth.ProviderError, 0, "URL"},
		{"405", 405, jsonType, `{}`, "", false, oauth.ProviderError, 0, "URL"},
		{"429 with seconds", 429, jsonType, `{}`, "7", false, oauth.ProviderUnavailable, 7 * time.Second, "too many"},
		{"429 without", 429, jsonType, `{}`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "too many"},
		{"429 with two hours", 429, "text/html", `{}`, "7200", false, oauth.ProviderUnavailable, time.Hour, "too many"},
		{"429 with nonsense", 429, jsonType, `{}`, "soon", false, oauth.ProviderUnavailable, 5 * time.Second, "too many"},
		{"500 keeps its own counsel", 500, jsonType, `{}`, "9", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"502 as HTML", 502, "text/html", `<title>Bad gateway</title>`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"503 with a date", 503, jsonType, `{}`, date, false, oauth.ProviderUnavailable, 91 * time.Second, "its own"},
		{"503 with the last date there is", 503, jsonType, `{}`, "Fri, 31 Dec 9999 23:59:59 GMT", false, oauth.ProviderUnavailable, time.Hour, "its own"},
		{"429 with a date in a hundred years", 429, jsonType, `{}`, epoch.AddDate(100, 0, 0).Format(http.TimeFormat), false, oauth.ProviderUnavailable, time.Hour, "too many"},
		{"503 with 9999 seconds", 503, jsonType, `{}`, "9999", false, oauth.ProviderUnavailable, time.Hour, "its own"},
		{"504", 504, jsonType, `{}`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"a token with status 201", 201, jsonType, good, "", false, oauth.ProviderError, 0, "no usable token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				for name, value := range map[string]string{"Content-Type": test.kind, "Retry-After": test.retry} {
					if value != "" {
						w.Header().Set(name, value)
					}
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := client(func(p *provider.Provider) { p.Now = func() time.Time { return epoch } }).Refresh(t.Context(), f.endpoints(), oldRefresh)
			e := refusal(t, err)
			if errors.Is(err, provider.ErrRefreshRefused) != test.refused {
				t.Errorf("refused %v, want %v", !test.refused, test.refused)
			}
			if status := map[oauth.Code]int{oauth.ProviderError: 502, oauth.ProviderUnavailable: 503}[test.code]; e.Code != test.code || e.HTTPStatus() != status || e.RetryAfter != test.wait {
				t.Errorf("%s, status %d, retry after %v; want %s, %d, %v", e.Code, e.HTTPStatus(), e.RetryAfter, test.code, status, test.wait)
			}
			if !strings.Contains(e.Description, test.says) || strings.Contains(e.Description, "login again") || strings.Contains(e.Description+e.Error(), "hunter2") {
				t.Errorf("description %q, want %q in it", e.Description, test.says)
			}
			if !strings.HasPrefix(e.Cause.Error(), fmt.Sprintf("token endpoint answered %d ", test.status)) {
				t.Errorf("cause %q", e.Cause)
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d posts, want 1", n)
			}
		})
	}
}

// TestAnExchangeIsNoRefresh: a refused code ends no session.
func TestAnExchangeIsNoRefresh(t *testing.T) {
	f := newFar(t, answer(400, `{"error":"invalid_grant"}`))
	if _, err := exchange(t.Context(), client(), f.endpoints()); err == nil || errors.Is(err, provider.ErrRefreshRefused) {
		t.Errorf("error %v", err)
	}
}
