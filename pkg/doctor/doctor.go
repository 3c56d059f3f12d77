// Package doctor examines a configuration, and a deployed stack, from the
// outside: what a login will meet at the provider, in the tables and at the
// stack's own address. It owns the checks, their verdicts and their advice.
//
// It never finishes a login, never changes anything but one pending login that
// expires by itself, and never prints a secret, a code or a body that somebody
// else has written.
package doctor

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// The bounds: of one call, and of a whole examination. Finding a stack comes
// before it and takes ten seconds at most.
const (
	callTimeout = 5 * time.Second
	allTimeout  = 18 * time.Second
)

// Level is the verdict of a finding.
type Level string

// The levels. What is Unchecked may be right or wrong.
const (
	OK        Level = "ok"
	Warning   Level = "warning"
	Problem   Level = "problem"
	Unchecked Level = "unchecked"
)

// Finding is the outcome of one check.
type Finding struct {
	// ID names the check; several findings may have the same.
	ID    string `json:"id"`
	Level Level  `json:"level"`
	// What was found, Why it matters, and what to Do. The last two may be
	// empty when there is nothing to do.
	What string `json:"what"`
	Why  string `json:"why"`
	Do   string `json:"do"`
}

// Table is one of the two tables.
type Table struct {
	// ID is the finding's, Setting the name of what chose the table, Name the
	// table's.
	ID, Setting, Name string
	// TTL is the attribute by which the table's items have to expire, empty
	// if nothing in it does.
	TTL string
	// Elsewhere says that it is not at AWS but at an endpoint of one's own,
	// which may not have TTL.
	Elsewhere bool
	// Inspect looks at it.
	Inspect func(context.Context) Inspection
}

// Inspection is what was found out about a table. It has the fields of the
// store's type of this name, in their order, which says what they mean.
type Inspection struct {
	Missing, Denied, Silent bool
	Code                    string
	ARN                     string
	Wrong                   string
	Odd                     string
	TTL                     string
	TTLKnown, NoTTL         bool
}

// Examination is what is to be examined. Settings and what belongs to them
// come from FromEnv or FromStack; a main fills in the rest.
type Examination struct {
	// Provider is required.
	Provider *provider.Provider
	// Base is the base URL, a result of baseurl.Parse. Required.
	Base string
	// Settings are what was read besides.
	Settings Settings
	// Tables are the tables to look at; none where everything is in memory.
	Tables []Table
	// Keys reads the deployment secret; nil when none is set.
	Keys func(context.Context) (secret.Text, error)
	// Stack is the deployment to look at, nil for a configuration here, and
	// Known the findings of FromStack about it.
	Stack *Stack
	Known []Finding
	// Now is the clock. Default: [time.Now].
	Now func() time.Time
}

func (x *Examination) now() time.Time {
	if x.Now != nil {
		return x.Now()
	}
	return time.Now()
}

func (x *Examination) callback() string { return x.Base + "/callback" }

// local reports whether this is a configuration of the machine that asks.
func (x *Examination) local() bool { return x.Stack == nil }

// Run makes every check, those side by side that do not need each other, in
// 18 seconds at most.
func (x *Examination) Run(ctx context.Context) Report {
	ctx, cancel := context.WithTimeout(baseurl.With(ctx, x.Base), allTimeout)
	defer cancel()
	checks := []func(context.Context) []Finding{
		func(context.Context) []Finding { return append(slices.Clone(x.Known), x.settings()...) },
		x.examineProvider,
	}
	if x.Stack != nil {
		checks = append(checks, x.examineStack)
	}
	checks = append(checks, x.examineTables, x.examineKeys)
	return NewReport(together(ctx, checks...), x.callback(), x.Provider.Name)
}

// together runs checks side by side and returns their findings in the checks'
// order.
func together(ctx context.Context, checks ...func(context.Context) []Finding) []Finding {
	found := make([][]Finding, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { found[i] = check(ctx) })
	}
	all.Wait()
	var findings []Finding
	for _, f := range found {
		findings = append(findings, f...)
	}
	return findings
}
