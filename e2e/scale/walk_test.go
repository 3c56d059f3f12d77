package scale_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/scale"
)

// walker is a browser, and the server that it walks through.
type walker struct {
	testing.TB
	base   string
	client *http.Client
	output *bytes.Buffer // what the server wrote, complete after stop
	stop   func()
}

// start builds and starts latchkey serve, in mode session and with stores in
// memory.
func start(t testing.TB) *walker {
	program := filepath.Join(t.TempDir(), "latchkey")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/latchkey").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(program, "--listen", "localhost:0", "--session")
	cmd.Dir, cmd.Env = t.TempDir(), []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &walker{TB: t, client: &http.Client{Jar: jar}, output: &bytes.Buffer{}}
	addresses, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		defer close(addresses)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			w.output.WriteString(lines.Text() + "\n")
			if _, address, found := strings.Cut(lines.Text(), "listening on "); found {
				addresses <- address
			}
		}
	}()
	stopped := false
	w.stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			in.Close()
			<-done
		}
	}
	t.Cleanup(w.stop)
	w.base = <-addresses
	if w.base == "" {
		t.Fatalf("it does not start:\n%s", w.output)
	}
	return w
}

// do sends a request as a page of the site does, follows where it leads, and
// returns the page there.
func (w *walker) do(method, address string, form url.Values, header ...string) string {
	w.Helper()
	if strings.HasPrefix(address, "/") {
		address = w.base + address
	}
	req, err := http.NewRequestWithContext(w.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		w.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Origin", w.base)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, name := range header {
		req.Header.Set(name, "1")
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 500 {
		w.Fatalf("%s: %s %v\n%s", address, resp.Status, err, body)
	}
	return string(body)
}

var (
	action = regexp.MustCompile(`<form[^>]*action="([^"]+)"`)
	input  = regexp.MustCompile(`<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)
)

// fill sends the form of a page with what stands in it and with more.
func (w *walker) fill(page string, more ...string) string {
	w.Helper()
	to := action.FindStringSubmatch(page)
	if to == nil {
		w.Fatalf("no form in\n%s", page)
	}
	form := url.Values{}
	for _, m := range input.FindAllStringSubmatch(page, -1) {
		form.Add(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return w.do(http.MethodPost, html.UnescapeString(to[1]), form)
}

// requests are those that the server logged, apart at its answers to
// GET /next.
func (w *walker) requests() []map[string]float64 {
	w.stop()
	all := []map[string]float64{{}}
	for line := range strings.Lines(w.output.String()) {
		var l struct{ Method, Path string }
		if json.Unmarshal([]byte(line), &l) != nil {
			continue
		}
		switch route := l.Method + " " + l.Path; route {
		case "GET /next":
			all = append(all, map[string]float64{})
		case "GET /auth.js", "GET /", "GET /oauth/jwks": // where the walk ends, and once for an instance
		default:
			all[len(all)-1][route]++
		}
	}
	return all
}

// TestRequestsOfALogin walks through two logins at the built-in server and a
// logout, and compares the requests that the server sees with the flows.
func TestRequestsOfALogin(t *testing.T) {
	w := start(t)
	page := w.do(http.MethodGet, "/login?return_to=/auth.js", nil)
	page = w.fill(page, "username", "admin", "password", "admin")
	w.fill(page, "do", "approve")
	w.do(http.MethodGet, "/next", nil)
	w.do(http.MethodGet, "/login?return_to=/auth.js", nil)
	w.do(http.MethodGet, "/next", nil)
	var out struct {
		LoggedOut bool `json:"logged_out"`
		Redirect  string
	}
	if err := json.Unmarshal([]byte(w.do(http.MethodPost, "/logout", nil, "X-CSRF")), &out); err != nil || !out.LoggedOut {
		t.Fatalf("not logged out: %+v %v", out, err)
	}
	w.fill(w.do(http.MethodGet, out.Redirect, nil))
	got := w.requests()
	for i, flow := range []string{
		"login at the built-in server, with password and approval",
		"login at the built-in server, signed in and approved before",
		"the same at the built-in server, and there",
	} {
		if want := scale.Of(flow).Needs(1).Routes; i >= len(got) || !maps.Equal(got[i], want) {
			t.Errorf("%s:\nmodel  %v\nserver %v", flow, want, got)
		}
	}
}
