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
	config, err := p.config(ctx, ep)
	if err != nil {
		return Tokens{}, err
	}
	config.RedirectURL = redirectURI
	options := []oauth2.AuthCodeOption{oauth2.VerifierOption(verifier)}
	if p.Auth == AuthBasic && p.ClientIDInBody {
		options = append(options, oauth2.SetAuthURLParam("client_id", p.ClientID))
	}
	within, cancel := bounded(ctx, exchangeTimeout)
	defer cancel()
	r := p.ask(within, func(ctx context.Context) error {
		_, err := config.Exchange(ctx, code, options...)
		return err
	})
	switch {
	case r.lost != "":
		return Tokens{}, unreachable("token endpoint", r.lost, loginAgain)
	case r.unusable != "":
		return Tokens{}, p.refusal(r, redirectURI)
	}
	return r.tokens, nil
}

// config is how x/oauth2 is to speak to the token endpoint, the client secret
// in it. The error is an *oauth.Error.
func (p *Provider) config(ctx context.Context, ep Endpoints) (*oauth2.Config, error) {
	config := &oauth2.Config{
		ClientID: p.ClientID,
		Endpoint: oauth2.Endpoint{TokenURL: ep.Token, AuthStyle: oauth2.AuthStyleInParams},
	}
	if p.Auth == AuthNone {
		return config, nil
	}
	clientSecret, err := p.secret(ctx)
	if err != nil {
		return nil, err
	}
	config.ClientSecret = clientSecret.Reveal()
	if p.Auth == AuthBasic {
		config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	return config, nil
}

// reply is what came of one request to the token endpoint.
type reply struct {
	tokens Tokens
	lost   failure // why there is no whole answer
	status int
	header http.Header
	// code is the provider's error code if it sent a clean one, and unusable
	// says what is wrong with a whole answer.
	code, unusable string
}

// ask has x/oauth2 make one request to the token endpoint, within ctx, and
// reads the answer itself.
func (p *Provider) ask(ctx context.Context, post func(context.Context) error) reply {
	call := &once{p: p}
	err := post(context.WithValue(ctx, oauth2.HTTPClient, call.client()))
	if call.status != 0 {
		logline.Add(ctx, slog.Int("provider_status", call.status))
	}
	r := reply{status: call.status, header: call.header}
	if call.status == 0 || call.fail != "" {
		r.lost = call.failed(ctx)
		return r
	}
	r.tokens, r.code, r.unusable = readTokens(call)
	if r.code != "" {
		logline.Add(ctx, slog.String("provider_error", r.code))
	}
	if r.unusable == "" && err != nil {
		r.unusable = "token response that x/oauth2 does not read"
	}
	return r
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
