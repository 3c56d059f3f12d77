package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// permitted is what the policies of a template allow, in the same words.
func permitted(doc stack.Document, functions []string) map[string]bool {
	all := map[string]bool{}
	for _, id := range functions {
		policies, _ := doc.Get("Resources", id+"Role", "Properties", "Policies").([]any)
		for _, policy := range policies {
			list, _ := stack.Document(policy.(map[string]any)).Get("PolicyDocument", "Statement").([]any)
			for _, s := range list {
				statement := stack.Document(s.(map[string]any))
				table := fmt.Sprint(statement.Get("Resource"))
				keys, _ := statement.Get("Condition", "ForAllValues:StringLike", "dynamodb:LeadingKeys").([]any)
				for _, action := range strings.Fields(strings.Trim(fmt.Sprint(statement.Get("Action")), "[]")) {
					if len(keys) == 0 && strings.HasPrefix(action, "dynamodb:") {
						all[fmt.Sprintf("%s %s on %s", id, action, table[strings.LastIndex(table, ":")+1:])] = true
					}
					for _, key := range keys {
						all[fmt.Sprintf("%s %s on %s %s", id, action, table[strings.LastIndex(table, ":")+1:], strings.TrimSuffix(fmt.Sprint(key), "*"))] = true
					}
				}
			}
		}
	}
	return all
}

// TestPoliciesAreTheCalls walks through everything that the functions do and
// compares their calls with what their roles allow, both ways.
func TestPoliciesAreTheCalls_P04_P05(t *testing.T) {
	t.Parallel()
	database := peer.Dynalite(t)
	suffix := secret.Hash(t.Name())[:8]
	values := stack.Values{Tables: map[string]string{"Flows": "flows-" + suffix, "Accounts": "accounts-" + suffix}}
	functions := slices.Sorted(maps.Keys(routesOf(nil)))
	rec := record(t, database, functions)
	makeAccounts(t, database, values)
	s := stackThatReachesItself(t, values, rec.URL)
	walkEverywhere(t, s)
	walkSessions(t, s, database, values)
	for prefix, units := range map[string]int{"login": loginUnits, "session": sessionUnits} {
		t.Logf("the greatest item %s# has %d bytes", prefix, rec.greatest[prefix])
		if got := (rec.greatest[prefix] + 1023) / 1024; got == 0 || got > units {
			t.Errorf("an item %s# of %d bytes is %d units, the throttles count on %d", prefix, rec.greatest[prefix], got, units)
		}
	}

	text := readDeployment(t).template
	if diff := policyProblems(t, text, values, rec); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ name, after, old, new, want string }{
		{"a call that is not allowed", "AuthorizeRole:", "Action: dynamodb:BatchGetItem", "Action: dynamodb:GetItem", "not allowed: Authorize dynamodb:BatchGetItem"},
		{"a key that is not allowed", "TokenRole:", "['user#*', 'client#*']", "['client#*']", "not allowed: Token dynamodb:GetItem on accounts-" + suffix + " user#"},
		{"an action that nothing needs", "UserinfoRole:", "Action: dynamodb:GetItem", "Action: [dynamodb:GetItem, dynamodb:UpdateItem]", "not needed: Userinfo dynamodb:UpdateItem"},
		{"a key that nothing needs", "CallbackRole:", "['login#*']", "['login#*', 'grant#*']", "not needed: Callback dynamodb:GetItem on flows-" + suffix + " grant#"},
		{"a Query that is not allowed", "SessionRole:", "Action: dynamodb:Query", "Action: dynamodb:Scan", "not allowed: Session dynamodb:Query on flows-" + suffix + "/index/by_user"},
		{"an authorizer that may end sessions", "AuthorizerRole:", "[dynamodb:GetItem,", "[dynamodb:DeleteItem, dynamodb:GetItem,", "not needed: Authorizer dynamodb:DeleteItem"},
		{"a refresh that cannot end one", "RefreshRole:", ", dynamodb:DeleteItem]", "]", "not allowed: Refresh dynamodb:DeleteItem"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, rest, found := strings.Cut(text, c.after)
			if !found || !strings.Contains(rest, c.old) {
				t.Fatalf("nothing to change: no %q after %q", c.old, c.after)
			}
			report := policyProblems(t, before+c.after+strings.Replace(rest, c.old, c.new, 1), values, rec)
			if !strings.Contains(report, c.want) {
				t.Errorf("not found: the report is %q, want %q in it", report, c.want)
			}
		})
	}
}

func policyProblems(t *testing.T, text string, values stack.Values, rec *recorder) string {
	t.Helper()
	tmpl, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := tmpl.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	allowed, problems := permitted(doc, rec.functions), ""
	for _, call := range slices.Sorted(maps.Keys(rec.calls)) {
		if !allowed[call] {
			problems += "not allowed: " + call + "\n"
		}
	}
	for _, permission := range slices.Sorted(maps.Keys(allowed)) {
		if !rec.calls[permission] {
			problems += "not needed: " + permission + "\n"
		}
	}
	return problems
}

