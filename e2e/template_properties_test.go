package e2e_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// expected are the properties that a resource of a type may have, and no other:
// what is not here is a default of CloudFormation, and some of its properties
// make an alarm deaf or a table public. "*" stands for any name, a list for its
// elements. Whether a value is right is for the other checks.
var expected = func() map[string]any {
	var all map[string]any
	if err := yaml.Unmarshal([]byte(`
Globals: {Function: {Runtime, Architectures, Handler, CodeUri, MemorySize, Timeout, LoggingConfig: {LogGroup}, Environment: {Variables: {"*"}}}}
AWS::Serverless::HttpApi: {Description, DisableExecuteApiEndpoint,
  Auth: {Authorizers: {"*": {FunctionArn, AuthorizerPayloadFormatVersion, EnableSimpleResponses, EnableFunctionDefaultPermissions}}},
  DefaultRouteSettings: {ThrottlingRateLimit, ThrottlingBurstLimit}, RouteSettings: {"*": {ThrottlingRateLimit, ThrottlingBurstLimit}},
  AccessLogSettings: {DestinationArn, Format}}
AWS::Serverless::Function: {Description, MemorySize, Timeout, Role, Environment: {Variables: {"*"}},
  Events: {"*": {Type, Properties: {ApiId, Method, Path, Auth: {Authorizer}}}}}
AWS::IAM::Role: {AssumeRolePolicyDocument: {Version, Statement: {Effect, Principal: {Service}, Action}},
  Policies: {PolicyName, PolicyDocument: {Version, Statement: {Effect, Action, Resource, Condition: {"ForAllValues:StringLike": {"dynamodb:LeadingKeys"}}}}}}
AWS::DynamoDB::Table: {BillingMode, AttributeDefinitions: {AttributeName, AttributeType}, KeySchema: {AttributeName, KeyType},
  GlobalSecondaryIndexes: {IndexName, KeySchema: {AttributeName, KeyType}, Projection: {ProjectionType}, OnDemandThroughput: {MaxReadRequestUnits, MaxWriteRequestUnits}},
  TimeToLiveSpecification: {AttributeName, Enabled}, SSESpecification: {SSEEnabled}, DeletionProtectionEnabled,
  PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled}, OnDemandThroughput: {MaxReadRequestUnits, MaxWriteRequestUnits}}
AWS::SecretsManager::Secret: {Description, GenerateSecretString: {PasswordLength, ExcludePunctuation}}
AWS::Logs::LogGroup: {LogGroupName, RetentionInDays}
AWS::Logs::MetricFilter: {LogGroupName, FilterPattern, MetricTransformations: {MetricNamespace, MetricName, MetricValue}}
AWS::CloudWatch::Alarm: {AlarmDescription, AlarmActions, Namespace, MetricName, Dimensions: {Name, Value}, Statistic, Period, EvaluationPeriods,
  ComparisonOperator, TreatMissingData, Threshold,
  Metrics: {Id, Expression, Label, ReturnData, MetricStat: {Stat, Period, Metric: {Namespace, MetricName, Dimensions: {Name, Value}}}}}
AWS::SNS::Topic: {DisplayName}
AWS::SNS::Subscription: {TopicArn, Protocol, Endpoint}
AWS::ApiGatewayV2::DomainName: {DomainName, DomainNameConfigurations: {EndpointType, SecurityPolicy, CertificateArn}}
AWS::ApiGatewayV2::ApiMapping: {DomainName, ApiId, Stage}
AWS::Route53::RecordSet: {HostedZoneId, Name, Type, AliasTarget: {DNSName, HostedZoneId}}
`), &all); err != nil {
		panic(err)
	}
	return all
}()

// checkProperties sees that nothing has a property that nobody looks at, and
// that nobody is let in by a wildcard, wherever that stands.
func checkProperties(r *report, doc stack.Document, functions []stack.Function) {
	unexpected(r, "Globals", doc["Globals"], expected["Globals"])
	wildcards(r, "Globals", doc["Globals"])
	resources, _ := doc["Resources"].(map[string]any)
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		resource := stack.Document(resources[id].(map[string]any))
		kind := fmt.Sprint(resource["Type"])
		properties, known := expected[kind]
		if !known {
			r.addf("%s: a resource of the type %s", id, kind)
		}
		unexpected(r, id, resources[id], map[string]any{"Type": nil, "Condition": nil, "DeletionPolicy": nil, "UpdateReplacePolicy": nil,
			"Metadata": map[string]any{"BuildMethod": nil}, "Properties": properties})
		wildcards(r, id, resources[id])
	}
	var roles []string
	for _, f := range functions {
		roles = append(roles, f.ID+"Role")
		events, _ := f.Properties["Events"].(map[string]any)
		for name, event := range events {
			r.want(f.ID+": event "+name, event.(map[string]any)["Type"], any("HttpApi"))
		}
	}
	slices.Sort(roles)
	r.want("roles", doc.OfType("AWS::IAM::Role"), roles)
}

// unexpected reports the keys of a value that are not among those to expect.
func unexpected(r *report, path string, value, expect any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			unexpected(r, path, element, expect)
		}
	case map[string]any:
		known, _ := expect.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(value)) {
			next, ok := known[key]
			if !ok {
				next, ok = known["*"]
			}
			if !ok {
				r.addf("%s/%s: not a property to expect here", path, key)
				continue
			}
			unexpected(r, path+"/"+key, value[key], next)
		}
	}
}

// aboutAccess are the members of a policy's statement that say who may do what
// with what.
var aboutAccess = []string{"Action", "NotAction", "Principal", "NotPrincipal", "Resource", "NotResource"}

// wildcards reports an action, a principal or a resource that is any.
func wildcards(r *report, path string, value any) {
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			wildcards(r, path, element)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if slices.Contains(aboutAccess, key) && (strings.HasPrefix(key, "Not") || strings.Contains(fmt.Sprint(value[key]), "*")) {
				r.addf("%s/%s: a wildcard: %v", path, key, value[key])
			}
			wildcards(r, path+"/"+key, value[key])
		}
	}
}
