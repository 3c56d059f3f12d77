package stack_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

type echo struct {
	PID            int
	DeadlineMs     int64
	RequestID, ARN string
	Environment    []string
	Event          events.APIGatewayV2HTTPRequest
}

var echoBinary = sync.OnceValues(func() ([]byte, error) {
	if _, err := os.ReadFile("testdata/echo/main.go"); err != nil { // for the test cache
		return nil, err
	}
	dir, err := os.MkdirTemp("", "echo-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "bootstrap")
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", path, "./testdata/echo")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(path)
})

// config is the test's own template and function.
func config() stack.Config {
	return stack.Config{
		Template:  "testdata/template.yaml",
		Values:    stack.Values{Parameters: map[string]string{"Needed": "yes"}, Table: "things-1"},
		Bootstrap: func(string) ([]byte, error) { return echoBinary() },
	}
}

// do sends a request and returns the response with its body read.
func do(t *testing.T, s *stack.Stack, r *http.Request) (*http.Response, string) {
	t.Helper()
	response, err := s.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func get(t *testing.T, s *stack.Stack, path string) (*http.Response, string) {
	t.Helper()
	return do(t, s, httptest.NewRequest("GET", s.URL()+path, nil))
}

func decode(t *testing.T, body string) echo {
	t.Helper()
	var e echo
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return e
}

func TestReplies(t *testing.T) {
	s := stack.Start(t, config())
	const failed = `{"message":"Internal Server Error"}`
	for _, c := range []struct {
		name, method, path string
		status             int
		body               string
		why                string // of the failure that is listed
	}{
		{"a base64 body is decoded", "GET", "/echo?do=binary", 200, "\x00\xff\x01", ""},
		{"JSON without a status is the body", "GET", "/echo?do=inferred", 200, `{"plain":"json"}`, ""},
		{"an error is a 500", "GET", "/echo?do=fail", 500, failed, "failed on purpose"},
		{"a panic is a 500", "GET", "/echo?do=panic", 500, failed, "panicked on purpose"},
		{"an exit is a 500", "GET", "/echo?do=exit", 500, failed, "the process ended"},
		{"a reply of another shape is a 500", "GET", "/echo?do=nonsense", 500, failed, "not of payload format 2.0"},
		{"a reply over 6 MB is a 500", "GET", "/echo?do=large", 500, failed, "larger than Lambda takes"},
		{"a function that misses its deadline is a 500", "GET", "/echo?do=hang", 500, failed, "timed out"},
		{"another path is a 404", "GET", "/ech", 404, `{"message":"Not Found"}`, ""},
		{"a trailing slash is another path", "GET", "/echo/", 404, `{"message":"Not Found"}`, ""},
		{"another method is a 404", "DELETE", "/echo", 404, `{"message":"Not Found"}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := len(s.Failures())
			response, body := do(t, s, httptest.NewRequest(c.method, s.URL()+c.path, nil))
			if response.StatusCode != c.status || body != c.body {
				t.Errorf("got %d %q, want %d %q", response.StatusCode, body, c.status, c.body)
			}
			why := strings.Join(s.Failures()[before:], "\n")
			if !strings.Contains(why, c.why) {
				t.Errorf("the failure listed is %q, want %q", why, c.why)
			}
			if next, _ := get(t, s, "/echo"); next.StatusCode != 200 {
				t.Errorf("the next request: %d", next.StatusCode)
			}
		})
	}
}

func TestABrowserKeepsSecureCookiesAndReachesOtherHosts(t *testing.T) {
	far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "far "+r.Header.Get("Cookie")) }))
	defer far.Close()
	s := stack.Start(t, config())
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar, Transport: s}
	response, err := browser.Get(s.URL() + "/echo?do=cookies")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(response.Body)
	if got := decode(t, string(body)).Event.Cookies; !slices.Equal(got, []string{"__Host-a=1", "b=2"}) {
		t.Errorf("after the redirect the cookies are %q", got)
	}
	response, err = browser.Get(far.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, _ := io.ReadAll(response.Body); string(body) != "far " {
		t.Errorf("the other host got %q", body)
	}
}

func TestPublicBaseURLIsAnotherHost(t *testing.T) {
	c := config()
	c.Parameters["Public"] = "https://login.example.com"
	s := stack.Start(t, c)
	_, body := get(t, s, "/echo")
	if got := decode(t, body).Event.RequestContext.DomainName; s.URL() != "https://login.example.com" || got != "login.example.com" {
		t.Errorf("URL %q, domain %q", s.URL(), got)
	}
}

func TestProcessesTakeTurnsUnlessOneIsNamed(t *testing.T) {
	s := stack.Start(t, config())
	pid := func(i int) int {
		r := httptest.NewRequest("GET", s.URL()+"/echo", nil)
		if i >= 0 {
			r = r.WithContext(stack.OnProcess(t.Context(), i))
		}
		_, body := do(t, s, r)
		return decode(t, body).PID
	}
	first, second, third := pid(-1), pid(-1), pid(-1)
	if first == second || first != third {
		t.Errorf("in turn: %d %d %d", first, second, third)
	}
	if a, b, c := pid(1), pid(1), pid(0); a != b || a == c {
		t.Errorf("named: %d %d %d", a, b, c)
	}
}

func TestKilledProcess(t *testing.T) {
	for _, c := range []struct {
		name     string
		stayDown bool
		want     int
	}{
		{"a new one takes its place", false, 200},
		{"it stays down if the test says so", true, 500},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config()
			cfg.StayDown = c.stayDown
			s := stack.Start(t, cfg)
			ask := func() (*http.Response, string) {
				return do(t, s, httptest.NewRequest("GET", s.URL()+"/echo?do=log", nil).WithContext(stack.OnProcess(t.Context(), 0)))
			}
			_, body := ask()
			old := decode(t, body).PID
			s.Kill("Echo", 0)
			if alive(old) {
				t.Error("it is still there")
			}
			response, body := ask()
			if response.StatusCode != c.want {
				t.Fatalf("then %d, want %d", response.StatusCode, c.want)
			}
			if !c.stayDown && decode(t, body).PID == old {
				t.Error("the same process answered")
			}
			if n := strings.Count(s.ProcessLog("Echo", 0), "a line to standard error"); n != map[bool]int{false: 2, true: 1}[c.stayDown] {
				t.Errorf("%d lines of both lives in the log", n)
			}
		})
	}
}

func TestKillDuringAnInvocation(t *testing.T) {
	s := stack.Start(t, config())
	status := make(chan int, 1)
	go func() {
		r := httptest.NewRequest("GET", s.URL()+"/echo?do=hang", nil).WithContext(stack.OnProcess(t.Context(), 1))
		if response, err := s.RoundTrip(r); err == nil {
			status <- response.StatusCode
		}
		close(status)
	}()
	for !strings.Contains(s.ProcessLog("Echo", 1), "hanging") {
		runtime.Gosched()
	}
	s.Kill("Echo", 1)
	if got := <-status; got != 500 {
		t.Errorf("status %d", got)
	}
}

func TestRefusedConfigurations(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*stack.Config)
		want   string
	}{
		{"an override that no function declares", func(c *stack.Config) { c.Override = map[string]string{"UNKNOWN": "x"} }, "no function declares it"},
		{"a parameter without a value", func(c *stack.Config) { delete(c.Parameters, "Needed") }, "needs a value"},
		{"a parameter that is not declared", func(c *stack.Config) { c.Parameters["Nope"] = "x" }, "not declared"},
		{"a value against the pattern", func(c *stack.Config) { c.Parameters["Greeting"] = "HI" }, "does not match"},
		{"a value that is not in the list", func(c *stack.Config) { c.Parameters["Needed"] = "maybe" }, "allowed values"},
		{"a number over the limit", func(c *stack.Config) { c.Parameters["Rate"] = "11" }, "MaxValue"},
		{"values that a rule refuses", func(c *stack.Config) { c.Parameters["Greeting"], c.Parameters["Needed"] = "both", "no" }, "not both at once"},
		{"a process that ends during init", func(c *stack.Config) { c.Parameters["Greeting"] = "broken" }, "broken on purpose"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config()
			c.change(&cfg)
			s, err := stack.New(cfg)
			if err == nil {
				s.Close()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
