package e2e_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// statement is one of an IAM policy, as docs/operations.md writes them: what it
// allows is a list.
type statement struct {
	Effect    string
	Action    oneOrMore
	Resource  []string
	Principal map[string]string
	Condition map[string]map[string]string
}

// oneOrMore is a string or a list of them.
type oneOrMore []string

func (o *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*o = []string{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(o))
}

// deployRole is what the runbook says of the role of the deploy workflow.
type deployRole struct {
	trust, policy, boundary []statement
	condition               map[string]map[string]string
	bytes                   []int // of each policy, spaces aside
}

func readDeployRole(text string) (deployRole, error) {
	var r deployRole
	var policies [][]statement
	for _, m := range regexp.MustCompile("(?ms)^```json\n(.*?)^```$").FindAllStringSubmatch(section(text, "Deploy from GitHub"), -1) {
		decoder := json.NewDecoder(strings.NewReader(m[1]))
		decoder.DisallowUnknownFields()
		if !strings.Contains(m[1], "Version") {
			if err := decoder.Decode(&r.condition); err != nil {
				return r, err
			}
			continue
		}
		var p struct {
			Version   string
			Statement []statement
		}
		if err := decoder.Decode(&p); err != nil || p.Version != "2012-10-17" {
			return r, fmt.Errorf("a policy cannot be read: %v", err)
		}
		policies = append(policies, p.Statement)
		r.bytes = append(r.bytes, len(strings.Join(strings.Fields(m[1]), "")))
	}
	if len(policies) != 3 || r.condition == nil {
		return r, fmt.Errorf("%d policies, condition %v", len(policies), r.condition)
	}
	r.trust, r.policy, r.boundary = policies[0], policies[1], policies[2]
	return r, nil
}

// deployCalls are the calls that CloudFormation has to make for each type of
// resource, beside reading: to make one, to change it and, but for what keeps
// data, to remove it. SAM makes the first two types into several.
var deployCalls = map[string]string{
	"AWS::Serverless::HttpApi":      "apigateway:POST apigateway:PUT apigateway:PATCH apigateway:DELETE apigateway:GET logs:CreateLogDelivery logs:UpdateLogDelivery logs:DeleteLogDelivery logs:PutResourcePolicy",
	"AWS::Serverless::Function":     "lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:DeleteFunction lambda:AddPermission lambda:RemovePermission lambda:TagResource iam:PassRole s3:GetObject s3:GetObjectVersion",
	"AWS::IAM::Role":                "iam:CreateRole iam:PutRolePolicy iam:DeleteRolePolicy iam:UpdateAssumeRolePolicy iam:DeleteRole iam:GetRole iam:TagRole iam:PutRolePermissionsBoundary",
	"AWS::ApiGatewayV2::DomainName": "apigateway:POST apigateway:PATCH apigateway:DELETE apigateway:AddCertificateToDomain iam:CreateServiceLinkedRole",
	"AWS::ApiGatewayV2::ApiMapping": "apigateway:POST apigateway:PATCH apigateway:DELETE",
	"AWS::Route53::RecordSet":       "route53:ChangeResourceRecordSets route53:GetHostedZone route53:GetChange",
	"AWS::DynamoDB::Table":          "dynamodb:CreateTable dynamodb:UpdateTable dynamodb:UpdateTimeToLive dynamodb:UpdateContinuousBackups dynamodb:Describe*",
	"AWS::SecretsManager::Secret":   "secretsmanager:CreateSecret secretsmanager:GetRandomPassword secretsmanager:DescribeSecret",
	"AWS::Logs::LogGroup":           "logs:CreateLogGroup logs:PutRetentionPolicy logs:DeleteLogGroup logs:DescribeLogGroups",
	"AWS::Logs::MetricFilter":       "logs:PutMetricFilter logs:DeleteMetricFilter logs:DescribeMetricFilters",
	"AWS::CloudWatch::Alarm":        "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms",
	"AWS::SNS::Topic":               "sns:CreateTopic sns:SetTopicAttributes sns:DeleteTopic sns:GetTopicAttributes",
	"AWS::SNS::Subscription":        "sns:Subscribe sns:Unsubscribe sns:GetSubscriptionAttributes",
}

