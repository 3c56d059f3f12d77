package peer_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

func TestMain(m *testing.M) { os.Exit(peer.Main(m)) }

func TestDynamoDBKeepsAnItem(t *testing.T) {
	for name, endpoint := range peer.Endpoints(t) {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			client := dynamodb.New(dynamodb.Options{
				BaseEndpoint: aws.String(endpoint(t)),
				Region:       "eu-central-1",
				Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
					return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
				}),
			})
			table := "PeerTest"
			_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
				TableName:            &table,
				BillingMode:          types.BillingModePayPerRequest,
				KeySchema:            []types.KeySchemaElement{{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash}},
				AttributeDefinitions: []types.AttributeDefinition{{AttributeName: aws.String("pk"), AttributeType: types.ScalarAttributeTypeS}},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				_, _ = client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &table})
			})
			waiter := dynamodb.NewTableExistsWaiter(client, func(o *dynamodb.TableExistsWaiterOptions) {
				o.MinDelay, o.MaxDelay = 20*time.Millisecond, time.Second
			})
			if err := waiter.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &table}, time.Minute); err != nil {
				t.Fatal(err)
			}
			item := map[string]types.AttributeValue{
				"pk":   &types.AttributeValueMemberS{Value: "one"},
				"word": &types.AttributeValueMemberS{Value: "latch"},
			}
			if _, err := client.PutItem(ctx, &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
				t.Fatal(err)
			}
			got, err := client.GetItem(ctx, &dynamodb.GetItemInput{
				TableName: &table, ConsistentRead: aws.Bool(true),
				Key: map[string]types.AttributeValue{"pk": item["pk"]},
			})
			if err != nil {
				t.Fatal(err)
			}
			if word, _ := got.Item["word"].(*types.AttributeValueMemberS); word == nil || word.Value != "latch" {
				t.Errorf("word = %v, want latch", got.Item["word"])
			}
		})
	}
}
