package e2e_test

// The places of what keeps sessions in the template.
const (
	apiAt                   = "\n  Api:\n"
	sessionAt, authorizerAt = "\n  Session:\n", "\n  Authorizer:\n"
	whoamiAt                = "\n  Whoami:\n"
)

// sessionMutations are faults in the part that keeps sessions.
var sessionMutations = []mutation{
	{"an authorizer that nobody may invoke", template, apiAt, "            EnableFunctionDefaultPermissions: true", "            #", "EnableFunctionDefaultPermissions has to be true"},
	{"an authorizer that answers with policies", template, apiAt, "EnableSimpleResponses: true", "EnableSimpleResponses: false", "EnableSimpleResponses has to be true"},
	{"an authorizer of payload format 1.0", template, apiAt, "AuthorizerPayloadFormatVersion: '2.0'", "AuthorizerPayloadFormatVersion: '1.0'", "AuthorizerPayloadFormatVersion has to be 2.0"},
	{"another function as authorizer", template, apiAt, "!GetAtt Authorizer.Arn", "!GetAtt Whoami.Arn", "authorizers"},
	{"sessions that go on for a while after their end", template, apiAt, "            EnableSimpleResponses: true",
		"            Identity: {Headers: [Cookie], ReauthorizeEvery: 300}\n            EnableSimpleResponses: true", "authorizers"},
	{"an authorizer that asks for a header", template, apiAt, "            EnableSimpleResponses: true",
		"            Identity: {Headers: [Authorization]}\n            EnableSimpleResponses: true", "authorizers"},
	{"a route that anybody may call", template, whoamiAt, ", Auth: {Authorizer: Session}", "", "routes behind an authorizer"},
	{"a page that nobody may call", template, sessionAt, "Path: /auth.js", "Path: /auth.js, Auth: {Authorizer: Session}", "routes behind an authorizer"},
	{"an authorizer that the API does not wait for", template, authorizerAt, "Timeout: 10", "Timeout: 15", "Authorizer: timeout"},
	{"any path below sessions", template, sessionAt, "'/sessions/{handle}'", "'/sessions/{handle+}'", "is not understood here"},
	{"a logout by a link", template, "\n  Logout:\n", "Method: POST, Path: /logout", "Method: PUT, Path: /logout", "routes"},
	{"no throttle on what lists sessions", template, "RouteSettings:", "GET /sessions:", "PUT /sessions:", "routes with a throttle"},
	{"lists as fast as the rest", template, "RouteSettings:", "GET /sessions: {ThrottlingRateLimit: 5, ThrottlingBurstLimit: 10}", "GET /sessions: {ThrottlingRateLimit: 50, ThrottlingBurstLimit: 100}", "Flows reads: the routes together"},
	{"refreshes as fast as the rest", template, "RouteSettings:", "POST /refresh: {ThrottlingRateLimit: 20", "POST /refresh: {ThrottlingRateLimit: 50", "ThrottlingRateLimit of POST /refresh"},
	{"an index that cannot be asked so often", template, "\n  Flows:", "MaxReadRequestUnits: 100,", "MaxReadRequestUnits: 50,", "by_user reads: the routes together"},

	{"a callback that reads every session's neighbours", template, "CallbackRole:", "['session#*']", "['session#*', 'signin#*']", "Callback: statements"},
	{"a callback that changes sessions", template, "CallbackRole:", "[dynamodb:PutItem,", "[dynamodb:UpdateItem, dynamodb:PutItem,", "Callback: statements"},
	{"a list of any items", template, "SessionRole:", "['session#*']", "['*']", "Session: statements"},
	{"a Query on the table", template, "SessionRole:", "dynamodb:BatchGetItem", "dynamodb:Query", "Session: statements"},
	{"a Query on every index", template, "SessionRole:", "/index/by_user", "/index/*", "Session: statements"},
	{"a session that is made up", template, "SessionRole:", "dynamodb:BatchGetItem", "dynamodb:PutItem", "Session: statements"},
	{"a refresh that begins sessions", template, "RefreshRole:", "dynamodb:UpdateItem", "dynamodb:PutItem", "Refresh: statements"},
	{"a refresh without the client secret", template, "RefreshRole:", "Resource: !Ref ClientSecretArn", "Resource: !Ref DeploymentSecret", "Refresh: statements"},
	{"a logout that finds no other session", template, "LogoutRole:", "Action: dynamodb:Query", "Action: dynamodb:Scan", "Logout: statements"},
	{"an authorizer that ends sessions", template, "AuthorizerRole:", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "Authorizer: statements"},
	{"the secret for whoever stands behind the authorizer", template, "WhoamiRole:", "      {Effect: Allow,",
		"      {Effect: Allow, Action: secretsmanager:GetSecretValue, Resource: !Ref DeploymentSecret},\n      {Effect: Allow,", "Whoami: statements"},

	{"no end of a session", template, sessionAt, "SESSION_MAX: !Ref SessionMax", "SESSION_MAX: ''", "SESSION_MAX"},
	{"another idle time for the authorizer", template, authorizerAt, "SESSION_IDLE: !Ref SessionIdle", "SESSION_IDLE: 1h", "SESSION_IDLE"},
	{"a secret of the authorizer's own", template, authorizerAt, "LATCHKEY_SECRET_ARN: !Ref DeploymentSecret", "LATCHKEY_SECRET_ARN: ''", "LATCHKEY_SECRET_ARN"},
	{"sessions among the accounts", template, sessionAt, "TABLE_NAME: !Ref Flows", "TABLE_NAME: Accounts", "TABLE_NAME"},
}
