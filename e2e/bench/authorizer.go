package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// authorizerCost compares what a warm decision costs our function and a bare
// one in processor time: both read the same item, of a session as a login
// leaves it.
func authorizerCost(dir string, n int) {
	const decisions = 200
	keep := newShelf()
	defer keep.Close()
	root, cookie := secret.Mint(256), session.NewCookie()
	keep.put(root, cookie)
	settings := []string{"GOMAXPROCS=1", "AWS_LAMBDA_FUNCTION_NAME=authorizer", "TABLE_NAME=flows", "AWS_ENDPOINT_URL_DYNAMODB=" + keep.url, "LATCHKEY_SECRET=" + root}
	ours := launch(build(dir, "./functions/authorizer"), settings...)
	defer ours.stop()
	bare := launch(build(dir, "./e2e/bench/bareauthorizer"), settings...)
	defer bare.stop()
	event := questionAbout(cookie)
	a, b := turns(n, func() time.Duration { return decide(ours, event, decisions) }, func() time.Duration { return decide(bare, event, decisions) })
	fmt.Printf("authorizer, warm, processor time of a decision: %v, a bare handler with one GetItem %v, ratio %.2f (at most 1.5)\n", a, b, ratio(a, b))
	fmt.Printf("| authorizer, warm, processor time | a bare handler with one GetItem | %.2f | 1.5 |\n", ratio(a, b))
}

// shelf is a DynamoDB endpoint with room for one item.
type shelf struct {
	net.Listener
	url string

	mu   sync.Mutex
	item json.RawMessage
}

func newShelf() *shelf {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	s := &shelf{Listener: l, url: "http://" + l.Addr().String()}
	go func() { _ = http.Serve(l, s) }()
	return s
}

// ServeHTTP implements [http.Handler].
func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); operation {
	case "PutItem":
		var call struct{ Item json.RawMessage }
		check(json.NewDecoder(r.Body).Decode(&call))
		s.item = call.Item
		_, _ = io.WriteString(w, "{}")
	case "GetItem":
		_, _ = io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, `{"Item":%s}`, s.item)
	default: // a connection that is opened in advance
		_, _ = io.WriteString(w, "healthy")
	}
}

// put makes a session with tokens of usual lengths.
func (s *shelf) put(root, cookie string) {
	ring, err := secret.ParseRing(root)
	check(err)
	now := time.Now().Truncate(time.Second)
	entry, err := session.Session{
		Cookie: cookie, Provider: "builtin", Subject: secret.Mint(128), Name: "Ada Lovelace", Email: "ada@example.com", Scope: "openid profile email",
		AccessToken: secret.Mint(512), RefreshToken: secret.Mint(512), IssuedAt: now.Unix(), TokenExpiresAt: now.Add(time.Hour).Unix(),
	}.Seal(ring.Newest(), session.Entry{Created: now, SeenAt: now, ExpiresAt: now.Add(24 * time.Hour), MaxAt: now.Add(168 * time.Hour)})
	check(err)
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("x", "x", "")}
	check(dynamo.NewFromConfig(cfg, "flows", s.url).PutSession(context.Background(), entry))
}

// questionAbout is what API Gateway asks about a browser's request.
func questionAbout(cookie string) []byte {
	const host = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
	event, err := json.Marshal(events.APIGatewayV2CustomAuthorizerV2Request{
		Version: "2.0", Type: "REQUEST", RouteArn: "arn:aws:execute-api:eu-central-1:123456789012:a1b2c3d4e5/$default/GET/api/whoami",
		RouteKey: "GET /api/whoami", RawPath: "/api/whoami", Cookies: []string{"__Host-session=" + cookie},
		Headers: map[string]string{
			"accept": "*/*", "accept-encoding": "gzip, deflate, br, zstd", "accept-language": "en-GB,en;q=0.9", "content-length": "0", "host": host,
			"referer": "https://" + host + "/app", "sec-fetch-dest": "empty", "sec-fetch-mode": "cors", "sec-fetch-site": "same-origin",
			"user-agent":       "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
			"x-amzn-trace-id":  "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
			"x-forwarded-for":  "203.0.113.7",
			"x-forwarded-port": "443", "x-forwarded-proto": "https",
		},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "GET /api/whoami", AccountID: "123456789012", Stage: "$default", RequestID: "JKJaXmPLvHcESHA=", APIID: "a1b2c3d4e5",
			DomainName: host, DomainPrefix: "a1b2c3d4e5", Time: "12/Mar/2026:19:03:58 +0000", TimeEpoch: 1773342238000,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: "GET", Path: "/api/whoami", Protocol: "HTTP/1.1", SourceIP: "203.0.113.7"},
		},
	})
	check(err)
	return event
}

// decide asks n times and returns what one answer cost.
func decide(f *function, event []byte, n int) time.Duration {
	began := cpuOf(f.cmd.Process.Pid)
	for range n {
		if _, answer := f.ask(event); !strings.Contains(answer, `"isAuthorized":true`) {
			log.Fatalf("%s answered %s", f.cmd.Path, answer)
		}
	}
	return (cpuOf(f.cmd.Process.Pid) - began) / time.Duration(n)
}

// benchAuthorizer is the comparison alone: go run ./e2e/bench authorizer.
func benchAuthorizer() {
	dir, err := os.MkdirTemp("", "latchkey-bench")
	check(err)
	defer os.RemoveAll(dir)
	authorizerCost(dir, 41)
}
