package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// firstLine is what a script may wait for.
var firstLine = regexp.MustCompile(`^http://(localhost|127\.0\.0\.1|\[::1\]):[1-9][0-9]*$`)

func TestListen(t *testing.T) {
	for listen, host := range map[string]string{
		"localhost:0": "localhost", "127.0.0.1:0": "127.0.0.1", "[::1]:0": "[::1]", ":0": "localhost", "0.0.0.0:0": "localhost", "[::]:0": "localhost",
	} {
		t.Run(listen, func(t *testing.T) {
			if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
				l.Close()
			} else if strings.Contains(listen, "::") {
				t.Skip("this machine has no IPv6: needs the address ::1")
			}
			p := startStub(t)
			s := startServe(t, listen, environ(p.settings()))
			defer func() {
				_ = s.cmd.Process.Kill()
				<-s.done
				who := "for this machine only"
				if strings.HasPrefix(listen, ":") || strings.HasPrefix(listen, "0.0.0.0") || strings.HasPrefix(listen, "[::]") {
					who = "for everybody who reaches this server"
				}
				if said := s.out.String(); !strings.Contains(said, "DEMO of the built-in server, beside that, "+who+": ") {
					t.Errorf("said: %s", said)
				}
			}()
			u, err := url.Parse(s.base)
			if err != nil || !firstLine.MatchString(s.base) || u.Host != host+":"+u.Port() {
				t.Fatalf("listening on %s", s.base)
			}
			browser := person(nil)
			sent := get(t, browser, s.base+"/login")
			to, _ := url.Parse(sent.Header.Get("Location"))
			if sent.StatusCode != http.StatusFound || to.Query().Get("redirect_uri") != s.base+"/callback" {
				t.Errorf("/login: %d, to %s", sent.StatusCode, to)
			}
			if r := get(t, browser, s.base+"/callback?code=abc&state="+to.Query().Get("state")); r.StatusCode != http.StatusOK {
				t.Errorf("/callback: %d %s", r.StatusCode, r.body)
			}
			// The same machine under its other name: back to the base first,
			// or the cookie would be set where no callback comes in.
			other := "127.0.0.1"
			if host == other {
				return // nothing listens on ::1, which localhost may mean
			}
			if host == "[::1]" {
				return
			}
			sent = get(t, person(nil), "http://"+other+":"+u.Port()+"/login?return_to=%2Fx")
			if sent.StatusCode != http.StatusTemporaryRedirect || sent.Header.Get("Location") != s.base+"/login?return_to=%2Fx" || sent.Header.Get("Set-Cookie") != "" {
				t.Errorf("/login on %s: %d %v", other, sent.StatusCode, sent.Header)
			}
		})
	}
}

// The same base, but set: no proxy stands in between that would have changed
// the name.
func TestBaseURLOfServeItself_C08(t *testing.T) {
	for _, name := range []string{"PUBLIC_BASE_URL", "REDIRECT_URI"} {
		listen := fmt.Sprintf("localhost:%d", port())
		value := "http://" + listen
		if name == "REDIRECT_URI" {
			value += "/callback"
		}
		startServe(t, listen, environ(with(startStub(t).settings(), map[string]string{name: value})))
		_, number, _ := net.SplitHostPort(listen)
		r := get(t, person(nil), "http://127.0.0.1:"+number+"/login")
		if r.StatusCode != http.StatusTemporaryRedirect || r.Header.Get("Location") != "http://"+listen+"/login" {
			t.Errorf("%s: %d %v", name, r.StatusCode, r.Header)
		}
	}
}