// tooMuch are calls that the workflow has no use for: whole services, people's
// data, what cannot be made again, and the ways around a boundary.
var tooMuch = regexp.MustCompile(`^(\*|[a-z0-9]+:\*|(iam|dynamodb|secretsmanager):(Get|Put|Update|Delete|Batch|Create)\*|` +
	`dynamodb:(\w*Item|Query|Scan|DeleteTable)|secretsmanager:(DeleteSecret|PutSecretValue)|` +
	`iam:(CreatePolicy\w*|AttachRolePolicy|DeleteRolePermissionsBoundary|\w*(User|AccessKey)\w*))$`)

// deployRoleProblems compares the runbook with the workflow and the template.
func deployRoleProblems(text, workflow, template string) []string {
	r, err := readDeployRole(text)
	if err != nil {
		return []string{err.Error()}
	}
	problems := trustProblems(r.trust, workflow)
	allowed := map[string][]string{}
	for _, s := range r.policy {
		for _, action := range s.Action {
			allowed[action] = append(allowed[action], s.Resource...)
			if tooMuch.MatchString(action) {
				problems = append(problems, "too much: "+action)
			}
			if strings.HasPrefix(action, "iam:") && slices.ContainsFunc(s.Resource, func(arn string) bool {
				return !regexp.MustCompile(`^arn:aws:iam::ACCOUNT:role/(NAME-|aws-service-role/[a-z.]+/)\*$`).MatchString(arn)
			}) {
				problems = append(problems, fmt.Sprintf("%s of %v", action, s.Resource))
			}
			if action == "iam:PassRole" && s.Condition["StringEquals"]["iam:PassedToService"] != "lambda.amazonaws.com" {
				problems = append(problems, "a role can be given to anything")
			}
		}
	}
	for _, kind := range found(template, `\bType: (AWS::\w+::\w+)\b`) {
		if deployCalls[kind] == "" {
			problems = append(problems, "nobody says what "+kind+" needs")
		}
		for _, action := range strings.Fields(deployCalls[kind]) {
			if allowed[action] == nil {
				problems = append(problems, kind+" needs "+action)
			}
		}
	}
	if made := regexp.MustCompile(`--role-name (\S+)`).FindAllStringSubmatch(section(text, "Deploy from GitHub"), -1); len(made) == 0 || strings.HasPrefix(made[0][1], "NAME-") {
		problems = append(problems, "the role can change itself")
	}
	for i, n := range r.bytes {
		if n > 6144 { // the least of IAM's limits, that of a managed policy
			problems = append(problems, fmt.Sprintf("policy %d has %d bytes", i+1, n))
		}
	}
	return append(problems, boundaryProblems(r, template)...)
}

// trustProblems: exactly one subject and one audience, and the workflow that
// has them.
func trustProblems(trust []statement, workflow string) []string {
	var problems []string
	for _, part := range []string{"environment: ${{ inputs.environment }}", "id-token: write", "role-to-assume: ${{ vars.AWS_ROLE_ARN }}", "aws-region: ${{ vars.AWS_REGION }}"} {
		if !strings.Contains(workflow, part) {
			problems = append(problems, "the workflow has no "+part)
		}
	}
	if len(trust) != 1 || !slices.Equal(trust[0].Action, oneOrMore{"sts:AssumeRoleWithWebIdentity"}) || !strings.HasSuffix(trust[0].Principal["Federated"], ":oidc-provider/token.actions.githubusercontent.com") {
		return append(problems, "not a trust in GitHub")
	}
	const issuer = "token.actions.githubusercontent.com:"
	is := trust[0].Condition["StringEquals"]
	if is[issuer+"aud"] != "sts.amazonaws.com" {
		problems = append(problems, "any audience")
	}
	if !regexp.MustCompile(`^repo:OWNER@OWNER_ID/REPO@REPO_ID:environment:ENVIRONMENT$`).MatchString(is[issuer+"sub"]) || len(trust[0].Condition) != 1 {
		problems = append(problems, "not one environment of one repository")
	}
	return problems
}

