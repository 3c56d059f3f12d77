package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// met are the outcomes that an alarm counts, by the test in which functions
// write such a line, and by function.
var met = map[string]map[string][]string{
	"TestPoliciesAreTheCalls": {"Callback": {"state_used", "provider_unavailable", "provider_error"}, "Token": {"code_replayed", "refresh_reused"}},
	"TestAlarmsCountRealLines": {
		"Token": {"server_error", "temporarily_unavailable"}, "Callback": {"config_error"}, "Login": {"store_unavailable"}},
}

// logs sees outcomes in the log lines of functions as the alarms look for them
// (P-17).
func logs(t *testing.T, s *stack.Stack, outcomes map[string][]string) {
	t.Helper()
	for function, codes := range outcomes {
		for _, code := range codes {
			if !strings.Contains(s.Log(function), `"outcome":"`+code+`"`) {
				t.Errorf("%s: no line with the outcome %s", function, code)
			}
		}
	}
}

// TestAlarmsCountRealLines_P17 takes the secrets and then the tables away from a
// stack. With what TestPoliciesAreTheCalls meets, each outcome that an alarm
// counts has then been in a line that a function wrote.
func TestAlarmsCountRealLines_P17(t *testing.T) {
	t.Parallel()
	database, suffix := peer.Dynalite(t), secret.Hash(t.Name())[:8]
	values := stack.Values{Tables: map[string]string{"Flows": "flows-" + suffix, "Accounts": "accounts-" + suffix},
		Parameters: fieldsOf("AuthorizeUrl=https://idp.example/a TokenUrl=https://idp.example/t ClientId=x ClientSecretArn=" + secretARN)}
	makeAccounts(t, database, values)
	proxy := startProxy(t, database)
	gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"__type":"ResourceNotFoundException"}`))
	}))
	t.Cleanup(gone.Close)
	s := stack.Start(t, stack.Config{Values: values, Override: map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": proxy.url, "AWS_ENDPOINT_URL_SECRETS_MANAGER": gone.URL}})
	browser := person(s)
	ask := func(method, path string, status int, form url.Values) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Authorization", "Basic YXBwOmFwcC1zZWNyZXQ=")
		if r := send(t, browser, request); r.StatusCode != status {
			t.Errorf("%s %s: %d, want %d\n%s", method, path, r.StatusCode, status, r.body)
		}
	}
	machine := url.Values{"grant_type": {"client_credentials"}, "scope": {"email"}}
	ask("POST", "/oauth/token", http.StatusInternalServerError, machine)
	sent := get(t, browser, s.URL()+"/login")
	ask("GET", "/callback?code=x&state="+stateOf(t, sent), http.StatusInternalServerError, nil)
	proxy.refuse()
	ask("POST", "/oauth/token", http.StatusServiceUnavailable, machine)
	ask("GET", "/login", http.StatusServiceUnavailable, nil)
	logs(t, s, met["TestAlarmsCountRealLines"])
}
