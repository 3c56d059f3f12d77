package doctor

import (
	"context"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// examine judges one table.
func (t Table) examine(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	i, name := t.Inspect(ctx), t.Setting+": table "+t.Name
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
	case i.Wrong != "":
		f.What, f.Do = name+": "+i.Wrong, "make a new table with latchkey table create; neither can be changed afterwards without effort"
	case t.TTL == "":
		return []Finding{{ID: t.ID, Level: OK, What: name + " has the right key"}}
	default:
		return []Finding{{ID: t.ID, Level: OK, What: name + " has the right key and index"}, t.expiry(i)}
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

// examineKeys judges the deployment secret.
func (x *Examination) examineKeys(ctx context.Context) []Finding {
	const id, why = "secret", "every key is derived from it: whoever guesses it makes tokens, and opens sessions with the table"
	if x.Keys == nil {
		if x.local() {
			return x.noKeys()
		}
		return []Finding{{id, Unchecked, "the stack's outputs name no deployment secret", why, "deploy the current template, or look at the resource DeploymentSecret"}}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := x.Keys(ctx)
	if err != nil {
		return []Finding{{id, Unchecked, "the deployment secret cannot be read", why, "check LATCHKEY_SECRET_ARN, and allow secretsmanager:GetSecretValue on it"}}
	}
	ring, err := secret.ParseRing(list.Reveal())
	if err != nil {
		return []Finding{{id, Problem, "the deployment secret: " + err.Error(), why, "make one with: openssl rand -base64 48"}}
	}
	if weak(list.Reveal()) {
		return []Finding{{id, Problem, "the deployment secret looks made up, not random", why, "make one with: openssl rand -base64 48; then latchkey keys rotate and retire for a stack"}}
	}
	what := "one key"
	if n := len(ring.Roots()); n > 1 {
		what = "several keys, " + ring.Newest().ID + " is the newest"
	}
	return []Finding{{ID: id, Level: OK, What: "the deployment secret is long and random enough: " + what}}
}
