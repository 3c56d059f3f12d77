package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// transform prints, for each set of parameters, the types of the resources that
// the SAM transform makes of a template, as JSON, without those whose
// condition is false: {"a set": {"Login": "AWS::Lambda::Function", ...}}.
const transform = `
import json, os, sys
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class NoPolicies:
    def load(self):
        return {}

def there(resource, parameters):
    condition = resource.get("Condition")
    if condition is None:
        return True
    if condition != "BuiltIn":
        raise SystemExit("a resource has the condition " + condition)
    return parameters.get("BuiltInServer") != "false"

made = {}
for name, parameters in json.loads(sys.argv[2]).items():
    template = yaml_parse(open(sys.argv[1]).read())
    template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # as sam package does
    resources = transform(template, parameters, NoPolicies())["Resources"]
    made[name] = {id: r["Type"] for id, r in resources.items() if there(r, parameters)}
print(json.dumps(made))
`

// clientResources are what the transform makes of the client half;
// serverResources come with the built-in server.
var (
	clientResources = map[string]string{
		"AWS::ApiGatewayV2::Api": "Api", "AWS::ApiGatewayV2::Stage": "ApiApiGatewayDefaultStage",
		"AWS::DynamoDB::Table": "Flows", "AWS::SecretsManager::Secret": "DeploymentSecret",
		"AWS::Logs::LogGroup":   "ApiLogs AuthorizerLogs CallbackLogs LoginLogs LogoutLogs RefreshLogs SessionLogs WhoamiLogs",
		"AWS::Lambda::Function": "Authorizer Callback Login Logout Refresh Session Whoami",
		"AWS::IAM::Role":        "AuthorizerRole CallbackRole LoginRole LogoutRole RefreshRole SessionRole WhoamiRole",
		"AWS::Lambda::Permission": "ApiSessionAuthorizerPermission CallbackGetPermission CallbackPostPermission LoginLoginPermission " +
			"LogoutAskPermission LogoutLogoutPermission RefreshRefreshPermission " +
			"SessionAllPermission SessionEndPermission SessionFrontPermission SessionOwnPermission SessionScriptPermission WhoamiGetPermission",
	}
	serverResources = map[string]string{
		"AWS::DynamoDB::Table":  "Accounts",
		"AWS::Logs::LogGroup":   "AuthorizeLogs MetadataLogs TokenLogs UserinfoLogs",
		"AWS::Lambda::Function": "Authorize Metadata Token Userinfo",
		"AWS::IAM::Role":        "AuthorizeRole MetadataRole TokenRole UserinfoRole",
		"AWS::Lambda::Permission": "AuthorizeApprovePermission AuthorizeAskSignOutPermission AuthorizeGetEndSessionPermission AuthorizeGetPermission " +
			"AuthorizePostEndSessionPermission AuthorizePostPermission AuthorizeSignInPermission AuthorizeSignOutPermission " +
			"MetadataOpenIdPermission MetadataServerPermission " +
			"TokenIntrospectPermission TokenJwksPermission TokenRevokePermission TokenTokenPermission TokenTokenizePermission " +
			"UserinfoGetPermission UserinfoPostPermission UserinfoPreflightPermission",
	}
)

// TestTransform runs the SAM transform itself in each combination of
// conditions, and sees that every route got its permission to invoke.
func TestTransform(t *testing.T) {
	path := templatePath(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		peer.Absent(t, "python3", "install Python 3, then "+pythonParts)
	}
	if exec.Command(python, "-c", "import samtranslator").Run() != nil {
		peer.Absent(t, "the SAM transform (aws-sam-translator)", pythonParts)
	}
	given, err := json.Marshal(parameterSets)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", transform, path, string(given))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	var got map[string]map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for name, parameters := range parameterSets {
		t.Run(name, func(t *testing.T) {
			want := map[string]string{}
			halves := []map[string]string{clientResources}
			if builtIn(parameters) {
				halves = append(halves, serverResources)
			}
			for _, half := range halves {
				for kind, ids := range half {
					for _, id := range strings.Fields(ids) {
						want[id] = kind
					}
				}
			}
			if diff := cmp.Diff(want, got[name]); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
