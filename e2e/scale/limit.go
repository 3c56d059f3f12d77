package scale

import (
	"cmp"
	"math"
	"slices"
)

// Kind is who sets a limit.
type Kind string

const (
	// Parameter is a parameter of the stack, up to its highest value.
	Parameter Kind = "parameter"
	// Template is a number in template.yaml.
	Template Kind = "template"
	// Account is a quota of the account in a region, which AWS can raise.
	Account Kind = "quota"
	// Table is what a new table carries until its traffic has grown.
	Table Kind = "warm-up"
)

// Limit is a number that so many logins a second reach.
type Limit struct {
	Name  string
	Kind  Kind
	Value float64
	// Highest is how far a parameter goes.
	Highest float64
	// Load is what one visit uses of it.
	Load func(Need) float64
}

// At is the number of logins a second at which the limit is reached, infinite
// when a visit uses nothing of it.
func (l Limit) At(n Need) float64 {
	load := l.Load(n)
	if load == 0 {
		return math.Inf(1)
	}
	return l.Value / load
}

func route(name string) func(Need) float64 { return func(n Need) float64 { return n.Routes[name] } }

// Throttles are the throttles of routes, in requests a second, that a visit
// comes upon: those of template.yaml. "application" is a route of your own that
// has no throttle of its own.
var Throttles = []Limit{
	{Name: "application", Kind: Template, Value: 50},
	{Name: "GET /login", Kind: Parameter, Value: 20, Highest: 50},
	{Name: "GET /callback", Kind: Parameter, Value: 30, Highest: 50},
	{Name: "POST /refresh", Kind: Template, Value: 20},
	{Name: "POST /logout", Kind: Template, Value: 10},
	{Name: "GET /oauth/authorize", Kind: Template, Value: 50},
	{Name: "POST /oauth/signin", Kind: Parameter, Value: 10, Highest: 50},
	{Name: "POST /oauth/approve", Kind: Template, Value: 20},
	{Name: "POST /oauth/tokenize", Kind: Parameter, Value: 40, Highest: 100},
	{Name: "GET /oauth/userinfo", Kind: Template, Value: 50},
	{Name: "POST /oauth/revoke", Kind: Template, Value: 20},
	{Name: "GET /oauth/end_session", Kind: Template, Value: 20},
	{Name: "POST /oauth/signout", Kind: Template, Value: 20},
}

// Ceiling is a limit on a table's throughput in template.yaml, with the
// built-in server and without.
type Ceiling struct {
	Name          string
	BuiltIn, Bare float64
	Load          func(Need) float64
}

// Ceilings are the spending ceilings of template.yaml, in units a second.
var Ceilings = []Ceiling{
	{"ceiling of Flows, writes", 2500, 1500, Need.FlowsWrites},
	{"ceiling of Flows, reads", 6500, 5500, Need.FlowsReads},
	{"ceiling of by_user, writes", 600, 600, func(n Need) float64 { return n.Index }},
	{"ceiling of Accounts, reads", 1200, 1200, func(n Need) float64 { return n.Reads["user"] }},
}

// secretsCached is how long an instance keeps the deployment secret, in
// seconds.
const secretsCached = 300

// Quotas are AWS's defaults for one account in one region, as its public pages
// had them.
var Quotas = []Limit{
	{"API Gateway, requests a second", Account, 10_000, 0, func(n Need) float64 { return n.API }},
	{"Lambda, concurrency", Account, 1_000, 0, Need.Quota},
	{"a new table's writes a second", Table, 4_000, 0, Need.FlowsWrites},
	{"a new table's reads a second", Table, 12_000, 0, Need.FlowsReads},
	{"a table's writes a second", Account, 40_000, 0, Need.FlowsWrites},
	{"a table's reads a second", Account, 40_000, 0, Need.FlowsReads},
	{"Secrets Manager, reads a second", Account, 10_000, 0, func(n Need) float64 { return n.Concurrency() / secretsCached }},
}

// Limits are those that a visit comes upon, the one that is reached first
// first.
func (v Visit) Limits() []Limit {
	n := v.Needs()
	var all []Limit
	for _, t := range Throttles {
		t.Load = route(t.Name)
		if t.Name == "application" {
			t.Name = "a route of the application"
		} else {
			t.Name = "`" + t.Name + "`"
		}
		t.Name = "throttle of " + t.Name
		all = append(all, t)
	}
	for _, c := range Ceilings {
		l := Limit{Name: c.Name, Kind: Template, Value: c.Bare, Load: c.Load}
		if v.BuiltIn() {
			l.Value = c.BuiltIn
		}
		all = append(all, l)
	}
	all = append(all, Quotas...)
	all = slices.DeleteFunc(all, func(l Limit) bool { return math.IsInf(l.At(n), 1) })
	slices.SortStableFunc(all, func(a, b Limit) int { return cmp.Compare(a.At(n), b.At(n)) })
	return all
}

// Passed are the limits that are reached at more than low and at most high
// logins a second.
func (v Visit) Passed(low, high float64) []Limit {
	n := v.Needs()
	return slices.DeleteFunc(v.Limits(), func(l Limit) bool { return l.At(n) <= low || l.At(n) > high })
}

// raised is how far a quota can be raised in one region, as a multiple of its
// default: an assumption.
const raised = 10

// Regions is how many regions, or accounts, it takes for so many logins a
// second when every quota is raised.
func (v Visit) Regions(rate float64) float64 {
	n, most := v.Needs(), 1.0
	for _, l := range Quotas {
		if l.Kind == Account {
			most = max(most, math.Ceil(rate/(raised*l.At(n))))
		}
	}
	return most
}

// How fast Lambda makes new instances of one function: so many at once, and so
// many a second from then on, which is its thousand in ten seconds, filled up
// all the time.
const (
	ScalingBurst = 1_000
	ScalingRate  = 100
)

// GrowthTime is how long, in seconds, it takes until a function whose traffic
// has doubled at once has the instances for it.
func GrowthTime(concurrency float64) float64 {
	return max(0, concurrency/2-ScalingBurst) / ScalingRate
}
