package dynamo_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
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
			checkIndex(t, b)
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

// checkIndex: the index has what never changes of an item, and no more.
func checkIndex(t *testing.T, b *bench) {
	t.Helper()
	out, err := b.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &b.table})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Table.GlobalSecondaryIndexes) != 1 {
		t.Fatalf("%d indexes, want 1", len(out.Table.GlobalSecondaryIndexes))
	}
	index := out.Table.GlobalSecondaryIndexes[0]
	keys := ""
	for _, k := range index.KeySchema {
		keys += aws.ToString(k.AttributeName) + " " + string(k.KeyType) + " "
	}
	if aws.ToString(index.IndexName) != "by_user" || keys != "user HASH created RANGE " || index.Projection.ProjectionType != types.ProjectionTypeKeysOnly {
		t.Errorf("index %s of %s, projection %s", aws.ToString(index.IndexName), keys, index.Projection.ProjectionType)
	}
}

func TestCheckTable(t *testing.T) {
	for name, start := range peer.Endpoints(t) {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, start(t))
			if err := b.CheckTable(t.Context()); !errors.Is(err, dynamo.ErrNoTable) {
				t.Errorf("no table: %v", err)
			}
			if _, err := b.CreateTable(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := b.CheckTable(t.Context()); err != nil {
				t.Errorf("a table: %v", err)
			}
		})
	}
	for code, want := range map[string]bool{"AccessDeniedException": true, "UnrecognizedClientException": false} {
		endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"__type":"com.amazon.coral.service#`+code+`","message":"no"}`)
		}))
		defer endpoint.Close()
		if err := dynamo.NewFromConfig(config(nil), "flows", endpoint.URL).CheckTable(t.Context()); (err == nil) != want {
			t.Errorf("%s: %v", code, err)
		}
	}
}

// tableOf makes a table that is ours until change.
func (b *bench) tableOf(t *testing.T, change func(*dynamodb.CreateTableInput)) {
	t.Helper()
	in := peer.FlowsTable(b.table)
	change(in)
	if _, err := b.client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
}

// A table with other keys, or with keys of other types, takes none of our
// items: nobody begins to use it.
func TestTableThatIsNotOurs(t *testing.T) {
	typed := func(n int, kind types.ScalarAttributeType) func(*dynamodb.CreateTableInput) {
		return func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions[n].AttributeType = kind }
	}
	tests := map[string]struct {
		change func(*dynamodb.CreateTableInput)
		want   string // of what is wrong; empty: nothing is
	}{
		"as it should be":  {func(*dynamodb.CreateTableInput) {}, ""},
		"pk as a number":   {typed(0, "N"), "another key"},
		"pk as bytes":      {typed(0, "B"), "another key"},
		"user as a number": {typed(1, "N"), "the key user of its index by_user is of another type; it must be a string"},
		"user as bytes":    {typed(1, "B"), "the key user of its index by_user is of another type; it must be a string"},
		"created as text":  {typed(2, "S"), "the key created of its index by_user is of another type; it must be a number"},
		"a range key": {func(in *dynamodb.CreateTableInput) {
			in.KeySchema = append(in.KeySchema, types.KeySchemaElement{AttributeName: aws.String("created"), KeyType: types.KeyTypeRange})
		}, "another key"},
		"an index reversed": {func(in *dynamodb.CreateTableInput) {
			k := in.GlobalSecondaryIndexes[0].KeySchema
			k[0].AttributeName, k[1].AttributeName = k[1].AttributeName, k[0].AttributeName
		}, "no index by_user"},
		"another index": {func(in *dynamodb.CreateTableInput) { in.GlobalSecondaryIndexes[0].IndexName = aws.String("by_client") }, "no index by_user"},
	}
	for peerName, start := range peer.Endpoints(t) {
		endpoint := start(t)
		for name, tt := range tests {
			t.Run(peerName+": "+name, func(t *testing.T) {
				b := newBench(t, peerName, endpoint)
				b.tableOf(t, tt.change)
				_, created := b.CreateTable(t.Context())
				for what, err := range map[string]error{"made": created, "looked at": b.CheckTable(t.Context())} {
					if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
						t.Errorf("%s: %v", what, err)
					}
				}
				if got := b.Inspect(t.Context()).Wrong; (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
					t.Errorf("inspected: %q", got)
				}
			})
		}
	}
}