// makeAccounts makes the tables, a user and a client.
func makeAccounts(t *testing.T, endpoint string, values stack.Values) {
	t.Helper()
	config := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	accounts := dynamo.NewAccountsFromConfig(config, values.Tables["Accounts"], endpoint)
	_, err := dynamo.NewFromConfig(config, values.Tables["Flows"], endpoint).CreateTable(t.Context())
	for _, next := range []func() error{
		func() error { return accounts.CreateTable(t.Context()) },
		func() error {
			return accounts.PutUser(t.Context(), user.User{Name: "admin", Subject: "sub-1", PasswordHash: user.Hash("admin")}, true)
		},
		func() error {
			return accounts.PutClient(t.Context(), client.Client{
				ID: "app", SecretHash: secret.Hash("app-secret"), RedirectURIs: []string{"https://app.example/cb"}, Scopes: []string{"openid", "email"},
				GrantTypes: []string{client.AuthorizationCode, client.RefreshToken, client.ClientCredentials}, AuthMethods: []string{client.SecretBasic}, PKCEOptional: true,
			}, true)
		},
	} {
		if err != nil {
			break
		}
		err = next()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// walkEverywhere goes every way on which a function asks the tables.
func walkEverywhere(t *testing.T, s *stack.Stack) {
	t.Helper()
	base, app := s.URL(), person(s)
	expect := func(r reply, status int) reply {
		t.Helper()
		if r.StatusCode != status {
			t.Fatalf("%s: %d, want %d\n%s", r.Request.URL, r.StatusCode, status, r.body)
		}
		return r
	}
	ask := func(path string, status int, values ...string) map[string]any {
		t.Helper()
		form := url.Values{}
		for i := 0; i < len(values); i += 2 {
			form.Set(values[i], values[i+1])
		}
		r := expect(post(t, app, base+path, form, "Authorization", "Basic YXBwOmFwcC1zZWNyZXQ="), status)
		var answer map[string]any
		_ = json.Unmarshal([]byte(r.body), &answer)
		return answer
	}
	const back = "https://app.example/cb"

	// The client half: a login that is denied, and one that nobody began.
	browser := person(s)
	to, _ := url.Parse(expect(get(t, browser, base+"/login"), http.StatusFound).Header.Get("Location"))
	for range 2 { // the second is a replay
		expect(get(t, browser, base+"/callback?error=access_denied&state="+to.Query().Get("state")+"&iss="+url.QueryEscape(base)), http.StatusBadRequest)
	}
	for code, status := range map[string]int{"server_error": http.StatusServiceUnavailable, "invalid_scope": http.StatusBadGateway} {
		to, _ = url.Parse(expect(get(t, browser, base+"/login"), http.StatusFound).Header.Get("Location"))
		expect(get(t, browser, base+"/callback?error="+code+"&state="+to.Query().Get("state")+"&iss="+url.QueryEscape(base)), status)
	}
	expect(get(t, browser, base+"/login?return_to=%2F"+strings.Repeat("a", 2047)), http.StatusFound)
	expect(get(t, browser, base+"/callback?code=x&state="+secret.Mint(256)+"&iss="+url.QueryEscape(base)), http.StatusBadRequest)

	// The server: a first approval, a remembered one, a new sign-in, the way out.
	authorize := base + "/oauth/authorize?response_type=code&client_id=app&scope=openid+email&state=s&redirect_uri=" + url.QueryEscape(back)
	first := signInAndApprove(t, browser, base, authorize, "approve").Query().Get("code")
	second := signInAndApprove(t, browser, base, authorize, "approve").Query().Get("code")
	signInAndApprove(t, browser, base, authorize+"&prompt=login", "approve")
	w := walker{t, browser}
	expect(w.submit(w.formTo(get(t, browser, base+"/oauth/signout"), "/oauth/signout")), http.StatusSeeOther)

	// Guesses at a name, until they have to wait.
	guesser := walker{t, person(s)}
	page := guesser.follow(get(t, guesser.client, authorize), base)
	for n := range 6 {
		page = guesser.submit(guesser.formTo(page, "/oauth/signin"), "username", "nobody", "password", "x")
		expect(page, map[bool]int{true: http.StatusTooManyRequests, false: http.StatusBadRequest}[n == 5])
	}

	ask("/oauth/tokenize", http.StatusOK, "grant_type", "authorization_code", "code", first, "redirect_uri", back)
	ask("/oauth/tokenize", http.StatusBadRequest, "grant_type", "authorization_code", "code", first, "redirect_uri", back)
	tokens := ask("/oauth/token", http.StatusOK, "grant_type", "authorization_code", "code", second, "redirect_uri", back)
	tokens = ask("/oauth/token", http.StatusOK, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(tokens["refresh_token"]))
	access := fmt.Sprint(tokens["access_token"])
	if a := ask("/oauth/introspect", http.StatusOK, "token", access); a["active"] != true {
		t.Errorf("introspection: %v", a)
	}
	expect(post(t, app, base+"/oauth/userinfo", nil, "Authorization", "Bearer "+access), http.StatusOK)
	ask("/oauth/revoke", http.StatusOK, "token", access)
	third := signInAndApprove(t, browser, base, authorize, "approve").Query().Get("code")
	tokens = ask("/oauth/token", http.StatusOK, "grant_type", "authorization_code", "code", third, "redirect_uri", back)
	reused := fmt.Sprint(tokens["refresh_token"])
	tokens = ask("/oauth/token", http.StatusOK, "grant_type", "refresh_token", "refresh_token", reused)
	ask("/oauth/token", http.StatusOK, "grant_type", "refresh_token", "refresh_token", fmt.Sprint(tokens["refresh_token"]))
	ask("/oauth/token", http.StatusBadRequest, "grant_type", "refresh_token", "refresh_token", reused)
	ask("/oauth/token", http.StatusOK, "grant_type", "client_credentials", "scope", "email")
	expect(get(t, app, base+"/oauth/jwks"), http.StatusOK)
	expect(get(t, app, base+"/.well-known/openid-configuration"), http.StatusOK)
	if failures := s.Failures(); len(failures) > 0 {
		t.Errorf("failures: %v", failures)
	}
	logs(t, s, met["TestPoliciesAreTheCalls"])
}
