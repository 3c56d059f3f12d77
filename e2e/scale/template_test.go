package scale_test

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/scale"
)

// first is what the first group of an expression finds in text.
func first(text, expression string) string {
	if m := regexp.MustCompile(expression).FindStringSubmatch(text); m != nil {
		return m[1]
	}
	return "nothing"
}

// block is what stands under a name of the template at two spaces.
func block(template, name string) string {
	_, rest, _ := strings.Cut(template, "\n  "+name+":")
	if end := regexp.MustCompile(`(?m)^ {0,2}[A-Z]`).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	return rest
}

// apart lists where the model and the template differ.
func apart(template string) []string {
	var problems []string
	same := func(what, got string, want float64) {
		if got != fmt.Sprint(want) {
			problems = append(problems, fmt.Sprintf("%s: the template has %s, the model %v", what, got, want))
		}
	}
	for _, l := range scale.Throttles {
		if l.Name == "application" {
			same(l.Name, first(template, `(?s)DefaultRouteSettings: \{ThrottlingRateLimit: (\d+)`), l.Value)
			continue
		}
		rate := first(template, `(?m)^ +`+regexp.QuoteMeta(l.Name)+`: .*?ThrottlingRateLimit: (!Ref \w+|\d+)`)
		if parameter, is := strings.CutPrefix(rate, "!Ref "); is {
			of := block(template, parameter)
			rate = first(of, `Default: (\d+)`)
			same(l.Name+", highest", first(of, `MaxValue: (\d+)`), l.Highest)
		}
		same(l.Name, rate, l.Value)
	}
	// A ceiling of the table itself is at six spaces, one of its index deeper.
	for i, place := range []string{"Flows/Write/6", "Flows/Read/6", "Flows/Write/10", "Accounts/Read/6"} {
		p, c := strings.Split(place, "/"), scale.Ceilings[i]
		found := regexp.MustCompile(`\n {` + p[2] + `}OnDemandThroughput: \{.*Max` + p[1] + `RequestUnits: (!If \[[^]]+\]|\d+)`).FindStringSubmatch(block(template, p[0]))
		got := "nothing"
		if found != nil {
			got = found[1]
		}
		want := fmt.Sprintf("!If [BuiltIn, %v, %v]", c.BuiltIn, c.Bare)
		if c.BuiltIn == c.Bare {
			want = fmt.Sprint(c.Bare)
		}
		if got != want {
			problems = append(problems, fmt.Sprintf("%s: the template has %s, the model %s", c.Name, got, want))
		}
	}
	general := first(template, `\n    MemorySize: (\d+)`)
	for name, memory := range scale.Memory {
		of := block(template, strings.ToUpper(name[:1])+name[1:])
		if of == "" {
			problems = append(problems, "no function "+name)
		}
		got := first(of, `\n      MemorySize: (\d+)`)
		if got == "nothing" {
			got = general
		}
		same("memory of "+name, got, memory)
	}
	for parameter, item := range map[string]string{"LoginTtl": "login", "SessionIdle": "session", "RefreshMax": "grant"} {
		life := scale.Items[item].Life
		if got := first(block(template, parameter), `Default: (\w+)`); got != fmt.Sprintf("%vm", life/60) && got != fmt.Sprintf("%vh", life/3600) {
			problems = append(problems, fmt.Sprintf("%s is %s, the model keeps a %s for %v s", parameter, got, item, life))
		}
	}
	return problems
}

