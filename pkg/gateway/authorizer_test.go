package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/principal"
)

type (
	question = events.APIGatewayV2CustomAuthorizerV2Request
	decision = events.APIGatewayV2CustomAuthorizerSimpleResponse
)

// judge is an authorizer made of a function.
type judge func(r *http.Request) (principal.Principal, bool, error)

func (j judge) Authorize(r *http.Request) (principal.Principal, bool, error) { return j(r) }

var alice = principal.Principal{Subject: "sub-1", Realm: "builtin", Provider: "builtin", Scope: "openid email", Session: "h"}

func allow(*http.Request) (principal.Principal, bool, error) { return alice, true, nil }

func ask(t testing.TB, name string, edits ...func(*question)) question {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var q question
	if err := json.Unmarshal(raw, &q); err != nil {
		t.Fatal(err)
	}
	for _, edit := range edits {
		edit(&q)
	}
	return q
}

func decide(t testing.TB, g *gateway.Gateway, j judge, q question) (decision, error) {
	t.Helper()
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "aws-request-id"})
	return g.AuthorizerHandler(j)(ctx, q)
}

func TestAuthorizerSeesTheRequest_C63(t *testing.T) {
	for _, c := range []struct{ fixture, base, cookie string }{
		{"authorizer-aws", awsBase, "__Host-session=Zm9vYmFyYmF6cXV4MTIzNA; theme=dark"},
		{"authorizer-sam", "http://localhost:3000", "session=Zm9vYmFyYmF6cXV4MTIzNA; theme=dark"},
	} {
		t.Run(c.fixture, func(t *testing.T) {
			g, _ := gate()
			if strings.HasSuffix(c.fixture, "sam") {
				g.BaseURL = c.base
			}
			var got []string
			d, err := decide(t, g, func(r *http.Request) (principal.Principal, bool, error) {
				body, _ := io.ReadAll(r.Body)
				got = []string{r.Method, r.RequestURI, r.URL.Path, baseurl.From(r.Context()), r.Host, r.Header.Get("Cookie"), r.Header.Get("Sec-Fetch-Site"),
					r.Header.Get("X-Forwarded-Proto"), string(body), logline.RequestID(r.Context())}
				if len(r.Header.Values("Cookie")) != 1 || r.ContentLength != 0 {
					t.Errorf("%q, length %d", r.Header.Values("Cookie"), r.ContentLength)
				}
				return alice, true, nil
			}, ask(t, c.fixture, func(q *question) { q.Headers["host"] = "evil.example" }))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decision{IsAuthorized: true, Context: alice.Context()}, d); diff != "" {
				t.Error(diff)
			}
			want := []string{"GET", "/api/whoami?a=%2Fdocs%2F&a=2", "/api/whoami", c.base, baseurl.Host(c.base), c.cookie, "same-origin", "", "", "aws-request-id"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAuthorizerDecides_C64(t *testing.T) {
	none := func(*question) {}
	unavailable := &oauth.Error{Code: oauth.StoreUnavailable, Description: "d", Cause: errors.New("no table")}
	for _, c := range []struct {
		name    string
		judge   judge // nil: must not be asked
		edit    func(*question)
		outcome string
	}{
		{"allowed", allow, none, "allowed"},
		{"denied", func(*http.Request) (principal.Principal, bool, error) { return alice, false, nil }, none, "denied"},
		{"an error of the store", func(*http.Request) (principal.Principal, bool, error) { return alice, true, unavailable }, none, "store_unavailable"},
		{"another error", func(*http.Request) (principal.Principal, bool, error) { return alice, true, io.EOF }, none, "server_error"},
		{"a panic", func(*http.Request) (principal.Principal, bool, error) { panic("boom") }, none, "server_error"},
		{"cookies over the limit", nil, func(q *question) { q.Cookies = append(q.Cookies, "a="+strings.Repeat("a", gateway.MaxHeader)) }, "denied"},
		{"a query over the limit", nil, func(q *question) { q.RawQueryString = strings.Repeat("a", gateway.MaxQuery+1) }, "denied"},
		{"a line end in a cookie", nil, func(q *question) { q.Cookies = []string{"a=\n"} }, "denied"},
		{"a header name that is no token", nil, func(q *question) { q.Headers["a b"] = "x" }, "denied"},
		{"a method that is no token", nil, func(q *question) { q.RequestContext.HTTP.Method = "GET /" }, "denied"},
		{"no method", nil, func(q *question) { q.RequestContext.HTTP.Method = "" }, "denied"},
		{"another domain", nil, func(q *question) { q.RequestContext.DomainName = "login.example.com" }, "config_error"},
		{"a named stage", nil, func(q *question) { q.RequestContext.Stage = "prod" }, "config_error"},
		{"an empty event", nil, func(q *question) { *q = question{} }, "config_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, out := gate()
			called := false
			d, err := decide(t, g, func(r *http.Request) (principal.Principal, bool, error) {
				called = true
				if c.judge == nil {
					return alice, true, nil
				}
				return c.judge(r)
			}, ask(t, "authorizer-aws", c.edit))
			if called != (c.judge != nil) {
				t.Errorf("asked: %v", called)
			}
			failed := c.outcome != "allowed" && c.outcome != "denied"
			if failed != (err != nil) || failed && err.Error() != "the request could not be authorized" {
				t.Errorf("error %v", err)
			}
			if d.IsAuthorized != (c.outcome == "allowed") || (d.Context != nil) != d.IsAuthorized {
				t.Errorf("%+v", d)
			}
			all := lines(t, out)
			if len(all) != 1 || all[0]["outcome"] != c.outcome || (all[0]["level"] == "ERROR") != failed {
				t.Errorf("log %v, want the outcome %s", all, c.outcome)
			}
		})
	}
}

func TestAuthorizerLogLine_C49(t *testing.T) {
	const canary = "CANARY"
	g, out := gate()
	g.Now, g.Function = steps(1500*time.Microsecond), "stack-authorizer"
	j := func(r *http.Request) (principal.Principal, bool, error) {
		logline.Add(r.Context(), slog.Int("store_ops", 1), slog.Int("outcome", 7))
		return alice, true, nil
	}
	q := ask(t, "authorizer-aws", func(q *question) {
		q.RawQueryString = "code=" + canary
		q.QueryStringParameters = map[string]string{"code": canary}
		q.Cookies = []string{"__Host-session=" + canary}
		for _, name := range []string{"cookie", "authorization", "referer", "user-agent", "origin"} {
			q.Headers[name] = canary
		}
		q.RequestContext.HTTP.UserAgent, q.IdentitySource = canary, []string{canary}
	})
	for range 2 {
		if _, err := decide(t, g, j, q); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]any{
		"time": "2026-11-21T09:00:00.003Z", "level": "INFO", "msg": "decision", "function": "stack-authorizer", "request_id": "aws-request-id",
		"method": "GET", "route": "GET /api/whoami", "outcome": "allowed", "ms": 1.0, "cold": true, "store_ops": 1.0,
	}
	all := lines(t, out)
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Error(diff)
	}
	if len(all) != 2 || all[1]["cold"] != false || strings.Contains(out.String(), canary) {
		t.Errorf("log: %s", out)
	}
	out.Reset()
	if _, err := decide(t, g, func(*http.Request) (principal.Principal, bool, error) { panic("boom") }, q); err == nil {
		t.Error("a panic is no error")
	}
	if l := lines(t, out); len(l) != 1 || l[0]["panic"] != "boom" || !strings.Contains(l[0]["stack"].(string), "authorizer") {
		t.Errorf("log: %s", out)
	}
}

// What an authorizer said arrives, in the event's request context and nowhere
// else.
func TestPrincipalArrives_C63(t *testing.T) {
	by := func(members map[string]any) func(*event) {
		return func(e *event) {
			e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: members}
		}
	}
	for _, c := range []struct {
		name string
		edit func(*event)
		want bool
	}{
		{"from the request context", by(alice.Context()), true},
		{"no authorizer", func(*event) {}, false},
		{"an authorizer without a context", by(nil), false},
		{"another authorizer's context", by(map[string]any{"sub": "sub-1"}), false},
		{"a number for a name", by(map[string]any{"sub": 1, "realm": "p", "provider": "p", "scope": "", "session": "h"}), false},
		{"a context without a realm", by(map[string]any{"sub": "sub-1", "provider": "p", "scope": "", "session": "h"}), false},
		{"headers that say it", func(e *event) {
			for name, value := range alice.Context() {
				e.Headers[name], e.Headers["x-"+name] = value.(string), value.(string)
			}
			e.Headers["x-amzn-authorizer"] = `{"lambda":{"sub":"sub-1"}}`
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := deliver(t, fixture(t, "login-aws", c.edit))
			who, ok := principal.From(r.Context())
			if ok != c.want || c.want && who != alice {
				t.Errorf("%+v, %v", who, ok)
			}
		})
	}
}

// FuzzAuthorizer: whatever an event says, what a denies is never allowed, and
// there is exactly one line in the log.
func FuzzAuthorizer(f *testing.F) {
	for _, name := range []string{"authorizer-aws", "authorizer-sam"} {
		raw, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, "", "", "", true)
		f.Add(raw, "POST", "/a%2f b?#", "a=1; b", false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, method, path, cookie string, set bool) {
		var q question
		if json.Unmarshal(raw, &q) != nil {
			t.Skip("the runtime refuses what is no event")
		}
		if method+path+cookie != "" {
			q.RequestContext.HTTP.Method, q.RawPath, q.Cookies = method, path, append(q.Cookies, cookie)
		}
		g, log := gate()
		if set {
			g.BaseURL = "https://login.example.com"
		}
		d, _ := decide(t, g, func(r *http.Request) (principal.Principal, bool, error) {
			_, _, _ = baseurl.From(r.Context()), r.Cookies(), r.URL.Query()
			return alice, false, nil
		}, q)
		if d.IsAuthorized || d.Context != nil || bytes.Count(log.Bytes(), []byte("\n")) != 1 {
			t.Errorf("%+v, log: %s", d, log)
		}
	})
}
