package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// rivals fetches a URL n times at once, over both processes, and counts the
// answers by status and code.
func rivals(t *testing.T, browser *http.Client, target string, n int) map[string]int {
	t.Helper()
	answers := make(chan string, n)
	var start sync.WaitGroup
	start.Add(1)
	for i := range n {
		go func() {
			start.Wait()
			response, err := on(browser, i%2).Get(target)
			if err != nil {
				answers <- err.Error()
				return
			}
			answers <- outcome(response)
		}()
	}
	start.Done()
	counts := map[string]int{}
	for range n {
		counts[<-answers]++
	}
	return counts
}

// outcome is the status, and the code if there is one.
func outcome(r *http.Response) string {
	defer r.Body.Close()
	var b strings.Builder
	b.WriteString(r.Status)
	body := make([]byte, 200)
	n, _ := r.Body.Read(body)
	if _, rest, ok := strings.Cut(string(body[:n]), `"error":"`); ok {
		code, _, _ := strings.Cut(rest, `"`)
		b.WriteString(" " + code)
	}
	return b.String()
}

const (
	okay = "200 OK"
	used = "400 Bad Request state_used"
)

func TestConcurrentCallbacksOnTwoProcesses_C28(t *testing.T) {
	p, database := startStub(t), peer.Dynalite(t)
	s := p.onLambda(t, database, database)
	browser := person(s)
	for round := range 20 {
		before := p.TokenRequests()
		counts := rivals(t, browser, begin(t, browser, s.URL()), 50)
		if counts[okay] != 1 || counts[used] != 49 || p.TokenRequests() != before+1 {
			t.Fatalf("round %d: %v, %d token requests", round, counts, p.TokenRequests()-before)
		}
	}
	if failures := s.Failures(); len(failures) > 0 {
		t.Errorf("failures: %v", failures)
	}
}

func TestKilledDuringTheExchange_F22(t *testing.T) {
	p, database := startStub(t), peer.Dynalite(t)
	s := p.onLambda(t, database, database)
	browser := person(s)
	callback := begin(t, browser, s.URL())
	p.hang()
	answer := make(chan reply, 1)
	go func() { answer <- get(t, on(browser, 0), callback) }()
	<-p.hits // so the login is claimed
	s.Kill("Callback", 0)
	if r := <-answer; r.StatusCode != http.StatusInternalServerError || r.body != `{"message":"Internal Server Error"}` {
		t.Errorf("the killed callback: %d %s", r.StatusCode, r.body)
	}
	p.release()
	for i := range 2 {
		if r := get(t, on(browser, i), callback); r.StatusCode != http.StatusBadRequest || !strings.Contains(r.body, "state_used") {
			t.Errorf("replay on process %d: %d %s", i, r.StatusCode, r.body)
		}
	}
	if r := get(t, browser, begin(t, browser, s.URL())); r.StatusCode != http.StatusOK {
		t.Errorf("a new login: %d %s", r.StatusCode, r.body)
	}
	if n := p.TokenRequests(); n != 2 {
		t.Errorf("%d token requests, want one for each login", n)
	}
}

func TestDuplicateEvent_F24(t *testing.T) {
	p, database := startStub(t), peer.Dynalite(t)
	s := p.onLambda(t, database, database)
	for name, parallel := range map[string]bool{"at once": true, "one after the other": false} {
		browser := person(s)
		callback := begin(t, browser, s.URL())
		u, _ := url.Parse(callback)
		event := eventOf(t, callback, browser.Jar.Cookies(u)[0].String())
		before := p.TokenRequests()
		answers := make(chan lambdaReply, 2)
		for i := range 2 {
			send := func() { answers <- invoke(stack.OnProcess(t.Context(), i), t, s, event) }
			if parallel {
				go send()
			} else {
				send()
			}
		}
		statuses := map[int]int{}
		for range 2 {
			r := <-answers
			statuses[r.StatusCode]++
			if r.StatusCode != http.StatusOK && !strings.Contains(r.Body, "state_used") {
				t.Errorf("%s: %d %s", name, r.StatusCode, r.Body)
			}
		}
		if statuses[200] != 1 || statuses[400] != 1 || p.TokenRequests() != before+1 {
			t.Errorf("%s: %v, %d token requests", name, statuses, p.TokenRequests()-before)
		}
	}
}

// Less time than an exchange needs must not cost the login.
func TestTooLittleTimeLeft_F21(t *testing.T) {
	p, database := startStub(t), peer.Dynalite(t)
	short := p.onLambda(t, database, database, func(c *stack.Config) { c.Timeout = 1400 * time.Millisecond })
	browser := person(short)
	callback := begin(t, browser, short.URL())
	r := get(t, browser, callback)
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" || p.TokenRequests() != 0 {
		t.Fatalf("%d %v %s, %d token requests", r.StatusCode, r.Header, r.body, p.TokenRequests())
	}
	browser.Transport = p.onLambda(t, database, database)
	if r := get(t, browser, callback); r.StatusCode != http.StatusOK || p.TokenRequests() != 1 {
		t.Errorf("again, with time: %d %s, %d token requests", r.StatusCode, r.body, p.TokenRequests())
	}
}

