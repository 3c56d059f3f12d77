package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// A deployment is what CloudFormation says of a stack.
type deployed struct{ outputs, parameters map[string]string }

// but is d with other outputs; an empty one is left out.
func (d deployed) but(outputs, parameters map[string]string) deployed {
	d = deployed{maps.Clone(d.outputs), maps.Clone(d.parameters)}
	maps.Copy(d.outputs, outputs)
	maps.Copy(d.parameters, parameters)
	maps.DeleteFunc(d.outputs, func(_, v string) bool { return v == "" })
	return d
}

// register makes a stack at moto that has these outputs and parameters and
// does nothing.
func (d deployed) register(t *testing.T, endpoint string) (name string) {
	t.Helper()
	template := map[string]any{"Resources": map[string]any{"Topic": map[string]any{"Type": "AWS::SNS::Topic"}}}
	declared, outputs := map[string]any{}, map[string]any{}
	var given []types.Parameter
	for name, value := range d.parameters {
		declared[name] = map[string]any{"Type": "String", "Default": ""}
		given = append(given, types.Parameter{ParameterKey: aws.String(name), ParameterValue: aws.String(value)})
	}
	for name, value := range d.outputs {
		outputs[name] = map[string]any{"Value": value}
	}
	template["Parameters"], template["Outputs"] = declared, outputs
	body, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	name = "doctor-" + strings.ToLower(secret.Hash(t.Name())[:8])
	name = regexp.MustCompile(`[^a-z0-9-]`).ReplaceAllString(name, "0")
	client := cloudformation.New(cloudformation.Options{
		Region: "eu-central-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	if _, err := client.CreateStack(t.Context(), &cloudformation.CreateStackInput{StackName: &name, TemplateBody: aws.String(string(body)), Parameters: given}); err != nil {
		t.Fatal(err)
	}
	return name
}

// storedSecret puts a value into moto's Secrets Manager.
func storedSecret(t *testing.T, endpoint, value string) (arn string) {
	t.Helper()
	client := secretsmanager.New(secretsmanager.Options{
		Region: "eu-central-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	out, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: aws.String("doctor-" + secret.Mint(128)), SecretString: &value})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.ARN)
}

// operatorSettings are those of somebody with an AWS profile.
func operatorSettings(endpoint string) []string {
	return []string{
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint,
		"AWS_ENDPOINT_URL_CLOUDFORMATION=" + endpoint, "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + endpoint,
	}
}

// builtInStackAt is a deployment of both halves with nothing to mend.
func builtInStackAt(t *testing.T, database, base string) deployed {
	t.Helper()
	return deployed{
		map[string]string{
			"BaseUrl": base, "LoginUrl": base + "/login", "CallbackUrl": base + "/callback", "Issuer": base, "TableName": tableOf(t),
			"ApiId": "api", "AuthorizerArn": "arn", "AddUser": "latchkey user add", "AccountsTableName": accountsOf(t), "DeploymentSecretArn": storedSecret(t, database, `{"secrets":"`+secret.Mint(256)+`"}`),
		},
		map[string]string{"Provider": "", "ClientId": "", "CallbackMode": "session", "SessionIdle": "24h", "SessionMax": "168h", "LoginTtl": "10m"},
	}
}

func TestDoctorMeetsAStack(t *testing.T) {
	t.Parallel()
	database := peer.Moto(t)
	base := reachable(t, database, false).URL()
	good := builtInStackAt(t, database, base)
	other := strings.Replace(base, "127.0.0.1", "localhost", 1)
	for _, test := range []struct {
		name                string
		outputs, parameters map[string]string
		exit                int
		want                []string
	}{
		{"everything is right", nil, nil, 0, []string{
			"ok reach: exactly the redirect URI", "ok documents: both addresses", "ok table: TTL is on for expires_at", "ok accounts: right key",
			"ok secret: random enough", "ok redirect_uri: certain", "ok client: public client", "ok metadata: as configured",
			"ok stack: CREATE_COMPLETE", "ok callback: refuses", "ok userinfo: answered 401", "ok response: codes are given",
		}},
		{"without one output", map[string]string{"BaseUrl": ""}, nil, 1, []string{"problem stack: no output BaseUrl", "ok reach: "}},
		{"without outputs that are looked at", map[string]string{"TableName": "", "AccountsTableName": "", "Issuer": ""}, nil, 1,
			[]string{"problem stack: no output AccountsTableName, Issuer, TableName"}},
		{"alarms without a topic", nil, map[string]string{"Alarms": "true"}, 1, []string{"problem stack: no output AlarmTopicArn"}},
		{"another domain", nil, map[string]string{"DomainName": "login.example.com"}, 1, []string{"problem stack: no output DomainTarget", "problem stack: does not have the host of the parameter DomainName"}},
		{"nobody to log in at", nil, map[string]string{"BuiltInServer": "false"}, 1, []string{"problem stack: BuiltInServer is false"}},
		{"one table for both", map[string]string{"AccountsTableName": tableOf(t)}, nil, 1, []string{"problem stack: name the same table", "problem accounts: is the same table as the other one"}},
		{"another scope", nil, map[string]string{"AuthorizeUrl": base + "/oauth/authorize", "TokenUrl": base + "/oauth/tokenize", "ClientId": "latchkey", "Scope": "x"}, 1, []string{"problem reach: another scope"}},
		{"no callback", map[string]string{"CallbackUrl": ""}, nil, 1, []string{"problem stack: no output CallbackUrl"}},
		{"another host", map[string]string{"BaseUrl": other}, nil, 1, []string{"problem stack: different hosts"}},
		{"an issuer on another host", map[string]string{"Issuer": other}, nil, 1, []string{"problem stack: different hosts"}},
		{"functions with another base", map[string]string{"CallbackUrl": other + "/callback", "BaseUrl": other, "LoginUrl": other + "/login", "Issuer": other}, nil, 1,
			[]string{"problem reach: sends another redirect URI", "problem documents: names another issuer"}},
		{"nothing there", map[string]string{"CallbackUrl": gone + "/callback", "BaseUrl": gone, "LoginUrl": gone + "/login", "Issuer": gone}, nil, 1, []string{"problem reach: cannot be reached", "problem callback: cannot be reached"}},
		{"another client id", nil, map[string]string{"AuthorizeUrl": base + "/oauth/authorize", "TokenUrl": base + "/oauth/tokenize", "ClientId": "somebody"}, 1, []string{"problem reach: another client id"}},
		{"another provider", nil, map[string]string{"AuthorizeUrl": base + "/authorize", "TokenUrl": base + "/oauth/tokenize", "ClientId": "latchkey"}, 1, []string{"problem reach: leads elsewhere"}},
		{"no table", map[string]string{"TableName": "nowhere"}, nil, 1, []string{"problem table: there is no table nowhere"}},
		{"a secret that is gone", map[string]string{"DeploymentSecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nowhere"}, nil, 1, []string{"problem secret: is not there"}},
		{"a secret with another member", map[string]string{"DeploymentSecretArn": storedSecret(t, database, `{"secret":"`+secret.Mint(256)+`"}`)}, nil, 1, []string{"problem secret: has no value"}},
		{"two keys with spaces", map[string]string{"DeploymentSecretArn": storedSecret(t, database, " "+secret.Mint(256)+" , "+secret.Mint(256)+" ")}, nil, 0, []string{"ok secret: several keys"}},
		{"no output for the secret", map[string]string{"DeploymentSecretArn": ""}, nil, 1, []string{"problem stack: no output DeploymentSecretArn", "unchecked secret: name no deployment secret"}},
		{"a weak secret", map[string]string{"DeploymentSecretArn": storedSecret(t, database, strings.Repeat(hidden, 3))}, nil, 1, []string{"problem secret: made up"}},
		{"a preset without a client id", nil, map[string]string{"Provider": "github"}, 1, []string{"problem settings: OAUTH_CLIENT_ID: is not set"}},
		{"sessions that outlast their grants", nil, map[string]string{"RefreshMax": "24h"}, 0, []string{"warning lifetimes: REFRESH_MAX"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stack := good.but(test.outputs, test.parameters).register(t, database)
			examine(t, operatorSettings(database), test.exit, test.want, "--stack", stack)
		})
	}
}

// providerStack is a deployment with a provider of its own, whose client secret
// is p's.
func providerStack(t *testing.T, database string) (good deployed, p *peer.OIDCProvider) {
	t.Helper()
	api := httptest.NewUnstartedServer(nil)
	base := "http://" + api.Listener.Addr().String()
	p = peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{base + "/callback"}})
	api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/login" {
			http.Error(w, "no parameters", http.StatusBadRequest)
			return
		}
		http.Redirect(w, r, p.AuthorizeURL+"?response_type=code&redirect_uri="+base+"/callback&client_id="+peer.ConfidentialClient+
			"&scope=openid+profile+email&state=x&code_challenge=x&code_challenge_method=S256", http.StatusFound)
	})
	api.Start()
	t.Cleanup(api.Close)
	createTable(t, database, tableOf(t))
	return deployed{
		map[string]string{
			"BaseUrl": base, "LoginUrl": base + "/login", "CallbackUrl": base + "/callback", "TableName": tableOf(t), "ApiId": "api", "AuthorizerArn": "arn",
			"DeploymentSecretArn": storedSecret(t, database, secret.Mint(256)),
		},
		map[string]string{"BuiltInServer": "false", "OidcIssuer": p.Issuer, "ClientId": peer.ConfidentialClient, "ClientSecretArn": storedSecret(t, database, `{"client_secret":"`+p.Secret+`"}`)},
	}, p
}

