package stack_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

func TestEventAsAPIGatewaySendsIt(t *testing.T) {
	s := stack.Start(t, config())
	r := httptest.NewRequest("POST", s.URL()+"/echo?a=1&a=2&b=%2F+x&bad=%zz", strings.NewReader("k=v"))
	r.Header = http.Header{"X-Two": {"1", "2"}, "Cookie": {"a=1; b=2", "a=3"}, "User-Agent": {"test"},
		"Content-Type": {"application/x-www-form-urlencoded"}, "X-Forwarded-For": {"198.51.100.1"}, "X-Forwarded-Proto": {"gopher"}}
	before := time.Now()
	_, body := do(t, s, r)
	got := decode(t, body)

	const host = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
	c := &got.Event.RequestContext
	if c.RequestID == "" || c.Time == "" || c.TimeEpoch < before.UnixMilli() || got.RequestID == c.RequestID {
		t.Errorf("request context: %+v, Lambda's id %q", c, got.RequestID)
	}
	c.RequestID, c.Time, c.TimeEpoch = "", "", 0
	delete(got.Event.Headers, "x-amzn-trace-id")
	want := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "POST /echo", RawPath: "/echo", RawQueryString: "a=1&a=2&b=%2F+x&bad=%zz",
		Cookies: []string{"a=1", "b=2", "a=3"},
		Headers: map[string]string{"host": host, "x-two": "1,2", "user-agent": "test", "content-length": "3",
			"content-type": "application/x-www-form-urlencoded", "x-forwarded-for": "198.51.100.1, 203.0.113.7",
			"x-forwarded-port": "443", "x-forwarded-proto": "https"},
		QueryStringParameters: map[string]string{"a": "1,2", "b": "/ x"},
		Body:                  "az12", IsBase64Encoded: true,
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "POST /echo", AccountID: "123456789012", Stage: "$default", APIID: "a1b2c3d4e5",
			DomainName: host, DomainPrefix: "a1b2c3d4e5",
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: "POST", Path: "/echo", Protocol: "HTTP/1.1", SourceIP: "203.0.113.7", UserAgent: "test"},
		},
	}
	if diff := cmp.Diff(want, got.Event); diff != "" {
		t.Error(diff)
	}
	if left := time.UnixMilli(got.DeadlineMs).Sub(before); left < time.Second || left > 4*time.Second {
		t.Errorf("deadline %v after the request, want the template's 2 s", left)
	}
	if want := "arn:aws:lambda:eu-central-1:123456789012:function:latchkey-Echo"; got.ARN != want {
		t.Errorf("function ARN %q, want %q", got.ARN, want)
	}
}

func TestPathArrivesDecoded(t *testing.T) {
	s := stack.Start(t, config())
	_, body := get(t, s, "/a%20b")
	if got := decode(t, body).Event; got.RawPath != "/a b" || got.RequestContext.HTTP.Path != "/a b" {
		t.Errorf("rawPath %q, path %q, want both decoded", got.RawPath, got.RequestContext.HTTP.Path)
	}
}

func TestPathParameters(t *testing.T) {
	s := stack.Start(t, config())
	for _, c := range []struct{ path, route, id, part string }{
		{"/things/x/parts/a%20b", "GET /things/{id}/parts/{part}", "x", "a b"},
		{"/things/1/parts/2", "GET /things/1/parts/2", "", ""},
		{"/things/1/parts/", "", "", ""},
		{"/things/1/parts", "", "", ""},
		{"/things/1/parts/2/3", "", "", ""},
		{"/things/1/bits/2", "", "", ""},
	} {
		response, body := get(t, s, c.path)
		if c.route == "" {
			if response.StatusCode != 404 {
				t.Errorf("%s: %d", c.path, response.StatusCode)
			}
			continue
		}
		if e := decode(t, body).Event; e.RouteKey != c.route || e.PathParameters["id"] != c.id || e.PathParameters["part"] != c.part {
			t.Errorf("%s: route %q, parameters %v", c.path, e.RouteKey, e.PathParameters)
		}
	}
}

func TestEventAsSAMLocalSendsIt(t *testing.T) {
	c := config()
	c.SAMLocal = true
	s := stack.Start(t, c)
	if s.URL() != "http://localhost:3000" {
		t.Fatalf("URL %q", s.URL())
	}
	ask := func() echo {
		r := httptest.NewRequest("POST", s.URL()+"/echo", strings.NewReader("k=v"))
		r.Header = http.Header{"Cookie": {"a=1; b=2"}, "Content-Type": {"application/x-www-form-urlencoded"}}
		_, body := do(t, s, r)
		return decode(t, body)
	}
	first, second := ask(), ask()
	e := first.Event
	if e.Headers["Cookie"] != "a=1; b=2" || !slices.Equal(e.Cookies, []string{"a=1", "b=2"}) {
		t.Errorf("cookies %q and header %q, want both", e.Cookies, e.Headers["Cookie"])
	}
	if e.RequestContext.DomainName != "localhost" || e.Body != "k=v" || e.IsBase64Encoded {
		t.Errorf("domain %q, body %q", e.RequestContext.DomainName, e.Body)
	}
	a, b := e.RequestContext, second.Event.RequestContext
	if a.RequestID != b.RequestID || a.Time != b.Time || a.TimeEpoch != b.TimeEpoch {
		t.Errorf("id and time moved: %+v, %+v", a, b)
	}
	for _, want := range []string{"TABLE_NAME=Things", "SECRET_ARN=Hidden"} {
		if !slices.Contains(first.Environment, want) {
			t.Errorf("%s is missing: the logical id", want)
		}
	}
}

func TestEnvironmentIsTheTemplatesAndLambdasOnly(t *testing.T) {
	t.Setenv("GONE", "from the test")
	t.Setenv("HOME", "/somewhere")
	c := config()
	c.Override = map[string]string{"OWN": "overridden"}
	s := stack.Start(t, c)
	_, body := get(t, s, "/echo")
	got := decode(t, body).Environment
	for _, want := range []string{"GREETING=hello from latchkey", "TABLE_NAME=things-1", "CHOICE=a1b2c3d4e5", "OWN=overridden", "PUBLIC_BASE_URL=",
		"TABLE_ARN=arn:aws:dynamodb:eu-central-1:123456789012:things-1", "AWS_REGION=eu-central-1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128",
		"AWS_LAMBDA_FUNCTION_NAME=latchkey-Echo", "AWS_ACCESS_KEY_ID=ASIAECHO", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/latchkey/echo", "_HANDLER=bootstrap"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, entry := range got {
		if strings.HasPrefix(entry, "GONE=") || strings.HasPrefix(entry, "HOME=") {
			t.Errorf("%s came through", entry)
		}
	}
}
