package e2e_test

import (
	"slices"
	"strings"
	"testing"
)

// A mutation is a fault in one of the files of a deployment.
type mutation struct {
	name     string
	file     func(*deployment) *string
	after    string // the fault is planted after the first of this
	old, new string
	want     string // in the report
}

func template(d *deployment) *string  { return &d.template }
func makefile(d *deployment) *string  { return &d.makefile }
func samconfig(d *deployment) *string { return &d.samconfig }

// publicBaseURL is how every function learns its public address.
const publicBaseURL = "PUBLIC_BASE_URL: !If [CustomDomain, !Sub 'https://${DomainName}', !Ref PublicBaseUrl]"

// The places of the functions in the template.
const (
	loginAt, callbackAt    = "\n  Login:\n", "\n  Callback:\n"
	authorizeAt, tokenAt   = "\n  Authorize:\n", "\n  Token:\n"
	userinfoAt, metadataAt = "\n  Userinfo:\n", "\n  Metadata:\n    Type"
)

// withFault is text with a fault: the first old from after on is new.
func withFault(t *testing.T, text, after, old, new string) string {
	t.Helper()
	at := strings.Index(text, after)
	if at < 0 || !strings.Contains(text[at:], old) {
		t.Fatalf("nothing to change: no %q after %q", old, after)
	}
	return text[:at] + strings.Replace(text[at:], old, new, 1)
}

// TestTemplateMutations plants one fault at a time in a copy of the deployment
// and sees that the checks of TestTemplate find it.
func TestTemplateMutations(t *testing.T) {
	t.Parallel()
	intact := readDeployment(t)
	for _, c := range slices.Concat(mutations, sessionMutations, serverMutations, domainMutations, alarmMutations, propertyMutations) {
		t.Run(c.name, func(t *testing.T) {
			d := intact
			text := c.file(&d)
			*text = withFault(t, *text, c.after, c.old, c.new)
			var report []string
			for line := range problems(d, fewerSets) {
				if strings.Contains(line, c.want) {
					return
				}
				report = append(report, line)
			}
			t.Errorf("not found: the report is %q, want %q in it", report, c.want)
		})
	}
}

