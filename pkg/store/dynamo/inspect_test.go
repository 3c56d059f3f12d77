package dynamo_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

const (
	keyOfOurs   = `"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"user","AttributeType":"S"},{"AttributeName":"created","AttributeType":"N"}]`
	indexOfOurs = `"GlobalSecondaryIndexes":[{"IndexName":"by_user","KeySchema":[{"AttributeName":"user","KeyType":"HASH"},{"AttributeName":"created","KeyType":"RANGE"}]}]`
)

// answering is a DynamoDB that says the same to each call of one kind.
func answering(t *testing.T, status int, table string, ttlStatus int, ttl string) (cfg aws.Config, endpoint string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), "DescribeTimeToLive") {
			w.WriteHeader(ttlStatus)
			fmt.Fprint(w, ttl)
			return
		}
		w.WriteHeader(status)
		fmt.Fprint(w, table)
	}))
	t.Cleanup(server.Close)
	return aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("a", "b", "")}, server.URL
}

func failed(code string) string {
	return `{"__type":"com.amazonaws.dynamodb.v20120810#` + code + `","message":"said"}`
}

// with puts members into a description.
func with(table, members string) string {
	return strings.Replace(table, `{"Table":{`, `{"Table":{`+members+`,`, 1)
}

const (
	goodTable = `{"Table":{` + keyOfOurs + `,` + indexOfOurs + `}}`
	ttlOn     = `{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires_at"}}`
)

// inspections are what the endpoint says, and what that means.
var inspections = map[string]struct {
	status    int
	table     string
	ttlStatus int
	ttl       string
	want      dynamo.Inspection
}{
	"as it should be":         {200, goodTable, 200, ttlOn, dynamo.Inspection{TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"TTL off":                 {200, goodTable, 200, `{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`, dynamo.Inspection{TTLKnown: true}},
	"TTL on another":          {200, goodTable, 200, strings.Replace(ttlOn, "expires_at", "ttl", 1), dynamo.Inspection{TTL: "ttl", TTLKnown: true}},
	"TTL being switched off":  {200, goodTable, 200, strings.Replace(ttlOn, "ENABLED", "DISABLING", 1), dynamo.Inspection{TTLKnown: true}},
	"an endpoint without TTL": {200, goodTable, 400, failed("UnknownOperationException"), dynamo.Inspection{NoTTL: true}},
	"TTL may not be asked":    {200, goodTable, 400, failed("AccessDeniedException"), dynamo.Inspection{}},
	"no table":                {400, failed("ResourceNotFoundException"), 200, ttlOn, dynamo.Inspection{Missing: true}},
	"may not look":            {400, failed("AccessDeniedException"), 200, ttlOn, dynamo.Inspection{Denied: true}},
	"another error":           {400, failed("UnrecognizedClientException"), 200, ttlOn, dynamo.Inspection{Code: "UnrecognizedClientException"}},
	"another key": {200, strings.ReplaceAll(goodTable, `"pk"`, `"id"`), 200, ttlOn,
		dynamo.Inspection{Wrong: "it has another key; it must be pk, a string, alone", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"no index": {200, `{"Table":{` + keyOfOurs + `}}`, 200, ttlOn,
		dynamo.Inspection{Wrong: "it has no index by_user with the keys user and created", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"a key of the index of another type": {200, strings.ReplaceAll(goodTable, `"N"`, `"S"`), 200, ttlOn,
		dynamo.Inspection{Wrong: "the key created of its index by_user is of another type; it must be a number", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"its own name": {200, with(goodTable, `"TableArn":"arn:aws:dynamodb:eu-central-1:1:table/flows","TableStatus":"UPDATING"`), 200, ttlOn,
		dynamo.Inspection{ARN: "arn:aws:dynamodb:eu-central-1:1:table/flows", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"on its way out": {200, with(goodTable, `"TableStatus":"DELETING"`), 200, ttlOn,
		dynamo.Inspection{Wrong: "it is in the state DELETING", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"on its way out, with another key": {200, with(strings.ReplaceAll(goodTable, `"pk"`, `"id"`), `"TableStatus":"DELETING"`), 200, ttlOn,
		dynamo.Inspection{Wrong: "it has another key; it must be pk, a string, alone", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"an index that is being made": {200, strings.Replace(goodTable, `"IndexName"`, `"IndexStatus":"CREATING","IndexName"`, 1), 200, ttlOn,
		dynamo.Inspection{Wrong: "its index by_user is in the state CREATING", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"an index that goes": {200, strings.Replace(goodTable, `"IndexName"`, `"IndexStatus":"DELETING","IndexName"`, 1), 200, ttlOn,
		dynamo.Inspection{Wrong: "its index by_user is in the state DELETING", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"an index of everything": {200, strings.Replace(goodTable, `"IndexName"`, `"IndexStatus":"ACTIVE","Projection":{"ProjectionType":"ALL"},"IndexName"`, 1), 200, ttlOn,
		dynamo.Inspection{Odd: "its index by_user has more than the keys in it (projection ALL)", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"an index of the keys": {200, strings.Replace(goodTable, `"IndexName"`, `"Projection":{"ProjectionType":"KEYS_ONLY"},"IndexName"`, 1), 200, ttlOn,
		dynamo.Inspection{TTL: dynamo.TTLAttribute, TTLKnown: true}},
	"another program": {200, `{}`, 200, `{}`,
		dynamo.Inspection{Wrong: "the endpoint does not describe it; what answers there may not be DynamoDB", TTLKnown: true}},
}

func TestInspect(t *testing.T) {
	for name, tt := range inspections {
		t.Run(name, func(t *testing.T) {
			cfg, endpoint := answering(t, tt.status, tt.table, tt.ttlStatus, tt.ttl)
			if got := dynamo.NewFromConfig(cfg, "flows", endpoint).Inspect(t.Context()); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	cfg, endpoint := answering(t, 200, `{"Table":{`+keyOfOurs+`}}`, 200, ttlOn)
	if got := dynamo.NewAccountsFromConfig(cfg, "accounts", endpoint).Inspect(t.Context()); got != (dynamo.Inspection{}) {
		t.Errorf("accounts: %+v", got)
	}
	cfg, endpoint = answering(t, 200, with(`{"Table":{`+keyOfOurs+`}}`, `"TableStatus":"ARCHIVED"`), 200, ttlOn)
	if got := dynamo.NewAccountsFromConfig(cfg, "accounts", endpoint).Inspect(t.Context()); got.Wrong != "it is in the state ARCHIVED" {
		t.Errorf("accounts: %+v", got)
	}
	cfg, endpoint = answering(t, 200, `{}`, 200, `{}`)
	if err := dynamo.NewFromConfig(cfg, "flows", endpoint).CheckTable(t.Context()); err == nil || !strings.Contains(err.Error(), "may not be DynamoDB") {
		t.Errorf("another program: %v", err)
	}
	if got := dynamo.NewFromConfig(cfg, "flows", "http://127.0.0.1:1").Inspect(t.Context()); !got.Silent {
		t.Errorf("nothing there: %+v", got)
	}
}
