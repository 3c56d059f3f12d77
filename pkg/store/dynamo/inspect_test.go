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
	keyOfOurs   = `"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"}]`
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

func TestInspect(t *testing.T) {
	good := `{"Table":{` + keyOfOurs + `,` + indexOfOurs + `}}`
	on := `{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"expires_at"}}`
	for name, tt := range map[string]struct {
		status    int
		table     string
		ttlStatus int
		ttl       string
		want      dynamo.Inspection
	}{
		"as it should be":         {200, good, 200, on, dynamo.Inspection{TTL: dynamo.TTLAttribute, TTLKnown: true}},
		"TTL off":                 {200, good, 200, `{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`, dynamo.Inspection{TTLKnown: true}},
		"TTL on another":          {200, good, 200, strings.Replace(on, "expires_at", "ttl", 1), dynamo.Inspection{TTL: "ttl", TTLKnown: true}},
		"TTL being switched off":  {200, good, 200, strings.Replace(on, "ENABLED", "DISABLING", 1), dynamo.Inspection{TTLKnown: true}},
		"an endpoint without TTL": {200, good, 400, failed("UnknownOperationException"), dynamo.Inspection{NoTTL: true}},
		"TTL may not be asked":    {200, good, 400, failed("AccessDeniedException"), dynamo.Inspection{}},
		"no table":                {400, failed("ResourceNotFoundException"), 200, on, dynamo.Inspection{Missing: true}},
		"may not look":            {400, failed("AccessDeniedException"), 200, on, dynamo.Inspection{Denied: true}},
		"another error":           {400, failed("UnrecognizedClientException"), 200, on, dynamo.Inspection{Code: "UnrecognizedClientException"}},
		"another key": {200, strings.ReplaceAll(good, `"pk"`, `"id"`), 200, on,
			dynamo.Inspection{Wrong: "it has another key; it must be pk, a string, alone", TTL: dynamo.TTLAttribute, TTLKnown: true}},
		"no index": {200, `{"Table":{` + keyOfOurs + `}}`, 200, on,
			dynamo.Inspection{Wrong: "it has no index by_user with the keys user and created", TTL: dynamo.TTLAttribute, TTLKnown: true}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, endpoint := answering(t, tt.status, tt.table, tt.ttlStatus, tt.ttl)
			if got := dynamo.NewFromConfig(cfg, "flows", endpoint).Inspect(t.Context()); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
	cfg, endpoint := answering(t, 200, `{"Table":{`+keyOfOurs+`}}`, 200, on)
	if got := dynamo.NewAccountsFromConfig(cfg, "accounts", endpoint).Inspect(t.Context()); got != (dynamo.Inspection{}) {
		t.Errorf("accounts: %+v", got)
	}
	if got := dynamo.NewFromConfig(cfg, "flows", "http://127.0.0.1:1").Inspect(t.Context()); !got.Silent {
		t.Errorf("nothing there: %+v", got)
	}
}
