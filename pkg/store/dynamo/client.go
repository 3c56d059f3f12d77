package dynamo

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/smithy-go"

	"github.com/latchkey-go/latchkey/pkg/env"
)

const (
	dialTimeout    = time.Second
	headerTimeout  = 2 * time.Second
	attemptTimeout = 3 * time.Second // connection, reply and body together
	maxAttempts    = 4
	firstDelay     = 50 * time.Millisecond
	lastDelay      = 400 * time.Millisecond
)

// FromEnv returns a Store by the settings TABLE_NAME, AWS_REGION (or
// AWS_DEFAULT_REGION), AWS_ENDPOINT_URL_DYNAMODB (empty means AWS) and the
// credentials AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN,
// which Lambda sets for the life of the process. An endpoint of one's own
// needs neither region nor credentials. Problems are left in e.
func FromEnv(e *env.Reader) *Store { return fromEnv(e, "TABLE_NAME", "latchkey-flows") }

func fromEnv(e *env.Reader, setting, example string) *Store {
	table := e.Required(setting, example)
	endpoint := EndpointFromEnv(e)
	region := e.String("AWS_REGION")
	if region == "" {
		region = e.String("AWS_DEFAULT_REGION")
	}
	id, key := e.String("AWS_ACCESS_KEY_ID"), e.Secret("AWS_SECRET_ACCESS_KEY")
	token := e.Secret("AWS_SESSION_TOKEN")
	if endpoint != "" {
		if region == "" {
			region = "us-east-1"
		}
		if id == "" || key.IsZero() {
			return open(region, endpoint, staticCredentials("local", "local", ""), nil, table)
		}
	}
	if region == "" {
		e.Report("AWS_REGION", "is not set", "set it, for example AWS_REGION=eu-central-1")
	}
	if id == "" || key.IsZero() {
		e.Report("AWS_ACCESS_KEY_ID", "is not set, or AWS_SECRET_ACCESS_KEY is not",
			"set both, or AWS_ENDPOINT_URL_DYNAMODB for an endpoint of your own")
	}
	return open(region, endpoint, staticCredentials(id, key.Reveal(), token.Reveal()), nil, table)
}

// EndpointFromEnv reads AWS_ENDPOINT_URL_DYNAMODB, empty for AWS. Plain http
// is allowed to any host: what sam local reaches from its containers is not on
// a loopback address.
func EndpointFromEnv(e *env.Reader) string {
	const name = "AWS_ENDPOINT_URL_DYNAMODB"
	v := e.String(name)
	if v == "" {
		return ""
	}
	u, err := url.Parse(v)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil {
		e.Report(name, "is not an http or https URL", "for example "+name+"=http://localhost:8000")
		return ""
	}
	return v
}

func staticCredentials(id, key, token string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: id, SecretAccessKey: key, SessionToken: token, Source: "environment"}, nil
	})
}

// NewFromConfig returns a Store with region and credentials of cfg, and its
// HTTPClient if that is a plain *http.Client; retries are the package's own.
// endpoint is for a DynamoDB-compatible server; empty means what cfg says,
// else AWS.
func NewFromConfig(cfg aws.Config, table, endpoint string) *Store {
	if endpoint == "" {
		endpoint = aws.ToString(cfg.BaseEndpoint)
	}
	plain, _ := cfg.HTTPClient.(*http.Client)
	return open(cfg.Region, endpoint, cfg.Credentials, plain, table)
}

// open builds the options by hand: loading the SDK's default configuration
// would cost a cold start half as much again.
func open(region, endpoint string, credentials aws.CredentialsProvider, client *http.Client, table string) *Store {
	if client == nil {
		client = httpClient()
	}
	options := dynamodb.Options{
		Region:                region,
		Credentials:           credentials,
		HTTPClient:            client,
		Retryer:               retryer(),
		AccountIDEndpointMode: aws.AccountIDEndpointModeDisabled,
	}
	options.EndpointDiscovery.EnableEndpointDiscovery = aws.EndpointDiscoveryDisabled
	if endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	return New(dynamodb.New(options), table)
}

// httpClient bounds each attempt and keeps few connections.
func httpClient() *http.Client {
	return &http.Client{
		Timeout: attemptTimeout,
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: headerTimeout,
			MaxIdleConns:          16,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       time.Minute,
		},
	}
}

// retryer is the SDK's standard one with DynamoDB's four attempts and small
// delays of our own. The SDK's delays after throttling start at a second, with
// AWS_NEW_RETRIES_2026 or without, and a login shall not wait that long. Every
// operation here may be repeated, so a reply that cannot be read is asked for
// again as well.
func retryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.BackoffDelayerFunc(delay)
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(unreadable))
	})
}

// delay doubles from firstDelay to lastDelay, the upper half of it at random.
// attempt counts from 0 or from 1, by the environment; either is small enough.
func delay(attempt int, _ error) (time.Duration, error) {
	d := min(firstDelay<<min(max(attempt, 0), 3), lastDelay)
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails
	return d/2 + d/2*time.Duration(b[0])/256, nil
}

func unreadable(err error) aws.Ternary {
	var broken *smithy.DeserializationError
	if errors.As(err, &broken) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// Warm opens a connection to the table's endpoint with a plain GET, which
// needs no permission, so that the first request finds it open. It also takes
// the SDK through a call that is over before it is sent: serializing, choosing
// the endpoint and signing are slower the first time. Best effort: an error is
// worth no more than a log line.
func (s *Store) Warm(ctx context.Context) error {
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _ = s.client.GetItem(over, &dynamodb.GetItemInput{TableName: &s.table, Key: item{attrKey: text("warm")}})
	o := s.client.Options()
	base := aws.ToString(o.BaseEndpoint)
	if base == "" {
		e, err := o.EndpointResolverV2.ResolveEndpoint(ctx, dynamodb.EndpointParameters{Region: &o.Region}.WithDefaults())
		if err != nil {
			return errors.New("dynamo: warm: no endpoint for the region")
		}
		base = e.URI.String()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base, nil)
	if err != nil {
		return errors.New("dynamo: warm: the endpoint is no URL")
	}
	reply, err := o.HTTPClient.Do(r)
	if err != nil {
		return errors.New("dynamo: warm: no connection")
	}
	defer reply.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(reply.Body, 4<<10))
	return nil
}
