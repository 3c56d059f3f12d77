package stack_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

const twoTables = `
Parameters:
  More: {Type: String, AllowedValues: ['true', 'false']}
Conditions:
  WithMore: !Equals [!Ref More, 'true']
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  First: {Type: AWS::DynamoDB::Table}
  Second:
    Type: AWS::DynamoDB::Table
    Condition: WithMore
  Secret:
    Type: AWS::SecretsManager::Secret
    Condition: WithMore
  Always:
    Type: AWS::Serverless::Function
    Properties: {Environment: {Variables: {TABLE: !Ref First}}}
  Sometimes:
    Type: AWS::Serverless::Function
    Condition: WithMore
    Properties: {Environment: {Variables: {TABLE: !Ref First, SECOND: !Ref Second, SECRET: !Ref Secret}}}
Outputs:
  First: {Value: !Ref First}
  Second:
    Condition: WithMore
    Value: !Ref Second
`

// environments are those of the functions that a template has.
func environments(t *testing.T, text string, v stack.Values) map[string]map[string]string {
	t.Helper()
	template, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := template.Resolve(v)
	if err != nil {
		t.Fatal(err)
	}
	functions, err := doc.Functions()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]string{}
	for _, f := range functions {
		all[f.ID] = f.Environment
	}
	return all
}

func TestTablesHaveNamesOfTheirOwn(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:Secret-AbCdEf"
	more := map[string]string{"More": "true"}
	for _, c := range []struct {
		name          string
		values        stack.Values
		first, second string
	}{
		{"logical ids", stack.Values{Parameters: more}, "First", "Second"},
		{"one name is the first table's", stack.Values{Parameters: more, Table: "a"}, "a", "Second"},
		{"names by logical id", stack.Values{Parameters: more, Tables: map[string]string{"First": "a", "Second": "b"}}, "a", "b"},
		{"both ways", stack.Values{Parameters: more, Table: "a", Tables: map[string]string{"Second": "b"}}, "a", "b"},
		{"the logical id goes first", stack.Values{Parameters: more, Table: "a", Tables: map[string]string{"First": "b"}}, "b", "Second"},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := map[string]map[string]string{"Always": {"TABLE": c.first}, "Sometimes": {"TABLE": c.first, "SECOND": c.second, "SECRET": arn}}
			if diff := cmp.Diff(want, environments(t, twoTables, c.values)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestWhatAConditionLeavesOut(t *testing.T) {
	without := stack.Values{Parameters: map[string]string{"More": "false"}}
	if diff := cmp.Diff(map[string]map[string]string{"Always": {"TABLE": "First"}}, environments(t, twoTables, without)); diff != "" {
		t.Errorf("functions: -want +got\n%s", diff)
	}
	template, err := stack.Parse([]byte(twoTables))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := template.Resolve(without)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Get("Outputs", "Second") != nil || doc.Get("Outputs", "First") == nil {
		t.Errorf("outputs: %v", doc["Outputs"])
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a reference to what is not there", "{TABLE: !Ref First}", "{TABLE: !Ref Second}", "Second is not there under these conditions"},
		{"an ARN of what is not there", "{TABLE: !Ref First}", "{TABLE: !GetAtt Second.Arn}", "Second is not there under these conditions"},
		{"a condition that nobody declared", "Condition: WithMore\n    Value", "Condition: Other\n    Value", "no condition is named Other"},
	} {
		t.Run(c.name, func(t *testing.T) {
			template, err := stack.Parse([]byte(strings.Replace(twoTables, c.old, c.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := template.Resolve(without); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestWhatResourcesAreCalled(t *testing.T) {
	const text = `
Parameters:
  Name: {Type: String, Default: auth.example.com}
Conditions:
  Named: !Not [!Equals [!Ref Name, '']]
  Both: !And [!Condition Named, !Equals [!Ref Name, auth.example.com]]
Resources:
  Api: {Type: AWS::Serverless::HttpApi}
  Topic: {Type: AWS::SNS::Topic}
  Domain:
    Type: AWS::ApiGatewayV2::DomainName
    Condition: Named
    Properties: {DomainName: !Ref Name}
Outputs:
  Stage: {Value: !Ref Api.Stage}
  Topic: {Value: !Ref Topic}
  Domain: {Value: !Ref Domain}
  Target: {Value: !Sub '${Domain.RegionalDomainName} in ${Domain.RegionalHostedZoneId}'}
`
	template, err := stack.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := template.Resolve(stack.Values{})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Stage": "$default", "Topic": "arn:aws:sns:eu-central-1:123456789012:Topic", "Domain": "auth.example.com",
		"Target": "d-domain.execute-api.eu-central-1.amazonaws.com in ZREGIONAL",
	} {
		if got := doc.Get("Outputs", name, "Value"); got != want {
			t.Errorf("%s: %v, want %s", name, got, want)
		}
	}
	for name, want := range map[string]map[string]bool{"": {"Named": false, "Both": false}, "a.example": {"Named": true, "Both": false}} {
		got, err := template.Conditions(stack.Values{Parameters: map[string]string{"Name": name}})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%q: %v, -want +got\n%s", name, err, diff)
		}
	}
	for _, c := range []struct{ old, new, want string }{
		{"!Ref Api.Stage", "!Ref Topic.Stage", "Topic is no HTTP API"},
		{"!Ref Api.Stage", "!Ref Other.Stage", "nothing is named Other"},
		{"!Ref Api.Stage", "!GetAtt Api.ApiEndpoint", "Api.ApiEndpoint is not understood"},
	} {
		broken, err := stack.Parse([]byte(strings.Replace(text, c.old, c.new, 1)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := broken.Resolve(stack.Values{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.new, err, c.want)
		}
	}
}

func TestRules(t *testing.T) {
	const text = `
Parameters:
  Colour: {Type: String, Default: '', AllowedValues: ['', red, green, blue]}
  Shade: {Type: String, Default: ''}
Rules:
  WarmNeedsShade: {RuleCondition: {'Fn::Contains': [[red, green], !Ref Colour]}, Assertions: [
    {Assert: !Not [!Equals [!Ref Shade, '']], AssertDescription: Give Shade.}]}
Resources: {Table: {Type: AWS::DynamoDB::Table}}
`
	for _, c := range []struct{ name, colour, shade, old, new, want string }{
		{name: "in the list", colour: "red", want: "rule WarmNeedsShade: Give Shade."},
		{name: "in the list, and the assertion holds", colour: "green", shade: "dark"},
		{name: "not in the list", colour: "blue"},
		{name: "empty"},
		{name: "a value that is not allowed", colour: "grey", want: "allowed values"},
		{name: "no list", colour: "red", old: "[red, green]", new: "red", want: "what Contains looks into is no list"},
		{name: "no value", colour: "red", old: "[[red, green], !Ref Colour]", new: "[[red, green]]", want: "Contains needs a list and a value"},
		{name: "a value of nothing", colour: "red", old: "!Ref Colour]", new: "!Ref Tone]", want: "nothing is named Tone"},
	} {
		t.Run(c.name, func(t *testing.T) {
			template, err := stack.Parse([]byte(strings.Replace(text, c.old, c.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			v := stack.Values{Parameters: map[string]string{"Colour": c.colour, "Shade": c.shade}}
			_, resolved := template.Resolve(v)
			for _, err := range []error{template.Refusal(v), resolved} {
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %q", err, c.want)
				}
			}
			v.Unruled = true
			if _, err := template.Resolve(v); (err != nil) != (c.want == "allowed values") {
				t.Errorf("without rules: %v", err)
			}
		})
	}
}
