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
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// share is the processor that a Lambda function of 256 MB has: a whole one is
// that of 1,769 MB.
const share = 256.0 / 1769

// deployed is the ARN of the deployment secret.
const deployed = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:DeploymentSecret-AbCdEf"

// candidate is a function whose first request is measured.
type candidate struct {
	name, warmers string   // its folder in functions, and where its main names the warmers
	what          string   // for the table
	settings      []string // besides those of Lambda and AWS
	event         []byte
	want          string // in every answer
}

// benchFirst compares the first request of a function that has warmed up with
// that of one that has not, and with a warm request: go run ./e2e/bench first.
// The login function needs the table, the authorizer the deployment secret
// besides. A function starts with a whole processor, as an init does on Lambda,
// and has its share of one from the first request on. DynamoDB and Secrets
// Manager are stand-ins behind TLS, and the certificate authorities are this
// machine's.
func benchFirst(args []string) {
	flags := flag.NewFlagSet("first", flag.ExitOnError)
	n := flags.Int("n", 31, "starts of each program")
	_ = flags.Parse(args)
	dir, err := os.MkdirTemp("", "latchkey-bench")
	check(err)
	defer os.RemoveAll(dir)
	root, cookie := secret.Mint(256), session.NewCookie()
	keep := newShelf()
	defer keep.Close()
	keep.put(root, cookie)
	far := startAWS(dir, keep, root)
	defer far.Close()
	limit, how := limiter()
	for _, c := range []candidate{
		{"login", loginWarmers, "`GET /login`", []string{"OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=x"}, loginEvent(), `"statusCode":302`},
		{"authorizer", ", flows.Warm, awssecret.Warm(keys))", "decision of the authorizer", []string{"LATCHKEY_SECRET_ARN=" + deployed}, questionAbout(cookie), `"isAuthorized":true`},
	} {
		c.settings = append(c.settings, "AWS_LAMBDA_FUNCTION_NAME="+c.name, "TABLE_NAME=flows", "SSL_CERT_FILE="+filepath.Join(dir, "authorities.pem"),
			"AWS_ENDPOINT_URL_DYNAMODB="+far.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER="+far.URL)
		with, without := build(dir, "./functions/"+c.name), buildWithout(dir, c.name, c.warmers)
		var warmed, unwarmed, third []time.Duration
		for range *n {
			first, later := c.invocations(with, limit)
			warmed, third = append(warmed, first), append(third, later)
			first, _ = c.invocations(without, limit)
			unwarmed = append(unwarmed, first)
		}
		x, y, z := median(warmed), median(unwarmed), median(third)
		fmt.Printf("%s at %.0f %% of a processor (%s), medians of %d starts: first request after the warm-up %v, without one %v, a warm request %v\n", c.name, share*100, how, *n, x, y, z)
		fmt.Printf("| first %s after the warm-up, at the share of 256 MB | a warm one | %.2f | 2 |\n", c.what, ratio(x, z))
		fmt.Printf("| the same without the warm-up | a warm one | %.0f | |\n", ratio(y, z))
	}
}

const loginWarmers = ", flows.Warm)"

// buildCold is the login function without its warmers.
func buildCold(dir string) string { return buildWithout(dir, "login", loginWarmers) }

// buildWithout is a function without its warmers, the last arguments of its main.
func buildWithout(dir, name, warmers string) string {
	source := "functions/" + name + "/main.go"
	text, err := os.ReadFile(source)
	check(err)
	cold := strings.Replace(string(text), warmers, ")", 1)
	if cold == string(text) {
		log.Fatal(source + " has no warmer to leave out")
	}
	out := filepath.Join(dir, "cold-"+name)
	check(os.WriteFile(out+".go", []byte(cold), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: out + ".go"}})
	check(err)
	check(os.WriteFile(out+".json", overlay, 0o600))
	compile(out, "./functions/"+name, "-overlay", out+".json")
	return out
}

// startAWS is DynamoDB, which gives what is kept and takes every item, and
// Secrets Manager with the secret root, both behind TLS. It leaves a file of
// authorities in dir: this machine's, and its own.
func startAWS(dir string, keep http.Handler, root string) *httptest.Server {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "aws"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	known, _ := os.ReadFile("/etc/ssl/certs/ca-certificates.crt") // a machine without it has fewer to load
	known = append(known, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	check(os.WriteFile(filepath.Join(dir, "authorities.pem"), known, 0o600))
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); {
		case operation == "GetItem":
			keep.ServeHTTP(w, r)
		case service == "secretsmanager":
			fmt.Fprintf(w, `{"ARN":%q,"SecretString":%q}`, deployed, root)
		default:
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			_, _ = w.Write([]byte("{}"))
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	return s
}

// invocations starts the function, and returns how long its first request took
// and how long, at the median, some later ones did. When other work on the
// machine makes a connection so slow that the function gives up, it starts
// again.
func (c candidate) invocations(program string, limit func(pid int) (lift func())) (first, later time.Duration) {
	var took [10]time.Duration
	for range 5 {
		if c.asked(program, limit, took[:]) {
			return took[0], median(took[1:])
		}
	}
	log.Fatal(program + " does not answer as it should")
	return 0, 0
}

// pause is between two requests: at once they would use up the group's share of
// a tenth of a second, and one that waits for the next share measures nothing.
const pause = 20 * time.Millisecond

// asked starts the function and asks it as often as took has room, which is
// filled. It reports whether the answers were as wanted.
func (c candidate) asked(program string, limit func(pid int) (lift func()), took []time.Duration) bool {
	f := launch(program, c.settings...)
	defer f.stop()
	<-f.polled
	defer limit(f.cmd.Process.Pid)()
	for i := range took {
		answer := ""
		time.Sleep(pause)
		if took[i], answer = f.ask(c.event); !strings.Contains(answer, c.want) {
			return false
		}
	}
	return true
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
