package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// load is what one request of a route costs at most, in units of DynamoDB, a
// reply that was lost aside: writes and reads of the table Flows, writes and
// reads of its index, reads of the table Accounts.
type load struct{ writes, reads, index, queries, accounts float64 }

// What an item costs to write, a unit for each KB: a login with the longest
// return_to, which TestPoliciesAreTheCalls measures, and a session with 3 KB
// of tokens. Reading takes a unit for each 4 KB, so two and one.
const (
	loginUnits, sessionUnits = 3, 4
	// listing is a session, and all those that are listed next to it.
	listing = 1 + 50
	// polls is how often a request asks whether another one's refresh is done.
	polls = 22
)

// loads of the routes. A session that ends is counted where it began, since it
// ends once, and its owner's logout counts it again. A refresh takes the lease
// and stores the tokens. A sign-in counts two tries, gives them back, makes the
// new sign-in and removes the old one. What is refused costs less.
var loads = map[string]load{
	"GET /login":                                  {writes: loginUnits},
	"GET /callback":                               {writes: loginUnits + 2*sessionUnits, reads: 3, index: 2},
	"POST /callback":                              {}, // is sent on as a GET
	"GET /":                                       {reads: 1},
	"GET /auth.js":                                {},
	"GET /session":                                {reads: listing, queries: 1}, // the page
	"GET /sessions":                               {reads: listing, queries: 1},
	"DELETE /sessions/{handle}":                   {writes: sessionUnits, reads: listing, index: 1, queries: 1},
	"POST /refresh":                               {writes: 2 * sessionUnits, reads: 2 + polls},
	"GET /logout":                                 {reads: 1},
	"POST /logout":                                {writes: sessionUnits, reads: listing, index: 1, queries: 1},
	"GET /api/whoami":                             {writes: sessionUnits, reads: 1},             // the authorizer's
	"GET /oauth/authorize":                        {writes: 1, reads: 2, index: 1, accounts: 1}, // with a remembered consent
	"POST /oauth/authorize":                       {accounts: 1},
	"POST /oauth/signin":                          {writes: 6, reads: 2, index: 2, accounts: 2},
	"POST /oauth/approve":                         {writes: 2, reads: 2, index: 3, accounts: 2}, // the consent moves within the index
	"GET /oauth/signout":                          {reads: 1},
	"POST /oauth/signout":                         {writes: 1, index: 1},
	"GET /oauth/end_session":                      {writes: 1, reads: 1, index: 1, accounts: 1},
	"POST /oauth/end_session":                     {},
	"POST /oauth/tokenize":                        {writes: 2, reads: 1, accounts: 2}, // a replay also revokes
	"POST /oauth/token":                           {writes: 2, reads: 1, accounts: 2},
	"POST /oauth/revoke":                          {writes: 1, reads: 1, accounts: 1},
	"POST /oauth/introspect":                      {reads: 1, accounts: 1},
	"GET /oauth/userinfo":                         {reads: 1, accounts: 1},
	"POST /oauth/userinfo":                        {reads: 1, accounts: 1},
	"OPTIONS /oauth/userinfo":                     {},
	"GET /oauth/jwks":                             {},
	"GET /.well-known/oauth-authorization-server": {},
	"GET /.well-known/openid-configuration":       {},
}

// lowered are the routes on which anybody can make work: a write, a password,
// a signature.
var lowered = []string{"GET /login", "GET /callback", "POST /callback", "POST /refresh", "POST /oauth/signin", "POST /oauth/tokenize", "POST /oauth/token"}

// ceilings are the limits on throughput, and what adds up against each.
var ceilings = []struct {
	name string
	path []string
	of   func(load) float64
}{
	{"Flows writes", []string{"Flows", "Properties", "OnDemandThroughput", "MaxWriteRequestUnits"}, func(l load) float64 { return l.writes }},
	{"Flows reads", []string{"Flows", "Properties", "OnDemandThroughput", "MaxReadRequestUnits"}, func(l load) float64 { return l.reads }},
	{"by_user writes", []string{"Flows", "Properties", "GlobalSecondaryIndexes", "0", "OnDemandThroughput", "MaxWriteRequestUnits"}, func(l load) float64 { return l.index }},
	{"by_user reads", []string{"Flows", "Properties", "GlobalSecondaryIndexes", "0", "OnDemandThroughput", "MaxReadRequestUnits"}, func(l load) float64 { return l.queries }},
	{"Accounts reads", []string{"Accounts", "Properties", "OnDemandThroughput", "MaxReadRequestUnits"}, func(l load) float64 { return l.accounts }},
	{"Accounts writes", []string{"Accounts", "Properties", "OnDemandThroughput", "MaxWriteRequestUnits"}, func(load) float64 { return 0 }},
}

