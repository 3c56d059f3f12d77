package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"

	"github.com/latchkey-go/latchkey/pkg/gateway"
)

type (
	event = events.APIGatewayV2HTTPRequest
	reply = events.APIGatewayV2HTTPResponse
)

const (
	awsBase = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"
	state   = "xyzQ0tN4m1pVb8cKfS2aLrWdEoGhUjYi5nZ7vT9sBkM"
)

// fixture reads an event of testdata and lets edits change it.
func fixture(t testing.TB, name string, edits ...func(*event)) event {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	for _, edit := range edits {
		edit(&e)
	}
	return e
}

// gate is a gateway in eu-west-1 that logs to the returned buffer.
func gate() (*gateway.Gateway, *bytes.Buffer) {
	var log bytes.Buffer
	return &gateway.Gateway{Region: "eu-west-1", Logger: slog.New(slog.NewJSONHandler(&log, nil))}, &log
}

// invoke sends e through g to h, the way the Lambda runtime would.
func invoke(t testing.TB, g *gateway.Gateway, h http.HandlerFunc, e event) reply {
	t.Helper()
	ctx := lambdacontext.NewContext(context.Background(), &lambdacontext.LambdaContext{AwsRequestID: "aws-request-id"})
	res, err := g.Handler(h)(ctx, e)
	if err != nil {
		t.Fatalf("Handler returned an error: %v", err)
	}
	return res
}

// seen is what the handler got, with the body read.
type seen struct {
	*http.Request
	body string
}

// deliver returns the request that the handler sees for e; it fails the test
// when the handler is not reached.
func deliver(t testing.TB, e event) seen {
	t.Helper()
	g, _ := gate()
	if strings.HasPrefix(e.RequestContext.DomainName, "localhost") {
		g.BaseURL = "http://localhost:3000"
	}
	var got seen
	res := invoke(t, g, func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got = seen{r, string(body)}
	}, e)
	if got.Request == nil {
		t.Fatalf("the handler was not called; the answer was %d %s", res.StatusCode, res.Body)
	}
	return got
}

// lines parses the log.
func lines(t testing.TB, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(log.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("the log line %q is not JSON: %v", line, err)
		}
		all = append(all, m)
	}
	return all
}

// refusal parses the JSON form of a refusal.
func refusal(t testing.TB, body string) map[string]string {
	t.Helper()
	var m map[string]string
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		t.Fatalf("the body %q is no JSON refusal: %v", body, err)
	}
	return m
}

// program makes e the request of a program, which gets JSON.
func program(e *event) {
	e.Headers = map[string]string{"accept": "application/json"}
}

func ok(http.ResponseWriter, *http.Request) {}
