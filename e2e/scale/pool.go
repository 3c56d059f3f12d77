package scale

import (
	"container/heap"
	"hash/fnv"
	"math"
	"math/rand/v2"
)

// Pool is a function as Lambda runs it: an instance serves one request at a
// time, the instance that was used last is used first, and one that nobody
// used for Idle seconds is gone. Requests arrive independently of each other
// (Poisson).
type Pool struct {
	// Rate is the number of requests a second. From Jump seconds on, if that
	// is not 0, it is After instead.
	Rate, Jump, After float64
	// Seconds is how long a request takes, and Init how much longer one that
	// needs a new instance takes. With Spread the time is not always the same
	// but exponential with that mean.
	Seconds, Init float64
	Spread        bool
	// Idle is how long an instance is kept, in seconds.
	Idle float64
	// Limit is the number of instances that can be busy at the same time, 0
	// for any number.
	Limit int
	// Warm is the number of instances that are there from the start.
	Warm int
	// Burst and Refill bound how fast new instances are made: so many at once,
	// and so many a second. 0 is any number.
	Burst, Refill float64
}

// Counts is what happened to the requests that were counted.
type Counts struct {
	Requests, Cold, Refused float64
	// Busy and Squares are sums over the requests: the instances that were
	// busy when each arrived, and the squares of that.
	Busy, Squares float64
	// Peak is the largest number of instances that were there at once.
	Peak int
}

// ColdShare is the share of the served requests that needed a new instance.
func (c Counts) ColdShare() float64 { return c.Cold / (c.Requests - c.Refused) }

// RefusedShare is the share of the requests that were refused.
func (c Counts) RefusedShare() float64 { return c.Refused / c.Requests }

// Mean and Variance are those of the instances that a request found busy.
func (c Counts) Mean() float64 { return c.Busy / c.Requests }

// Variance is that of the instances that a request found busy.
func (c Counts) Variance() float64 { return c.Squares/c.Requests - c.Mean()*c.Mean() }

// times is a heap of the times at which instances become free.
type times []float64

func (t times) Len() int           { return len(t) }
func (t times) Less(i, j int) bool { return t[i] < t[j] }
func (t times) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push implements [heap.Interface].
func (t *times) Push(x any) { *t = append(*t, x.(float64)) }

// Pop implements [heap.Interface].
func (t *times) Pop() any {
	last := len(*t) - 1
	x := (*t)[last]
	*t = (*t)[:last]
	return x
}

// run is a simulation on its way.
type run struct {
	Pool
	random *rand.Rand
	busy   times
	idle   []float64 // when each was used last, the longest ago first
	tokens float64   // new instances that may be made
	filled float64   // when tokens was worked out
}

// Simulate runs the pool until the time end, and counts the requests from the
// time begin on. The name is the seed: the same name and pool
// give the same counts everywhere.
func (p Pool) Simulate(name string, begin, end float64) Counts {
	h := fnv.New64a()
	h.Write([]byte(name))
	r := &run{Pool: p, random: rand.New(rand.NewPCG(h.Sum64(), 5)), tokens: p.Burst, idle: make([]float64, p.Warm)}
	var c Counts
	for t := r.next(0); t < end; t = r.next(t) {
		busy := r.settle(t)
		cold, refused := r.serve(t)
		if t < begin {
			continue
		}
		c.Requests++
		c.Busy += float64(busy)
		c.Squares += float64(busy) * float64(busy)
		c.Peak = max(c.Peak, len(r.busy)+len(r.idle))
		if cold {
			c.Cold++
		}
		if refused {
			c.Refused++
		}
	}
	return c
}

// next is when the next request arrives. At a jump the wait begins anew, as it
// may for arrivals that do not remember.
func (r *run) next(t float64) float64 {
	rate := r.Rate
	if r.Jump > 0 && t >= r.Jump {
		rate = r.After
	}
	at := t + r.random.ExpFloat64()/rate
	if r.Jump > 0 && t < r.Jump && at >= r.Jump {
		return r.Jump + r.random.ExpFloat64()/r.After
	}
	return at
}

// settle frees what is done by t, drops what was idle for too long, and
// returns how many instances are busy.
func (r *run) settle(t float64) int {
	for len(r.busy) > 0 && r.busy[0] <= t {
		r.idle = append(r.idle, heap.Pop(&r.busy).(float64))
	}
	gone := 0
	for gone < len(r.idle) && t-r.idle[gone] > r.Idle {
		gone++
	}
	r.idle = r.idle[gone:]
	return len(r.busy)
}

func (r *run) serve(t float64) (cold, refused bool) {
	seconds := r.Seconds
	if r.Spread {
		seconds *= r.random.ExpFloat64()
	}
	if r.Limit > 0 && len(r.busy) >= r.Limit {
		return false, true
	}
	if last := len(r.idle) - 1; last >= 0 {
		r.idle = r.idle[:last]
	} else {
		if !r.mayGrow(t) {
			return false, true
		}
		cold = true
		seconds += r.Init
	}
	heap.Push(&r.busy, t+seconds)
	return cold, false
}

// mayGrow takes one of the new instances that may be made now.
func (r *run) mayGrow(t float64) bool {
	if r.Burst == 0 {
		return true
	}
	r.tokens = min(r.Burst, r.tokens+float64((t-r.filled)*r.Refill))
	r.filled = t
	if r.tokens < 1 {
		return false
	}
	r.tokens--
	return true
}

// ErlangB is the share of requests that a pool of n instances refuses, when
// load of them would be busy on average (Erlang's loss formula, which holds for
// times of any spread).
func ErlangB(n int, load float64) float64 {
	b := 1.0
	for i := 1; i <= n; i++ {
		b = load * b / (float64(i) + load*b)
	}
	return b
}

// Alone is the share of cold starts when requests are so short that they never
// meet: a request is cold if none came for idle seconds before it.
func Alone(rate, idle float64) float64 { return math.Exp(-rate * idle) }
