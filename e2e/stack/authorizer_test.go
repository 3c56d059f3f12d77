package stack_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

func TestAuthorizerDecides(t *testing.T) {
	s := stack.Start(t, config())
	for _, c := range []struct {
		name, path, cookie string
		status             int
		body               string // "" for the function's
		why                string // of the failure that is listed
	}{
		{"allowed", "/guarded", "", 200, "", ""},
		{"denied", "/guarded?say=no", "", 403, `{"message":"Forbidden"}`, ""},
		{"an error is no decision", "/guarded?say=fail", "", 500, `{"message":"Internal Server Error"}`, "failed on purpose"},
		{"nor is a panic", "/guarded?say=panic", "", 500, `{"message":"Internal Server Error"}`, "panicked on purpose"},
		{"nor a missed deadline", "/guarded?say=hang", "", 500, `{"message":"Internal Server Error"}`, "timed out"},
		{"nor a policy", "/guarded?say=policy", "", 500, `{"message":"Internal Server Error"}`, "no simple response"},
		{"nor a text", "/guarded?say=text", "", 500, `{"message":"Internal Server Error"}`, "no simple response"},
		{"an identity that is there", "/kept", "a=1", 200, "", ""},
		{"an identity that is missing", "/kept?say=fail", "", 401, `{"message":"Unauthorized"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(s.Failures())
			r := httptest.NewRequest("GET", s.URL()+c.path, nil)
			if c.cookie != "" {
				r.Header.Set("Cookie", c.cookie)
			}
			response, body := do(t, s, r)
			if response.StatusCode != c.status || c.body != "" && body != c.body {
				t.Errorf("got %d %s, want %d %s", response.StatusCode, body, c.status, c.body)
			}
			if why := strings.Join(s.Failures()[before:], "\n"); !strings.Contains(why, c.why) || (why == "") != (c.why == "") {
				t.Errorf("the failure listed is %q, want %q", why, c.why)
			}
			if c.body == "" && decode(t, body).Event.RequestContext.Authorizer.Lambda["sub"] != "sub-1" {
				t.Errorf("the function did not get the context: %s", body)
			}
		})
	}
	if _, body := get(t, s, "/echo"); decode(t, body).Event.RequestContext.Authorizer != nil {
		t.Error("an authorizer's context on a route without one")
	}
}

func TestAuthorizerEvent(t *testing.T) {
	for _, local := range []bool{false, true} {
		c := config()
		c.SAMLocal = local
		s := stack.Start(t, c)
		r := httptest.NewRequest("GET", s.URL()+"/kept?a=1&a=2", nil)
		r.Header = http.Header{"Cookie": {"a=1; b=2"}, "X-Two": {"1"}}
		_, body := do(t, s, r)
		e := decode(t, body).Event
		var q events.APIGatewayV2CustomAuthorizerV2Request
		text, _ := e.RequestContext.Authorizer.Lambda["event"].(string)
		if err := json.Unmarshal([]byte(text), &q); err != nil {
			t.Fatal(err)
		}
		e.RequestContext.Authorizer = nil // what the function has more
		want := events.APIGatewayV2CustomAuthorizerV2Request{
			Version: "2.0", Type: "REQUEST", RouteKey: "GET /kept", RawPath: "/kept", RawQueryString: "a=1&a=2",
			RouteArn:       "arn:aws:execute-api:eu-central-1:123456789012:" + e.RequestContext.APIID + "/$default/GET/kept",
			IdentitySource: []string{"a=1; b=2", "GET /kept"},
			Cookies:        []string{"a=1", "b=2"}, Headers: e.Headers, QueryStringParameters: map[string]string{"a": "1,2"},
			RequestContext: e.RequestContext,
		}
		if diff := cmp.Diff(want, q); diff != "" {
			t.Errorf("sam local %v: %s", local, diff)
		}
		if _, twice := q.Headers["Cookie"]; twice != local {
			t.Errorf("sam local %v: the cookies stand in the headers: %v", local, twice)
		}
	}
}

func TestAuthorizerResultsAreKept_C65(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	c := config()
	c.Now = func() time.Time { return now }
	s := stack.Start(t, c)
	asked := func() int { return strings.Count(s.Log("Keeper"), "asked about") }
	ask := func(method, path, cookie string, status, more int) {
		t.Helper()
		before := asked()
		r := httptest.NewRequest(method, s.URL()+path, nil)
		r.Header.Set("Cookie", cookie)
		if response, body := do(t, s, r); response.StatusCode != status || asked()-before != more {
			t.Errorf("%s %s: %d, %d questions, want %d and %d\n%s", method, path, response.StatusCode, asked()-before, status, more, body)
		}
	}
	ask("GET", "/kept", "a=1", 200, 1)
	ask("GET", "/kept?say=no", "a=1", 200, 0) // an allow is kept
	ask("GET", "/kept?say=no", "a=2", 403, 1) // of another identity
	ask("GET", "/kept", "a=2", 403, 0)        // a denial is kept
	ask("POST", "/kept?say=no", "a=1", 403, 1)
	ask("GET", "/kept?say=fail", "a=3", 500, 1)
	ask("GET", "/kept", "a=3", 200, 1) // a failure is not kept
	now = now.Add(59 * time.Second)
	ask("GET", "/kept?say=no", "a=1", 200, 0)
	now = now.Add(time.Second)
	ask("GET", "/kept?say=no", "a=1", 403, 1)
	ask("GET", "/guarded", "a=1", 200, 1)
	ask("GET", "/guarded", "a=1", 200, 1) // nothing is kept without a time
}

func TestRefusedAuthorizers(t *testing.T) {
	text, err := os.ReadFile("testdata/template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	const permission = "            EnableFunctionDefaultPermissions: true\n"
	for _, c := range []struct{ name, old, new, want string }{
		{"no permission to invoke it", permission, "", "authorizer Door: EnableFunctionDefaultPermissions has to be true"},
		{"a permission that is declined", permission, strings.Replace(permission, "true", "false", 1), "EnableFunctionDefaultPermissions has to be true"},
		{"policies for answers", "EnableSimpleResponses: true", "EnableSimpleResponses: false", "EnableSimpleResponses has to be true"},
		{"payload format 1.0", "AuthorizerPayloadFormatVersion: '2.0'", "AuthorizerPayloadFormatVersion: '1.0'", "AuthorizerPayloadFormatVersion has to be 2.0"},
		{"something else for a function", "!GetAtt Keeper.Arn", "!GetAtt Things.Arn", "no function of the template"},
		{"a role to invoke it with", permission, permission + "            FunctionInvokeRole: x\n", "[FunctionInvokeRole] is not understood"},
		{"an authorizer of all routes", "        Authorizers:\n", "        DefaultAuthorizer: Door\n        Authorizers:\n", "[DefaultAuthorizer] is not understood"},
		{"a route with an authorizer that is not there", "Authorizer: Door}", "Authorizer: Dor}", "GET /guarded: no authorizer is named Dor"},
		{"scopes on a route", "{Authorizer: Door}", "{Authorizer: Door, AuthorizationScopes: [x]}", "[AuthorizationScopes] is not understood"},
		{"a cache of nothing", "Identity: {Headers: [Cookie], Context: [routeKey], ReauthorizeEvery: 60}", "Identity: {ReauthorizeEvery: 60}", "needs an identity source"},
		{"a cache of a day", "ReauthorizeEvery: 60", "ReauthorizeEvery: 86400", "ReauthorizeEvery has to be"},
		{"a query string for an identity", "Headers: [Cookie]", "QueryStrings: [x]", "[QueryStrings] is not understood"},
		{"a context that it does not know", "Context: [routeKey]", "Context: [stage]", "$context.stage is not understood"},
		{"an authorizer that API Gateway does not wait for", "Timeout: 2", "Timeout: 15", "API Gateway waits 10s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(string(text), c.old) {
				t.Fatalf("nothing to change: no %q", c.old)
			}
			path := filepath.Join(t.TempDir(), "template.yaml")
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), c.old, c.new, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			cfg := config()
			cfg.Template = path
			s, err := stack.New(cfg)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