// TestTemplate compares throttles, ceilings, memory and lifetimes with those
// of template.yaml.
func TestTemplate(t *testing.T) {
	template := read(t, "template.yaml")
	for _, problem := range apart(template) {
		t.Error(problem)
	}
	for _, planted := range []struct{ old, new string }{
		{"POST /oauth/approve: !If [BuiltIn, {ThrottlingRateLimit: 20", "POST /oauth/approve: !If [BuiltIn, {ThrottlingRateLimit: 21"},
		{"GET /login: {ThrottlingRateLimit: !Ref LoginRate", "GET /login: {ThrottlingRateLimit: !Ref TokenRate"},
		{"MaxWriteRequestUnits: !If [BuiltIn, 2500, 1500]", "MaxWriteRequestUnits: !If [BuiltIn, 2500, 1600]"},
		{"MaxWriteRequestUnits: 600", "MaxWriteRequestUnits: 700"},
		{"MaxReadRequestUnits: 1200", "MaxReadRequestUnits: 2000"},
		{"    MemorySize: 256", "    MemorySize: 512"},
		{"      MemorySize: 1769", "      MemorySize: 3538"},
		{"Default: 720h", "Default: 240h"},
	} {
		if !strings.Contains(template, planted.old) {
			t.Errorf("nothing to change: no %q", planted.old)
		} else if len(apart(strings.Replace(template, planted.old, planted.new, 1))) == 0 {
			t.Errorf("not noticed: %s", planted.new)
		}
	}
}

// flood is what the ceilings cost in an hour, as template.yaml says it.
func flood(template string) string {
	hourly := func(table string, indent int, server bool) (writes, reads float64) {
		of := first(block(template, table), fmt.Sprintf(`\n {%d}OnDemandThroughput: \{(.*)\}`, indent))
		for _, kind := range []string{"Read", "Write"} {
			m := regexp.MustCompile(`Max` + kind + `RequestUnits: (?:!If \[BuiltIn, (\d+), )?(\d+)`).FindStringSubmatch(of)
			if m == nil {
				return math.NaN(), math.NaN()
			}
			if server && m[1] != "" {
				m[2] = m[1]
			}
			units, _ := strconv.ParseFloat(m[2], 64)
			if kind == "Read" {
				reads = units * scale.Assumed.Read * 3600
			} else {
				writes = units * scale.Assumed.Write * 3600
			}
		}
		return writes, reads
	}
	w, r := hourly("Flows", 6, true)
	iw, ir := hourly("Flows", 10, true)
	aw, ar := hourly("Accounts", 6, true)
	bw, br := hourly("Flows", 6, false)
	return fmt.Sprintf("at %v USD a million writes and %v a million reads: %s USD for the writes, %s for the reads, %s for the index, and %s for Accounts. Without the server, %s.",
		1e6*scale.Assumed.Write, 1e6*scale.Assumed.Read, cents(w), cents(r), cents(iw+ir), cents(aw+ar), cents(bw+br+iw+ir))
}

// cents rounds half a cent up, whatever binary fractions make of it.
func cents(usd float64) string { return fmt.Sprintf("%.2f", math.Floor(100*usd+0.5+1e-9)/100) }

// TestCostOfAFlood works out the comment on the ceilings of template.yaml.
func TestCostOfAFlood(t *testing.T) {
	template := read(t, "template.yaml")
	comment := regexp.MustCompile(`\s*\n\s*# `).ReplaceAllString(template, " ")
	if want := flood(template); !strings.Contains(comment, want) {
		t.Errorf("template.yaml does not say %q", want)
	}
	for _, planted := range []string{"[BuiltIn, 2500, 1500]", "[BuiltIn, 6500, 5500]", "MaxReadRequestUnits: 1200", "MaxWriteRequestUnits: 600"} {
		if other := flood(strings.Replace(template, planted, strings.Replace(planted, "00", "50", 1), 1)); strings.Contains(comment, other) {
			t.Errorf("another number in %s is not noticed", planted)
		}
	}
}

// TestEveryRouteHasALimit sees that no route of a visit is left out.
func TestEveryRouteHasALimit(t *testing.T) {
	var known []string
	for _, l := range scale.Throttles {
		known = append(known, l.Name)
	}
	for _, v := range scale.Visits {
		for _, route := range slices.Sorted(maps.Keys(v.Needs().Routes)) {
			if !slices.Contains(known, route) {
				t.Errorf("%s: %s has no limit", v.Name, route)
			}
		}
	}
}
