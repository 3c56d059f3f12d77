package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

const pythonParts = "pip install cfn-lint aws-sam-translator"

func templatePath(t *testing.T) string {
	t.Helper()
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "template.yaml")
	if _, err := os.ReadFile(path); err != nil { // for the test cache
		t.Fatal(err)
	}
	return path
}

// TestLint runs cfn-lint, which knows CloudFormation's own schemas. The
// template itself names the one check that it leaves out, and no other.
func TestLint(t *testing.T) {
	path := templatePath(t)
	if text, err := os.ReadFile(path); err != nil || strings.Count(string(text), "ignore_checks: [W1028]") != 1 || strings.Count(string(text), "ignore_checks") != 1 {
		t.Errorf("ignore_checks has to name W1028 alone (%v)", err)
	}
	if _, err := exec.LookPath("cfn-lint"); err != nil {
		peer.Absent(t, "cfn-lint", pythonParts)
	}
	if out, err := exec.Command("cfn-lint", "--", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// python is an interpreter that has the SAM transform and cfn-lint.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		peer.Absent(t, "python3", "install Python 3, then "+pythonParts)
	}
	if exec.Command(path, "-c", "import samtranslator, cfnlint").Run() != nil {
		peer.Absent(t, "the SAM transform (aws-sam-translator)", pythonParts)
	}
	return path
}

// rendered runs template_render.py on a template for sets of parameters, and
// reads what it prints.
func rendered(t *testing.T, what, template string, sets map[string]map[string]string, into any) {
	t.Helper()
	text, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	tmpl, err := stack.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]map[string]any{}
	for name, parameters := range sets {
		conditions, err := tmpl.Conditions(stack.Values{Parameters: parameters})
		if err != nil {
			t.Fatal(err)
		}
		given[name] = map[string]any{"parameters": parameters, "conditions": conditions}
	}
	input, err := json.Marshal(given)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile("template_render.py"); err != nil { // for the test cache
		t.Fatal(err)
	}
	cmd := exec.Command(python(t), "template_render.py", template, what)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

// lintSets are the sixteen combinations of the four conditions, so that two
// more vary along with them.
func lintSets() map[string]map[string]string {
	sets := maps.Clone(parameterSets)
	maps.DeleteFunc(sets, func(_ string, p map[string]string) bool {
		return p["PublicBaseUrl"] != "" || // changes texts only
			(p["DomainName"] != "" && (p["HostedZoneId"] != "") != builtIn(p)) ||
			(p["Alarms"] != "" && (p["AlarmEmail"] != "") != (p["DomainName"] != "")) ||
			(p["Provider"] != "" && p["ClientSecretArn"] == "" && builtIn(p))
	})
	return sets
}

// TestLintEveryCombination has cfn-lint look at what is deployed: for each
// combination, the template after the SAM transform, with the values of the
// parameters in it and only what is there. Nothing is excepted. One takes
// seconds, so that all sixteen are for when nothing may be left out.
func TestLintEveryCombination(t *testing.T) {
	t.Parallel()
	python(t) // here, and not in a goroutine, a missing part skips the test
	path, sets := templatePath(t), lintSets()
	if len(sets) != 16 {
		t.Fatalf("%d combinations, want 16", len(sets))
	}
	if os.Getenv("LATCHKEY_REQUIRE_PARTS") == "" {
		maps.DeleteFunc(sets, func(name string, _ map[string]string) bool {
			return name != "server, confidential client, domain and zone, alarms by mail" && name != "no server, public client, the API's host, no alarms"
		})
	}
	halves := []map[string]map[string]string{{}, {}}
	for i, name := range slices.Sorted(maps.Keys(sets)) {
		halves[i%2][name] = sets[name]
	}
	var findings [2]map[string][]string
	var wait sync.WaitGroup
	for i, half := range halves {
		wait.Go(func() { rendered(t, "lint", path, half, &findings[i]) })
	}
	wait.Wait()
	for i, half := range halves {
		for name := range half {
			if found, ok := findings[i][name]; !ok || len(found) > 0 {
				t.Errorf("%s: %s", name, strings.Join(found, "\n"))
			}
		}
	}
}