func TestRoutesOfServe_C06_C42(t *testing.T) {
	for name, settings := range map[string][]string{"with a provider": environ(startStub(t).settings()), "without one": nil} {
		s := startServe(t, "localhost:0", settings)
		for _, test := range []struct {
			method, path string
			status       int
			allow        string
		}{
			{"GET", "/nowhere", 404, ""}, {"POST", "/nowhere", 404, ""}, {"GET", "/login/", 404, ""}, {"GET", "/Login", 404, ""},
			{"HEAD", "/login", 405, "GET"}, {"POST", "/login", 405, "GET"}, {"PUT", "/login", 405, "GET"}, {"OPTIONS", "/login", 405, "GET"},
			{"HEAD", "/callback", 405, "GET, POST"}, {"PUT", "/callback", 405, "GET, POST"}, {"POST", "/", 405, "GET, HEAD"},
			{"GET", "/", 200, ""}, {"HEAD", "/", 200, ""},
		} {
			r := request(t, test.method, s.base+test.path)
			if r.StatusCode != test.status || r.Header.Get("Allow") != test.allow {
				t.Errorf("%s: %s %s: %d, Allow %q", name, test.method, test.path, r.StatusCode, r.Header.Get("Allow"))
			}
			var refusal struct {
				Error string `json:"error"`
				ID    string `json:"request_id"`
			}
			if test.status >= 400 && test.method != "HEAD" {
				if err := json.Unmarshal([]byte(r.body), &refusal); err != nil || refusal.Error != "invalid_request" || refusal.ID == "" {
					t.Errorf("%s: %s %s: %s", name, test.method, test.path, r.body)
				}
			}
			if r.Header.Get("Set-Cookie") != "" || r.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %s %s: %v", name, test.method, test.path, r.Header)
			}
		}
	}
}

func request(t *testing.T, method, target string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, person(nil), r)
}

func TestServeWithoutAProvider(t *testing.T) {
	s := startServe(t, "localhost:0", nil)
	front := get(t, person(nil), s.base+"/")
	if front.StatusCode != http.StatusOK || !strings.Contains(front.body, s.base+"/callback") || !strings.Contains(front.body, "This is a demo") {
		t.Errorf("/: %d %s", front.StatusCode, front.body)
	}
	if r := get(t, person(nil), s.base+"/login"); r.StatusCode != http.StatusFound || !strings.HasPrefix(r.Header.Get("Location"), s.base+"/oauth/authorize?") {
		t.Errorf("/login: %d %s", r.StatusCode, r.body)
	}
	_ = s.cmd.Process.Kill()
	<-s.done
	said := s.out.String()
	for _, want := range []string{s.base + "/login", s.base + "/callback", "DEMO, for this machine only: user admin, password admin"} {
		if !strings.Contains(said, want) {
			t.Errorf("after the first line: %q does not say %q", said, want)
		}
	}
	if warned := s.log.String(); !strings.Contains(warned, "warning: client test_client may leave PKCE out") {
		t.Errorf("no warning: %q", warned)
	}
}

// Two processes on one table, the second one eleven minutes ahead.
func TestLoginExpiresBetweenProcesses_C29(t *testing.T) {
	p, endpoint := startStub(t), peer.Dynalite(t)
	createTable(t, endpoint, tableOf(t))
	settings := environ(with(p.settings(), map[string]string{"TABLE_NAME": tableOf(t), "AWS_ENDPOINT_URL_DYNAMODB": endpoint}))
	first := startServe(t, "localhost:0", settings)
	later := startServe(t, "localhost:0", settings, "--clock-offset", "11m")
	second := startServe(t, "localhost:0", settings, "--clock-offset", "9m")
	browser := person(nil) // cookies are the same for every port
	callback := begin(t, browser, first.base)
	if r := get(t, browser, strings.Replace(callback, first.base, later.base, 1)); r.StatusCode != http.StatusBadRequest || !strings.Contains(r.body, "login_expired") || !strings.Contains(r.body, "%2Fapp") {
		t.Errorf("after eleven minutes: %d %s", r.StatusCode, r.body)
	}
	if n := p.TokenRequests(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	if r := get(t, browser, strings.Replace(callback, first.base, second.base, 1)); r.StatusCode != http.StatusOK {
		t.Errorf("after nine minutes: %d %s", r.StatusCode, r.body)
	}
	form := <-p.hits
	if got := form.Get("redirect_uri"); got != first.base+"/callback" {
		t.Errorf("the second process sent the redirect URI %s", got)
	}
}
