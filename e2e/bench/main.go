// Bench measures what Go's own benchmarks cannot: the start of whole
// processes. It prints medians of many runs, the programs taking turns, and
// the ratio that the README quotes.
//
//	go run ./e2e/bench [-n 41]
//	go run ./e2e/bench authorizer
//	go run ./e2e/bench first
//	go run ./e2e/bench server [-check]
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "server" {
		benchServer(os.Args[2:])
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "authorizer" {
		benchAuthorizer()
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "first" {
		benchFirst(os.Args[2:])
		return
	}
	n := flag.Int("n", 41, "runs of each program")
	flag.Parse()
	dir, err := os.MkdirTemp("", "latchkey-bench")
	check(err)
	defer os.RemoveAll(dir)

	function, least, warmed := unpacked(buildCold(dir)), unpacked(build(dir, "./e2e/bench/bare")), unpacked(build(dir, "./functions/login"))
	serve, listen := build(dir, "./cmd/latchkey"), build(dir, "./e2e/bench/listen")

	keep := newShelf()
	defer keep.Close()
	// A start is short, and varies by more than what is looked for.
	a, b := turns(5**n, func() time.Duration { return firstPoll(function, keep.url) }, func() time.Duration { return firstPoll(least, keep.url) })
	fmt.Printf("Lambda init, process start to first poll: login without its warm-up %v, bare aws-lambda-go and DynamoDB client %v, ratio %.2f (at most 1.15)\n", a, b, ratio(a, b))
	c, _ := turns(*n, func() time.Duration { return firstPoll(warmed, keep.url) }, func() time.Duration { return 0 })
	fmt.Printf("Lambda init of login with its warm-up: %v\n", c)

	login, bare := wholeLogin(), http.HandlerFunc(bareLogin)
	a, b = turns(5**n, func() time.Duration { return batch(login) }, func() time.Duration { return batch(bare) })
	fmt.Printf("GET /login, warm, memory store, processor time: %v, a handler that only mints and redirects %v, ratio %.2f (at most 2)\n", a, b, ratio(a, b))

	authorizerCost(dir, *n)

	var resident int
	a, b = turns(*n, func() time.Duration {
		took, kb := firstAnswer(serve, "serve", "--listen", "localhost:0")
		resident = max(resident, kb)
		return took
	}, func() time.Duration {
		took, _ := firstAnswer(listen)
		return took
	})
	fmt.Printf("latchkey serve, process start to first 200: %v, a program that only listens %v, ratio %.2f (at most 5)\n", a, b, ratio(a, b))
	fmt.Printf("latchkey serve, resident after the first 200: %.1f MB at most (under 24)\n", float64(resident)/1024)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// build compiles with the flags of the Makefile, for this machine.
func build(dir, pkg string) string {
	out := filepath.Join(dir, filepath.Base(pkg))
	compile(out, pkg)
	return out
}

func compile(out, pkg string, flags ...string) {
	args := append([]string{"build", "-trimpath", "-tags", "lambda.norpc,nethttpomithttp2", "-ldflags", "-s -w -buildid=", "-o", out}, flags...)
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	check(cmd.Run())
}

// unpacked writes a program anew in one piece, as unpacking an archive does on
// Lambda: by how the linker happened to write its pages, a program starts up to
// a twentieth faster or slower.
func unpacked(program string) string {
	text, err := os.ReadFile(program)
	check(err)
	check(os.Remove(program))
	check(os.WriteFile(program, text, 0o700))
	return program
}

// turns runs a and b alternately, after one run of each that does not count,
// and returns the medians.
func turns(n int, a, b func() time.Duration) (time.Duration, time.Duration) {
	var as, bs []time.Duration
	a()
	b()
	for range n {
		as, bs = append(as, a()), append(bs, b())
	}
	return median(as), median(bs)
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2].Round(10 * time.Nanosecond)
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// firstPoll starts a function against a Runtime API that never has an event,
// and returns how long it took to ask for one.
func firstPoll(program, store string) time.Duration {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	polled := make(chan time.Time, 1)
	api := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case polled <- time.Now():
		default:
		}
		<-r.Context().Done()
	})}
	go func() { _ = api.Serve(l) }()
	defer api.Close()
	cmd := exec.Command(program)
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + l.Addr().String(), "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x",
		"TABLE_NAME=flows", "AWS_ENDPOINT_URL_DYNAMODB=" + store, "OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=x",
	}
	cmd.Stderr = os.Stderr
	began := time.Now()
	check(cmd.Start())
	defer end(cmd)
	select {
	case at := <-polled:
		return at.Sub(began)
	case <-time.After(10 * time.Second):
		log.Fatal(program + " did not poll")
		return 0
	}
}

// firstAnswer starts a server and returns how long its first 200 took, and its
// resident memory then, in KB.
func firstAnswer(program string, args ...string) (time.Duration, int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"OAUTH_PROVIDER=cashmere", "OAUTH_CLIENT_ID=x"}
	out, err := cmd.StdoutPipe()
	check(err)
	began := time.Now()
	check(cmd.Start())
	defer end(cmd)
	line, err := bufio.NewReader(out).ReadString('\n')
	check(err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get(strings.TrimSpace(strings.TrimPrefix(line, "listening on ")) + "/")
	check(err)
	took := time.Since(began)
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		log.Fatalf("%s answered %d", program, response.StatusCode)
	}
	return took, rss(cmd.Process.Pid)
}

// rss reads VmRSS; 0 where there is no /proc.
func rss(pid int) int {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmRSS:" {
			kb, _ := strconv.Atoi(fields[1])
			return kb
		}
	}
	return 0
}

func end(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
