package scale_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/scale"
)

// near reports that got is within share of want, or within least of it.
func near(got, want, share, least float64) bool {
	return math.Abs(got-want) <= max(share*math.Abs(want), least)
}

// forever is an idle time that no simulation here outlasts.
const forever = 1e12

// TestBusyIsPoisson: with room for everybody the busy instances are those of
// the queue M/G/inf, a Poisson number of mean rate times seconds, whatever the
// spread of the times. Arrivals see it as it is.
func TestBusyIsPoisson(t *testing.T) {
	for _, load := range []float64{0.2, 1, 5, 40} {
		for _, spread := range []bool{false, true} {
			p := scale.Pool{Rate: 10 * load, Seconds: 0.1, Spread: spread, Idle: forever}
			c := p.Simulate(fmt.Sprint("busy", load, spread), 10, 10+150_000/p.Rate)
			if !near(c.Mean(), load, 0.03, 0) || !near(c.Variance(), load, 0.06, 0) {
				t.Errorf("load %v, spread %v: mean %.3f, variance %.3f; both should be the load", load, spread, c.Mean(), c.Variance())
			}
		}
	}
}

// TestRefusedIsErlangB: with a limit and no queue, what is refused follows
// Erlang's loss formula, for times of any spread.
func TestRefusedIsErlangB(t *testing.T) {
	for _, tt := range []struct {
		limit int
		load  float64
	}{{1, 0.5}, {5, 3}, {10, 10}, {50, 45}} {
		for _, spread := range []bool{false, true} {
			p := scale.Pool{Rate: 10 * tt.load, Seconds: 0.1, Spread: spread, Idle: forever, Limit: tt.limit}
			c := p.Simulate(fmt.Sprint("loss", tt, spread), 10, 10+150_000/p.Rate)
			if want := scale.ErlangB(tt.limit, tt.load); !near(c.RefusedShare(), want, 0.06, 0.001) {
				t.Errorf("%+v, spread %v: %.4f refused, Erlang has %.4f", tt, spread, c.RefusedShare(), want)
			}
		}
	}
	for _, tt := range []struct { // from the definition, by hand
		n          int
		load, want float64
	}{{1, 1, 1.0 / 2}, {2, 1, 1.0 / 5}, {2, 2, 2.0 / 5}, {3, 3, 9.0 / 26}} {
		if got := scale.ErlangB(tt.n, tt.load); !near(got, tt.want, 1e-12, 0) {
			t.Errorf("ErlangB(%d, %v) = %v, want %v", tt.n, tt.load, got, tt.want)
		}
	}
}

// TestColdAlone: requests that never meet are cold when the wait before them
// was longer than an instance is kept, exp(-rate * idle).
func TestColdAlone(t *testing.T) {
	for _, waits := range []float64{0.1, 0.5, 1, 2, 4} {
		p := scale.Pool{Rate: waits / 300, Seconds: 1e-6, Idle: 300}
		c := p.Simulate(fmt.Sprint("alone", waits), 600, 600+150_000/p.Rate)
		if want := scale.Alone(p.Rate, p.Idle); !near(c.ColdShare(), want, 0.03, 0) {
			t.Errorf("rate * idle = %v: %.4f cold, want %.4f", waits, c.ColdShare(), want)
		}
	}
}

// TestColdAtTheEnds: kept for no time, every instance is new; kept for ever,
// each is new once, so the cold starts are the most instances there were.
func TestColdAtTheEnds(t *testing.T) {
	p := scale.Pool{Rate: 50, Seconds: 0.1, Spread: true}
	if c := p.Simulate("none kept", 0, 1000); c.Cold != c.Requests {
		t.Errorf("%v of %v cold, want all", c.Cold, c.Requests)
	}
	p.Idle = forever
	if c := p.Simulate("all kept", 0, 1000); c.Cold != float64(c.Peak) || c.Cold < 5 {
		t.Errorf("%v cold and %d instances, want the same", c.Cold, c.Peak)
	}
}

// TestColdFallsWithTrafficAndIdleTime: more traffic, and instances that are
// kept for longer, both mean fewer cold starts.
func TestColdFallsWithTrafficAndIdleTime(t *testing.T) {
	last := 1.0
	for _, rate := range []float64{0.001, 0.01, 0.1, 1, 10} {
		got := coldShare(rate)
		if got >= last {
			t.Errorf("%v a second: %.5f cold, want less than %.5f", rate, got, last)
		}
		last = got
	}
	last = 1
	for _, idle := range []float64{1, 10, 60, 300, 1800} {
		p := slow
		p.Rate, p.Idle = 0.05, idle
		got := p.Simulate("idle", 2*idle, 2*idle+60_000/p.Rate).ColdShare()
		if got >= last {
			t.Errorf("idle %v s: %.5f cold, want less than %.5f", idle, got, last)
		}
		last = got
	}
}

// TestJump: a jump needs as many new instances as Little's law says, and when
// they cannot be made fast enough the rest is refused.
func TestJump(t *testing.T) {
	c := jump(1000)
	before := math.Ceil(155 + 4*math.Sqrt(155))
	if c.Refused != 0 || !near(c.Cold/(c.Requests/10_000), 310-before+3*math.Sqrt(310), 0.25, 0) {
		t.Errorf("to 1,000 a second: %v cold and %v refused of %v", c.Cold, c.Refused, c.Requests)
	}
	last := 0.0
	for _, to := range []float64{1_000, 10_000, 30_000, 100_000} {
		c := jump(to)
		if got := c.RefusedShare(); got < last || to >= 10_000 && got == last {
			t.Errorf("to %v a second: %.4f refused, want more than %.4f", to, got, last)
		} else {
			last = got
		}
		if made := c.Cold / (c.Requests / (10 * to)); made > 1.02*(1000+100*12) {
			t.Errorf("to %v a second: %.0f instances made in twelve seconds", to, made)
		}
	}
}

// TestSimulateIsRepeatable: the same name is the same run.
func TestSimulateIsRepeatable(t *testing.T) {
	p := slow
	p.Rate = 5
	a, b, other := p.Simulate("one", 10, 500), p.Simulate("one", 10, 500), p.Simulate("two", 10, 500)
	if a != b || a == other {
		t.Errorf("%+v\n%+v\n%+v", a, b, other)
	}
}