// A stack with a provider of its own: the client secret is read where the
// functions read it.
func TestDoctorMeetsAStackWithAProvider(t *testing.T) {
	database := peer.Moto(t)
	good, p := providerStack(t, database)
	for _, test := range []struct {
		name   string
		secret string
		exit   int
		want   []string
	}{
		{"everything is right", good.parameters["ClientSecretArn"], 0, []string{"ok reach: ", "ok client: accepted the client's credentials", "ok redirect_uri: certain", "ok keys: RS256"}},
		{"another secret", storedSecret(t, database, "not-the-secret"), 1, []string{"problem client: does not accept"}},
		{"a secret that is not there", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:nowhere", 1, []string{"problem client: is not there"}},
		{"a secret with another member", storedSecret(t, database, `{"secret":"x"}`), 1, []string{"problem client: without the member client_secret"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			stack := good.but(nil, map[string]string{"ClientSecretArn": test.secret}).register(t, database)
			if out := examine(t, operatorSettings(database), test.exit, test.want, "--stack", stack); strings.Contains(out, p.Secret) {
				t.Errorf("the secret is in:\n%s", out)
			}
		})
	}
}

// A role that deploys may read neither secret, and need not.
func TestDoctorMayNotReadSecrets(t *testing.T) {
	database := peer.Moto(t)
	good, _ := providerStack(t, database)
	stack := good.register(t, database)
	denying := inFront(t, database, func(r *http.Request, body string) (int, string) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetSecretValue") {
			return http.StatusBadRequest, `{"__type":"AccessDeniedException","Message":"` + hidden + `"}`
		}
		return http.StatusOK, body
	})
	examine(t, append(operatorSettings(database), "AWS_ENDPOINT_URL_SECRETS_MANAGER="+denying), 2,
		[]string{"unchecked secret: which is right for a role that deploys", "unchecked client: which is right for a role that deploys", "ok reach: "}, "--stack", stack)
}

