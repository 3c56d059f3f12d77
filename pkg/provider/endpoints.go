package provider

import (
	"context"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// Endpoints returns the provider's URLs. For the built-in server they hang on
// the base URL in ctx; for an issuer they are discovered, once for all callers
// and at most every hour. The error is an *oauth.Error with the code
// ProviderUnavailable.
func (p *Provider) Endpoints(ctx context.Context) (Endpoints, error) {
	switch {
	case p.Issuer != "":
		return p.discover(ctx)
	case p.Fixed.Authorize != "":
		return p.Fixed, nil
	}
	return builtin(baseurl.From(ctx)), nil
}

// builtin is the server half of this stack. It is asked for its own routes
// without discovery: they are the same program's.
func builtin(base string) Endpoints {
	return Endpoints{
		Authorize:   base + "/oauth/authorize",
		Token:       base + "/oauth/tokenize",
		UserInfo:    base + "/oauth/userinfo",
		Revoke:      base + "/oauth/revoke",
		EndSession:  base + "/oauth/end_session",
		JWKS:        base + "/oauth/jwks",
		Issuer:      base,
		IssRequired: true,
		IDTokenAlgs: []string{"ES256"},
	}
}

// CheckIssuer compares the "iss" parameter of a callback with the issuer the
// request went to (RFC 9207 §2.4): byte for byte whenever it is there, and
// there it must be when the provider says that it always is. Without a known
// issuer there is nothing to compare. The error is an *oauth.Error with the
// code IssuerMismatch.
func (p *Provider) CheckIssuer(ep Endpoints, iss string, present bool) error {
	switch {
	case ep.Issuer == "":
		return nil
	case present && iss != ep.Issuer:
		return &oauth.Error{
			Code:        oauth.IssuerMismatch,
			Description: "This answer names another provider than the one the login went to, so it was not used. Start the login again.",
			Cause:       failure("iss differs"),
		}
	case !present && ep.IssRequired:
		return &oauth.Error{
			Code:        oauth.IssuerMismatch,
			Description: "This answer does not say which provider it comes from, which this provider always does, so it was not used. Start the login again.",
			Cause:       failure("iss is missing"),
		}
	}
	return nil
}
