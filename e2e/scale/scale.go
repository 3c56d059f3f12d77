// Package scale is the model behind docs/scale.md and the README's section
// "Cost": from what one request does it works out what so many logins a second
// need of DynamoDB, Lambda and API Gateway, what they cost, and which limit they
// reach first. Its test writes the tables of both documents.
//
// It never measures anything, and no other package imports it: where a number
// is not counted from the code it is an assumption, and named as one.
package scale

// Sizes and lifetimes of an item of a table.
type Item struct {
	// Bytes is what an item takes, measured in docs/scale.md's walk.
	Bytes float64
	// Life is how long it is kept, in seconds, before TTL may delete it.
	Life float64
	// Indexed reports that the item is in by_user.
	Indexed bool
	// Lasting items are there once for a person and client, or once for a
	// password that is guessed: more logins do not make more of them.
	Lasting bool
}

const (
	minute = 60.0
	hour   = 60 * minute
	day    = 24 * hour
	month  = 30 * day

	// ttlLag is how much later than its time TTL deletes an item, an assumption.
	ttlLag = day
	// itemOverhead is what DynamoDB adds to each item and index entry, in bytes.
	itemOverhead = 100
	// indexBytes is an entry of by_user: two keys, a number and three names.
	indexBytes = 130
)

// Items are the kinds of items, by the prefix of their key.
var Items = map[string]Item{
	"login":   {Bytes: 391, Life: 10 * minute},
	"session": {Bytes: 658, Life: 24 * hour, Indexed: true},
	"grant":   {Bytes: 613, Life: 720 * hour, Indexed: true},
	"signin":  {Bytes: 256, Life: 24 * hour, Indexed: true},
	"consent": {Bytes: 349, Indexed: true, Lasting: true},
	"try":     {Bytes: 113, Life: 15 * minute, Lasting: true},
	"user":    {Bytes: 500, Lasting: true},
}

// Operation is what an operation of a store costs: calls that write and calls
// that read, as docs/storage.md has them.
type Operation struct {
	Item          string
	Writes, Reads float64
	// More is the number of items that a call reads beside the first.
	More float64
	// Index is the number of entries of by_user that are written.
	Index float64
	// Makes reports that an item is there afterwards that was not before,
	// and Ends that one is gone.
	Makes, Ends bool
}

// Operations are those that a request needs when nothing goes wrong.
var Operations = map[string]Operation{
	"PutLogin":      {Item: "login", Writes: 1, Makes: true},
	"ClaimLogin":    {Item: "login", Writes: 1},
	"PutGrant":      {Item: "grant", Writes: 1, Index: 1, Makes: true},
	"RedeemCode":    {Item: "grant", Writes: 1},
	"Rotate":        {Item: "grant", Writes: 1},
	"GetGrant":      {Item: "grant", Reads: 1},
	"RevokeGrant":   {Item: "grant", Writes: 1},
	"PutSignIn":     {Item: "signin", Writes: 1, Index: 1, Makes: true},
	"PutConsent":    {Item: "consent", Writes: 1, Index: 1},
	"DeleteSignIn":  {Item: "signin", Writes: 1, Index: 1, Ends: true},
	"GetSignIn":     {Item: "signin", Reads: 1, More: 1}, // with the consent
	"PutSession":    {Item: "session", Writes: 1, Index: 1, Makes: true},
	"GetSession":    {Item: "session", Reads: 1},
	"SlideSession":  {Item: "session", Writes: 1},
	"LeaseSession":  {Item: "session", Writes: 1},
	"CommitSession": {Item: "session", Writes: 1},
	"DeleteSession": {Item: "session", Writes: 1, Index: 1, Ends: true},
	"TakeTry":       {Item: "try", Writes: 1},
	"ReturnTry":     {Item: "try", Writes: 1},
	"GetUser":       {Item: "user", Reads: 1},
}

// Memory is what each function has, in MB: what template.yaml gives it.
var Memory = map[string]float64{
	"login": 256, "callback": 256, "session": 256, "refresh": 256, "logout": 256, "authorizer": 256,
	"authorize": 1769, "token": 256, "userinfo": 256,
}