// TestLintFindsFaults sees that the linter looks at what depends on a
// condition: a circle through the API, and an alarm that never compares.
func TestLintFindsFaults(t *testing.T) {
	text := readDeployment(t).template
	for _, c := range [][2]string{
		{"ForAllValues:StringLike': {'dynamodb:LeadingKeys': ['login#*']}}", "StringEquals': {'aws:x': !Ref Api}}"},
		{"GreaterThanOrEqualToThreshold", "AtLeast"},
	} {
		if !strings.Contains(text, c[0]) {
			t.Fatalf("nothing to change: no %q", c[0])
		}
		text = strings.Replace(text, c[0], c[1], 1)
	}
	path := filepath.Join(t.TempDir(), "template.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var findings map[string][]string
	rendered(t, "lint", path, map[string]map[string]string{"alarms": {"Alarms": "true"}}, &findings)
	for _, want := range []string{"E3004", "E3030"} {
		if !strings.Contains(strings.Join(findings["alarms"], "\n"), want) {
			t.Errorf("%v, want %s", findings["alarms"], want)
		}
	}
}

// clientResources are what the transform makes of the client half;
// serverResources come with the built-in server.
var (
	clientResources = map[string]string{
		"AWS::ApiGatewayV2::Api": "Api", "AWS::ApiGatewayV2::Stage": "ApiApiGatewayDefaultStage",
		"AWS::DynamoDB::Table": "Flows", "AWS::SecretsManager::Secret": "DeploymentSecret",
		"AWS::Logs::LogGroup":   "ApiLogs FunctionLogs",
		"AWS::Lambda::Function": "Authorizer Callback Login Logout Refresh Session Whoami",
		"AWS::IAM::Role":        "AuthorizerRole CallbackRole LoginRole LogoutRole RefreshRole SessionRole WhoamiRole",
		"AWS::Lambda::Permission": "ApiSessionAuthorizerPermission CallbackGetPermission CallbackPostPermission LoginLoginPermission " +
			"LogoutAskPermission LogoutLogoutPermission RefreshRefreshPermission " +
			"SessionAllPermission SessionEndPermission SessionFrontPermission SessionOwnPermission SessionScriptPermission WhoamiGetPermission",
	}
	serverResources = map[string]string{
		"AWS::DynamoDB::Table":  "Accounts",
		"AWS::Lambda::Function": "Authorize Metadata Token Userinfo",
		"AWS::IAM::Role":        "AuthorizeRole MetadataRole TokenRole UserinfoRole",
		"AWS::Lambda::Permission": "AuthorizeApprovePermission AuthorizeAskSignOutPermission AuthorizeGetEndSessionPermission AuthorizeGetPermission " +
			"AuthorizePostEndSessionPermission AuthorizePostPermission AuthorizeSignInPermission AuthorizeSignOutPermission " +
			"MetadataOpenIdPermission MetadataServerPermission " +
			"TokenIntrospectPermission TokenJwksPermission TokenRevokePermission TokenTokenPermission TokenTokenizePermission " +
			"UserinfoGetPermission UserinfoPostPermission UserinfoPreflightPermission",
	}
)

// conditionalResources come with a condition of their own.
var conditionalResources = map[string]map[string]string{
	"CustomDomain": {"AWS::ApiGatewayV2::DomainName": "Domain", "AWS::ApiGatewayV2::ApiMapping": "DomainMapping"},
	"HostedZone":   {"AWS::Route53::RecordSet": "DomainRecord"},
	"Alarms": {
		"AWS::SNS::Topic": "AlarmTopic", "AWS::CloudWatch::Alarm": strings.Join(slices.Sorted(maps.Keys(wantThresholds)), " "),
		"AWS::Logs::MetricFilter": "CodeReplays ConfigErrorLines LoginReplays ProviderErrorLines RefreshReuse StoreErrorLines",
	},
	"AlarmEmail": {"AWS::SNS::Subscription": "AlarmSubscription"},
}

// resourcesOf are the resources that a set of parameters has, with their types.
func resourcesOf(parameters map[string]string) map[string]string {
	parts := []map[string]string{clientResources}
	for part, given := range map[string]bool{"CustomDomain": parameters["DomainName"] != "", "HostedZone": parameters["HostedZoneId"] != "",
		"Alarms": parameters["Alarms"] == "true", "AlarmEmail": parameters["AlarmEmail"] != ""} {
		if given {
			parts = append(parts, conditionalResources[part])
		}
	}
	if builtIn(parameters) {
		parts = append(parts, serverResources)
	}
	want := map[string]string{}
	for _, part := range parts {
		for kind, ids := range part {
			for _, id := range strings.Fields(ids) {
				want[id] = kind
			}
		}
	}
	return want
}

// TestTransform runs the SAM transform itself in each combination of
// conditions. Every route has its permission to invoke after it, and the
// authorizer too; the API's own address is off when there is a domain.
func TestTransform(t *testing.T) {
	t.Parallel()
	var got map[string]struct {
		Resources map[string]stack.Document
	}
	sets := lintSets()
	maps.Copy(sets, fewerSets)
	rendered(t, "show", templatePath(t), sets, &got)
	for name, parameters := range sets {
		t.Run(name, func(t *testing.T) {
			types, access := map[string]string{}, report{}
			for id, r := range got[name].Resources {
				types[id] = fmt.Sprint(r["Type"])
				wildcards(&access, id, map[string]any(r))
			}
			for _, line := range access.lines {
				t.Error(line)
			}
			if diff := cmp.Diff(resourcesOf(parameters), types); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			permission := got[name].Resources["ApiSessionAuthorizerPermission"]
			if text := fmt.Sprint(permission["Properties"]); !strings.Contains(text, "FunctionName:map[Fn::GetAtt:[Authorizer Arn]]") ||
				!strings.Contains(text, "Principal:apigateway.amazonaws.com") || !strings.Contains(text, "${__ApiId__}/authorizers/*") {
				t.Errorf("the authorizer's permission: %s", text)
			}
			server := fmt.Sprint(got[name].Resources["Api"].Get("Properties", "Body", "servers"))
			if want := fmt.Sprintf("disableExecuteApiEndpoint:%v", parameters["DomainName"] != ""); !strings.Contains(server, want) {
				t.Errorf("servers: %s, want %s", server, want)
			}
		})
	}
}
