package e2e_test

// The places of what has no mutations of its own elsewhere.
const (
	flowsAt, secretAt = "\n  Flows:\n", "\n  DeploymentSecret:"
	forLambda         = "Principal: {Service: lambda.amazonaws.com}"
)

// propertyMutations say more than the template should, of resources that it
// has, or have one more.
var propertyMutations = []mutation{
	{"a role for another account", template, "LoginRole:", forLambda, "Principal: {AWS: 'arn:aws:iam::999999999999:root'}", "Login: who may take the role"},
	{"another account next to Lambda", template, "TokenRole:", forLambda, "Principal: {Service: lambda.amazonaws.com, AWS: '999999999999'}", "Token: who may take the role"},
	{"a role for another service", template, "WhoamiRole:", forLambda, "Principal: {Service: [lambda.amazonaws.com, ec2.amazonaws.com]}", "Whoami: who may take the role"},
	{"a role for everybody", template, "MetadataRole:", forLambda, "Principal: '*'", "MetadataRole/Properties/AssumeRolePolicyDocument/Statement/Principal: a wildcard"},
	{"a role with a tag for its session", template, "RefreshRole:", "Action: sts:AssumeRole}", "Action: [sts:AssumeRole, sts:TagSession]}", "Refresh: who may take the role"},
	{"everything but one action", template, "LoginRole:", "Action: dynamodb:PutItem", "NotAction: dynamodb:PutItem", "NotAction"},
	{"a policy of an old version", template, "LoginRole:", "login, PolicyDocument: {Version: '2012-10-17'", "login, PolicyDocument: {Version: '2008-10-17'", "a policy of the version 2008-10-17"},
	{"a role that no function has", template, "Resources:", "\n  LoginRole:",
		"\n  BackRole: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}, Policies: []}}\n  LoginRole:", "roles"},
	{"a policy next to the roles", template, "Resources:", "\n  LoginRole:",
		"\n  Back: {Type: AWS::IAM::ManagedPolicy, Properties: {Roles: [LoginRole], PolicyDocument: {}}}\n  LoginRole:", "AWS::IAM::ManagedPolicy"},
	{"a list where none is needed", template, "RefreshRole:", "Action: [dynamodb:GetItem", "Action: [dynamodb:Query, dynamodb:GetItem", "functions that query"},
	{"a table that everybody may use", template, flowsAt, "      BillingMode:",
		"      ResourcePolicy: {PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: '*', Action: 'dynamodb:*', Resource: '*'}]}}\n      BillingMode:", "Flows/Properties/ResourcePolicy"},
	{"any action, wherever it stands", template, flowsAt, "      BillingMode:",
		"      ResourcePolicy: {PolicyDocument: {Version: '2012-10-17', Statement: [{Effect: Allow, Principal: {AWS: '1'}, Action: 'dynamodb:*', Resource: x}]}}\n      BillingMode:", "Statement/Action: a wildcard"},
	{"a stream of what is written", template, flowsAt, "      BillingMode:", "      StreamSpecification: {StreamViewType: NEW_IMAGE}\n      BillingMode:", "Flows/Properties/StreamSpecification"},
	{"a table under a key of its own", template, "\n  Accounts:\n", "SSEEnabled: true", "SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: alias/own", "KMSMasterKeyId"},
	{"a secret under a key of its own", template, secretAt, "GenerateSecretString: {", "KmsKeyId: alias/own, GenerateSecretString: {", "KmsKeyId"},
	{"scripts of other origins, with cookies", template, apiAt, "      Description: Latchkey\n",
		"      Description: Latchkey\n      CorsConfiguration: {AllowOrigins: ['https://x.example'], AllowCredentials: true}\n", "CorsConfiguration"},
	{"scripts of other origins, for every API", template, "\nGlobals:\n", "  Function:\n", "  HttpApi: {CorsConfiguration: true}\n  Function:\n", "Globals/HttpApi"},
	{"a function that never runs", template, loginAt, "      Role:", "      ReservedConcurrentExecutions: 0\n      Role:", "ReservedConcurrentExecutions"},
	{"somebody else's code in a function", template, "\nGlobals:\n", "    Handler: bootstrap\n", "    Handler: bootstrap\n    Layers: ['arn:aws:lambda:eu-central-1:999999999999:layer:x:1']\n", "Globals/Function/Layers"},
	{"an address around the API", template, callbackAt, "      Role:", "      FunctionUrlConfig: {AuthType: NONE}\n      Role:", "FunctionUrlConfig"},
	{"a function that a clock calls", template, loginAt, "      Events:\n", "      Events:\n        Clock: {Type: Schedule, Properties: {}}\n", "Login: event Clock"},
	{"alarms that hear nothing", template, "\nGlobals:\n", "LoggingConfig: {LogGroup: !Ref FunctionLogs}",
		"LoggingConfig: {LogGroup: !Ref FunctionLogs, LogFormat: JSON, ApplicationLogLevel: ERROR}", "LoggingConfig/ApplicationLogLevel"},
	{"an alarm without a voice", template, "\n  StoreDown:", ", AlarmActions:", ", ActionsEnabled: false, AlarmActions:", "ActionsEnabled"},
	{"a log that nothing can be counted in", template, "FunctionLogs: {Type", "RetentionInDays:", "LogGroupClass: INFREQUENT_ACCESS, RetentionInDays:", "LogGroupClass"},
	{"a topic that CloudWatch cannot tell", template, "AlarmTopic: {Type", "DisplayName:", "KmsMasterKeyId: alias/aws/sns, DisplayName:", "KmsMasterKeyId"},
	{"a log that outlives its replacement", template, "FunctionLogs: {Type", "UpdateReplacePolicy: Delete", "UpdateReplacePolicy: Retain", "FunctionLogs: replacement policy"},
	{"a secret that outlives its replacement", template, secretAt, "UpdateReplacePolicy: Delete", "UpdateReplacePolicy: Retain", "deployment secret: replacement policy"},
	{"an access log that is no JSON", template, "AccessLogSettings:", `"status":"$context.status"`, `"status":$context.status`, "access log: format"},
	{"an access log that API Gateway refuses", template, "AccessLogSettings:", `"requestId":"$context.requestId",`, "", "access log: what is in it"},
	{"an access log without the status", template, "AccessLogSettings:", `"status":"$context.status",`, "", "access log: what is in it"},
	{"a sum that nobody looks at", template, "\n  FunctionThrottles:", "Label: Throttles}", "Label: Throttles, ReturnData: false}", "FunctionThrottles: metrics"},
	{"a page that lets nobody in", template, "RouteSettings:", "GET /: {ThrottlingRateLimit: 50", "GET /: {ThrottlingRateLimit: 0", "ThrottlingRateLimit of GET /: not a number"},
	{"a log that outlives the stack", template, "FunctionLogs: {Type", "DeletionPolicy: Delete", "DeletionPolicy: Retain", "FunctionLogs: deletion policy"},
}