// Request is one invocation of a function.
type Request struct {
	// Route is its route, "" for a question to the authorizer, which is part
	// of another request.
	Route    string
	Function string
	// Seconds is how long the function runs, an assumption.
	Seconds float64
	// Out is what the answer sends out, in KB, an assumption.
	Out float64
	Ops []string
}

// Flow is what a person or a script does, and the requests that come of it.
type Flow struct {
	Name     string
	Requests []Request
}

var (
	login    = Request{"GET /login", "login", 0.010, 1, []string{"PutLogin"}}
	decide   = Request{"", "authorizer", 0.008, 0, []string{"GetSession"}}
	tokenize = Request{"POST /oauth/tokenize", "token", 0.015, 2, []string{"RedeemCode"}}
	userinfo = Request{"GET /oauth/userinfo", "userinfo", 0.015, 1, []string{"GetGrant", "GetUser"}}
	logout   = Request{"POST /logout", "logout", 0.100, 1, []string{"GetSession", "DeleteSession"}}
	revoke   = Request{"POST /oauth/revoke", "token", 0.015, 1, []string{"RevokeGrant"}}
	refresh  = Request{"POST /refresh", "refresh", 0.300, 1, []string{"GetSession", "LeaseSession", "CommitSession"}}
	// back is the callback of the built-in server, which asks this API twice.
	back = Request{"GET /callback", "callback", 0.150, 1, []string{"ClaimLogin", "PutSession"}}
	// password checks one: five operations of the store and one argon2id hash.
	password = Request{"POST /oauth/signin", "authorize", 0.150, 2, []string{
		"TakeTry", "TakeTry", "GetUser", "ReturnTry", "ReturnTry", "PutSignIn", "GetUser",
	}}
)

// Flows are the rows of the README's table of cost. The callback of a login at
// the built-in server asks for userinfo, since the ID token has no name.
var Flows = []Flow{
	{"login at a provider, mode json", []Request{login, {"GET /callback", "callback", 0.300, 3, []string{"ClaimLogin"}}}},
	{"login at a provider", []Request{login, {"GET /callback", "callback", 0.310, 1, []string{"ClaimLogin", "PutSession"}}}},
	{"login at the built-in server, signed in and approved before", []Request{
		login,
		{"GET /oauth/authorize", "authorize", 0.020, 1, []string{"GetSignIn", "GetUser", "PutGrant"}},
		back, tokenize, userinfo,
	}},
	{"login at the built-in server, with password and approval", []Request{
		login,
		{"GET /oauth/authorize", "authorize", 0.005, 10, nil},
		password,
		{"GET /oauth/authorize", "authorize", 0.010, 10, []string{"GetSignIn"}},
		{"POST /oauth/approve", "authorize", 0.025, 1, []string{"GetUser", "GetSignIn", "PutGrant", "PutConsent"}},
		back, tokenize, userinfo,
	}},
	{"wrong password", []Request{{"POST /oauth/signin", "authorize", 0.125, 10, []string{"TakeTry", "TakeTry", "GetUser"}}}},
	{"request of the application, decided by the authorizer", []Request{{"", "authorizer", decide.Seconds, 0, decide.Ops}}},
	{"`POST /refresh` when it is due", []Request{refresh}},
	{"the same at the built-in server", []Request{
		{"POST /refresh", "refresh", 0.100, 1, refresh.Ops},
		{"POST /oauth/tokenize", "token", 0.015, 2, []string{"Rotate", "GetUser"}},
	}},
	{"logout by a script", []Request{logout}},
	{"the same at the built-in server, and there", []Request{
		logout, revoke,
		{"GET /oauth/end_session", "authorize", 0.010, 10, []string{"GetSignIn"}},
		{"POST /oauth/signout", "authorize", 0.010, 1, []string{"DeleteSignIn"}},
	}},
}

// Of returns the flow of a name. A name that is none is a mistake in this
// package.
func Of(name string) Flow {
	for _, f := range Flows {
		if f.Name == name {
			return f
		}
	}
	panic("scale: no flow is named " + name)
}
