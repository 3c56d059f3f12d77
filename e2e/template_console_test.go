package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// consoleProblems compares the groups that the console shows with the
// parameters: each stands in one group, once.
func consoleProblems(t *testing.T, text string) []string {
	t.Helper()
	var parsed struct {
		Parameters map[string]any `yaml:"Parameters"`
		Metadata   struct {
			Interface struct {
				Groups []struct {
					Label      map[string]string `yaml:"Label"`
					Parameters []string          `yaml:"Parameters"`
				} `yaml:"ParameterGroups"`
			} `yaml:"AWS::CloudFormation::Interface"`
		} `yaml:"Metadata"`
	}
	if err := yaml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	var problems []string
	in := map[string]int{}
	for _, group := range parsed.Metadata.Interface.Groups {
		if group.Label["default"] == "" || len(group.Parameters) == 0 {
			problems = append(problems, fmt.Sprintf("a group without a label or a parameter: %v", group))
		}
		for _, name := range group.Parameters {
			if in[name]++; parsed.Parameters[name] == nil {
				problems = append(problems, "there is no parameter "+name)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(parsed.Parameters)) {
		if in[name] != 1 {
			problems = append(problems, fmt.Sprintf("%s is in %d groups", name, in[name]))
		}
	}
	return problems
}

func TestConsoleGroupsHaveEveryParameter(t *testing.T) {
	text := readDeployment(t).template
	for _, problem := range consoleProblems(t, text) {
		t.Error(problem)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a parameter that is nowhere", "Architecture, LoginTtl,", "Architecture,", "LoginTtl is in 0 groups"},
		{"a parameter that comes twice", "LogLevel, LogRetention]", "LogLevel, LogRetention, Issuer]", "Issuer is in 2 groups"},
		{"a parameter that there is not", "LoginTtl,", "LoginTTL,", "there is no parameter LoginTTL"},
		{"a group without a label", "Label: {default: Client}", "Label: {default: ''}", "a group without a label"},
	} {
		if got := consoleProblems(t, withFault(t, text, "ParameterGroups:", c.old, c.new)); !slices.ContainsFunc(got, func(p string) bool { return strings.HasPrefix(p, c.want) }) {
			t.Errorf("%s: got %q, want %q in it", c.name, got, c.want)
		}
	}
}

// sharedNames are the texts of a stack that name it, and that are the same in
// a stack of another name: two stacks of one account would meet there.
func sharedNames(t *testing.T, text string) []string {
	t.Helper()
	tmpl, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	names := func(of string) map[string]string {
		doc, err := tmpl.Resolve(stack.Values{StackName: of, Parameters: map[string]string{"Alarms": "true"}})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{"AddUser": fmt.Sprint(doc.Get("Outputs", "AddUser", "Value"))}
		for _, id := range doc.OfType("AWS::Logs::LogGroup") {
			got[id] = fmt.Sprint(doc.Get("Resources", id, "Properties", "LogGroupName"))
		}
		for _, id := range slices.Concat(doc.OfType("AWS::Logs::MetricFilter"), doc.OfType("AWS::CloudWatch::Alarm")) {
			got[id] = strings.Join(metricNamespaces(doc, id), " ")
		}
		return got
	}
	one, two := names("latchkey"), names("another")
	var shared []string
	for id, name := range one {
		own := strings.ReplaceAll(name, "/latchkey", "/another")
		if id == "AddUser" {
			own = strings.ReplaceAll(name, "--stack latchkey", "--stack another")
		}
		if two[id] != own {
			shared = append(shared, id+": "+two[id])
		}
	}
	return shared
}

// metricNamespaces are the namespaces of a filter or an alarm.
func metricNamespaces(doc stack.Document, id string) []string {
	if list, _ := doc.Get("Resources", id, "Properties", "MetricTransformations").([]any); list != nil {
		return []string{fmt.Sprint(list[0].(map[string]any)["MetricNamespace"])}
	}
	return []string{fmt.Sprint(doc.Get("Resources", id, "Properties", "Namespace"))}
}

// TestTwoStacksShareNoName: a second stack next to the first one, or a new one
// after it, has log groups and metrics of its own. Everything else is named by
// CloudFormation.
func TestTwoStacksShareNoName(t *testing.T) {
	text := readDeployment(t).template
	for _, name := range sharedNames(t, text) {
		t.Error(name)
	}
	for _, c := range []struct{ after, old, new string }{
		{"FunctionLogs: {", "!Sub '/aws/lambda/${AWS::StackName}'", "/aws/lambda/latchkey"},
		{"ApiLogs: {", "!Sub '/aws/vendedlogs/${AWS::StackName}/api'", "/aws/vendedlogs/latchkey/api"},
		{"\n  StoreErrorLines:", "!Sub 'Latchkey/${AWS::StackName}'", "Latchkey/latchkey"},
		{"\n  StoreDown:", "!Sub 'Latchkey/${AWS::StackName}'", "Latchkey/latchkey"},
		{"\n  AddUser:", "${AWS::StackName}", "latchkey"},
	} {
		if len(sharedNames(t, withFault(t, text, c.after, c.old, c.new))) == 0 {
			t.Errorf("not noticed: %s after %s", c.new, c.after)
		}
	}
}
