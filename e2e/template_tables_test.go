package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

const (
	flowsARN            = "arn:aws:dynamodb:eu-central-1:123456789012:Flows"
	accountsARN         = "arn:aws:dynamodb:eu-central-1:123456789012:Accounts"
	deploymentSecretARN = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:DeploymentSecret-AbCdEf"
)

// allow is a statement as statements writes it: actions on the items of a table
// whose keys begin with prefixes.
func allow(table, prefixes, actions string) string {
	return actions + " on " + table + " if map[ForAllValues:StringLike:map[dynamodb:LeadingKeys:[" + prefixes + "]]]"
}

const (
	readDeploymentSecret = "secretsmanager:GetSecretValue on " + deploymentSecretARN + " if <nil>"
	// The key that leads the index is a user, which says nothing of the item.
	queryByUser = "dynamodb:Query on " + flowsARN + "/index/by_user if <nil>"
)

// readsClientSecret are the functions that ask the provider in the client's
// name.
var readsClientSecret = []string{"Callback", "Refresh", "Logout"}

// wantStatements is what each function may do with the tables and secrets: the
// calls of pkg/store that it makes, and no other.
var wantStatements = map[string][]string{
	"Login": {
		allow(flowsARN, "login#*", "dynamodb:PutItem"),
	},
	"Callback": {
		allow(flowsARN, "login#*", "dynamodb:UpdateItem dynamodb:GetItem"),
		allow(flowsARN, "session#*", "dynamodb:PutItem dynamodb:GetItem dynamodb:DeleteItem"),
		readDeploymentSecret,
	},
	"Session": {
		allow(flowsARN, "session#*", "dynamodb:GetItem dynamodb:BatchGetItem dynamodb:DeleteItem"),
		queryByUser,
		readDeploymentSecret,
	},
	"Refresh": {
		allow(flowsARN, "session#*", "dynamodb:GetItem dynamodb:UpdateItem dynamodb:DeleteItem"),
		readDeploymentSecret,
	},
	"Logout": {
		allow(flowsARN, "session#*", "dynamodb:GetItem dynamodb:BatchGetItem dynamodb:DeleteItem"),
		queryByUser,
		readDeploymentSecret,
	},
	"Authorizer": {
		allow(flowsARN, "session#*", "dynamodb:GetItem dynamodb:UpdateItem"),
		readDeploymentSecret,
	},
	"Whoami": {},
	"Authorize": {
		allow(flowsARN, "signin#* consent#* grant#*", "dynamodb:PutItem"),
		allow(flowsARN, "signin#* consent#*", "dynamodb:BatchGetItem"),
		allow(flowsARN, "signin#*", "dynamodb:DeleteItem"),
		allow(flowsARN, "try#*", "dynamodb:UpdateItem dynamodb:GetItem"),
		allow(accountsARN, "user#* client#*", "dynamodb:GetItem"),
		readDeploymentSecret,
	},
	"Token": {
		allow(flowsARN, "grant#*", "dynamodb:PutItem dynamodb:UpdateItem dynamodb:GetItem"),
		allow(accountsARN, "user#* client#*", "dynamodb:GetItem"),
		readDeploymentSecret,
	},
	"Userinfo": {
		allow(flowsARN, "grant#*", "dynamodb:GetItem"),
		allow(accountsARN, "user#*", "dynamodb:GetItem"),
		readDeploymentSecret,
	},
	"Metadata": {},
}

