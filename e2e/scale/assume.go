package scale

// Slow is the pool of the callback of a login at a provider, which is busy for
// longest in a login there. Its times are spread, since the provider's are.
var Slow = Pool{Seconds: 0.310, Spread: true, Init: 0.300, Idle: 300}

// Assumption is a number of the model that nobody counted or measured.
type Assumption struct {
	What  string
	Value float64
	Unit  string
}

// Assumptions are those that are not in another table.
var Assumptions = []Assumption{
	{"requests of the application behind the authorizer in a visit", requestsOfAVisit, ""},
	{"refreshes in a visit", refreshesOfAVisit, ""},
	{"logouts in a visit", logoutsOfAVisit, ""},
	{"signs of life that are written in a visit", 1, ""},
	{"size of a session with a provider's tokens, in whole KB", Visits[0].SessionKB, " KB"},
	{"the same with the built-in server's tokens", Visits[1].SessionKB, " KB"},
	{"reads that fill as much of a partition as a write", readsOfAWrite, ""},
	{"how late TTL deletes", ttlLag / hour, " h"},
	{"what DynamoDB adds to an item, and to an entry of the index", itemOverhead, " bytes"},
	{"log of an invocation, Lambda's own lines included", functionLogKB, " KB"},
	{"access log of a request", accessLogKB, " KB"},
	{"how long Lambda keeps an idle instance", Slow.Idle, " s"},
	{"init of an instance", 1000 * Slow.Init, " ms"},
	{"how far a quota can be raised in one region", raised, " times"},
	{"new instances of one function that are made at once (AWS)", ScalingBurst, ""},
	{"and then in each second (AWS: a thousand in ten seconds)", ScalingRate, ""},
}
