package token

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
)

// code trades a code for tokens (RFC 6749 §4.1.3) by one conditional write. A
// check that fails uses nothing up; a code that comes again with everything
// right ends its grant (§4.1.2), whoever won.
func (e *Endpoint) code(ctx context.Context, q *request) (*answer, *oauth.Error) {
	code, redirect, verifier := q.params["code"], q.params["redirect_uri"], q.params["code_verifier"]
	switch {
	case code == "":
		return nil, invalid("code is missing.")
	case verifier == "" && !q.client.PKCEOptional:
		return nil, denied("code_verifier is missing (RFC 7636 section 4.5).", nil)
	case verifier != "" && !verifierSyntax(verifier):
		// RFC 7636 §4.6 has invalid_grant for a value that does not match.
		// This is none at all by §4.1, so the request is malformed.
		return nil, invalid("code_verifier is not 43 to 128 letters, digits, hyphens, dots, underscores and tildes.")
	}
	t, err := parse(ctx, e.Keys, code, grant.Code)
	switch {
	case errors.Is(err, grant.ErrToken):
		return nil, denied("The code is not one of this server's.", err)
	case err != nil:
		return nil, unavailable(err)
	}
	d := grant.Redemption{
		Client: grant.Hash(q.client.ID), Nonce: q.nonce,
		Now: q.now, IdleAt: q.now.Add(e.refreshFor(q.client)),
	}
	if redirect != "" {
		d.Redirect = grant.Hash(redirect)
	}
	if verifier != "" {
		d.Challenge = pkce.Challenge(verifier)
	}
	key := grant.KeyFor(t.GID)
	r, err := e.Grants.RedeemCode(ctx, key, d)
	if errors.Is(err, grant.ErrRedirect) && slices.Equal(q.client.RedirectURIs, []string{redirect}) {
		// An authorization request that left the only registered URI out is
		// recorded without one, and a client may name it here all the same.
		d.Redirect = ""
		r, err = e.Grants.RedeemCode(ctx, key, d)
	}
	if err == nil {
		return e.redeemed(ctx, q, r, t)
	}
	if errors.Is(err, grant.ErrRedirect) && redirect == "" {
		return nil, invalid("redirect_uri is missing; send the one of the authorization request again.")
	}
	if errors.Is(err, grant.ErrReplayed) {
		if revoked := e.Grants.RevokeGrant(ctx, key, d.Client); revoked != nil {
			return nil, unavailable(revoked)
		}
	}
	if why, ok := whyNot(codeReasons, err); ok {
		return nil, denied(why, err)
	}
	return nil, unavailable(err)
}

func (e *Endpoint) redeemed(ctx context.Context, q *request, r grant.Record, t grant.Token) (*answer, *oauth.Error) {
	g, ring, err := open(ctx, e.Keys, r, t.GID)
	switch {
	case errors.Is(err, grant.ErrUnknown):
		return nil, denied("The key that this code was made with has been retired. Start again at the authorization endpoint.", err)
	case err != nil:
		return nil, unavailable(err)
	}
	approved := t.Scopes & full(g)
	return e.issue(ctx, q, r, g, ring, approved, approved)
}

// reason says in error_description why a grant cannot be used: RFC 6749 §5.2
// has one code for all of them.
type reason struct {
	err error
	why string
}

var codeReasons = []reason{
	{grant.ErrUnknown, "The code is unknown; it may have expired long ago. Start again at the authorization endpoint."},
	{grant.ErrExpired, "The code has expired. Start again at the authorization endpoint."},
	{grant.ErrRevoked, "What the code stood for has been revoked. Start again at the authorization endpoint."},
	{grant.ErrClient, "The code was issued to another client."},
	{grant.ErrRedirect, "redirect_uri is not that of the authorization request, byte for byte."},
	{grant.ErrVerifier, "code_verifier does not belong to the code_challenge of the authorization request."},
	{grant.ErrReplayed, "The code was used before. All tokens that it gave are revoked now."},
}

// whyNot finds the words for err; false when err is no verdict on a grant.
func whyNot(reasons []reason, err error) (string, bool) {
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			return r.why, true
		}
	}
	return "", false
}

// verifierSyntax is code-verifier of RFC 7636 §4.1.
func verifierSyntax(s string) bool {
	return len(s) >= 43 && len(s) <= 128 && !strings.ContainsFunc(s, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~", c))
	})
}
