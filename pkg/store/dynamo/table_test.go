package dynamo_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

func TestCreateTable(t *testing.T) {
	for name, start := range peer.Endpoints(t) {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, start(t))
			var first bool
			for i, what := range []string{"a new table", "the table that is there"} {
				ttl, err := b.CreateTable(t.Context())
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if i == 0 {
					first = ttl
				}
				if ttl != first || ttl == (name == "dynalite") {
					t.Errorf("%s: TTL enabled %v", what, ttl)
				}
			}
			if !first {
				return // dynalite has no TTL
			}
			out, err := b.client.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &b.table})
			if err != nil {
				t.Fatal(err)
			}
			if got := aws.ToString(out.TimeToLiveDescription.AttributeName); got != dynamo.TTLAttribute {
				t.Errorf("TTL is on %q, want %q", got, dynamo.TTLAttribute)
			}
		})
	}
}

func TestCreateTableRefusesAnotherKey(t *testing.T) {
	for name, start := range peer.Endpoints(t) {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, start(t))
			_, err := b.client.CreateTable(t.Context(), &dynamodb.CreateTableInput{
				TableName:            &b.table,
				BillingMode:          types.BillingModePayPerRequest,
				KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
				AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeN}},
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := b.CreateTable(t.Context()); err == nil || !strings.Contains(err.Error(), "another key") {
				t.Errorf("got %v", err)
			}
		})
	}
}
