package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// share is the processor that a Lambda function of 256 MB has: a whole one is
// that of 1,769 MB.
const share = 256.0 / 1769

// benchFirst compares the first request of a login function that has warmed up
// with that of one that has not, and with a warm request: go run ./e2e/bench
// first. The function starts with a whole processor, as an init does on Lambda,
// and has its share of one from the first request on. DynamoDB is a stand-in
// behind TLS, and the certificate authorities are this machine's.
func benchFirst(args []string) {
	flags := flag.NewFlagSet("first", flag.ExitOnError)
	n := flags.Int("n", 31, "starts of each program")
	_ = flags.Parse(args)
	dir, err := os.MkdirTemp("", "latchkey-bench")
	check(err)
	defer os.RemoveAll(dir)
	table := startTable(dir)
	defer table.Close()
	limit, how := limiter()
	with, without := build(dir, "./functions/login"), buildCold(dir)
	var warmed, unwarmed, third []time.Duration
	for range *n {
		first, later := invocations(with, dir, table.URL, limit)
		warmed, third = append(warmed, first), append(third, later)
		first, _ = invocations(without, dir, table.URL, limit)
		unwarmed = append(unwarmed, first)
	}
	a, b, c := median(warmed), median(unwarmed), median(third)
	fmt.Printf("GET /login at %.0f %% of a processor (%s), medians of %d starts: first request after the warm-up %v, without one %v, a warm request %v\n", share*100, how, *n, a, b, c)
	fmt.Printf("| first `GET /login` after the warm-up, at the share of 256 MB | a warm one | %.2f | 2 |\n", ratio(a, c))
	fmt.Printf("| the same without the warm-up | a warm one | %.2f | |\n", ratio(b, c))
}

// buildCold is the login function without its warmers.
func buildCold(dir string) string {
	const source = "functions/login/main.go"
	text, err := os.ReadFile(source)
	check(err)
	cold := strings.Replace(string(text), ", flows.Warm)", ")", 1)
	if cold == string(text) {
		log.Fatal(source + " has no warmer to leave out")
	}
	check(os.WriteFile(filepath.Join(dir, "main.go"), []byte(cold), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: filepath.Join(dir, "main.go")}})
	check(err)
	check(os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600))
	out := filepath.Join(dir, "cold")
	cmd := exec.Command("go", "build", "-trimpath", "-overlay", filepath.Join(dir, "overlay.json"), "-tags", "lambda.norpc,nethttpomithttp2", "-ldflags", "-s -w -buildid=", "-o", out, "./functions/login")
	cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	check(cmd.Run())
	return out
}

// startTable is a DynamoDB endpoint behind TLS that takes every item. It leaves
// a file of authorities in dir: this machine's, and its own.
func startTable(dir string) *httptest.Server {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "table"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	known, _ := os.ReadFile("/etc/ssl/certs/ca-certificates.crt") // a machine without it has fewer to load
	known = append(known, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	check(os.WriteFile(filepath.Join(dir, "authorities.pem"), known, 0o600))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = w.Write([]byte("{}"))
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	return s
}

// invocations starts the function, and returns how long its first request took
// and how long, at the median, some later ones did.
func invocations(program, dir, table string, limit func(pid int) (lift func())) (first, later time.Duration) {
	f := launch(program, "AWS_LAMBDA_FUNCTION_NAME=login", "TABLE_NAME=flows", "AWS_ENDPOINT_URL_DYNAMODB="+table,
		"SSL_CERT_FILE="+filepath.Join(dir, "authorities.pem"), "OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=x")
	defer f.stop()
	<-f.polled
	defer limit(f.cmd.Process.Pid)()
	event := loginEvent()
	first = f.ask(event, `"statusCode":302`)
	var rest []time.Duration
	for range 9 {
		rest = append(rest, f.ask(event, `"statusCode":302`))
	}
	return first, median(rest)
}

func loginEvent() []byte {
	const host = "a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
	event, err := json.Marshal(events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "GET /login", RawPath: "/login", Headers: map[string]string{"accept": "text/html", "host": host, "sec-fetch-mode": "navigate"},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "GET /login", AccountID: "123456789012", Stage: "$default", RequestID: "JKJaXmPLvHcESHA=", APIID: "a1b2c3d4e5", DomainName: host,
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: "GET", Path: "/login", Protocol: "HTTP/1.1", SourceIP: "203.0.113.7"},
		},
	})
	check(err)
	return event
}
