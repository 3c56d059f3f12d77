package e2e_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

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

// report collects what is wrong with a deployment, one line each and once.
type report struct{ lines []string }

func (r *report) addf(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(r.lines, line) {
		r.lines = append(r.lines, line)
	}
}

// want reports a difference under the name of what was compared.
func (r *report) want(what string, got, want any) {
	if diff := gocmp.Diff(want, got); diff != "" {
		r.addf("%s: -want +got\n%s", what, diff)
	}
}

// problems checks a deployment in each of some combinations of conditions, as
// far as somebody wants to know of problems.
func problems(d deployment, sets map[string]map[string]string) iter.Seq[string] {
	return func(yield func(string) bool) {
		tmpl, err := stack.Parse([]byte(d.template))
		if err != nil {
			yield(err.Error())
			return
		}
		var r report
		checkSecrets(&r, d)
		if strings.Contains(d.template, "DependsOn") {
			r.addf("own URL: DependsOn, which this test does not follow")
		}
		checkBuild(&r, d)
		told := 0
		for _, name := range slices.Sorted(maps.Keys(sets)) {
			checkSet(&r, tmpl, sets[name])
			for ; told < len(r.lines); told++ {
				if !yield(r.lines[told]) {
					return
				}
			}
		}
	}
}

// checkSet checks what a template is with a set of parameters.
func checkSet(r *report, tmpl *stack.Template, parameters map[string]string) {
	doc, err := tmpl.Resolve(stack.Values{Parameters: parameters})
	if err != nil {
		r.addf("%v", err)
		return
	}
	functions, err := doc.Functions()
	if err != nil {
		r.addf("%v", err)
		return
	}
	checkFunctions(r, doc, functions, parameters)
	checkEnvironment(r, functions, parameters)
	checkProperties(r, doc, functions)
	checkPolicies(r, doc, functions, parameters)
	checkTables(r, doc, parameters)
	checkDeploymentSecret(r, doc)
	checkAPI(r, doc, functions, parameters)
	checkLogs(r, doc, functions)
	checkOutputs(r, doc, parameters)
	checkNoOwnURL(r, doc)
	checkDomain(r, doc, parameters)
	checkAlarms(r, doc, functions, parameters)
}

func TestTemplate_P01_P03_P04_P05_P06_P07_P08_P14_P17_F28(t *testing.T) {
	for line := range problems(readDeployment(t), parameterSets) {
		t.Error(line)
	}
}

// wantRoutes are the functions and their routes; wantServerRoutes those that
// come with the built-in server.
var (
	wantRoutes = map[string][]string{
		"Login": {"GET /login"}, "Callback": {"GET /callback", "POST /callback"},
		"Session": {"DELETE /sessions/{handle}", "GET /", "GET /auth.js", "GET /session", "GET /sessions"},
		"Refresh": {"POST /refresh"}, "Logout": {"GET /logout", "POST /logout"},
		"Authorizer": nil, "Whoami": {"GET /api/whoami"},
	}
	wantServerRoutes = map[string][]string{
		"Authorize": {"GET /oauth/authorize", "GET /oauth/end_session", "GET /oauth/signout", "POST /oauth/approve",
			"POST /oauth/authorize", "POST /oauth/end_session", "POST /oauth/signin", "POST /oauth/signout"},
		"Token":    {"GET /oauth/jwks", "POST /oauth/introspect", "POST /oauth/revoke", "POST /oauth/token", "POST /oauth/tokenize"},
		"Userinfo": {"GET /oauth/userinfo", "OPTIONS /oauth/userinfo", "POST /oauth/userinfo"},
		"Metadata": {"GET /.well-known/oauth-authorization-server", "GET /.well-known/openid-configuration"},
	}
)

// wantGuarded are the routes on which an authorizer is asked first.
var wantGuarded = map[string]string{"GET /api/whoami": "Session"}

// routesOf are the routes that a set of parameters gives, by function.
func routesOf(parameters map[string]string) map[string][]string {
	want := maps.Clone(wantRoutes)
	if builtIn(parameters) {
		maps.Copy(want, wantServerRoutes)
	}
	return want
}

func checkFunctions(r *report, doc stack.Document, functions []stack.Function, parameters map[string]string) {
	routes, guarded := map[string][]string{}, map[string]string{}
	for _, f := range functions {
		routes[f.ID] = nil
		for _, route := range f.Routes {
			routes[f.ID] = append(routes[f.ID], route.Key())
			r.want("payload format of "+route.Key(), route.Payload, "2.0")
			if route.Authorizer != "" {
				guarded[route.Key()] = route.Authorizer
			}
		}
		slices.Sort(routes[f.ID])
		p := stack.Document(f.Properties)
		r.want(f.ID+": runtime", p.Get("Runtime"), any("provided.al2023"))
		r.want(f.ID+": handler", f.Handler, "bootstrap")
		r.want(f.ID+": code", p.Get("CodeUri"), any("."))
		r.want(f.ID+": build method", doc.Get("Resources", f.ID, "Metadata", "BuildMethod"), any("makefile"))
		r.want(f.ID+": architecture by default", f.Architecture, "arm64")
		r.want(f.ID+": memory", f.MemoryMB, map[bool]int{true: 1769, false: 256}[f.ID == "Authorize"])
		timeout := 15 * time.Second // an HTTP API gives up after 30 s
		if f.ID == "Authorizer" {
			timeout = 10 * time.Second // and on an authorizer after 10 s
		}
		if f.Timeout != timeout {
			r.addf("%s: timeout %v, want %v", f.ID, f.Timeout, timeout)
		}
	}
	r.want("routes", routes, routesOf(parameters))
	r.want("routes behind an authorizer", guarded, wantGuarded)
	authorizers, err := doc.Authorizers()
	if err != nil {
		r.addf("%v", err)
	}
	// It has no identity and no cache: every request is asked about.
	r.want("authorizers", authorizers, map[string]stack.Authorizer{"Session": {Name: "Session", Function: "Authorizer"}})
}

