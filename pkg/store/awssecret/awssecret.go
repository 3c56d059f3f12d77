// Package awssecret reads a secret from AWS Secrets Manager and keeps it for a
// while.
//
// It never writes a secret anywhere, never logs one, and never keeps a failure:
// the next request asks again, unless it can do with what was read before.
package awssecret

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	// MaxAge is how long a value is used before it is read again, so how long
	// a rotated secret takes to arrive in a warm instance.
	MaxAge = 5 * time.Minute
	// timeout bounds one reading, retries included.
	timeout = 3 * time.Second
)

// Secret is one secret in Secrets Manager. It is safe for concurrent use: of
// callers at the same time one reads and the others wait for it.
type Secret struct {
	// Now tells how old a value is; FromEnv sets time.Now.
	Now func() time.Time

	arn    string
	member string
	client *secretsmanager.Client

	versions reading[version]
}

// FromEnv opens the secret arn, or returns nil when arn is empty. A value that
// is a JSON object, as the console makes it, is reduced to its member.
// The region is AWS_REGION, or else AWS_DEFAULT_REGION;
// AWS_ENDPOINT_URL_SECRETS_MANAGER points elsewhere than AWS.
func FromEnv(e *env.Reader, arn, member string) *Secret {
	region, older := e.String("AWS_REGION"), e.String("AWS_DEFAULT_REGION")
	endpoint := e.URL("AWS_ENDPOINT_URL_SECRETS_MANAGER")
	if arn == "" {
		return nil
	}
	options := secretsmanager.Options{
		Region:      cmp.Or(region, older),
		Credentials: aws.CredentialsProviderFunc(credentials),
		HTTPClient: &http.Client{Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: time.Second}).DialContext,
			TLSHandshakeTimeout:   time.Second,
			ResponseHeaderTimeout: 2 * time.Second,
			DisableKeepAlives:     true, // after MaxAge a connection is dead, and who was frozen cannot tell
		}},
	}
	if endpoint != "" {
		options.BaseEndpoint = &endpoint
	}
	return &Secret{arn: arn, member: member, client: secretsmanager.New(options), Now: time.Now}
}

// credentials are those of the function's role, which Lambda puts into the
// environment.
func credentials(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
		SessionToken: os.Getenv("AWS_SESSION_TOKEN"), Source: "environment",
	}
	if !c.HasKeys() {
		return c, errors.New("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
	}
	return c, nil
}

// Value returns the secret; its error is an *oauth.Error. When reading it again
// fails, the value read before still serves for an hour: a rotation leaves the
// old one valid for a while, and an outage of the secret store must not log
// everybody out.
func (s *Secret) Value(ctx context.Context) (secret.Text, error) {
	v, err := s.versions.get(ctx, s.Now, func(*version) bool { return true }, func(ctx context.Context) (*version, error) { return s.fetch(ctx, current) })
	if err != nil {
		return secret.Text{}, err
	}
	return v.text, nil
}

// Warm reads the secret, so that the first request finds it read.
func (s *Secret) Warm(ctx context.Context) error {
	_, err := s.Value(ctx)
	return err
}

// version is one version of a secret, and when it was made: zero if nobody says.
type version struct {
	id      string
	text    secret.Text
	created time.Time
}

// fetch reads the version with the label stage.
func (s *Secret) fetch(ctx context.Context, stage string) (*version, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &s.arn, VersionStage: &stage})
	if err != nil {
		return nil, refusal(err)
	}
	value, _ := parse(aws.ToString(out.SecretString), s.member)
	if value == "" {
		return nil, misconfigured(fmt.Errorf("awssecret: the secret is empty or has no member %q", s.member))
	}
	return &version{aws.ToString(out.VersionId), secret.NewText(value), aws.ToTime(out.CreatedDate)}, nil
}

// parse takes the member out of a value that is a JSON object, which it returns
// too. Any other value is the text itself.
func parse(value, member string) (text string, object map[string]json.RawMessage) {
	if json.Unmarshal([]byte(value), &object) != nil || object == nil {
		return value, nil
	}
	_ = json.Unmarshal(object[member], &text) // no text is no secret
	return text, object
}

// refusal tells what will be right again by itself from what will not.
func refusal(err error) *oauth.Error {
	cause := fmt.Errorf("awssecret: read: %w", err)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "ResourceNotFoundException", "AccessDeniedException", "ValidationException", "InvalidParameterException", "InvalidRequestException", "DecryptionFailure":
			return misconfigured(cause)
		}
	}
	return &oauth.Error{
		Code: oauth.StoreUnavailable, RetryAfter: 5 * time.Second, Cause: cause,
		Description: "The sign-in cannot go on just now, because a secret could not be read. Please try again in a moment.",
	}
}

func misconfigured(cause error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.ConfigError, Cause: cause,
		Description: "A secret cannot be read. Check the ARN in the settings, and that this function may read it.",
	}
}
