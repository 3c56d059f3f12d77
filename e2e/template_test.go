package e2e_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// deployment is template.yaml and what it has to agree with, as text, so that
// a test can plant a fault in a copy.
type deployment struct{ template, makefile, samconfig string }

func readDeployment(t *testing.T) deployment {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	return deployment{read("template.yaml"), read("Makefile"), read("samconfig.toml")}
}

const secretARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:client-AbCdEf"

// parameterSets are the combinations of the template's conditions.
var parameterSets = map[string]map[string]string{
	"public client":       {"ClientId": "x", "Provider": "google"},
	"confidential client": {"ClientId": "x", "Provider": "google", "ClientSecretArn": secretARN},
}

// report collects what is wrong with a deployment, one line each.
type report struct{ lines []string }

func (r *report) addf(format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

// want reports a difference under the name of what was compared.
func (r *report) want(what string, got, want any) {
	if diff := cmp.Diff(want, got); diff != "" {
		r.addf("%s: -want +got\n%s", what, diff)
	}
}

// problems checks a deployment in each combination of conditions.
func problems(d deployment) []string {
	var r report
	tmpl, err := stack.Parse([]byte(d.template))
	if err != nil {
		return []string{err.Error()}
	}
	for _, name := range slices.Sorted(maps.Keys(parameterSets)) {
		doc, err := tmpl.Resolve(stack.Values{Parameters: parameterSets[name]})
		if err != nil {
			return []string{err.Error()}
		}
		functions, err := doc.Functions()
		if err != nil {
			return []string{err.Error()}
		}
		checkFunctions(&r, doc, functions)
		checkPolicies(&r, doc, functions, parameterSets[name]["ClientSecretArn"])
		checkTable(&r, doc)
		checkAPI(&r, doc, functions)
		checkLogs(&r, doc, functions)
		checkOutputs(&r, doc)
	}
	checkSecrets(&r, d)
	checkNoOwnURL(&r, d.template)
	checkBuild(&r, d)
	return r.lines
}

func TestTemplate_P01_P03_P04_P05_P06_P08_P14_F28(t *testing.T) {
	for _, line := range problems(readDeployment(t)) {
		t.Error(line)
	}
}

// names of the functions, and of their routes.
var wantRoutes = map[string][]string{"Callback": {"GET /callback", "POST /callback"}, "Login": {"GET /login"}}

func checkFunctions(r *report, doc stack.Document, functions []stack.Function) {
	routes := map[string][]string{}
	for _, f := range functions {
		for _, route := range f.Routes {
			routes[f.ID] = append(routes[f.ID], route.Key())
			r.want("payload format of "+route.Key(), route.Payload, "2.0")
		}
		p := stack.Document(f.Properties)
		r.want(f.ID+": runtime", p.Get("Runtime"), any("provided.al2023"))
		r.want(f.ID+": handler", f.Handler, "bootstrap")
		r.want(f.ID+": code", p.Get("CodeUri"), any("."))
		r.want(f.ID+": build method", doc.Get("Resources", f.ID, "Metadata", "BuildMethod"), any("makefile"))
		r.want(f.ID+": architecture by default", f.Architecture, "arm64")
		r.want(f.ID+": memory", f.MemoryMB, 256)
		if f.Timeout != 15*time.Second { // an HTTP API gives up after 30 s
			r.addf("%s: timeout %v, want 15 s", f.ID, f.Timeout)
		}
		if f.ID == "Callback" { // until there are sessions
			r.want("callback mode", f.Environment["CALLBACK_MODE"], "json")
		}
		r.want(f.ID+": retry behaviour", f.Environment["AWS_NEW_RETRIES_2026"], "true")
		r.want(f.ID+": table", f.Environment["TABLE_NAME"], "Flows")
		for _, name := range []string{"PUBLIC_BASE_URL", "AWS_ENDPOINT_URL_DYNAMODB", "OAUTH_CLIENT_SECRET"} {
			if v, ok := f.Environment[name]; !ok || v != "" {
				r.addf("%s: environment %s is %q, want it declared and empty", f.ID, name, v)
			}
		}
	}
	r.want("routes", routes, wantRoutes)
}

// wantActions is what each function may do with the table.
var wantActions = map[string][]string{
	"Login":    {"dynamodb:PutItem"},
	"Callback": {"dynamodb:UpdateItem", "dynamodb:GetItem"},
}

func checkPolicies(r *report, doc stack.Document, functions []stack.Function, secret string) {
	for _, f := range functions {
		p := stack.Document(f.Properties)
		if p.Get("Policies") != nil {
			r.addf("%s: Policies bring a managed policy with them; use a role of its own", f.ID)
		}
		role := doc.Get("Resources", f.ID+"Role", "Properties")
		r.want(f.ID+": role", p.Get("Role"), any("arn:aws:iam:eu-central-1:123456789012:"+f.ID+"Role"))
		properties, _ := role.(map[string]any)
		r.want(f.ID+": properties of the role", slices.Sorted(maps.Keys(properties)), []string{"AssumeRolePolicyDocument", "Policies"})
		want := []string{
			strings.Join(wantActions[f.ID], " ") + " on arn:aws:dynamodb:eu-central-1:123456789012:Flows " +
				"if map[ForAllValues:StringLike:map[dynamodb:LeadingKeys:[login#*]]]",
			"logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:" + f.LogGroup + " if <nil>",
		}
		if secret != "" && f.ID == "Callback" {
			want = slices.Insert(want, 1, "secretsmanager:GetSecretValue on "+secret+" if <nil>")
		}
		r.want(f.ID+": statements", statements(properties), want)
	}
}

// statements writes each statement of a role's policies as one line.
func statements(role stack.Document) []string {
	var lines []string
	policies, _ := role.Get("Policies").([]any)
	for _, policy := range policies {
		list, _ := stack.Document(policy.(map[string]any)).Get("PolicyDocument", "Statement").([]any)
		for _, s := range list {
			statement := stack.Document(s.(map[string]any))
			lines = append(lines, fmt.Sprintf("%s on %v if %v", strings.Trim(fmt.Sprint(statement.Get("Action")), "[]"),
				statement.Get("Resource"), statement.Get("Condition")))
			if statement.Get("Effect") != "Allow" || strings.Contains(fmt.Sprint(statement.Get("Action"), statement.Get("Resource")), "*") {
				lines = append(lines, "a wildcard or no Allow in the statement before")
			}
		}
	}
	return lines
}

func checkTable(r *report, doc stack.Document) {
	r.want("tables", doc.OfType("AWS::DynamoDB::Table"), []string{"Flows"})
	table := stack.Document{"T": doc.Get("Resources", "Flows", "Properties")}
	r.want("Flows: deletion policy", doc.Get("Resources", "Flows", "DeletionPolicy"), any("Delete"))
	r.want("Flows: billing", table.Get("T", "BillingMode"), any("PAY_PER_REQUEST"))
	r.want("Flows: key", table.Get("T", "KeySchema"), any([]any{map[string]any{"AttributeName": "pk", "KeyType": "HASH"}}))
	r.want("Flows: key type", table.Get("T", "AttributeDefinitions"), any([]any{map[string]any{"AttributeName": "pk", "AttributeType": "S"}}))
	r.want("Flows: TTL", table.Get("T", "TimeToLiveSpecification"), any(map[string]any{"AttributeName": ttlAttribute, "Enabled": true}))
	r.want("Flows: encryption", table.Get("T", "SSESpecification", "SSEEnabled"), any(true))
	r.want("Flows: point-in-time recovery", table.Get("T", "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"), any(false))
}

func checkLogs(r *report, doc stack.Document, functions []stack.Function) {
	groups := doc.OfType("AWS::Logs::LogGroup")
	r.want("log groups", groups, []string{"ApiLogs", "CallbackLogs", "LoginLogs"})
	for _, id := range groups {
		r.want(id+": retention", doc.Get("Resources", id, "Properties", "RetentionInDays"), any("30"))
	}
	for _, f := range functions {
		r.want(f.ID+": log group", f.LogGroup, "/aws/lambda/latchkey/"+strings.ToLower(f.ID))
	}
	r.want("access log's group", doc.Get("Resources", "Api", "Properties", "AccessLogSettings", "DestinationArn"),
		any("arn:aws:logs:eu-central-1:123456789012:/aws/vendedlogs/latchkey/api"))
	format, _ := doc.Get("Resources", "Api", "Properties", "AccessLogSettings", "Format").(string)
	allowed := []string{"requestId", "requestTime", "identity.sourceIp", "routeKey", "status", "responseLength",
		"responseLatency", "integrationStatus", "integrationLatency"}
	for _, m := range regexp.MustCompile(`\$context\.([A-Za-z.]+)`).FindAllStringSubmatch(format, -1) {
		if !slices.Contains(allowed, m[1]) { // no query, cookie, header or user agent
			r.addf("access log: %s is not a value to log", m[1])
		}
	}
	if format == "" || strings.Count(format, "$") != strings.Count(format, "$context.") {
		r.addf("access log: format %q", format)
	}
}

func checkOutputs(r *report, doc stack.Document) {
	const base = "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com"
	outputs := map[string]any{}
	for name := range doc["Outputs"].(map[string]any) {
		outputs[name] = doc.Get("Outputs", name, "Value")
	}
	r.want("outputs", outputs, map[string]any{"LoginUrl": base + "/login", "CallbackUrl": base + "/callback", "TableName": "Flows"})
}
