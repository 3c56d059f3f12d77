package scale

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// Need is what something needs: one flow, one visit, or all visits of a second.
type Need struct {
	API, Invocations float64
	// GBSeconds is what Lambda bills, Busy the seconds in which an instance of
	// a function is busy.
	GBSeconds float64
	Busy      map[string]float64
	Calls     map[string]float64 // invocations by function
	Routes    map[string]float64 // requests by route
	Writes    map[string]float64 // write units by kind of item
	Reads     map[string]float64 // read units by kind of item
	Index     float64            // write units of by_user
	LogKB     float64
	OutKB     float64
	// RestKB is how many KB of items are kept, times for how many seconds.
	RestKB float64
}

// What a log line takes in KB, assumptions: with a function's own line come
// three of Lambda's; the API writes one for each request.
const (
	functionLogKB = 0.8
	accessLogKB   = 0.35
)

func nothing() Need {
	return Need{
		Busy: map[string]float64{}, Calls: map[string]float64{}, Routes: map[string]float64{},
		Writes: map[string]float64{}, Reads: map[string]float64{},
	}
}

// WriteUnits is the number of write units, those of the index included: both
// cost the same.
func (n Need) WriteUnits() float64 { return n.FlowsWrites() + n.Index }

// FlowsWrites is the number of write units of the table Flows.
func (n Need) FlowsWrites() float64 { return total(n.Writes) }

// FlowsReads is the number of read units of the table Flows.
func (n Need) FlowsReads() float64 { return total(n.Reads) - n.Reads["user"] }

// ReadUnits is the number of read units of both tables.
func (n Need) ReadUnits() float64 { return total(n.Reads) }

// Concurrency is the number of instances that are busy at the same time, by
// Little's law: arrivals in a second, times seconds.
func (n Need) Concurrency() float64 { return total(n.Busy) }

// Quota is the account's concurrency that is needed. An account may have ten
// invocations a second for each unit of it, so short functions need more than
// Little's law says.
func (n Need) Quota() float64 { return max(n.Concurrency(), n.Invocations/10) }

// total adds up in a fixed order, so that the last digit is always the same.
func total(m map[string]float64) float64 {
	sum := 0.0
	for _, k := range slices.Sorted(maps.Keys(m)) {
		sum += m[k]
	}
	return sum
}

// plus adds times of what other needs.
func (n Need) plus(other Need, times float64) Need {
	n.API += times * other.API
	n.Invocations += times * other.Invocations
	n.GBSeconds += times * other.GBSeconds
	n.Index += times * other.Index
	n.LogKB += times * other.LogKB
	n.OutKB += times * other.OutKB
	n.RestKB += times * other.RestKB
	for _, m := range []struct{ to, from map[string]float64 }{
		{n.Busy, other.Busy}, {n.Calls, other.Calls}, {n.Routes, other.Routes}, {n.Writes, other.Writes}, {n.Reads, other.Reads},
	} {
		for k, v := range m.from {
			m.to[k] += times * v
		}
	}
	return n
}

// Times is what so many of n need.
func (n Need) Times(times float64) Need { return nothing().plus(n, times) }

// Needs is what a request needs. sessionKB is the size of a session, in whole
// KB: a write costs a unit for each.
func (r Request) Needs(sessionKB float64) Need {
	n := nothing()
	n.Invocations, n.LogKB, n.OutKB = 1, functionLogKB, r.Out
	n.Calls[r.Function] = 1
	n.Busy[r.Function] = r.Seconds
	n.GBSeconds = r.Seconds * Memory[r.Function] / 1024
	if r.Route != "" {
		n.API, n.Routes[r.Route] = 1, 1
		n.LogKB += accessLogKB
	}
	for _, name := range r.Ops {
		n.operation(name, sessionKB)
	}
	return n
}

func (n *Need) operation(name string, sessionKB float64) {
	op, known := Operations[name]
	if !known {
		panic("scale: no operation is named " + name)
	}
	size, item := 1.0, Items[op.Item]
	if op.Item == "session" {
		size = sessionKB
	}
	n.Writes[op.Item] += op.Writes * size
	n.Reads[op.Item] += op.Reads * math.Ceil(size/4)
	if op.More > 0 {
		n.Reads["consent"] += op.More
	}
	n.Index += op.Index
	if op.Makes && !item.Lasting {
		kept := item.Bytes + 1024*(size-1) + itemOverhead
		if item.Indexed {
			kept += indexBytes + itemOverhead
		}
		n.RestKB += kept / 1000 * (item.Life + ttlLag)
	}
}

// Needs is what a flow needs.
func (f Flow) Needs(sessionKB float64) Need {
	n := nothing()
	for _, r := range f.Requests {
		n = n.plus(r.Needs(sessionKB), 1)
	}
	return n
}

// Visit is a login and what follows it, an assumption: 50 requests of the
// application behind the authorizer, two refreshes, one sign of life that is
// written, and a logout in one visit of four.
type Visit struct {
	Name string
	// Login, Refresh and Logout are names of flows.
	Login, Refresh, Logout string
	// SessionKB is the size of a session.
	SessionKB float64
}

const (
	requestsOfAVisit  = 50
	refreshesOfAVisit = 2
	logoutsOfAVisit   = 0.25
)

// Visits are the two that docs/scale.md follows: tokens of a provider are
// often JWTs, those of the built-in server are short.
var Visits = []Visit{
	{"at a provider", "login at a provider", "`POST /refresh` when it is due", "logout by a script", 2},
	{"at the built-in server", "login at the built-in server, with password and approval", "the same at the built-in server", "the same at the built-in server, and there", 1},
}

// BuiltIn reports whether the built-in server is part of the visit.
func (v Visit) BuiltIn() bool { return strings.Contains(v.Name, "built-in") }

// Needs is what one visit needs. The requests of the application count with
// the API and the authorizer, not with the application's own functions.
func (v Visit) Needs() Need {
	n := Of(v.Login).Needs(v.SessionKB)
	asked := decide.Needs(v.SessionKB)
	asked.API, asked.LogKB = 1, asked.LogKB+accessLogKB
	asked.Routes["application"] = 1
	n = n.plus(asked, requestsOfAVisit)
	n = n.plus(Of(v.Refresh).Needs(v.SessionKB), refreshesOfAVisit)
	n = n.plus(Of(v.Logout).Needs(v.SessionKB), logoutsOfAVisit)
	n.operation("SlideSession", v.SessionKB)
	return n
}

// Rates are the logins a second of the tables.
var Rates = []float64{1, 10, 100, 1_000, 10_000, 100_000}

// What one partition of a table carries: write units and read units a second,
// and GB.
const (
	partitionWrites = 1_000
	partitionReads  = 3_000
	PartitionGB     = 10
	// readsOfAWrite is how many reads fill as much of a partition as a write,
	// an assumption: AWS names the two limits, and not how they add up.
	readsOfAWrite = partitionReads / partitionWrites
)

// Partitions is how many a table needs for its traffic, when the keys are
// spread evenly, which hashes are. Writes and reads share a partition's room: a
// half of each fills it.
func Partitions(writes, reads float64) float64 {
	return max(1, math.Ceil((writes+reads/readsOfAWrite)/partitionWrites))
}

// RestGB is how many GB are kept when that much is added in each second
// (Little's law again).
func (n Need) RestGB() float64 { return n.RestKB / 1e6 }
