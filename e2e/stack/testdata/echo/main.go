// Echo is a Lambda function that answers with what it was given, or misbehaves
// as the parameter "do" asks.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

// Echo is the body of an answer.
type Echo struct {
	PID         int
	DeadlineMs  int64
	RequestID   string
	ARN         string
	Environment []string
	Event       events.APIGatewayV2HTTPRequest
}

type response = events.APIGatewayV2HTTPResponse

func main() {
	if strings.HasPrefix(os.Getenv("GREETING"), "broken") {
		fmt.Fprintln(os.Stderr, "GREETING: broken on purpose")
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, event json.RawMessage) (any, error) {
		var q events.APIGatewayV2CustomAuthorizerV2Request
		if err := json.Unmarshal(event, &q); err == nil && q.Type == "REQUEST" {
			return authorize(event, q)
		}
		var e events.APIGatewayV2HTTPRequest
		if err := json.Unmarshal(event, &e); err != nil {
			return nil, err
		}
		return answer(ctx, e)
	})
}

// authorize decides as the parameter "say" asks. The context of an allow is
// the event.
func authorize(event json.RawMessage, q events.APIGatewayV2CustomAuthorizerV2Request) (any, error) {
	fmt.Println("asked about", q.RouteKey)
	switch q.QueryStringParameters["say"] {
	case "no":
		return map[string]any{"isAuthorized": false, "context": map[string]any{"sub": "x"}}, nil
	case "fail":
		return map[string]any{"isAuthorized": true}, errors.New("failed on purpose")
	case "panic":
		panic("panicked on purpose")
	case "hang":
		time.Sleep(time.Hour)
	case "policy":
		return map[string]any{"principalId": "x", "policyDocument": map[string]any{}}, nil
	case "text":
		return map[string]any{"isAuthorized": "true"}, nil
	}
	return map[string]any{"isAuthorized": true, "context": map[string]any{"sub": "sub-1", "event": string(event)}}, nil
}

func answer(ctx context.Context, e events.APIGatewayV2HTTPRequest) (any, error) {
	switch e.QueryStringParameters["do"] {
	case "cookies":
		return response{StatusCode: 303, Headers: map[string]string{"Location": "/echo"},
			Cookies: []string{"__Host-a=1; Secure; HttpOnly; Path=/", "b=2; Path=/"}}, nil
	case "binary":
		return response{StatusCode: 200, Body: base64.StdEncoding.EncodeToString([]byte{0, 255, 1}), IsBase64Encoded: true}, nil
	case "inferred":
		return map[string]string{"plain": "json"}, nil
	case "fail":
		return nil, errors.New("failed on purpose")
	case "panic":
		panic("panicked on purpose")
	case "exit":
		os.Exit(3)
	case "nonsense":
		return map[string]any{"statusCode": "two hundred"}, nil
	case "large":
		return response{StatusCode: 200, Body: strings.Repeat("x", 7<<20)}, nil
	case "hang":
		fmt.Println("hanging", os.Getpid())
		time.Sleep(time.Hour)
	case "log":
		fmt.Println("a line to standard output")
		fmt.Fprintln(os.Stderr, "a line to standard error")
	}
	deadline, _ := ctx.Deadline()
	lc, _ := lambdacontext.FromContext(ctx)
	body, err := json.Marshal(Echo{
		PID: os.Getpid(), DeadlineMs: deadline.UnixMilli(), RequestID: lc.AwsRequestID,
		ARN: lc.InvokedFunctionArn, Environment: os.Environ(), Event: e,
	})
	return response{StatusCode: 200, Headers: map[string]string{"content-type": "application/json"}, Body: string(body)}, err
}