// at reads a number of a template; the path may count into one list.
func at(doc stack.Document, path ...string) (float64, bool) {
	value := doc.Get(path...)
	if i := slices.Index(path, "0"); i >= 0 {
		list, _ := doc.Get(path[:i]...).([]any)
		if len(list) == 0 {
			return 0, false
		}
		value = stack.Document{"0": list[0]}.Get(path[i:]...)
	}
	n, err := strconv.ParseFloat(fmt.Sprint(value), 64)
	return n, err == nil
}

func throttle(doc stack.Document, route, measure string) (float64, bool) {
	return at(doc, "Resources", "Api", "Properties", "RouteSettings", route, measure)
}

// checkAPI looks at the throttles: each route has its own and no other is
// named, those that anybody can make work on are below the default, a password
// the lowest, and together they leave room in the tables.
func checkAPI(r *report, doc stack.Document, functions []stack.Function, parameters map[string]string) {
	r.want("APIs", doc.OfType("AWS::Serverless::HttpApi"), []string{"Api"})
	var routes []string
	for _, f := range functions {
		for _, route := range f.Routes {
			routes = append(routes, route.Key())
		}
	}
	slices.Sort(routes)
	settings, _ := doc.Get("Resources", "Api", "Properties", "RouteSettings").(map[string]any)
	r.want("routes with a throttle", slices.Sorted(maps.Keys(settings)), routes)
	for _, measure := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
		rest, ok := at(doc, "Resources", "Api", "Properties", "DefaultRouteSettings", measure)
		if !ok {
			r.addf("%s of the rest: not a number", measure)
		}
		for _, route := range routes {
			n, ok := throttle(doc, route, measure)
			switch {
			case !ok || n < 1: // zero lets nobody in
				r.addf("%s of %s: not a number of requests", measure, route)
			case n > rest || (n == rest && slices.Contains(lowered, route)):
				r.addf("%s of %s: %v, want it lower; the default is %v", measure, route, n, rest)
			}
		}
		order(r, doc, measure, "POST /oauth/signin", "GET /login", "GET /callback", "POST /oauth/tokenize")
		for _, over := range ceilingsReached(doc, routes, measure) {
			r.addf("%s", over)
		}
	}
	if stage := doc.Get("Resources", "Api", "Properties", "StageName"); stage != nil && stage != "$default" {
		r.addf("stage %v: only $default has no prefix in its paths", stage)
	}
}

// order sees that of the routes that are there each has more than the one
// before it: a callback asks for tokens, so there must be room for both.
func order(r *report, doc stack.Document, measure string, routes ...string) {
	last, before := 0.0, ""
	for _, route := range routes {
		n, ok := throttle(doc, route, measure)
		if !ok {
			continue
		}
		if n <= last {
			r.addf("%s of %s: %v, want more than the %v of %s", measure, route, n, last, before)
		}
		last, before = n, route
	}
}

// ceilingsReached says which limits on throughput all routes together reach.
func ceilingsReached(doc stack.Document, routes []string, measure string) (reached []string) {
	for _, c := range ceilings {
		if doc.Get("Resources", c.path[0]) == nil {
			continue
		}
		limit, ok := at(doc, append([]string{"Resources"}, c.path...)...)
		if !ok {
			reached = append(reached, c.name+": there is no ceiling")
			continue
		}
		units := 0.0
		for _, route := range routes {
			cost, known := loads[route]
			if !known {
				return append(reached, route+": nobody said what it costs")
			}
			n, _ := throttle(doc, route, measure)
			units += n * c.of(cost)
		}
		if units >= limit {
			reached = append(reached, fmt.Sprintf("%s: the routes together may use %v units of %v (%s)", c.name, units, limit, measure))
		}
	}
	return reached
}

// highest is how far an operator can raise the throttles. A callback at the
// built-in server asks for tokens and for userinfo, whose throttle is fixed.
var highest = map[string]int{"LoginRate": 50, "LoginBurst": 60, "CallbackRate": 50, "CallbackBurst": 60,
	"SignInRate": 50, "SignInBurst": 50, "TokenRate": 100, "TokenBurst": 100}