// lambdaTakesIt is who may take a role: Lambda, for its function.
var lambdaTakesIt = any(map[string]any{"Version": policyVersion, "Statement": []any{map[string]any{
	"Effect": "Allow", "Principal": map[string]any{"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole",
}}})

// policyVersion is the version of the policies' language.
const policyVersion = "2012-10-17"

// wantQueries are the functions that may ask the index: one lists the sessions
// of a person, the other ends them all (docs/decisions/0015-sessions.md).
var wantQueries = []string{"Logout", "Session"}

func checkPolicies(r *report, doc stack.Document, functions []stack.Function, parameters map[string]string) {
	var queries []string
	for _, f := range functions {
		p := stack.Document(f.Properties)
		if p.Get("Policies") != nil {
			r.addf("%s: Policies bring a managed policy with them; use a role of its own", f.ID)
		}
		role := doc.Get("Resources", f.ID+"Role", "Properties")
		r.want(f.ID+": role", p.Get("Role"), any("arn:aws:iam:eu-central-1:123456789012:"+f.ID+"Role"))
		properties, _ := role.(map[string]any)
		r.want(f.ID+": properties of the role", slices.Sorted(maps.Keys(properties)), []string{"AssumeRolePolicyDocument", "Policies"})
		r.want(f.ID+": who may take the role", properties["AssumeRolePolicyDocument"], lambdaTakesIt)
		want := slices.Clone(wantStatements[f.ID])
		if secret := parameters["ClientSecretArn"]; secret != "" && slices.Contains(readsClientSecret, f.ID) {
			want = append(want, "secretsmanager:GetSecretValue on "+secret+" if <nil>")
		}
		want = append(want, "logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:eu-central-1:123456789012:"+functionLogs+" if <nil>")
		got := statements(properties)
		r.want(f.ID+": statements", got, want)
		if strings.Contains(fmt.Sprint(got), "dynamodb:Query") {
			queries = append(queries, f.ID)
		}
	}
	r.want("functions that query", queries, wantQueries)
}

// statements writes each statement of a role's policies as one line.
func statements(role stack.Document) []string {
	var lines []string
	policies, _ := role.Get("Policies").([]any)
	for _, policy := range policies {
		if version := stack.Document(policy.(map[string]any)).Get("PolicyDocument", "Version"); version != policyVersion {
			lines = append(lines, fmt.Sprintf("a policy of the version %v", version))
		}
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

// keySchema is a key schema as the template has it.
func keySchema(namesAndTypes ...string) any {
	var schema []any
	for i := 0; i < len(namesAndTypes); i += 2 {
		schema = append(schema, map[string]any{"AttributeName": namesAndTypes[i], "KeyType": namesAndTypes[i+1]})
	}
	return schema
}

// attributeTypes is a list of attribute definitions.
func attributeTypes(namesAndTypes ...string) any {
	var list []any
	for i := 0; i < len(namesAndTypes); i += 2 {
		list = append(list, map[string]any{"AttributeName": namesAndTypes[i], "AttributeType": namesAndTypes[i+1]})
	}
	return list
}

func checkTables(r *report, doc stack.Document, parameters map[string]string) {
	tables := []string{"Flows"}
	if builtIn(parameters) {
		tables = []string{"Accounts", "Flows"}
	}
	r.want("tables", doc.OfType("AWS::DynamoDB::Table"), tables)
	policy := map[string]string{"Flows": "Delete", "Accounts": "Retain"}
	for _, id := range tables {
		get := func(path ...string) any {
			return doc.Get(slices.Concat([]string{"Resources", id, "Properties"}, path)...)
		}
		r.want(id+": billing", get("BillingMode"), any("PAY_PER_REQUEST"))
		r.want(id+": key", get("KeySchema"), keySchema("pk", "HASH"))
		r.want(id+": encryption", get("SSESpecification", "SSEEnabled"), any(true))
		r.want(id+": deletion policy", doc.Get("Resources", id, "DeletionPolicy"), any(policy[id]))
		r.want(id+": replacement policy", doc.Get("Resources", id, "UpdateReplacePolicy"), any(policy[id]))
		// What expires must not come back; what people made must not get lost.
		r.want(id+": point-in-time recovery", get("PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled"), any(id == "Accounts"))
		r.want(id+": deletion protection", get("DeletionProtectionEnabled") == true, id == "Accounts")
	}
	flows := func(path ...string) any {
		return doc.Get(slices.Concat([]string{"Resources", "Flows", "Properties"}, path)...)
	}
	r.want("Flows: key types", flows("AttributeDefinitions"), attributeTypes("pk", "S", "user", "S", "created", "N"))
	r.want("Flows: TTL", flows("TimeToLiveSpecification"), any(map[string]any{"AttributeName": ttlAttribute, "Enabled": true}))
	indexes, _ := flows("GlobalSecondaryIndexes").([]any)
	if len(indexes) != 1 {
		r.addf("Flows: %d indexes, want by_user alone", len(indexes))
		return
	}
	index := maps.Clone(indexes[0].(map[string]any))
	delete(index, "OnDemandThroughput") // checkAPI's
	r.want("Flows: index", index, map[string]any{
		"IndexName": "by_user", "KeySchema": keySchema("user", "HASH", "created", "RANGE"),
		"Projection": map[string]any{"ProjectionType": "KEYS_ONLY"},
	})
}

// checkDeploymentSecret: a comma would end the secret within its list, and 43
// characters are the least that the code takes.
func checkDeploymentSecret(r *report, doc stack.Document) {
	get := func(name string) any {
		return doc.Get("Resources", "DeploymentSecret", "Properties", "GenerateSecretString", name)
	}
	r.want("deployment secret: length", get("PasswordLength"), any(64))
	r.want("deployment secret: punctuation excluded", get("ExcludePunctuation"), any(true))
	r.want("deployment secret: deletion policy", doc.Get("Resources", "DeploymentSecret", "DeletionPolicy"), any("Delete"))
	r.want("deployment secret: replacement policy", doc.Get("Resources", "DeploymentSecret", "UpdateReplacePolicy"), any("Delete"))
	r.want("deployment secret: given text", doc.Get("Resources", "DeploymentSecret", "Properties", "SecretString"), nil)
	r.want("secrets", doc.OfType("AWS::SecretsManager::Secret"), []string{"DeploymentSecret"})
}
