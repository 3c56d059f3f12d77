package scale_test

import (
	"math"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/scale"
)

// TestNeedsByHand counts the units of the flows by hand, from docs/storage.md:
// an entry of by_user is one more for what makes or ends an item in it.
func TestNeedsByHand(t *testing.T) {
	for _, tt := range []struct {
		flow                  string
		kb                    float64
		requests, units, read float64
	}{
		{"login at a provider, mode json", 1, 2, 1 + 1, 0},
		{"login at a provider", 1, 2, 1 + 1 + 1 + 1, 0},
		{"login at a provider", 4, 2, 1 + 1 + 4 + 1, 0},
		{"login at the built-in server, signed in and approved before", 1, 5, 1 + 2 + 1 + 2 + 1, 2 + 1 + 1 + 1},
		{"login at the built-in server, with password and approval", 1, 8, 1 + 4 + 2 + 2 + 2 + 1 + 2 + 1, 2 + 2 + 1 + 2 + 1 + 1},
		{"wrong password", 1, 1, 2, 1},
		{"request of the application, decided by the authorizer", 5, 0, 0, 2},
		{"`POST /refresh` when it is due", 2, 1, 4, 1},
		{"logout by a script", 3, 1, 4, 1},
	} {
		n := scale.Of(tt.flow).Needs(tt.kb)
		if n.API != tt.requests || n.WriteUnits() != tt.units || n.ReadUnits() != tt.read {
			t.Errorf("%s, %v KB: %v requests, %v writes, %v reads; by hand %v, %v, %v",
				tt.flow, tt.kb, n.API, n.WriteUnits(), n.ReadUnits(), tt.requests, tt.units, tt.read)
		}
	}
}

// TestMoreLoginsNeedMore: everything grows in proportion, and what is rounded
// never falls.
func TestMoreLoginsNeedMore(t *testing.T) {
	for _, v := range scale.Visits {
		one := v.Needs()
		partitions, regions, passed := 0.0, 0.0, 0
		for _, rate := range scale.Rates {
			n := one.Times(rate)
			for what, pair := range map[string][2]float64{
				"requests": {n.API, one.API}, "writes": {n.WriteUnits(), one.WriteUnits()}, "reads": {n.ReadUnits(), one.ReadUnits()},
				"instances": {n.Concurrency(), one.Concurrency()}, "quota": {n.Quota(), one.Quota()}, "GB kept": {n.RestGB(), one.RestGB()},
				"cost": {scale.Assumed.Cost(n).Sum(), scale.Assumed.Cost(one).Sum()},
			} {
				if pair[1] <= 0 || !near(pair[0], rate*pair[1], 1e-9, 0) {
					t.Errorf("%s, %s: %v at %v a second, %v at one", v.Name, what, pair[0], rate, pair[1])
				}
			}
			p, r, l := scale.Partitions(n.FlowsWrites(), n.FlowsReads()), v.Regions(rate), len(v.Passed(0, rate))
			if p < partitions || r < regions || l < passed {
				t.Errorf("%s at %v a second: %v partitions, %v regions, %d limits, fewer than before", v.Name, rate, p, r, l)
			}
			if n.Quota() < n.Concurrency() || n.Quota() < n.Invocations/10 {
				t.Errorf("%s: a quota of %v for %v busy instances and %v invocations a second", v.Name, n.Quota(), n.Concurrency(), n.Invocations)
			}
			partitions, regions, passed = p, r, l
		}
		if partitions < 100 || regions < 2 || passed < 10 {
			t.Errorf("%s at the highest rate: %v partitions, %v regions, %d limits", v.Name, partitions, regions, passed)
		}
	}
}

// TestPartitionsAtTheirEdges: a thousand writes or three thousand reads a
// second fill one, and so does half of each.
func TestPartitionsAtTheirEdges(t *testing.T) {
	for _, tt := range []struct{ writes, reads, want float64 }{
		{0, 0, 1}, {1000, 0, 1}, {1001, 0, 2}, {0, 3000, 1}, {0, 3001, 2}, {500, 1500, 1}, {501, 1500, 2}, {1000, 3000, 2}, {5000, 3001, 7}, {1, 30_000, 11},
	} {
		if got := scale.Partitions(tt.writes, tt.reads); got != tt.want {
			t.Errorf("%v writes and %v reads: %v partitions, want %v", tt.writes, tt.reads, got, tt.want)
		}
	}
}

// TestLimitsInOrder: the first limit of the list is the one that is reached
// first, and at that rate its load is its value.
func TestLimitsInOrder(t *testing.T) {
	for _, v := range scale.Visits {
		last, n := 0.0, v.Needs()
		for _, l := range v.Limits() {
			at := l.At(n)
			if at < last || !near(l.Load(n.Times(at)), l.Value, 1e-9, 0) {
				t.Errorf("%s, %s: reached at %v, the one before at %v", v.Name, l.Name, at, last)
			}
			last = at
		}
		if first := v.Passed(0, math.Inf(1)); len(first) != len(v.Limits()) {
			t.Errorf("%s: %d limits are passed at last, of %d", v.Name, len(first), len(v.Limits()))
		}
	}
}

// TestGrowthTime: a thousand new instances come at once, and a hundred a
// second after that.
func TestGrowthTime(t *testing.T) {
	for _, tt := range []struct{ instances, want float64 }{{10, 0}, {2000, 0}, {2200, 1}, {22_000, 100}} {
		if got := scale.GrowthTime(tt.instances); got != tt.want {
			t.Errorf("doubling to %v instances takes %v s, want %v", tt.instances, got, tt.want)
		}
	}
}