func TestDoctorCannotSeeTheStack(t *testing.T) {
	t.Parallel()
	database := peer.Moto(t)
	denied := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>`+hidden+`</Message></Error></ErrorResponse>`)
	}))
	t.Cleanup(denied.Close)
	at := func(url string) []string {
		return append(operatorSettings(database), "AWS_ENDPOINT_URL_CLOUDFORMATION="+url)
	}
	for name, test := range map[string]struct {
		settings []string
		exit     int
		want     string
	}{
		"there is none":            {at(database), 1, "problem stack: there is no stack nowhere"},
		"not allowed":              {at(denied.URL), 2, "unchecked stack: AccessDenied"},
		"nothing answers":          {at(gone), 2, "unchecked stack: does not answer"},
		"an endpoint that is none": {append(operatorSettings(database), "AWS_ENDPOINT_URL_DYNAMODB=ftp://x"), 1, "problem settings: AWS_ENDPOINT_URL_DYNAMODB: "},
		"there is no region":       {[]string{"AWS_EC2_METADATA_DISABLED=true"}, 1, "problem aws: AWS_REGION: is not set"},
		"only tables need none":    {[]string{"AWS_ENDPOINT_URL_DYNAMODB=http://localhost:1", "AWS_EC2_METADATA_DISABLED=true"}, 1, "problem aws: AWS_REGION: is not set"},
		"a profile that is none":   {[]string{"AWS_PROFILE=nobody", "AWS_EC2_METADATA_DISABLED=true"}, 1, "problem aws: the AWS configuration cannot be read"},
		"nobody has signed in ":    {[]string{"AWS_REGION=eu-central-1", "AWS_EC2_METADATA_DISABLED=true"}, 2, "unchecked aws: no AWS credentials"},
	} {
		t.Run(name, func(t *testing.T) { examine(t, test.settings, test.exit, []string{test.want}, "--stack", "nowhere") })
	}
}

// TestDoctorKnowsTheParameters compares what doctor makes of a stack's
// parameters with what the template makes of them.
func TestDoctorKnowsTheParameters(t *testing.T) {
	template := read(t, "template.yaml")
	got := parameterSettings(template)
	ours := slices.Collect(maps.Values(doctor.FromParameter))
	maps.DeleteFunc(got, func(_, setting string) bool {
		return !slices.Contains(ours, setting) && !strings.HasPrefix(setting, "O")
	})
	if diff := cmp.Diff(doctor.FromParameter, got); diff != "" {
		t.Errorf("-doctor +template\n%s", diff)
	}
	if cmp.Equal(got, parameterSettings(strings.ReplaceAll(template, "OAUTH_SCOPE: !Ref Scope", "OAUTH_SCOPE: !Ref ClientId"))) {
		t.Error("a setting from another parameter is not noticed")
	}
}

// TestDoctorKnowsTheOutputs compares which outputs doctor expects, and when,
// with those of the template.
func TestDoctorKnowsTheOutputs(t *testing.T) {
	_, outputs, _ := strings.Cut(read(t, "template.yaml"), "\nOutputs:\n")
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  ([A-Z][A-Za-z]+): \{(?:Condition: ([A-Za-z]+), )?`).FindAllStringSubmatch(outputs, -1) {
		got[m[1]] = m[2]
	}
	if diff := cmp.Diff(doctor.Outputs, got); diff != "" {
		t.Errorf("-doctor +template\n%s", diff)
	}
}

func parameterSettings(template string) map[string]string {
	found := map[string]string{}
	for _, m := range regexp.MustCompile(`\b([A-Z][A-Z_]+): !Ref ([A-Z][A-Za-z]+)\b`).FindAllStringSubmatch(template, -1) {
		found[m[2]] = m[1]
	}
	return found
}
