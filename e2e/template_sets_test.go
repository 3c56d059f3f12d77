package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

const (
	secretARN      = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:client-AbCdEf"
	certificateARN = "arn:aws:acm:eu-central-1:123456789012:certificate/0a1b2c3d"

	ownHost = "https://login.example.com" // behind another service
	domain  = "auth.example.com"          // a domain of the API's own
	zone    = "Z0123456789ABC"
	mail    = "ops@example.com"
)

// parameterSets are the combinations of the template's conditions, by name.
var parameterSets = combine([][]choice{
	{{"server", nil}, {"no server", map[string]string{"BuiltInServer": "false"}}},
	{
		{"no provider", nil},
		{"public client", map[string]string{"ClientId": "x", "Provider": "google"}},
		{"confidential client", map[string]string{"ClientId": "x", "Provider": "google", "ClientSecretArn": secretARN}},
	},
	{
		{"the API's host", nil},
		{"own host", map[string]string{"PublicBaseUrl": ownHost}},
		{"domain", map[string]string{"DomainName": domain, "CertificateArn": certificateARN}},
		{"domain and zone", map[string]string{"DomainName": domain, "CertificateArn": certificateARN, "HostedZoneId": zone}},
	},
	{{"no alarms", nil}, {"alarms", map[string]string{"Alarms": "true"}}, {"alarms by mail", map[string]string{"Alarms": "true", "AlarmEmail": mail}}},
})

// A choice is one of several values for a few parameters.
type choice struct {
	name       string
	parameters map[string]string
}

// combine takes one choice from each list in every way that the rules allow.
func combine(lists [][]choice) map[string]map[string]string {
	sets := map[string]map[string]string{"": {}}
	for _, list := range lists {
		longer := map[string]map[string]string{}
		for name, set := range sets {
			for _, c := range list {
				both := maps.Clone(set)
				maps.Copy(both, c.parameters)
				longer[strings.TrimPrefix(name+", "+c.name, ", ")] = both
			}
		}
		sets = longer
	}
	maps.DeleteFunc(sets, func(_ string, p map[string]string) bool { return !builtIn(p) && p["Provider"] == "" })
	return sets
}

// fewerSets show each condition both ways. A planted fault is looked for in
// these.
var fewerSets = func() map[string]map[string]string {
	few := map[string]map[string]string{}
	for _, name := range []string{
		"server, no provider, the API's host, no alarms", "server, confidential client, domain and zone, alarms by mail",
		"server, public client, own host, alarms", "no server, confidential client, the API's host, alarms",
		"no server, public client, domain, no alarms", "no server, public client, own host, alarms by mail",
	} {
		few[name] = parameterSets[name]
	}
	return few
}()

// publicBase is the address that a set of parameters names, "" for none.
func publicBase(parameters map[string]string) string {
	if name := parameters["DomainName"]; name != "" {
		return "https://" + name
	}
	return parameters["PublicBaseUrl"]
}

// builtIn reports whether a set of parameters has the authorization server.
func builtIn(parameters map[string]string) bool { return parameters["BuiltInServer"] != "false" }

// TestParameterSets sees that no combination of the four conditions is left
// out, and that the few sets show each of them both ways.
func TestParameterSets(t *testing.T) {
	tmpl, err := stack.Parse([]byte(readDeployment(t).template))
	if err != nil {
		t.Fatal(err)
	}
	combinations, alone := map[string]bool{}, map[string]bool{}
	for name, parameters := range parameterSets {
		truth, err := tmpl.Conditions(stack.Values{Parameters: parameters})
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.Sorted(maps.Keys(truth)); !slices.Equal(got, wantConditions) {
			t.Fatalf("conditions %v, want %v", got, wantConditions)
		}
		combinations[fmt.Sprint(truth["BuiltIn"], truth["HasClientSecret"], truth["CustomDomain"], truth["Alarms"])] = true
		for condition, holds := range truth {
			if fewerSets[name] != nil {
				alone[fmt.Sprint(condition, holds)] = true
			}
		}
	}
	if len(combinations) != 16 {
		t.Errorf("%d combinations of the four conditions, want 16: %v", len(combinations), slices.Sorted(maps.Keys(combinations)))
	}
	if len(alone) != 2*len(wantConditions) {
		t.Errorf("the few sets show %v", slices.Sorted(maps.Keys(alone)))
	}
}

// wantConditions are the conditions of the template.
var wantConditions = []string{"Alarms", "BuiltIn", "CustomDomain", "HasAlarmEmail", "HasClientSecret", "HasHostedZone", "HasPublicBaseUrl"}
