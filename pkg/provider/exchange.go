package provider

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	// exchangeTimeout bounds one exchange, from dialling to the last byte.
	exchangeTimeout = 8 * time.Second
	// reserve is what is left of the request's own time to answer the browser.
	reserve = 500 * time.Millisecond
	// retryAfter is sent when the provider did not say when to come back.
	retryAfter = 5 * time.Second
)

// Exchange redeems a code (RFC 6749 §4.1.3, RFC 7636 §4.5). It posts once and
// only once, follows no redirect, and takes at most 8 s, or half a second less
// than ctx has. The error is always an *oauth.Error whose cause is a class of
// failure: the provider's own text never gets further than here.
func (p *Provider) Exchange(ctx context.Context, ep Endpoints, code, verifier, redirectURI string) (Tokens, error) {
	var clientSecret secret.Text
	if p.Auth != AuthNone {
		var err error
		if clientSecret, err = p.secret(ctx); err != nil {
			return Tokens{}, err
		}
	}
	config := &oauth2.Config{
		ClientID:     p.ClientID,
		ClientSecret: clientSecret.Reveal(),
		RedirectURL:  redirectURI,
		Endpoint:     oauth2.Endpoint{TokenURL: ep.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(verifier)}
	if p.Auth == AuthBasic {
		config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
		if p.ClientIDInBody {
			options = append(options, oauth2.SetAuthURLParam("client_id", p.ClientID))
		}
	}

	began := time.Now()
	call := &once{p: p}
	within, cancel := bounded(ctx, exchangeTimeout)
	defer cancel()
	_, err := config.Exchange(context.WithValue(within, oauth2.HTTPClient, call.client()), code, options...)
	logline.Add(ctx, slog.Int64("provider_ms", time.Since(began).Milliseconds()))

	if call.status == 0 {
		return Tokens{}, unreachable(call.failed(within))
	}
	logline.Add(ctx, slog.Int("provider_status", call.status))
	if call.fail != "" {
		return Tokens{}, unreachable(call.fail)
	}
	tokens, providerCode, unusable := readTokens(call)
	if providerCode != "" {
		logline.Add(ctx, slog.String("provider_error", providerCode))
	}
	if unusable == "" && err != nil {
		unusable = "token response that x/oauth2 does not read"
	}
	if unusable != "" {
		return Tokens{}, p.refusal(call, providerCode, unusable, redirectURI)
	}
	return tokens, nil
}

// Ready reports whether Exchange has what it needs from this side: the client
// secret. Ask before a login is claimed; the error is an *oauth.Error.
func (p *Provider) Ready(ctx context.Context) error {
	if p.Auth == AuthNone {
		return nil
	}
	_, err := p.secret(ctx)
	return err
}

// secret reads the client secret. A reader's own *oauth.Error is kept.
func (p *Provider) secret(ctx context.Context) (secret.Text, error) {
	cause := failure("no client secret")
	if p.Secret != nil {
		text, err := p.Secret(ctx)
		if err == nil && !text.IsZero() {
			return text, nil
		}
		if own := (*oauth.Error)(nil); errors.As(err, &own) {
			return secret.Text{}, own
		}
		if err != nil {
			cause = "client secret cannot be read"
		}
	}
	return secret.Text{}, &oauth.Error{
		Code:        oauth.ConfigError,
		Description: "The client secret cannot be read. Check OAUTH_CLIENT_SECRET or OAUTH_CLIENT_SECRET_ARN, and that this function may read it.",
		Cause:       cause,
	}
}

// client is an HTTP client for this one request. It follows no redirect: the
// target of one would be given the code, the verifier and the credentials.
func (o *once) client() *http.Client {
	return &http.Client{
		Transport:     o,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// failed is why there is no answer. The request may not have been sent at
// all when the time was up before it began.
func (o *once) failed(ctx context.Context) failure {
	switch {
	case o.fail != "":
		return o.fail
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return failTimeout
	case ctx.Err() != nil:
		return failCanceled
	}
	return failLost
}

// bounded limits ctx to d, and to what it has left less the reserve.
func bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		d = min(d, time.Until(deadline)-reserve)
	}
	return context.WithTimeout(ctx, d)
}