// boundaryProblems: the boundary holds what the functions' roles have, and no
// more calls than that.
func boundaryProblems(r deployRole, template string) []string {
	want := found(template, `\b((?:dynamodb|secretsmanager|logs):[A-Z]\w+)\b`)
	want = slices.DeleteFunc(want, func(a string) bool { return a == "dynamodb:LeadingKeys" })
	var got []string
	for _, s := range r.boundary {
		got = append(got, s.Action...)
	}
	slices.Sort(got)
	var problems []string
	if !slices.Equal(want, got) {
		problems = append(problems, fmt.Sprintf("the boundary has %v, the functions %v", got, want))
	}
	if arn := r.condition["StringEquals"]["iam:PermissionsBoundary"]; arn != "arn:aws:iam::ACCOUNT:policy/functions-of-NAME" {
		problems = append(problems, "no condition on the boundary")
	}
	for _, s := range r.policy { // whose calls IAM knows the condition for
		if slices.Contains(s.Action, "iam:CreateRole") && !slices.Equal(s.Action, oneOrMore{"iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary"}) {
			problems = append(problems, fmt.Sprintf("the condition would be on %v", s.Action))
		}
	}
	return problems
}

func TestOperationsDeployRole(t *testing.T) {
	text, workflow, template := read(t, runbook), read(t, ".github/workflows/deploy.yml"), read(t, "template.yaml")
	for _, problem := range deployRoleProblems(text, workflow, template) {
		t.Error(problem)
	}
	for name, planted := range map[string][2]string{
		"any repository":             {":sub\": \"repo:OWNER@OWNER_ID/REPO@REPO_ID:", ":sub\": \"repo:OWNER@OWNER_ID/*:"},
		"any branch":                 {":environment:ENVIRONMENT\"", ":*\""},
		"a comparison with wildcard": {`"Condition": {"StringEquals": {` + "\n" + `      "token`, `"Condition": {"StringLike": {` + "\n" + `      "token`},
		"another audience":           {`:aud": "sts.amazonaws.com"`, `:aud": "*"`},
		"a call that is missing":     {`"lambda:CreateFunction", `, ""},
		"everything of a service":    {`"lambda:Get*"`, `"lambda:*"`},
		"tables can be deleted":      {`"dynamodb:UpdateTable"`, `"dynamodb:UpdateTable", "dynamodb:DeleteTable"`},
		"items can be read":          {`"dynamodb:Describe*"`, `"dynamodb:Describe*", "dynamodb:GetItem"`},
		"roles without a limit":      {`["arn:aws:iam::ACCOUNT:role/NAME-*"]`, `["*"]`},
		"roles for any service":      {`"iam:PassedToService": "lambda.amazonaws.com"`, `"iam:PassedToService": "*"`},
		"a boundary that is moved":   {`"iam:PutRolePermissionsBoundary"`, `"iam:PutRolePermissionsBoundary", "iam:CreatePolicyVersion"`},
		"a role that changes itself": {"--role-name deploys-NAME", "--role-name NAME-deploys"},
		"a boundary that is wider":   {`["secretsmanager:GetSecretValue"]`, `["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]`},
		"a boundary that is narrow":  {`"dynamodb:BatchGetItem", `, ""},
		"not JSON":                   {`"Effect": "Allow",` + "\n", `"Effect": "Allow"` + "\n"},
		"an unknown part":            {`"Effect": "Allow",` + "\n", `"Effect": "Allow", "Actions": [],` + "\n"},
	} {
		changed := strings.ReplaceAll(text, planted[0], planted[1])
		if changed == text || len(deployRoleProblems(changed, workflow, template)) == 0 {
			t.Errorf("not noticed: %s", name)
		}
	}
	if len(deployRoleProblems(text, workflow, template+"\n  Queue:\n    Type: AWS::SQS::Queue\n")) == 0 {
		t.Error("not noticed: a new type of resource")
	}
	if len(deployRoleProblems(text, strings.ReplaceAll(workflow, "environment: ${{", "# environment: {{"), template)) == 0 {
		t.Error("not noticed: a workflow without an environment")
	}
}
