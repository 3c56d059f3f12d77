package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// What both token endpoints are set up with. Verifier and challenge are the
// example of RFC 7636 appendix B.
const (
	rivalClient   = "bench"
	rivalSecret   = "a-generated-secret-is-43-characters-long-00"
	rivalRedirect = "https://app.example/callback"
	verifier      = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge     = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// connections are kept alive and busy at the same time.
const connections = 4

// rival is a token endpoint in a process of its own, held to one core.
type rival struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	url    string
	tokens string
	client *http.Client
}

// startRival starts a program that answers with tokens of a kind: opaque,
// id_token (one ES256 signature) or jwt (one ES256 signature).
func startRival(tokens string, command ...string) *rival {
	if path, err := exec.LookPath("taskset"); err == nil && runtime.NumCPU() > 1 {
		command = append([]string{path, "-c", "0"}, command...) // this program keeps the others
	}
	r := &rival{cmd: exec.Command(command[0], command[1:]...), tokens: tokens}
	r.cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "GOMAXPROCS=1", "NODE_ENV=production", "BENCH_TOKENS=" + tokens, "BENCH_CLIENT=" + rivalClient,
		"BENCH_SECRET=" + rivalSecret, "BENCH_REDIRECT=" + rivalRedirect, "BENCH_CHALLENGE=" + challenge,
	}
	var err error
	r.stdin, err = r.cmd.StdinPipe()
	check(err)
	out, err := r.cmd.StdoutPipe()
	check(err)
	check(r.cmd.Start())
	r.stdout = bufio.NewReaderSize(out, 1<<20)
	r.url = strings.TrimPrefix(r.line(), "ready ")
	r.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, DisableCompression: true}, Timeout: time.Minute}
	return r
}

func (r *rival) stop() {
	_ = r.stdin.Close()
	_ = r.cmd.Wait()
}

func (r *rival) line() string {
	line, err := r.stdout.ReadString('\n')
	if err != nil {
		log.Fatalf("%s ended (%v); if it is Node.js that ends, run: cd e2e && npm ci", strings.Join(r.cmd.Args, " "), err)
	}
	return strings.TrimSpace(line)
}

// seed makes n grants and returns their codes; the process has collected its
// garbage afterwards.
func (r *rival) seed(n int) []string {
	r.client.CloseIdleConnections() // before the server does
	_, err := fmt.Fprintf(r.stdin, "seed %d\n", n)
	check(err)
	codes := strings.Fields(r.line())
	if len(codes) != n {
		log.Fatalf("%d codes instead of %d", len(codes), n)
	}
	return codes
}

// exchange redeems every code, and returns the refresh tokens and what one
// exchange cost in processor time.
func (r *rival) exchange(codes []string) ([]string, time.Duration) {
	return r.drive(codes, 1, func(code string) url.Values {
		return url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {rivalRedirect}, "code_verifier": {verifier}}
	})
}

// refresh rotates every refresh token so many times in a row. To compare the
// servers it is once: the other one keeps a list of all tokens of a grant, and
// a long chain would be unfair.
func (r *rival) refresh(tokens []string, times int) ([]string, time.Duration) {
	return r.drive(tokens, times, func(token string) url.Values {
		return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	})
}

// drive sends a form for every string given, and again for the refresh token
// that came, so many times in all.
func (r *rival) drive(given []string, times int, form func(string) url.Values) ([]string, time.Duration) {
	got := slices.Clone(given)
	began := cpuOf(r.cmd.Process.Pid)
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			for i := c; i < len(got); i += connections {
				for range times {
					got[i] = r.ask(form(got[i]))
				}
			}
		})
	}
	wg.Wait()
	return got, (cpuOf(r.cmd.Process.Pid) - began) / time.Duration(len(given)*times)
}

// ask sends one form and returns the refresh token that came.
func (r *rival) ask(form url.Values) string {
	request, err := http.NewRequest(http.MethodPost, r.url, strings.NewReader(form.Encode()))
	check(err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(rivalClient, rivalSecret)
	response, err := r.client.Do(request)
	check(err)
	body, err := io.ReadAll(response.Body)
	check(err)
	response.Body.Close()
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
	}
	if json.Unmarshal(body, &answer) != nil || response.StatusCode != http.StatusOK || answer.Refresh == "" {
		log.Fatalf("%s answered %d %s", r.url, response.StatusCode, body)
	}
	if es256(answer.ID) != (r.tokens == "id_token") || es256(answer.Access) != (r.tokens == "jwt") {
		log.Fatalf("not the signatures of %s: %s", r.tokens, body)
	}
	return answer.Refresh
}

// es256 reports a JWT whose header says ES256.
func es256(token string) bool {
	head, _, _ := strings.Cut(token, ".")
	b, err := base64.RawURLEncoding.DecodeString(head)
	return err == nil && strings.Contains(string(b), `"ES256"`)
}
