package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"testing"
	"time"
)

const (
	// tabs is how many requests of one browser meet.
	tabs = 20
	// visitors times rounds is how often they do.
	visitors, rounds = 9, 3
)

// Everything about sessions that takes two processes, on each way to run
// Latchkey and with each provider. Whatever happens, the provider never sees a
// refresh token twice.
func TestSessionsOnTwoProcesses_C57_C58(t *testing.T) {
	for name, start := range sites {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := start(t)
			all := make([]*visitor, visitors)
			for i := range all {
				all[i] = d.signIn(t)
			}
			d.faults(t)
			t.Run("20 refreshes at once", func(t *testing.T) { d.meet(t, all, nil) })
			if name == "Lambda, oidc-provider" {
				t.Run("20 refreshes at once, replies of the table lost", func(t *testing.T) { d.meet(t, all, lossy) })
			}
			if n := d.gate.usedTwice(); n != 0 {
				t.Errorf("the provider has seen %d refresh tokens twice", n)
			}
		})
	}
}

// lossy are the writes whose replies get lost, round by round: every second
// one, two of three, and so many in a row that only a read can tell.
var lossy = []func(n int64) bool{
	func(n int64) bool { return n%2 == 0 },
	func(n int64) bool { return n%3 != 0 },
	func(n int64) bool { return n%7 != 0 },
}

// tooSlow is the length of a round in which a new token may have been due again
// before everybody was answered.
const tooSlow = accessTTL - 2*time.Second

// meet lets all tabs of all visitors refresh at once whenever the tokens are
// due: in the second round while they still live, else after their end, when
// nobody can go on without the new one. A round of a slow machine proves
// nothing about the number of refreshes and is done over, a few times.
func (d *site) meet(t *testing.T, all []*visitor, losing []func(int64) bool) {
	ended, slowest, again := d.revoked(t), time.Duration(0), 0
	for round := 0; round < rounds && !t.Failed(); round++ {
		rule := func(int64) bool { return false }
		if losing != nil {
			rule = losing[round]
		}
		took := d.round(t, all, round != 1, rule)
		slowest = max(slowest, took)
		if took >= tooSlow {
			if again++; again > rounds {
				t.Fatalf("this machine is too slow: the slowest round took %v", slowest)
			}
			round--
		}
	}
	if n := d.revoked(t) - ended; n != 0 {
		t.Errorf("%d grants have ended", n)
	}
	lost := d.losing.lost.Swap(0)
	if losing != nil && lost < int64(rounds*visitors) {
		t.Errorf("only %d replies were lost", lost)
	}
	t.Logf("%d rounds of %d requests, %d visitors at once, the slowest %v; %d of %d done over; %d replies lost",
		rounds*visitors, tabs, visitors, slowest.Round(time.Millisecond), again, rounds, lost)
}

// round is one meeting, and returns how long it took. With needed the old
// tokens have ended.
func (d *site) round(t *testing.T, all []*visitor, needed bool, losing func(int64) bool) time.Duration {
	t.Helper()
	for _, v := range all {
		v.due(t)
	}
	if needed {
		afterTheEnd()
	}
	type books struct{ asked, tokens int }
	count := func(v *visitor) books {
		_, had := d.gate.newest(v.lineage)
		return books{d.gate.asked(v.lineage), had}
	}
	before := map[*visitor]books{}
	for _, v := range all {
		before[v] = count(v)
	}
	d.losing.loses(losing)
	began := time.Now()
	answers := atOnce(t, all)
	took := time.Since(began)
	d.losing.loses(nil)
	for i, v := range all {
		now := count(v)
		asked, tokens := now.asked-before[v].asked, now.tokens-before[v].tokens
		if asked != tokens || asked < 1 || asked > 1 && took < tooSlow {
			t.Errorf("visitor %d: %d refreshes at the provider, %d new tokens, %v", i, asked, tokens, took)
		}
		checkAnswers(t, i, answers[v], needed && took < tooSlow)
	}
	return took
}

// checkAnswers asserts that each tab got on: with needed, that means that it
// has waited for the new token.
func checkAnswers(t *testing.T, visitor int, answers []reply, needed bool) {
	t.Helper()
	counts, winners := map[string]int{}, 0
	for _, r := range answers {
		counts[said(r)]++
		var got renewal
		if err := json.Unmarshal([]byte(r.body), &got); r.StatusCode == http.StatusOK && (err != nil || needed && got.ExpiresIn == 0) {
			t.Errorf("visitor %d: %v %s", visitor, err, r.body)
		}
		if got.Refreshed {
			winners++
		}
	}
	if counts["200"] != tabs || winners == 0 {
		t.Errorf("visitor %d: %v, %d refreshed", visitor, counts, winners)
	}
}

// atOnce lets all tabs of all visitors refresh, on both processes.
func atOnce(t *testing.T, all []*visitor) map[*visitor][]reply {
	t.Helper()
	answers := map[*visitor][]reply{}
	for _, v := range all {
		answers[v] = make([]reply, tabs)
	}
	var start, end sync.WaitGroup
	start.Add(1)
	for v, into := range maps.All(answers) {
		for i := range into {
			end.Go(func() {
				start.Wait()
				into[i] = v.fetch(t, i%2, http.MethodPost, "/refresh")
			})
		}
	}
	start.Done()
	end.Wait()
	return answers
}

// due waits until the access token is to be renewed.
func (v *visitor) due(t *testing.T) {
	t.Helper()
	look := time.NewTicker(30 * time.Millisecond)
	defer look.Stop()
	for limit := time.Now().Add(4 * accessTTL); v.left(t, 0) > 0; <-look.C {
		if time.Now().After(limit) {
			t.Fatal("the access token does not end")
		}
	}
}

// afterTheEnd waits for the end of tokens that have less than a second left: a
// session keeps whole seconds, so they end with this one.
func afterTheEnd() {
	now := time.Now()
	<-time.After(now.Truncate(time.Second).Add(time.Second).Sub(now))
}

// expired waits until the access tokens have ended.
func expired(t *testing.T, all ...*visitor) {
	t.Helper()
	for _, v := range all {
		v.due(t)
	}
	afterTheEnd()
}