// storeLimit is what a request may take whatever the store does.
const storeLimit = 5500 * time.Millisecond

// The three ways in which a store is not there: it refuses connections, it
// throttles, it does not answer.
func TestStoreIsDown_F02_F03(t *testing.T) {
	for name, fail := range map[string]func(*tableProxy){
		"refuses connections": (*tableProxy).refuse,
		"throttles": func(proxy *tableProxy) {
			proxy.plan("PutItem", fault{throttle: -1})
			proxy.plan("UpdateItem", fault{throttle: -1})
			proxy.plan("GetItem", fault{throttle: -1})
		},
		"does not answer": func(proxy *tableProxy) {
			proxy.plan("PutItem", fault{delay: -1})
			proxy.plan("UpdateItem", fault{delay: -1})
			proxy.plan("GetItem", fault{delay: -1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, database := startStub(t), peer.Dynalite(t)
			proxy := startProxy(t, database)
			s := p.onLambda(t, database, proxy.url)
			browser := person(s)
			callback := begin(t, browser, s.URL())
			fail(proxy)
			var both sync.WaitGroup
			for _, target := range []string{s.URL() + "/login", callback} {
				both.Go(func() { storeDown(t, browser, target) })
			}
			both.Wait()
			if n := p.TokenRequests(); n != 0 {
				t.Errorf("%d token requests", n)
			}
		})
	}
}

// storeDown asserts the refusal of a request that needs the store.
func storeDown(t *testing.T, browser *http.Client, target string) {
	t.Helper()
	began := time.Now()
	r := get(t, browser, target)
	what, _, _ := strings.Cut(target, "?")
	if took := time.Since(began); took > storeLimit {
		t.Errorf("%s took %v", what, took)
	}
	if r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(r.body, "store_unavailable") || r.Header.Get("Retry-After") == "" {
		t.Errorf("%s: %d %v %s", what, r.StatusCode, r.Header, r.body)
	}
	if r.Header.Get("Set-Cookie")+r.Header.Get("Location") != "" {
		t.Errorf("%s: %v", what, r.Header)
	}
}

// A store that stumbles is not noticed.
func TestStoreStumbles_F01_F04_F05_F07(t *testing.T) {
	t.Parallel()
	p, database := startStub(t), peer.Dynalite(t)
	proxy := startProxy(t, database)
	s := p.onLambda(t, database, proxy.url)
	browser := person(s)

	proxy.plan("PutItem", fault{throttle: 2})
	began := time.Now()
	begin(t, browser, s.URL())
	if took := time.Since(began); took > time.Second {
		t.Errorf("throttled twice, /login took %v", took)
	}
	for name, f := range map[string]fault{"throttled twice": {throttle: 2}, "reply lost once": {dropReply: 1}, "reply lost twice": {dropReply: 2}} {
		callback := begin(t, browser, s.URL())
		before, applied := p.TokenRequests(), proxy.appliedTo("UpdateItem")
		proxy.plan("UpdateItem", f)
		r := get(t, browser, callback)
		if r.StatusCode != http.StatusOK || p.TokenRequests() != before+1 {
			t.Errorf("%s: %d %s, %d token requests", name, r.StatusCode, r.body, p.TokenRequests()-before)
		}
		if n := proxy.appliedTo("UpdateItem") - applied; n != 1+f.dropReply {
			t.Errorf("%s: applied %d times, so the fault did not happen", name, n)
		}
	}
	proxy.plan("PutItem", fault{dropReply: 1})
	callback := begin(t, browser, s.URL())
	before := p.TokenRequests()
	proxy.plan("UpdateItem", fault{dropReply: 10})
	counts := rivals(t, browser, callback, 50)
	if counts[okay] != 1 || counts[used] != 49 || p.TokenRequests() != before+1 {
		t.Errorf("50 rivals, 10 replies lost: %v, %d token requests", counts, p.TokenRequests()-before)
	}
}

// When nothing comes back from the store any more, the login may be lost, but
// it is never used twice.
func TestEveryReplyLost_F06(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		read   fault
		status int
		later  string
	}{
		"but the read answers": {fault{}, http.StatusOK, used},
		"of the read as well":  {fault{dropReply: -1}, http.StatusServiceUnavailable, used},
	} {
		t.Run(name, func(t *testing.T) {
			p, database := startStub(t), peer.Dynalite(t)
			proxy := startProxy(t, database)
			s := p.onLambda(t, database, proxy.url)
			browser := person(s)
			callback := begin(t, browser, s.URL())
			proxy.plan("UpdateItem", fault{dropReply: -1})
			proxy.plan("GetItem", test.read)
			if r := get(t, browser, callback); r.StatusCode != test.status {
				t.Errorf("%d %s, want %d", r.StatusCode, r.body, test.status)
			}
			proxy.plan("UpdateItem", fault{})
			proxy.plan("GetItem", fault{})
			if counts := rivals(t, browser, callback, 6); counts[test.later] != 6 {
				t.Errorf("later: %v, want %s", counts, test.later)
			}
			want := 0
			if test.status == http.StatusOK {
				want = 1
			}
			if n := p.TokenRequests(); n != want {
				t.Errorf("%d token requests, want %d", n, want)
			}
		})
	}
}
