package scale_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/latchkey-go/latchkey/e2e/scale"
)

// table is a table of a document: its head, which no other table of the
// document has, and its rows.
type table struct {
	head []string
	rows [][]string
}

func line(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

// number writes n with at most three digits that count, and commas.
func number(n float64) string {
	switch {
	case n == 0:
		return "0"
	case math.IsInf(n, 1):
		return "never"
	case n < 100:
		text := strconv.FormatFloat(n, 'g', 3, 64)
		if strings.Contains(text, "e") {
			return strconv.FormatFloat(n, 'f', -1, 64)
		}
		return text
	}
	digits := strconv.FormatFloat(rounded(n), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func rounded(n float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(n))-2)
	return math.Round(math.Round(n/step) * step)
}

func money(n float64) string { return fmt.Sprintf("%.2f", n) }

func share(n float64) string {
	if n > 0 && n < 0.0001 || n == 0 {
		return "under 0.01 %"
	}
	return strconv.FormatFloat(100*n, 'f', 2, 64) + " %"
}

func costOfFlows() table {
	t := table{head: []string{"what", "API requests", "invocations", "write units", "read units", "GB-seconds", "KB of logs", "KB sent", "KB kept a month", "USD a million"}}
	for _, f := range scale.Flows {
		n := f.Needs(1)
		t.rows = append(t.rows, []string{
			f.Name, number(n.API), number(n.Invocations), number(n.WriteUnits()), number(n.ReadUnits()),
			fmt.Sprintf("%.4f", n.GBSeconds), fmt.Sprintf("%.2f", n.LogKB), number(n.OutKB), fmt.Sprintf("%.3f", n.RestKB/(30*24*3600)), money(1e6 * scale.Assumed.Cost(n).Sum()),
		})
	}
	return t
}

func prices() table {
	p := scale.Assumed
	t := table{head: []string{"letter", "price of", "USD, assumed"}}
	for _, r := range []struct {
		letter, of string
		price      float64
	}{
		{"a", "a million requests of the HTTP API", 1e6 * p.API}, {"l", "a million invocations of Lambda", 1e6 * p.Invocation},
		{"g", "a million GB-seconds of Lambda, arm64", 1e6 * p.GBSecond},
		{"w", "a million write units of DynamoDB", 1e6 * p.Write}, {"r", "a million read units", 1e6 * p.Read},
		{"k", "a GB kept in DynamoDB for a month", p.GBMonth}, {"c", "a GB of logs taken in", p.LogGB}, {"o", "a GB sent out", p.OutGB},
	} {
		t.rows = append(t.rows, []string{"`" + r.letter + "`", r.of, strconv.FormatFloat(r.price, 'g', 6, 64)})
	}
	return t
}

// items has what one visit writes and reads, by kind of item.
func items() table {
	t := table{head: []string{"item", "bytes", "writes, at a provider", "reads", "writes, at the built-in server", "reads there"}}
	a, b := scale.Visits[0].Needs(), scale.Visits[1].Needs()
	for _, name := range []string{"login", "session", "grant", "signin", "consent", "try", "user"} {
		t.rows = append(t.rows, []string{
			"`" + name + "`", number(scale.Items[name].Bytes),
			number(a.Writes[name]), number(a.Reads[name]), number(b.Writes[name]), number(b.Reads[name]),
		})
	}
	return table{t.head, append(t.rows, []string{"entry of `by_user`", "", number(a.Index), "", number(b.Index), ""})}
}

func database(v scale.Visit) table {
	t := table{head: []string{"logins a second " + v.Name, "writes", "reads", "writes of by_user", "reads of Accounts", "partitions for the traffic", "GB kept", "partitions for the size"}}
	for _, rate := range scale.Rates {
		n := v.Needs().Times(rate)
		t.rows = append(t.rows, []string{
			number(rate), number(n.FlowsWrites()), number(n.FlowsReads()), number(n.Index), number(n.Reads["user"]),
			number(scale.Partitions(n.FlowsWrites(), n.FlowsReads())), number(math.Ceil(n.RestGB())), number(max(1, math.Ceil(n.RestGB()/scale.PartitionGB))),
		})
	}
	return t
}

func functions(v scale.Visit) table {
	t := table{head: []string{"logins a second, functions, " + v.Name, "API requests", "invocations", "busy instances", "of them callback", "authorize", "authorizer", "quota needed", "seconds to double"}}
	for _, rate := range scale.Rates {
		n := v.Needs().Times(rate)
		slowest := 0.0
		for _, busy := range n.Busy {
			slowest = max(slowest, scale.GrowthTime(busy))
		}
		t.rows = append(t.rows, []string{
			number(rate), number(n.API), number(n.Invocations), number(n.Concurrency()), number(n.Busy["callback"]),
			number(n.Busy["authorize"]), number(n.Busy["authorizer"]), number(math.Ceil(n.Quota())), number(slowest),
		})
	}
	return t
}

// limits are all limits of both visits, those first that a visit at the
// built-in server reaches first.
func limits() table {
	t := table{head: []string{"limit", "who sets it", "value", "reached at logins a second, at a provider", "at the built-in server"}}
	provider, server := scale.Visits[0], scale.Visits[1]
	bare := map[string]scale.Limit{}
	for _, l := range provider.Limits() {
		bare[l.Name] = l
	}
	for _, l := range server.Limits() {
		kind, value, reached := string(l.Kind), number(l.Value), "not used"
		if l.Kind == scale.Parameter {
			kind += ", up to " + number(l.Highest)
		}
		if other, both := bare[l.Name]; both {
			reached = number(other.At(provider.Needs()))
			if other.Value != l.Value {
				value = number(other.Value) + ", " + value
			}
		}
		t.rows = append(t.rows, []string{l.Name, kind, value, reached, number(l.At(server.Needs()))})
	}
	return t
}

// times has how long each request is assumed to take.
func times() table {
	t := table{head: []string{"request", "function", "MB", "ms, assumed"}}
	seen := map[string]int{}
	for _, f := range scale.Flows {
		for _, r := range f.Requests {
			route := strings.Trim(r.Route, "`")
			if route == "" {
				route = "the authorizer's answer"
			}
			key, ms := route, number(1000*r.Seconds)
			if i, known := seen[key]; !known {
				seen[key] = len(t.rows)
				t.rows = append(t.rows, []string{route, "`" + r.Function + "`", strconv.Itoa(int(scale.Memory[r.Function])), ms})
			} else if cell := &t.rows[i][3]; !slices.Contains(strings.Split(*cell, ", "), ms) {
				*cell += ", " + ms
			}
		}
	}
	return t
}

func assumptions() table {
	t := table{head: []string{"assumed", "value"}}
	for _, a := range scale.Assumptions {
		t.rows = append(t.rows, []string{a.What, number(a.Value) + a.Unit})
	}
	return t
}

// steps says what is reached between the step before and this one, in all up to
// here, and how many regions it takes.
func steps() table {
	t := table{head: []string{
		"step, logins a second", "at a provider, reached first", "so far", "regions", "at the built-in server, reached first", "so far", "regions",
	}}
	before := 0.0
	for _, rate := range scale.Rates {
		row := []string{number(rate)}
		for _, v := range scale.Visits {
			first := "nothing new"
			if passed := v.Passed(before, rate); len(passed) > 0 {
				first = passed[0].Name
			}
			row = append(row, first, number(float64(len(v.Passed(0, rate)))), number(v.Regions(rate)))
		}
		t.rows, before = append(t.rows, row), rate
	}
	return t
}

// slow is the callback of a login at a provider, the function that is busy
// longest for a login alone.
var slow = scale.Slow

func cold() table {
	t := table{head: []string{"requests a second", "simulated", "if none overlapped"}}
	for _, rate := range []float64{0.001, 0.003, 0.01, 0.1, 1, 10, 100} {
		t.rows = append(t.rows, []string{number(rate), share(coldShare(rate)), share(scale.Alone(rate, slow.Idle))})
	}
	return t
}

func coldShare(rate float64) float64 {
	p := slow
	p.Rate = rate
	return p.Simulate("cold", 2*p.Idle, 2*p.Idle+200_000/rate).ColdShare()
}

// jump doubles the traffic of the callback after two seconds and counts the
// ten that follow, as often as it takes to have enough requests.
func jump(to float64) (all scale.Counts) {
	p := slow
	p.Rate, p.Jump, p.After = to/2, 2, to
	load := p.Rate * p.Seconds
	p.Warm = int(math.Ceil(load + 4*math.Sqrt(load)))
	p.Burst, p.Refill = scale.ScalingBurst, scale.ScalingRate
	for i := 0; all.Requests < 200_000; i++ {
		c := p.Simulate("jump "+strconv.Itoa(i), 2, 12)
		all.Requests, all.Cold, all.Refused = all.Requests+c.Requests, all.Cold+c.Cold, all.Refused+c.Refused
	}
	return all
}

func jumps() table {
	t := table{head: []string{"requests a second, doubled to", "busy instances before", "after", "cold starts", "refused"}}
	for _, to := range scale.Rates[1:] {
		c := jump(to)
		t.rows = append(t.rows, []string{
			number(to), number(slow.Seconds * to / 2), number(slow.Seconds * to), share(c.ColdShare()), share(c.RefusedShare()),
		})
	}
	return t
}

func parts() table {
	t := table{head: []string{"a million visits, USD", "API", "Lambda", "writes", "reads", "logs", "sent out", "kept", "sum", "the login alone"}}
	for _, v := range scale.Visits {
		c := scale.Assumed.Cost(v.Needs().Times(1e6))
		alone := scale.Assumed.Cost(scale.Of(v.Login).Needs(v.SessionKB).Times(1e6))
		t.rows = append(t.rows, []string{
			v.Name, money(c.API), money(c.Lambda), money(c.Writes), money(c.Reads), money(c.Logs), money(c.Out), money(c.Rest), money(c.Sum()), money(alone.Sum()),
		})
	}
	return t
}

func months() table {
	t := table{head: []string{"logins a second, all month", "logins", "USD, at a provider", "USD, at the built-in server"}}
	for _, rate := range scale.Rates {
		logins := rate * 30 * 24 * 3600
		row := []string{number(rate), number(logins)}
		for _, v := range scale.Visits {
			row = append(row, number(scale.Assumed.Cost(v.Needs().Times(logins)).Sum()))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

// documents are the tables that the model writes, by document.
func documents() map[string][]table {
	long := []table{assumptions(), times(), items()}
	for _, v := range scale.Visits {
		long = append(long, database(v))
	}
	for _, v := range scale.Visits {
		long = append(long, functions(v))
	}
	long = append(long, limits(), steps(), cold(), jumps(), parts(), months())
	return map[string][]table{
		"README.md":     {costOfFlows(), prices()},
		"docs/scale.md": long,
	}
}