// Functions that need the same.
const (
	ofSessions = "Callback Session Refresh Logout Authorizer"
	ofKeys     = ofSessions + " Authorize Token Userinfo"
	ofTables   = "Login " + ofKeys
)

// wantEnvironment is what a variable has to be at the functions that use it.
// Which names a function declares is TestEnvironmentIsWhatTheCodeAsksFor's.
var wantEnvironment = []struct {
	functions, name, value string
}{
	{ofTables, "TABLE_NAME", "Flows"},
	{"Authorize Token Userinfo", "ACCOUNTS_TABLE_NAME", "Accounts"},
	{ofKeys, "LATCHKEY_SECRET_ARN", deploymentSecretARN},
	{"Callback", "CALLBACK_MODE", "session"},
	{ofSessions + " Authorize Token", "SESSION_IDLE", "24h"},
	{ofSessions, "SESSION_MAX", "168h"},
	{ofTables, "AWS_NEW_RETRIES_2026", "true"},
	// Not on AWS, but sam local gives a function only what is declared.
	{ofTables, "AWS_ENDPOINT_URL_DYNAMODB", ""},
	{ofKeys, "AWS_ENDPOINT_URL_SECRETS_MANAGER", ""},
	{"Login Callback Session Refresh Logout", "OAUTH_CLIENT_SECRET", ""},
	{ofKeys, "LATCHKEY_SECRET", ""},
}

func checkEnvironment(r *report, functions []stack.Function, parameters map[string]string) {
	for _, f := range functions {
		r.want(f.ID+": PUBLIC_BASE_URL", f.Environment["PUBLIC_BASE_URL"], publicBase(parameters))
		for _, w := range wantEnvironment {
			if !slices.Contains(strings.Fields(w.functions), f.ID) {
				continue
			}
			if v, ok := f.Environment[w.name]; !ok || v != w.value {
				r.addf("%s: environment %s is %q, want it declared, as %q", f.ID, w.name, v, w.value)
			}
		}
	}
}

func checkLogs(r *report, doc stack.Document, functions []stack.Function) {
	groups := doc.OfType("AWS::Logs::LogGroup")
	r.want("log groups", groups, []string{"ApiLogs", "FunctionLogs"})
	for _, id := range groups {
		r.want(id+": retention", doc.Get("Resources", id, "Properties", "RetentionInDays"), any("30"))
		r.want(id+": deletion policy", doc.Get("Resources", id, "DeletionPolicy"), any("Delete"))
		r.want(id+": replacement policy", doc.Get("Resources", id, "UpdateReplacePolicy"), any("Delete"))
	}
	for _, f := range functions {
		r.want(f.ID+": log group", f.LogGroup, functionLogs)
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
	// API Gateway takes a format with the request's id only, on one line; a log
	// query reads what is JSON.
	var line map[string]string
	if json.Unmarshal([]byte(format), &line) != nil || strings.Contains(format, "\n") ||
		strings.Count(format, "$") != strings.Count(format, "$context.") {
		r.addf("access log: format %q", format)
	}
	var logged []string
	for _, value := range line {
		logged = append(logged, strings.TrimPrefix(value, "$context."))
	}
	slices.Sort(allowed)
	slices.Sort(logged)
	r.want("access log: what is in it", logged, allowed)
}

// functionLogs is the log group of all functions.
const functionLogs = "/aws/lambda/latchkey"

// checkOutputs: they are what other stacks, scripts and the command build on.
func checkOutputs(r *report, doc stack.Document, parameters map[string]string) {
	base := cmp.Or(publicBase(parameters), "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com")
	want := map[string]any{"BaseUrl": base, "LoginUrl": base + "/login", "CallbackUrl": base + "/callback", "ApiId": "a1b2c3d4e5",
		"AuthorizerArn": "arn:aws:serverless:eu-central-1:123456789012:Authorizer", "TableName": "Flows", "DeploymentSecretArn": deploymentSecretARN}
	if builtIn(parameters) {
		want["Issuer"], want["AccountsTableName"] = base, "Accounts"
		want["AddUser"] = "latchkey user add NAME --stack latchkey"
	}
	if parameters["DomainName"] != "" {
		want["DomainTarget"] = "d-domain.execute-api.eu-central-1.amazonaws.com"
	}
	if parameters["Alarms"] == "true" {
		want["AlarmTopicArn"] = alarmTopicARN
	}
	outputs := map[string]any{}
	for name := range doc["Outputs"].(map[string]any) {
		outputs[name] = doc.Get("Outputs", name, "Value")
		if text, _ := doc.Get("Outputs", name, "Description").(string); len(text) < 20 {
			r.addf("outputs: %s has no description", name)
		}
	}
	r.want("outputs", outputs, want)
}
