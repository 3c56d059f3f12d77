package doctor

import (
	"context"
	"strings"
	"sync"
)

// examineTables looks at all tables, and judges them one by one and together.
func (x *Examination) examineTables(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	found := make([]Inspection, len(x.Tables))
	var all sync.WaitGroup
	for n, t := range x.Tables {
		all.Go(func() { found[n] = t.Inspect(ctx) })
	}
	all.Wait()
	var findings []Finding
	seen := map[string]bool{}
	for n, t := range x.Tables {
		arn := found[n].ARN
		switch place := placeOf(arn); {
		case arn != "" && seen[arn]:
			findings = append(findings, Finding{t.ID, Problem, t.Setting + ": table " + t.Name + " is the same table as the other one", "what is to stay would expire, or what is to expire would stay", "keep accounts in a table of their own"})
		case x.Stack != nil && x.Stack.Place != "" && place != "" && place != x.Stack.Place:
			findings = append(findings, Finding{t.ID, Problem, t.Setting + ": table " + t.Name + " is at " + place + ", and the stack at " + x.Stack.Place, "what was looked at is not the stack's",
				"unset AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL, and check AWS_REGION and AWS_PROFILE"})
		default:
			findings = append(findings, t.judge(found[n])...)
		}
		seen[arn] = true
	}
	return findings
}

// placeOf is region and account of an ARN, "" if it is none.
func placeOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return ""
	}
	return parts[3] + ":" + parts[4]
}

// judge judges one table.
func (t Table) judge(i Inspection) []Finding {
	name := t.Setting + ": table " + t.Name
	f := Finding{t.ID, Problem, "", "nobody can sign in without it", ""}
	switch {
	case i.Missing:
		f.What, f.Do = t.Setting+": there is no table "+t.Name, "check the name and AWS_REGION; latchkey table create makes it, and a deployed stack's template does"
	case i.Denied:
		f.Level, f.What, f.Do = Unchecked, name+": your credentials do not allow to look at it", "allow dynamodb:DescribeTable and dynamodb:DescribeTimeToLive, or choose another AWS_PROFILE"
	case i.Silent:
		f.Level, f.What, f.Do = Unchecked, name+": DynamoDB does not answer", "check AWS_REGION, AWS_ENDPOINT_URL_DYNAMODB and the network"
	case i.Code != "":
		f.What, f.Do = name+": DynamoDB says "+i.Code, "check the name, AWS_REGION and the credentials"
	case strings.Contains(i.Wrong, " in the state "):
		f.What, f.Do = name+": "+i.Wrong, "wait for ACTIVE, and ask again; what is deleted or archived does not come back: deploy the stack's template, or make it with latchkey table create"
	case i.Wrong != "":
		f.What, f.Do = name+": "+i.Wrong, "deploy the stack's template, or make a new table with latchkey table create; a key cannot be changed afterwards"
	case t.TTL == "":
		return []Finding{{ID: t.ID, Level: OK, What: name + " has the right key"}}
	default:
		findings := []Finding{{ID: t.ID, Level: OK, What: name + " has the right key and index"}, t.expiry(i)}
		if i.Odd != "" {
			findings = append(findings, Finding{t.ID, Warning, name + ": " + i.Odd, "it works, and costs more than it has to", "make the index as latchkey table create does"})
		}
		return findings
	}
	return []Finding{f}
}

// expiry judges a table's TTL.
func (t Table) expiry(i Inspection) Finding {
	f := Finding{t.ID, Problem, "", "what has expired is refused all the same, but stays in the table, and is paid for", ""}
	switch {
	case i.NoTTL:
		return Finding{ID: t.ID, Level: OK, What: t.Setting + ": this endpoint has no TTL; what has expired stays until somebody removes it"}
	case !i.TTLKnown:
		f.Level, f.What, f.Do = Unchecked, t.Setting+": whether TTL is on cannot be seen", "allow dynamodb:DescribeTimeToLive"
	case i.TTL == "" && t.Elsewhere:
		f.Level, f.What, f.Do = Warning, t.Setting+": TTL is off at this endpoint", "let latchkey table create switch it on, if the endpoint has it"
	case i.TTL == "":
		f.What, f.Do = t.Setting+": TTL is off", "switch it on for the attribute "+t.TTL+"; latchkey table create does so for a table that is there"
	case i.TTL != t.TTL:
		f.What, f.Do = t.Setting+": TTL is on for another attribute", "switch it off, wait for an hour, and switch it on for the attribute "+t.TTL
	default:
		return Finding{ID: t.ID, Level: OK, What: t.Setting + ": TTL is on for " + t.TTL}
	}
	return f
}
