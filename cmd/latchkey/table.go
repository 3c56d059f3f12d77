package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

type tableCreate struct{}

// Run makes the tables that TABLE_NAME and ACCOUNTS_TABLE_NAME name.
func (tableCreate) Run(ctx context.Context) error {
	e := env.Reader{Partial: true}
	t := tablesFromEnv(&e)
	e.Required("TABLE_NAME", "latchkey-flows")
	if err := e.Err(); err != nil {
		return err
	}
	cfg, err := awsConfig(ctx, t.endpoint)
	if err != nil {
		return err
	}
	ttl, err := dynamo.NewFromConfig(cfg, t.flows, t.endpoint).CreateTable(ctx)
	if err != nil {
		return tableTrouble(err, "TABLE_NAME", t.flows, t.endpoint)
	}
	fmt.Println("table " + t.flows + " is ready")
	if !ttl {
		fmt.Println("this endpoint has no TTL: expired items are refused all the same, but stay in the table")
	}
	if t.accounts == "" {
		return nil
	}
	if err := dynamo.NewAccountsFromConfig(cfg, t.accounts, t.endpoint).CreateTable(ctx); err != nil {
		return tableTrouble(err, "ACCOUNTS_TABLE_NAME", t.accounts, t.endpoint)
	}
	fmt.Println("table " + t.accounts + " is ready")
	return nil
}

// tables are the names of the two tables, and where they are.
type tables struct{ flows, accounts, endpoint string }

func tablesFromEnv(e *env.Reader) tables {
	t := tables{e.String("TABLE_NAME"), e.String("ACCOUNTS_TABLE_NAME"), dynamo.EndpointFromEnv(e)}
	if t.flows != "" && t.flows == t.accounts {
		e.Report("ACCOUNTS_TABLE_NAME", "is the same table as TABLE_NAME", "keep accounts in a table of their own: they do not expire")
	}
	return t
}

// open opens what is set, and keeps the rest in memory.
func (t tables) open(ctx context.Context, s *server, now func() time.Time) (flows, error) {
	kept := memory.New()
	kept.Now = now
	if t.flows == "" && t.accounts == "" {
		return kept, nil
	}
	cfg, err := awsConfig(ctx, t.endpoint)
	if err != nil {
		return nil, err
	}
	if t.accounts != "" {
		store := dynamo.NewAccountsFromConfig(cfg, t.accounts, t.endpoint)
		if err := usable(store.CheckTable(ctx), "ACCOUNTS_TABLE_NAME", t.accounts, t.endpoint); err != nil {
			return nil, err
		}
		s.accounts = store
	}
	if t.flows == "" {
		return kept, nil
	}
	store := dynamo.NewFromConfig(cfg, t.flows, t.endpoint)
	return store, usable(store.CheckTable(ctx), "TABLE_NAME", t.flows, t.endpoint)
}

// Why AWS cannot be asked at all.
var (
	errNoRegion      = errors.New("AWS_REGION: is not set; set it, for example AWS_REGION=eu-central-1, or choose a profile that names a region with AWS_PROFILE")
	errNoCredentials = errors.New("there are no AWS credentials: choose a profile with AWS_PROFILE and sign in (aws sso login), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; " +
		"for a table on this machine set AWS_ENDPOINT_URL_DYNAMODB, for example http://localhost:8000")
)

// awsConfig is whatever region and credentials this machine has: profile,
// single sign-on, environment. An endpoint of one's own needs none.
func awsConfig(ctx context.Context, endpoint string) (aws.Config, error) {
	if endpoint != "" && os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "" {
		region := os.Getenv("AWS_REGION")
		if region == "" {
			region = "us-east-1"
		}
		return aws.Config{Region: region, Credentials: credentials.NewStaticCredentialsProvider("local", "local", "")}, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return cfg, fmt.Errorf("the AWS configuration cannot be read: %w; check AWS_PROFILE and ~/.aws/config", err)
	}
	if cfg.Region == "" && endpoint == "" {
		return cfg, errNoRegion
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return cfg, errNoCredentials
	}
	return cfg, nil
}

// usable says what to do when a table's check failed.
func usable(err error, setting, name, endpoint string) error {
	if errors.Is(err, dynamo.ErrNoTable) {
		return fmt.Errorf("%s: there is no table %s; make it with: %s table create", setting, name, command)
	}
	if err != nil {
		return tableTrouble(err, setting, name, endpoint)
	}
	return nil
}

// tableTrouble says what to do about an endpoint that does not answer, or not
// as it should. The SDK's own text repeats itself; only its end says anything.
func tableTrouble(err error, setting, table, endpoint string) error {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return fmt.Errorf("%s: table %s: %s: %s; check the name, AWS_REGION, and what your credentials allow", setting, table, api.ErrorCode(), api.ErrorMessage())
	}
	if _, ok := errors.AsType[*smithy.OperationError](err); !ok {
		return fmt.Errorf("%s: %w; choose another name", setting, err)
	}
	if endpoint == "" {
		return fmt.Errorf("%s: table %s cannot be reached: no answer from AWS; check the network and AWS_REGION", setting, table)
	}
	return fmt.Errorf("AWS_ENDPOINT_URL_DYNAMODB: nothing that speaks DynamoDB answers at %s; start it there, or correct the URL", endpoint)
}
