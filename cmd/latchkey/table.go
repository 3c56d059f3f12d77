package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

type tableCreate struct{}

// Run makes the table that TABLE_NAME names.
func (tableCreate) Run(ctx context.Context) error {
	var e env.Reader
	name := e.Required("TABLE_NAME", "latchkey-flows")
	if err := e.Err(); err != nil {
		return err
	}
	store, err := openTable(ctx)
	if err != nil {
		return err
	}
	ttl, err := store.CreateTable(ctx)
	if err != nil {
		return fmt.Errorf("%w\nCheck the region and the credentials of your AWS profile, or AWS_ENDPOINT_URL_DYNAMODB", err)
	}
	fmt.Println("table " + name + " is ready")
	if !ttl {
		fmt.Println("this endpoint has no TTL: expired items are refused all the same, but stay in the table")
	}
	return nil
}

// openTable opens the table of TABLE_NAME with whatever credentials this
// machine has: profile, single sign-on, environment. An endpoint of one's own
// needs none.
func openTable(ctx context.Context) (*dynamo.Store, error) {
	var e env.Reader
	table, endpoint := e.String("TABLE_NAME"), e.URL("AWS_ENDPOINT_URL_DYNAMODB")
	if err := e.Err(); err != nil {
		return nil, err
	}
	if endpoint != "" && os.Getenv("AWS_ACCESS_KEY_ID") == "" && os.Getenv("AWS_PROFILE") == "" {
		store := dynamo.FromEnv(&e)
		return store, e.Err()
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS configuration: %w", err)
	}
	if cfg.Region == "" && endpoint == "" {
		return nil, errors.New("no AWS region is set: set AWS_REGION, or choose a profile with AWS_PROFILE")
	}
	return dynamo.NewFromConfig(cfg, table, endpoint), nil
}
