package e2e_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// stackThatReachesItself is the stack at an address of this machine, so that
// its client half can ask its server half. Access tokens last three seconds.
func stackThatReachesItself(t *testing.T, values stack.Values, database string) *stack.Stack {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	values.Parameters = map[string]string{"AccessTtl": "3s"}
	s := stack.Start(t, stack.Config{Values: values, Override: map[string]string{
		"PUBLIC_BASE_URL":           fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port),
		"AWS_ENDPOINT_URL_DYNAMODB": database, "LATCHKEY_SECRET_ARN": "", "LATCHKEY_SECRET": secret.Mint(256)}})
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: inFrontOf(s)}}
	server.Start()
	t.Cleanup(server.Close)
	return s
}

// script is a request of a page's script.
func script(t *testing.T, c *http.Client, method, target string) (reply, map[string]any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-CSRF", "1")
	r := send(t, c, request)
	var answer map[string]any
	_ = json.Unmarshal([]byte(r.body), &answer)
	return r, answer
}

// walkSessions goes every way on which a function asks the table for sessions.
func walkSessions(t *testing.T, s *stack.Stack, database string, values stack.Values) {
	t.Helper()
	base := s.URL()
	flows := dynamodb.NewFromConfig(aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")},
		func(o *dynamodb.Options) { o.BaseEndpoint = &database })
	expect := func(r reply, status int) reply {
		t.Helper()
		if r.StatusCode != status {
			t.Fatalf("%s %s: %d, want %d\n%s\n%s", r.Request.Method, r.Request.URL, r.StatusCode, status, r.body, strings.Join(s.Failures(), "\n"))
		}
		return r
	}
	ask := func(c *http.Client, method, path string, status int) map[string]any {
		t.Helper()
		r, answer := script(t, c, method, base+path)
		expect(r, status)
		return answer
	}
	login := func(c *http.Client) (callback string) {
		t.Helper()
		authorize := expect(get(t, c, base+"/login"), http.StatusFound).Header.Get("Location")
		callback = signInAndApprove(t, c, base, authorize, "approve").String()
		expect(get(t, c, callback), http.StatusSeeOther)
		return callback
	}

	phone, laptop := person(s), person(s)
	login(phone)
	callback := login(laptop)
	expect(get(t, laptop, callback), http.StatusSeeOther) // a reload
	login(laptop)                                         // in place of the session before
	if me := ask(laptop, "GET", "/session", http.StatusOK); me["sub"] != "sub-1" {
		t.Errorf("GET /session: %v", me)
	}
	ask(person(s), "GET", "/api/whoami", http.StatusForbidden)
	age(t, flows, values.Tables["Flows"])
	if who := ask(laptop, "GET", "/api/whoami", http.StatusOK); who["sub"] != "sub-1" || who["provider"] != "builtin" {
		t.Errorf("GET /api/whoami: %v", who)
	}
	expect(get(t, laptop, base+"/"), http.StatusOK)
	expect(get(t, laptop, base+"/auth.js"), http.StatusOK)

	all, _ := ask(laptop, "GET", "/sessions", http.StatusOK)["sessions"].([]any)
	if len(all) != 2 {
		t.Fatalf("GET /sessions: %v", all)
	}
	for _, one := range all {
		if row := one.(map[string]any); row["current"] != true {
			ask(laptop, "DELETE", "/sessions/"+url.PathEscape(fmt.Sprint(row["handle"])), http.StatusNoContent)
		}
	}
	ask(phone, "GET", "/session", http.StatusUnauthorized)

	refreshed(t, laptop, base, http.StatusOK)
	login(phone)
	w := walker{t, laptop}
	expect(w.submit(w.formTo(get(t, laptop, base+"/logout"), "/logout"), "everywhere", "1"), http.StatusSeeOther)
	ask(phone, "GET", "/api/whoami", http.StatusForbidden)

	// The server takes the refresh token no more: the session ends.
	login(phone)
	disable(t, database, values)
	refreshed(t, phone, base, http.StatusUnauthorized)
	if failures := s.Failures(); len(failures) > 0 {
		t.Errorf("failures: %v", failures)
	}
}

// refreshed asks for new tokens until it is time for them.
func refreshed(t *testing.T, c *http.Client, base string, status int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		r, answer := script(t, c, "POST", base+"/refresh")
		if r.StatusCode != http.StatusOK || answer["refreshed"] == true {
			if r.StatusCode != status {
				t.Fatalf("POST /refresh: %d %s", r.StatusCode, r.body)
			}
			return
		}
	}
	t.Fatal("nothing was refreshed")
}

// age takes the last sign of life of every session two hours back.
func age(t *testing.T, flows *dynamodb.Client, table string) {
	t.Helper()
	out, err := flows.Scan(t.Context(), &dynamodb.ScanInput{TableName: &table})
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range out.Items {
		if key, _ := item["pk"].(*types.AttributeValueMemberS); key == nil || !strings.HasPrefix(key.Value, "session#") {
			continue
		}
		now := time.Now()
		_, err := flows.UpdateItem(t.Context(), &dynamodb.UpdateItemInput{
			TableName: &table, Key: map[string]types.AttributeValue{"pk": item["pk"]},
			UpdateExpression: aws.String("SET seen_at = :seen, expires_at = :end"),
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":seen": &types.AttributeValueMemberN{Value: fmt.Sprint(now.Add(-2 * time.Hour).Unix())},
				":end":  &types.AttributeValueMemberN{Value: fmt.Sprint(now.Add(22 * time.Hour).Unix())},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// disable ends what the user has approved.
func disable(t *testing.T, database string, values stack.Values) {
	t.Helper()
	config := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	err := dynamo.NewAccountsFromConfig(config, values.Tables["Accounts"], database).PutUser(t.Context(),
		user.User{Name: "admin", Subject: "sub-1", PasswordHash: user.Hash("admin"), Disabled: true, ValidFrom: time.Now()}, false)
	if err != nil {
		t.Fatal(err)
	}
}
