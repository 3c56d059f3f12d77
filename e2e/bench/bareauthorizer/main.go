// Bareauthorizer is the least an authorizer with a table can be: it reads an
// item that the request's cookie names, and lets the request pass. It is the
// measure for what ours costs, and never more than that: it checks nothing.
package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func main() {
	table := aws.String(os.Getenv("TABLE_NAME"))
	options := dynamodb.Options{
		Region:                os.Getenv("AWS_REGION"),
		BaseEndpoint:          aws.String(os.Getenv("AWS_ENDPOINT_URL_DYNAMODB")),
		HTTPClient:            httpClient(),
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY")}, nil
		}),
	}
	options.EndpointDiscovery.EnableEndpointDiscovery = aws.EndpointDiscoveryDisabled
	client := dynamodb.New(options)
	lambda.Start(func(ctx context.Context, e events.APIGatewayV2CustomAuthorizerV2Request) (events.APIGatewayV2CustomAuthorizerSimpleResponse, error) {
		_, value, _ := strings.Cut(strings.Join(e.Cookies, ""), "=")
		found, err := client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: table, ConsistentRead: aws.Bool(true), Key: map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: value}},
		})
		if err != nil {
			return events.APIGatewayV2CustomAuthorizerSimpleResponse{}, err
		}
		return events.APIGatewayV2CustomAuthorizerSimpleResponse{IsAuthorized: len(found.Item) > 0}, nil
	})
}

// httpClient is as ours in package dynamo.
func httpClient() *http.Client {
	return &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{
		DialContext:         (&net.Dialer{Timeout: time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: time.Second, ResponseHeaderTimeout: 2 * time.Second,
		MaxIdleConns: 16, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
	}}
}