// TestThrottlesAtTheirHighest_P06 takes the highest rates and bursts that the
// parameters allow.
func TestThrottlesAtTheirHighest_P06(t *testing.T) {
	text := readDeployment(t).template
	for _, server := range []string{"true", "false"} {
		for _, over := range atTheirHighest(t, text, server) {
			t.Errorf("built-in server %s: %s", server, over)
		}
	}
	const flowsWrites, flowsReads = "MaxWriteRequestUnits: !If [BuiltIn, 2500, 1500]", "MaxReadRequestUnits: !If [BuiltIn, 6500, 5500]"
	for _, c := range []struct{ name, server, after, old, new, want string }{
		{"a ceiling that the client half reaches", "false", "", flowsWrites, "MaxWriteRequestUnits: !If [BuiltIn, 2500, 1400]", "1440 units of 1400 (ThrottlingBurstLimit)"},
		{"a ceiling that both halves reach", "true", "", flowsWrites, "MaxWriteRequestUnits: !If [BuiltIn, 2200, 1500]", "2440 units of 2200 (ThrottlingBurstLimit)"},
		{"a ceiling that the rates reach too", "true", "", flowsWrites, "MaxWriteRequestUnits: !If [BuiltIn, 1800, 1500]", "1850 units of 1800 (ThrottlingRateLimit)"},
		{"reads that starve the rest", "true", "", flowsReads, "MaxReadRequestUnits: !If [BuiltIn, 3000, 5500]", "Flows reads"},
		{"an index that holds up its table", "true", "", "MaxWriteRequestUnits: 600", "MaxWriteRequestUnits: 550", "by_user writes"},
		{"too little for the accounts", "true", "", "MaxReadRequestUnits: 1200", "MaxReadRequestUnits: 1000", "1100 units of 1000"},
		{"a rate that goes higher", "true", "  SignInRate:", "MaxValue: 50", "MaxValue: 60", "SignInRate takes more than 50"},
		{"a burst that goes higher", "true", "  CallbackBurst:", "MaxValue: 60", "MaxValue: 200", "CallbackBurst takes more than 60"},
		{"more callbacks than userinfo answers", "true", "  CallbackRate:", "MaxValue: 50", "MaxValue: 60", "CallbackRate takes more than 50"},
		{"userinfo that answers few", "true", "GET /oauth/userinfo: ", "ThrottlingRateLimit: 50", "ThrottlingRateLimit: 40", "GET /oauth/userinfo: 40, which is less than the 50 of GET /callback"},
		{"a rate without a burst", "true", "  LoginBurst:", "MaxValue: 60", "MaxValue: 40", "LoginBurst does not take 60"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, rest, found := strings.Cut(text, c.after)
			if !found || !strings.Contains(rest, c.old) {
				t.Fatalf("nothing to change: no %q after %q", c.old, c.after)
			}
			got := atTheirHighest(t, before+c.after+strings.Replace(rest, c.old, c.new, 1), c.server)
			if !slices.ContainsFunc(got, func(line string) bool { return strings.Contains(line, c.want) }) {
				t.Errorf("got %q, want %q in it", got, c.want)
			}
		})
	}
}

// atTheirHighest lists what is wrong with the throttles when each is as high
// as its parameter allows.
func atTheirHighest(t *testing.T, text, server string) []string {
	t.Helper()
	tmpl, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	parameters := map[string]string{"ClientId": "x", "Provider": "google", "BuiltInServer": server}
	var problems []string
	for _, name := range slices.Sorted(maps.Keys(highest)) {
		limit := highest[name]
		for _, n := range []int{limit, limit + 1} {
			one := maps.Clone(parameters)
			one[name] = strconv.Itoa(n)
			switch _, err := tmpl.Conditions(stack.Values{Parameters: one}); {
			case n == limit && err != nil:
				return append(problems, fmt.Sprintf("%s does not take %d", name, n))
			case n > limit && err == nil:
				problems = append(problems, fmt.Sprintf("%s takes more than %d", name, limit))
			}
		}
		parameters[name] = strconv.Itoa(limit)
		if rate, is := strings.CutSuffix(name, "Burst"); is && limit < highest[rate+"Rate"] {
			problems = append(problems, name+" is below the rate")
		}
	}
	doc, err := tmpl.Resolve(stack.Values{Parameters: parameters})
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for _, of := range routesOf(parameters) {
		routes = append(routes, of...)
	}
	for _, measure := range []string{"ThrottlingRateLimit", "ThrottlingBurstLimit"} {
		problems = append(problems, ceilingsReached(doc, routes, measure)...)
		callbacks, _ := throttle(doc, "GET /callback", measure)
		for _, asked := range []string{"POST /oauth/tokenize", "GET /oauth/userinfo"} {
			if n, there := throttle(doc, asked, measure); there && n < callbacks {
				problems = append(problems, fmt.Sprintf("%s of %s: %v, which is less than the %v of GET /callback", measure, asked, n, callbacks))
			}
		}
	}
	return problems
}
