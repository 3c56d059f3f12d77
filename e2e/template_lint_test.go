package e2e_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
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

// TestLint runs cfn-lint, which knows CloudFormation's own schemas. W1028 is
// what it says of the nesting that the SAM transform generates.
func TestLint(t *testing.T) {
	path := templatePath(t)
	if _, err := exec.LookPath("cfn-lint"); err != nil {
		peer.Absent(t, "cfn-lint", pythonParts)
	}
	if out, err := exec.Command("cfn-lint", "--ignore-checks", "W1028", "--", path).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// transform prints the types of the resources that the SAM transform makes of
// a template, as JSON: {"Login": "AWS::Lambda::Function", ...}.
const transform = `
import json, os, sys
os.environ.setdefault("AWS_DEFAULT_REGION", "eu-central-1")
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

class NoPolicies:
    def load(self):
        return {}

template = yaml_parse(open(sys.argv[1]).read())
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"  # as sam package does
made = transform(template, json.loads(sys.argv[2]), NoPolicies())
print(json.dumps({name: r["Type"] for name, r in made["Resources"].items()}))
`

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
	want := map[string]string{
		"Api": "AWS::ApiGatewayV2::Api", "ApiApiGatewayDefaultStage": "AWS::ApiGatewayV2::Stage", "ApiLogs": "AWS::Logs::LogGroup",
		"Flows": "AWS::DynamoDB::Table",
		"Login": "AWS::Lambda::Function", "LoginRole": "AWS::IAM::Role", "LoginLogs": "AWS::Logs::LogGroup",
		"LoginLoginPermission": "AWS::Lambda::Permission",
		"Callback":             "AWS::Lambda::Function", "CallbackRole": "AWS::IAM::Role", "CallbackLogs": "AWS::Logs::LogGroup",
		"CallbackGetPermission": "AWS::Lambda::Permission", "CallbackPostPermission": "AWS::Lambda::Permission",
	}
	for name, parameters := range parameterSets {
		t.Run(name, func(t *testing.T) {
			given, err := json.Marshal(parameters)
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
			var got map[string]string
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
