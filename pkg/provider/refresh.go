package provider

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// refreshTimeout bounds one refresh, from reading the client secret to the
// last byte. The lease on a session has to be longer.
const refreshTimeout = 5 * time.Second

// ErrRefreshRefused says that the provider itself has ended the grant: the
// refresh token has expired, was revoked or was used before, and no refresh
// will ever succeed again. Any other error leaves that open.
var ErrRefreshRefused = errors.New("refresh token refused")

// Refresh redeems a refresh token (RFC 6749 §6), for the scope it has. It
// posts once and only once, follows no redirect, and takes at most 5 s, or
// half a second less than ctx has. The answer is held to the same rules as
// that of an exchange. RefreshToken of the result is zero when the provider
// sent none: the old one stays in force.
//
// Many providers accept a refresh token once. Give a ctx that does not end
// with the browser's request, or the successor may be lost.
//
// The error is always an *oauth.Error whose cause is a class of failure. It is
// ErrRefreshRefused when the provider answered that the token is spent.
// ProviderUnavailable means that trying again after RetryAfter, which is
// positive then, makes sense; its status is 503, after a timeout too.
// ProviderError means that something has to be put right first.
func (p *Provider) Refresh(ctx context.Context, ep Endpoints, refreshToken secret.Text) (Tokens, error) {
	if refreshToken.IsZero() {
		return Tokens{}, &oauth.Error{
			Code:        oauth.ProviderError,
			Description: "The provider gave no refresh token for this session, so it lasts until it ends. Sign in again then.",
			Cause:       failure("no refresh token"),
		}
	}
	ctx, cancel := bounded(ctx, refreshTimeout)
	defer cancel()
	config, err := p.config(ctx, ep)
	if err != nil {
		return Tokens{}, err
	}
	r := p.ask(ctx, func(ctx context.Context) error {
		_, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: refreshToken.Reveal()}).Token()
		return err
	})
	switch {
	case r.lost != "":
		e := unreachable("token endpoint", r.lost, tryAgain)
		e.Status = 0
		return Tokens{}, e
	case r.unusable != "":
		return Tokens{}, p.notRefreshed(r)
	}
	return r.tokens, nil
}

// notRefreshed is the error for a refresh whose answer holds no usable token.
func (p *Provider) notRefreshed(r reply) *oauth.Error {
	answer := &Answer{Status: r.status, Code: r.code, Problem: r.unusable, refused: r.spent()}
	e := &oauth.Error{Code: oauth.ProviderError, Description: r.refreshAdvice(), Cause: answer}
	return p.unavailable(e, r.status, r.header)
}

// spent reports whether the answer says, in the provider's own words, that the
// refresh token is of no more use (RFC 6749 §5.2). Auth0 says it with status 403,
// GitHub with 200 and a code of its own.
func (r reply) spent() bool {
	switch r.status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return r.code == "invalid_grant" || r.code == "bad_refresh_token"
	case http.StatusOK:
		return r.code == "bad_refresh_token"
	}
	return false
}

// refreshAdvice says what to do about a refused refresh.
func (r reply) refreshAdvice() string {
	if r.spent() {
		return "The provider has ended this sign-in: its refresh token has expired, was revoked or was used before. Sign in again."
	}
	switch r.code {
	case "invalid_client", "incorrect_client_credentials":
		return credentials
	case "unauthorized_client", "unsupported_grant_type":
		return "The provider does not allow this client the refresh token grant. Allow it there."
	}
	if r.status == http.StatusUnauthorized {
		return credentials
	}
	if what := byStatus("token endpoint", r.status, tryAgain); what != "" {
		return what
	}
	return "The provider's answer holds no usable token. " + tryAgain + "; if it stays so, check the provider's settings."
}