// mutations of the client half, and of what both halves share.
var mutations = []mutation{
	{"another path", template, loginAt, "Path: /login", "Path: /signin", "routes"},
	{"another method", template, callbackAt, "Method: POST", "Method: PUT", "routes"},
	{"any method", template, callbackAt, "Method: POST", "Method: ANY", "name a method"},
	{"payload format 1.0", template, callbackAt, "Path: /callback}", "Path: /callback, PayloadFormatVersion: '1.0'}", "payload format"},
	{"another runtime", template, "", "Runtime: provided.al2023", "Runtime: go1.x", "runtime"},
	{"another handler", template, "", "Handler: bootstrap", "Handler: main", "handler"},
	{"another builder", template, callbackAt, "BuildMethod: makefile", "BuildMethod: go1.x", "build method"},
	{"another architecture by default", template, "", "Default: arm64", "Default: x86_64", "architecture"},
	{"a timeout beyond the gateway's", template, "", "Timeout: 15", "Timeout: 31", "timeout"},
	{"Lambda's own timeout", template, "", "    Timeout: 15", "    Tracing: PassThrough", "timeout"},
	{"tokens for the browser by default", template, "  CallbackMode:", "Default: session", "Default: json", "CALLBACK_MODE"},
	{"the SDK's old retries", template, "", "AWS_NEW_RETRIES_2026: 'true'", "AWS_NEW_RETRIES_2026: 'false'", "AWS_NEW_RETRIES_2026"},
	{"a number in the environment", template, "", "LOGIN_TTL: !Ref LoginTtl", "LOGIN_TTL: 600", "not a string"},
	{"no endpoint for sam local", template, "", ", AWS_ENDPOINT_URL_DYNAMODB: ''", "", "AWS_ENDPOINT_URL_DYNAMODB"},
	{"an output without a description", template, "Outputs:", "Description: 'Where a login starts.', ", "", "LoginUrl has no description"},
	{"a circle by DependsOn", template, loginAt, "    Metadata:", "    DependsOn: Api\n    Metadata:", "own URL"},
	{"a role that needs the API", template, "LoginRole:", "!GetAtt FunctionLogs.Arn", "!Sub '${FunctionLogs.Arn}/${Api}'", "own URL: LoginRole"},
	{"a key that stands twice", template, "", "CALLBACK_MODE: !Ref CallbackMode", "AWS_ENDPOINT_URL_SECRETS_MANAGER: x", "stands twice"},
	{"the stack's own URL in the environment", template, "", publicBaseURL,
		"PUBLIC_BASE_URL: !Sub 'https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}'", "own URL"},
	{"the API's id in the environment", template, "", publicBaseURL, "PUBLIC_BASE_URL: !Ref Api", "own URL"},
	{"a Scan", template, "CallbackRole:", "dynamodb:GetItem", "dynamodb:Scan", "statements"},
	{"any action on the table", template, "LoginRole:", "dynamodb:PutItem", "dynamodb:*", "statements"},
	{"any table", template, "LoginRole:", "!GetAtt Flows.Arn", "'*'", "statements"},
	{"one action more", template, "LoginRole:", "Action: dynamodb:PutItem", "Action: [dynamodb:PutItem, dynamodb:DeleteItem]", "statements"},
	{"one action less", template, "CallbackRole:", ", dynamodb:GetItem", "", "statements"},
	{"any key", template, "LoginRole:", "login#*", "*", "statements"},
	{"no condition on the keys", template, "CallbackRole:", "Condition: {'ForAllValues:StringLike': {'dynamodb:LeadingKeys': ['login#*']}}", "Sid: Claim", "statements"},
	{"any secret", template, "CallbackRole:", "Resource: !Ref ClientSecretArn", "Resource: '*'", "statements"},
	{"the secret's statement without a secret", template, "CallbackRole:", "!If [HasClientSecret", "!If [Always", "no condition is named"},
	{"another log group", template, "LoginRole:", "!GetAtt FunctionLogs.Arn", "!GetAtt ApiLogs.Arn", "statements"},
	{"a managed policy on the role", template, "LoginRole:", "    Policies:", "    ManagedPolicyArns: ['arn:aws:iam::aws:policy/AdministratorAccess'],\n    Policies:", "properties of the role"},
	{"the other function's role", template, loginAt, "!GetAtt LoginRole.Arn", "!GetAtt CallbackRole.Arn", "role"},
	{"a policy template", template, loginAt, "      Role: !GetAtt LoginRole.Arn", "      Policies: [DynamoDBCrudPolicy: {TableName: !Ref Flows}]", "Policies"},
	{"another TTL attribute", template, "", "AttributeName: expires_at", "AttributeName: ttl", "TTL"},
	{"TTL switched off", template, "", "AttributeName: expires_at, Enabled: true", "AttributeName: expires_at, Enabled: false", "TTL"},
	{"another key", template, "KeySchema:", "AttributeName: pk", "AttributeName: id", "Flows: key"},
	{"provisioned capacity", template, "", "PAY_PER_REQUEST", "PROVISIONED", "billing"},
	{"no encryption of our own choice", template, "", "SSEEnabled: true", "SSEEnabled: false", "encryption"},
	{"point-in-time recovery", template, "", "PointInTimeRecoveryEnabled: false", "PointInTimeRecoveryEnabled: true", "recovery"},
	{"no ceiling", template, "", ", MaxWriteRequestUnits: !If [BuiltIn, 2500, 1500]", "", "Flows writes: there is no ceiling"},
	{"a ceiling that the throttles reach", template, "", "MaxWriteRequestUnits: !If [BuiltIn, 2500, 1500]", "MaxWriteRequestUnits: !If [BuiltIn, 2500, 800]", "Flows writes: the routes together"},
	{"no throttle on a route", template, "RouteSettings:\n        GET", "        POST /callback:", "        PUT /callback:", "not a number"},
	{"/login as open as the rest", template, "RouteSettings:\n        GET", "!Ref LoginRate", "!Ref CallbackRate", "ThrottlingRateLimit"},
	{"no default throttle", template, "DefaultRouteSettings:", ", ThrottlingBurstLimit: 100", "", "ThrottlingBurstLimit"},
	{"a named stage", template, "", "      Description: Latchkey\n", "      StageName: prod\n", "stage"},
	{"the query string in the access log", template, "", "$context.routeKey", "$context.path?$context.queryString", "access log"},
	{"a header in the access log", template, "", "$context.routeKey", "$context.identity.userAgent", "access log"},
	{"no retention", template, "FunctionLogs: {Type", ", RetentionInDays: !Ref LogRetention", "", "retention"},
	{"no access log's retention", template, "ApiLogs: {Type", ", RetentionInDays: !Ref LogRetention", "", "retention"},
	{"no log group", template, "", "    LoggingConfig: {LogGroup: !Ref FunctionLogs}\n", "", "log group"},
	{"another domain in an output", template, "Outputs:", "${AWS::URLSuffix}/callback", "${AWS::URLSuffix}/oauth", "outputs"},
	{"no login URL", template, "Outputs:", "  LoginUrl:", "  Start:", "outputs"},
	{"a secret as a default", template, "ClientSecretArn: {Type", "Default: ''", "Default: hunter2", "match"},
	{"a default that looks like a secret's", template, "ClientSecretArn: {Type", "Default: ''", "Default: " + secretARN, "a default for what names a secret"},
	{"a pattern without an end", template, "  ClientId:", `[\x21-\x7E])?)?$'`, `[\x21-\x7E])?)?'`, "not anchored"},
	{"a parameter without a pattern", template, "  ExtraParams:", "AllowedPattern: '^[A-Za-z0-9._~%=&+-]*$', ", "", "needs a description and a pattern"},
	{"a dynamic reference", template, "", "OAUTH_CLIENT_SECRET: ''", "OAUTH_CLIENT_SECRET: '{{resolve:secretsmanager:x}}'", "dynamic reference"},
	{"an alias, which CloudFormation refuses", template, "", "CALLBACK_MODE: !Ref CallbackMode", "CALLBACK_MODE: &x json, X: *x", "alias"},
	{"the Makefile's architecture", makefile, "", "GOARCH ?= arm64", "GOARCH ?= amd64", "architecture"},
	{"a rule for one function", makefile, "", "build-%:", "build-Login build-%:\n\ttrue\nbuild-Callback:", "rules that make functions"},
	{"a binary that is not static", makefile, "", "CGO_ENABLED=0", "CGO_ENABLED=1", "CGO_ENABLED"},
	{"paths of the machine in the binary", makefile, "", "-trimpath ", "", "-trimpath"},
	{"cached builds", samconfig, "", "cached = false", "cached = true", "cached"},
	{"a build in a copy of the sources", samconfig, "local.build", "build_in_source = true", "build_in_source = false", "build_in_source"},
	{"a secret in samconfig", samconfig, "deploy.parameters]", "\n", "\nparameter_overrides = \"ClientId=x\"\n", "samconfig"},
}
