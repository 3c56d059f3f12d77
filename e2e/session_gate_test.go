package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// A gate stands in front of a provider and keeps the books of its token
// endpoint: which refresh token comes from which login, and how often each was
// used. It can also fail in the provider's place.
type gate struct {
	url string

	mu      sync.Mutex
	next    http.Handler
	logins  []*lineage
	of      map[string]*lineage // by refresh token
	revoked map[string]bool     // tokens that the provider was asked to revoke
}

// A lineage is the refresh tokens that come from one login. The gate's mutex
// guards it.
type lineage struct {
	tokens []string       // oldest first
	asked  int            // refreshes that came as far as the gate
	uses   map[string]int // of each token, at the provider itself
	status int            // answered in place of the provider, if not 0
	hold   *hold
}

// A hold stops the next refresh of a lineage: before the provider hears of it,
// or with the provider's answer on its way back.
type hold struct {
	answered bool
	arrived  chan struct{} // closed when the refresh is there
	release  chan struct{} // the test closes it
}

func startGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{of: map[string]*lineage{}, revoked: map[string]bool{}}
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// leadsTo says what the gate stands in front of.
func (g *gate) leadsTo(next http.Handler) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.next = next
}

// towards passes requests on to an address, the Host header too.
func towards(t *testing.T, address string) http.Handler {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}}
}

// ServeHTTP implements [http.Handler].
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	next := g.next
	g.mu.Unlock()
	if r.Method != http.MethodPost {
		next.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	switch {
	case form.Get("grant_type") == "refresh_token":
		g.refresh(w, r, next, form.Get("refresh_token"))
	case form.Get("grant_type") == "authorization_code":
		g.pass(w, r, next, nil)
	case strings.HasSuffix(r.URL.Path, "/revoke") || strings.HasSuffix(r.URL.Path, "/revocation"):
		g.mu.Lock()
		g.revoked[form.Get("token")] = true
		g.mu.Unlock()
		next.ServeHTTP(w, r)
	default:
		next.ServeHTTP(w, r)
	}
}

func (g *gate) refresh(w http.ResponseWriter, r *http.Request, next http.Handler, token string) {
	g.mu.Lock()
	l := g.of[token]
	if l == nil {
		g.mu.Unlock()
		http.Error(w, "a refresh token of no login", http.StatusTeapot)
		return
	}
	l.asked++
	status, h := l.status, l.hold
	l.hold = nil
	if status == 0 && (h == nil || h.answered) {
		l.uses[token]++
	}
	g.mu.Unlock()
	switch {
	case status != 0:
		http.Error(w, "the provider is down", status)
		return
	case h != nil && !h.answered:
		h.wait(r)
		g.mu.Lock()
		l.uses[token]++
		g.mu.Unlock()
	}
	reply := httptest.NewRecorder()
	g.pass(reply, r, next, l)
	if h != nil && h.answered {
		h.wait(r)
	}
	copyReply(w, reply)
}

// wait holds a request until it is released. That its sender is gone ends it.
func (h *hold) wait(r *http.Request) {
	close(h.arrived)
	select {
	case <-h.release:
	case <-r.Context().Done():
		panic(http.ErrAbortHandler)
	}
}

// reached waits until the refresh is there.
func (h *hold) reached(t *testing.T) {
	t.Helper()
	select {
	case <-h.arrived:
	case <-time.After(lease):
		t.Fatal("no refresh has come to the provider")
	}
}

// pass asks the provider, and notes the refresh token that it gives: the next
// of l, or the first of a new login.
func (g *gate) pass(w http.ResponseWriter, r *http.Request, next http.Handler, l *lineage) {
	reply := httptest.NewRecorder()
	next.ServeHTTP(reply, r)
	var tokens struct {
		RefreshToken string `json:"refresh_token"`
	}
	if json.Unmarshal(reply.Body.Bytes(), &tokens) == nil && tokens.RefreshToken != "" {
		g.mu.Lock()
		if l == nil {
			l = &lineage{uses: map[string]int{}}
			g.logins = append(g.logins, l)
		}
		l.tokens = append(l.tokens, tokens.RefreshToken)
		g.of[tokens.RefreshToken] = l
		g.mu.Unlock()
	}
	copyReply(w, reply)
}

func copyReply(w http.ResponseWriter, reply *httptest.ResponseRecorder) {
	for name, values := range reply.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(reply.Code)
	_, _ = w.Write(reply.Body.Bytes())
}

// latest is the login that was the last to get tokens.
func (g *gate) latest() *lineage {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logins[len(g.logins)-1]
}

// holds stops the next refresh of a login.
func (g *gate) holds(l *lineage, answered bool) *hold {
	h := &hold{answered: answered, arrived: make(chan struct{}), release: make(chan struct{})}
	g.mu.Lock()
	defer g.mu.Unlock()
	l.hold = h
	return h
}

// answers fails the refreshes of a login with a status; 0 ends that.
func (g *gate) answers(l *lineage, status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l.status = status
}

// asked is how many refreshes of a login have come.
func (g *gate) asked(l *lineage) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return l.asked
}

// newest is the refresh token that a login has by now, and how many it had.
func (g *gate) newest(l *lineage) (token string, had int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return l.tokens[len(l.tokens)-1], len(l.tokens)
}

// usedTwice is how many refresh tokens the provider has seen more than once.
func (g *gate) usedTwice() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := 0
	for _, l := range g.logins {
		for _, uses := range l.uses {
			if uses > 1 {
				n++
			}
		}
	}
	return n
}

// askedToRevoke reports whether the provider was asked to revoke a token.
func (g *gate) askedToRevoke(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.revoked[token]
}

// A stutter loses replies of a table: those of the changes to sessions whose
// number, from 0, its rule picks.
type stutter struct {
	*tableProxy
	rule    atomic.Pointer[func(n int64) bool]
	n, lost atomic.Int64
}

func startStutter(t *testing.T, database string) (s *stutter, endpoint string) {
	t.Helper()
	s = &stutter{tableProxy: &tableProxy{target: database, faults: map[string]*fault{}, applied: map[string]int{}}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

// loses sets the rule; nil loses nothing.
func (s *stutter) loses(rule func(n int64) bool) {
	s.n.Store(0)
	if rule == nil {
		s.rule.Store(nil)
		return
	}
	s.rule.Store(&rule)
}

// ServeHTTP implements [http.Handler].
func (s *stutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule := s.rule.Load()
	if rule != nil && strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".UpdateItem") {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte(session.Prefix)) && (*rule)(s.n.Add(1)-1) {
			s.lost.Add(1)
			s.plan("UpdateItem", fault{dropReply: 1})
		}
	}
	s.tableProxy.ServeHTTP(w, r)
}
