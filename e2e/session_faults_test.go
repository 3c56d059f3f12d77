package e2e_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"
)

// lease is how long a refresh may be under way until another one takes over.
const lease = 10 * time.Second

// faults goes through what can go wrong during a refresh.
func (d *site) faults(t *testing.T) {
	var killed, early, late, down, ended *visitor
	all := []**visitor{&killed, &early, &late, &down, &ended}
	var everybody []*visitor
	for _, v := range all {
		*v = d.signIn(t)
		everybody = append(everybody, *v)
	}
	expired(t, everybody...)
	recovers := d.killWinner(t, killed)
	t.Run("a logout before the provider has answered", func(t *testing.T) { early.logoutDuringRefresh(t, false) })
	t.Run("a logout after the provider has answered", func(t *testing.T) { late.logoutDuringRefresh(t, true) })
	t.Run("the provider is down for a while", func(t *testing.T) { down.providerDown(t) })
	t.Run("the provider has ended the grant", func(t *testing.T) { ended.grantEnded(t) })
	t.Run("the winner was killed", recovers)
}

// killWinner ends the process that has the lease, before the provider has
// heard of it. What it returns asserts that another one recovers, once the
// lease is over and not before.
func (d *site) killWinner(t *testing.T, v *visitor) (recovers func(*testing.T)) {
	t.Helper()
	token, had := d.gate.newest(v.lineage)
	held := d.gate.holds(v.lineage, false)
	winner := make(chan string, 1)
	request := v.request(t, http.MethodPost, "/refresh")
	go func() { winner <- outcomeOf(v.over(1).Do(request)) }()
	held.reached(t)
	leased := time.Now()
	d.kill(1)
	if got := <-winner; got == okay {
		t.Errorf("the killed refresh: %s", got)
	}
	return func(t *testing.T) {
		look := time.NewTicker(100 * time.Millisecond)
		defer look.Stop()
		refused := 0
		r := v.fetch(t, 0, http.MethodPost, "/refresh")
		for limit := leased.Add(3 * lease); r.StatusCode != http.StatusOK; r = v.fetch(t, refused%2, http.MethodPost, "/refresh") {
			if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" || time.Now().After(limit) {
				t.Fatalf("%v after the kill: %d %s", time.Since(leased), r.StatusCode, r.body)
			}
			refused++
			<-look.C
		}
		took := time.Since(leased)
		now, have := d.gate.newest(v.lineage)
		if now == token || have != had+1 || v.left(t, 0) == 0 || v.left(t, 1) == 0 {
			t.Errorf("no new tokens after %v", took)
		}
		if took < lease-2*time.Second || took > lease+5*time.Second {
			t.Errorf("recovered after %v, the lease is %v", took, lease)
		}
		t.Logf("recovered %v after the lease was taken, %d times told to come again", took.Round(10*time.Millisecond), refused)
	}
}

func outcomeOf(r *http.Response, err error) string {
	if err != nil {
		return err.Error()
	}
	return outcome(r)
}

// logoutDuringRefresh signs out in one process while a refresh is under way in
// the other: the session stays ended, and nobody has what the provider has given
// too late. The answer that comes late leaves cookies alone.
func (v *visitor) logoutDuringRefresh(t *testing.T, answered bool) {
	held := v.gate.holds(v.lineage, answered)
	old, had := v.gate.newest(v.lineage)
	refresh := make(chan reply, 1)
	go func() { refresh <- v.fetch(t, 0, http.MethodPost, "/refresh") }()
	held.reached(t)
	out := v.fetch(t, 1, http.MethodPost, "/logout")
	var said200 struct {
		LoggedOut bool `json:"logged_out"`
	}
	if err := json.Unmarshal([]byte(out.body), &said200); err != nil || out.StatusCode != http.StatusOK || !said200.LoggedOut {
		t.Errorf("/logout: %d %s", out.StatusCode, out.body)
	}
	close(held.release)
	r := <-refresh
	if got := said(r); got != "401 session_expired" || len(r.Cookies()) != 0 {
		t.Errorf("the refresh: %s, cookies %v", got, r.Cookies())
	}
	v.gone(t)
	newest, have := v.gate.newest(v.lineage)
	if answered && (have != had+1 || newest == old) || !answered && have != had {
		t.Errorf("%d refresh tokens, %d before: not what this case is about", have, had)
	}
	for token, want := range map[string]bool{newest: false, old: true} { // one and the same, if nothing came
		if v.gate.askedToRevoke(token) != want {
			t.Errorf("the provider was asked to revoke a refresh token: %v, want %v", !want, want)
		}
	}
}

// clears reports whether an answer takes a cookie away.
func clears(r reply, name string) bool {
	for _, c := range r.Cookies() {
		if c.Name == name && c.Value == "" && c.MaxAge < 0 {
			return true
		}
	}
	return false
}

// providerDown: while the provider answers 503, so does a refresh, and the
// session stays; of all tabs at once the provider is asked by one. Afterwards
// everything is as before.
func (v *visitor) providerDown(t *testing.T) {
	v.gate.answers(v.lineage, http.StatusServiceUnavailable)
	before := v.gate.asked(v.lineage)
	for _, r := range atOnce(t, []*visitor{v})[v] {
		if wait, err := strconv.Atoi(r.Header.Get("Retry-After")); r.StatusCode != http.StatusServiceUnavailable || err != nil || wait < 1 || clears(r, v.cookie.Name) {
			t.Errorf("while the provider is down: %d %v %s", r.StatusCode, r.Header, r.body)
		}
	}
	if n := v.gate.asked(v.lineage) - before; n != 1 {
		t.Errorf("%d requests to a provider that is down", n)
	}
	v.left(t, 0) // who is signed in is known all the while
	v.gate.answers(v.lineage, 0)
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	r := v.fetch(t, 0, http.MethodPost, "/refresh")
	for limit := time.Now().Add(lease); r.StatusCode == http.StatusServiceUnavailable && time.Now().Before(limit); <-look.C {
		r = v.fetch(t, 0, http.MethodPost, "/refresh")
	}
	var got renewal
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.StatusCode != http.StatusOK || !got.Refreshed {
		t.Errorf("with the provider back: %d %s", r.StatusCode, r.body)
	}
	for i := range 2 {
		if v.left(t, i) == 0 {
			t.Errorf("no new token in process %d", i)
		}
	}
}

// grantEnded: a provider that refuses the refresh token ends the session for
// all tabs, and is not asked again (C-58).
func (v *visitor) grantEnded(t *testing.T) {
	token, _ := v.gate.newest(v.lineage)
	v.revoke(t, token)
	before, ended := v.gate.asked(v.lineage), 0
	for range 2 {
		for _, r := range atOnce(t, []*visitor{v})[v] {
			if clears(r, v.cookie.Name) {
				ended++
			}
			if got := said(r); got != "401 session_expired" || len(r.Cookies()) > 0 && !clears(r, v.cookie.Name) {
				t.Errorf("a refresh: %s, cookies %v", got, r.Cookies())
			}
		}
		if ended != 1 { // the one that has ended the session
			t.Errorf("%d refreshes took the cookie away", ended)
		}
		if n := v.gate.asked(v.lineage) - before; n != 1 {
			t.Errorf("%d refreshes at the provider", n)
		}
	}
	v.gone(t)
}
