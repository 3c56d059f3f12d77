package dynamo_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

// motoRivals is why nobody races on moto.
const motoRivals = "moto does not make a conditional write atomic between its threads; dynalite does: " +
	"install Node.js 20 or newer and run npm ci in e2e"

// bench is a store on a table of its own, with a way in between on which
// faults can be planned.
type bench struct {
	*dynamo.Store
	faults *storetest.Faults
	client *dynamodb.Client // past the store and the faults
	table  string
	peer   string
}

// config is what a test's client needs to reach an endpoint.
func config(client aws.HTTPClient) aws.Config {
	return aws.Config{
		Region: "eu-central-1", HTTPClient: client,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// eachEndpoint runs a test on every DynamoDB that there is.
func eachEndpoint(t *testing.T, test func(t *testing.T, b *bench)) {
	for name, start := range peer.Endpoints(t) {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, name, start(t))
			if _, err := b.CreateTable(t.Context()); err != nil {
				t.Fatal(err)
			}
			test(t, b)
		})
	}
}

func newBench(t *testing.T, name, endpoint string) *bench {
	b := &bench{faults: &storetest.Faults{}, table: "latchkey-test-" + strings.ReplaceAll(secret.Mint(64), "_", "-"), peer: name}
	b.client = dynamodb.NewFromConfig(config(nil), func(o *dynamodb.Options) { o.BaseEndpoint = &endpoint })
	b.Store = dynamo.NewFromConfig(config(&http.Client{Transport: b.faults}), b.table, endpoint)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, _ = b.client.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &b.table})
	})
	return b
}

// plant writes a raw item.
func (b *bench) plant(t testing.TB, values map[string]any) {
	t.Helper()
	item := map[string]types.AttributeValue{}
	for name, value := range values {
		switch v := value.(type) {
		case string:
			item[name] = &types.AttributeValueMemberS{Value: v}
		case int64:
			item[name] = &types.AttributeValueMemberN{Value: fmt.Sprint(v)}
		case []byte:
			item[name] = &types.AttributeValueMemberB{Value: v}
		case nil:
			item[name] = &types.AttributeValueMemberNULL{Value: true}
		default:
			t.Fatalf("attribute of type %T", value)
		}
	}
	if _, err := b.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &b.table, Item: item}); err != nil {
		t.Fatal(err)
	}
}

// dump is every item of the table, names and values.
func (b *bench) dump(t testing.TB) []byte {
	t.Helper()
	var out bytes.Buffer
	pages := dynamodb.NewScanPaginator(b.client, &dynamodb.ScanInput{TableName: &b.table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			for name, value := range item {
				switch v := value.(type) {
				case *types.AttributeValueMemberS:
					fmt.Fprintf(&out, "%s=%s\n", name, v.Value)
				case *types.AttributeValueMemberB:
					fmt.Fprintf(&out, "%s=%s\n", name, v.Value)
				default:
					fmt.Fprintf(&out, "%s=%v\n", name, v)
				}
			}
		}
	}
	return out.Bytes()
}

// contract runs one part of the contract on every DynamoDB that there is.
func contract(t *testing.T, part func(*testing.T, func(*testing.T) storetest.Subject)) {
	for name, start := range peer.Endpoints(t) {
		t.Run(name, func(t *testing.T) {
			part(t, func(t *testing.T) storetest.Subject {
				b := newBench(t, name, start(t))
				if _, err := b.CreateTable(t.Context()); err != nil {
					t.Fatal(err)
				}
				s := storetest.Subject{Store: b.Store, Dump: b.dump, Plant: b.plant, Operations: b.operations}
				if name == "moto" {
					s.NotAtomic = motoRivals
				}
				return s
			})
		})
	}
}

// operations counts what was sent, by writes and reads.
func (b *bench) operations() (writes, reads int) {
	return b.faults.Seen("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"),
		b.faults.Seen("GetItem", "BatchGetItem", "Query", "Scan")
}

func TestLogins(t *testing.T)  { contract(t, storetest.Logins) }
func TestGrants(t *testing.T)  { contract(t, storetest.Grants) }
func TestSignIns(t *testing.T) { contract(t, storetest.SignIns) }
func TestTries(t *testing.T)   { contract(t, storetest.Tries) }

func TestAccounts(t *testing.T) {
	for name, start := range peer.Endpoints(t) {
		t.Run(name, func(t *testing.T) {
			storetest.Accounts(t, func(t *testing.T) storetest.AccountSubject {
				endpoint := start(t)
				b := newBench(t, name, endpoint)
				a := dynamo.NewAccountsFromConfig(config(&http.Client{Transport: b.faults}), b.table, endpoint)
				if err := a.CheckTable(t.Context()); !errors.Is(err, dynamo.ErrNoTable) {
					t.Errorf("no table: %v", err)
				}
				for range 2 {
					if err := a.CreateTable(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				if err := a.CheckTable(t.Context()); err != nil {
					t.Error(err)
				}
				if err := b.CheckTable(t.Context()); err == nil || !strings.Contains(err.Error(), "no index by_user") {
					t.Errorf("as a Flows table: %v", err)
				}
				return storetest.AccountSubject{Store: a, Exists: dynamo.ErrExists, Plant: b.plant, Operations: b.operations}
			})
		})
	}
}

// pending is a login's record as the store is given it.
func pending(t testing.TB, now time.Time) session.Record {
	t.Helper()
	l := session.Login{State: session.NewState(), Browser: secret.Mint(128), ExpiresAt: now.Add(10 * time.Minute)}
	r, err := l.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return r
}
