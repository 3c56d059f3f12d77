package e2e_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// TestTablesAreThoseOfTheCode makes the template's tables at an endpoint and
// has the code look at them.
func TestTablesAreThoseOfTheCode(t *testing.T) {
	intact := readDeployment(t).template
	endpoint := peer.Dynalite(t)
	config := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	for _, c := range []struct{ name, old, new, flows, accounts string }{
		{"as they are", "", "", "", ""},
		{"another key", "[{AttributeName: pk, KeyType: HASH}]", "[{AttributeName: user, KeyType: HASH}]", "another key", ""},
		{"another index", "IndexName: by_user", "IndexName: users", "no index by_user", ""},
		{"the index the wrong way round", "[{AttributeName: user, KeyType: HASH}, {AttributeName: created, KeyType: RANGE}]",
			"[{AttributeName: created, KeyType: HASH}, {AttributeName: user, KeyType: RANGE}]", "no index by_user", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(intact, c.old) {
				t.Fatalf("nothing to change: no %q", c.old)
			}
			tmpl, err := stack.Parse([]byte(strings.Replace(intact, c.old, c.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			doc, err := tmpl.Resolve(stack.Values{})
			if err != nil {
				t.Fatal(err)
			}
			suffix := "-" + secret.Mint(64)
			makeTable(t, endpoint, config, doc, "Flows", suffix)
			makeTable(t, endpoint, config, doc, "Accounts", suffix)
			flows := dynamo.NewFromConfig(config, "Flows"+suffix, endpoint).CheckTable(t.Context())
			accounts := dynamo.NewAccountsFromConfig(config, "Accounts"+suffix, endpoint).CheckTable(t.Context())
			for table, got := range map[string]struct {
				err  error
				want string
			}{"Flows": {flows, c.flows}, "Accounts": {accounts, c.accounts}} {
				if (got.err == nil) != (got.want == "") || got.err != nil && !strings.Contains(got.err.Error(), got.want) {
					t.Errorf("%s: the code says %v, want %q", table, got.err, got.want)
				}
			}
		})
	}
}

// makeTable makes the table of a template at an endpoint, as CloudFormation
// would.
func makeTable(t *testing.T, endpoint string, config aws.Config, doc stack.Document, id, suffix string) {
	t.Helper()
	properties := stack.Document(doc.Get("Resources", id, "Properties").(map[string]any))
	in := &dynamodb.CreateTableInput{TableName: aws.String(id + suffix), BillingMode: types.BillingModePayPerRequest, KeySchema: schemaOf(properties)}
	used := map[string]bool{}
	for _, k := range in.KeySchema {
		used[*k.AttributeName] = true
	}
	indexes, _ := properties["GlobalSecondaryIndexes"].([]any)
	for _, i := range indexes {
		index := stack.Document(i.(map[string]any))
		made := types.GlobalSecondaryIndex{IndexName: aws.String(index["IndexName"].(string)), KeySchema: schemaOf(index),
			Projection: &types.Projection{ProjectionType: types.ProjectionType(index.Get("Projection", "ProjectionType").(string))}}
		for _, k := range made.KeySchema {
			used[*k.AttributeName] = true
		}
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, made)
	}
	for _, d := range properties["AttributeDefinitions"].([]any) {
		attribute := d.(map[string]any)
		if name := attribute["AttributeName"].(string); used[name] {
			in.AttributeDefinitions = append(in.AttributeDefinitions, types.AttributeDefinition{
				AttributeName: &name, AttributeType: types.ScalarAttributeType(attribute["AttributeType"].(string))})
		}
	}
	client := dynamodb.NewFromConfig(config, func(o *dynamodb.Options) { o.BaseEndpoint = &endpoint })
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatalf("%s: %v", id, err)
	}
}

// schemaOf is the key schema of a table or an index.
func schemaOf(d stack.Document) []types.KeySchemaElement {
	var schema []types.KeySchemaElement
	for _, k := range d["KeySchema"].([]any) {
		element := k.(map[string]any)
		schema = append(schema, types.KeySchemaElement{
			AttributeName: aws.String(element["AttributeName"].(string)), KeyType: types.KeyType(element["KeyType"].(string))})
	}
	return schema
}

// TestDeploymentSecretOpensARing has the code read a secret like the one that
// the template generates.
func TestDeploymentSecretOpensARing(t *testing.T) {
	tmpl, err := stack.Parse([]byte(readDeployment(t).template))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := tmpl.Resolve(stack.Values{})
	if err != nil {
		t.Fatal(err)
	}
	length, _ := doc.Get("Resources", "DeploymentSecret", "Properties", "GenerateSecretString", "PasswordLength").(int)
	if _, err := secret.ParseRing(strings.Repeat("aB3", length)[:length]); err != nil {
		t.Error(err)
	}
}
