package peer

import (
	"os"
	"regexp"
	"sync"
	"testing"
)

// readyLine is what our own programs print once they answer.
var readyLine = regexp.MustCompile(`(?m)^ready (http://\S+)$`)

// motoReady is werkzeug's line; it is printed after the port is bound.
var motoReady = regexp.MustCompile(`Running on (http://127\.0\.0\.1:\d+)`)

// shared keeps the parts that outlive one test; see Main.
var shared struct {
	mu   sync.Mutex
	on   bool
	part map[string]sharedPart
}

type sharedPart struct {
	process *process
	address string
}

// Main runs a package's tests with Dynalite and Moto started at most once each
// for the whole test binary instead of once per call, and stops them at the
// end. Tests must then name their tables so that they do not meet. Use it as
//
//	func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }
func Main(m *testing.M) int {
	shared.mu.Lock()
	shared.on, shared.part = true, map[string]sharedPart{}
	shared.mu.Unlock()
	defer func() {
		shared.mu.Lock()
		defer shared.mu.Unlock()
		for _, s := range shared.part {
			s.process.stop()
		}
		shared.on = false
	}()
	return m.Run()
}

// Dynalite starts npm dynalite, an in-memory DynamoDB, and returns its
// endpoint, http://127.0.0.1:PORT. It is atomic under rivals, but has no TTL
// API, no transactions and returns no old item on a failed condition.
func Dynalite(t testing.TB) string {
	t.Helper()
	return startOrShare(t, "dynalite", readyLine, nodeProgram(t, "dynalite.mjs", "dynalite"))
}

// Moto starts moto_server, a DynamoDB and Secrets Manager, and returns its
// endpoint, http://127.0.0.1:PORT. It is not atomic under rivals: judge no
// concurrency on it.
func Moto(t testing.TB) string {
	t.Helper()
	moto := lookPath(t, "moto_server", "install the Python package moto with its extra [server], version 5")
	return startOrShare(t, "moto", motoReady, []string{moto, "-H", "127.0.0.1", "-p", "0"})
}

// Endpoints are the DynamoDB endpoints to prove a store on, by name: "moto",
// "dynalite" and, if AWS_ENDPOINT_URL_DYNAMODB is set, "environment". Each
// function starts what it needs, or skips the test that calls it.
func Endpoints(t testing.TB) map[string]func(testing.TB) string {
	t.Helper()
	all := map[string]func(testing.TB) string{"moto": Moto, "dynalite": Dynalite}
	if url := os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"); url != "" {
		all["environment"] = func(testing.TB) string { return url }
	}
	return all
}

// startOrShare starts a part for this test, or once for all tests under Main.
func startOrShare(t testing.TB, name string, ready *regexp.Regexp, argv []string) string {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.on {
		_, address := start(t, name, ready, nil, argv...)
		return address
	}
	s, ok := shared.part[name]
	if !ok {
		p, address, err := launch(name, ready, nil, argv...)
		if err != nil {
			t.Fatal(err)
		}
		s = sharedPart{process: p, address: address}
		shared.part[name] = s
	}
	s.process.logOnFailure(t)
	return s.address
}
