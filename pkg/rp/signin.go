package rp

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// identify finds out who has signed in: with openid from the verified ID token,
// for a session also from the userinfo endpoint. The error is an *oauth.Error.
func (c *Callback) identify(ctx context.Context, ep provider.Endpoints, tokens provider.Tokens, login session.Login) (provider.Identity, error) {
	var who provider.Identity
	if c.Provider.OpenID() {
		var err error
		if who, err = c.IDTokens.Verify(ctx, c.Provider, ep, tokens.IDToken, login.Nonce, tokens.AccessToken); err != nil {
			return who, err
		}
	}
	if c.Keeper == nil || ep.UserInfo == "" {
		return who, nil
	}
	if who.Subject != "" {
		return c.described(ctx, ep, tokens, who), nil
	}
	if c.Provider.Subject == "" {
		return who, nil // a provider that names nobody
	}
	return c.Provider.UserInfo(ctx, ep, tokens.AccessToken)
}

// described adds name and e-mail address, which an ID token may leave to the
// userinfo endpoint (OpenID Connect Core §5.4). They decide nothing, so a login
// goes on without them; what is said of another subject is not used (§5.3.2).
func (c *Callback) described(ctx context.Context, ep provider.Endpoints, tokens provider.Tokens, who provider.Identity) provider.Identity {
	if who.Name != "" && who.Email != "" || !asks(tokens.Scope, c.Provider.Scope) {
		return who
	}
	more, err := c.Provider.UserInfo(ctx, ep, tokens.AccessToken)
	switch {
	case err != nil:
		logline.Add(ctx, slog.String("userinfo", err.Error()))
	case more.Subject != who.Subject:
		logline.Add(ctx, slog.String("userinfo", "of another subject"))
	default:
		who.Name, who.Email = cmp.Or(who.Name, more.Name), cmp.Or(who.Email, more.Email)
	}
	return who
}

// asks reports whether the granted scope (or, where the provider does not say,
// the one asked for) has a claim to a name or an address.
func asks(granted, asked string) bool {
	if granted == "" {
		granted = asked
	}
	for scope := range strings.FieldsSeq(granted) {
		if scope == "profile" || scope == "email" {
			return true
		}
	}
	return false
}

// signIn begins a session and sends the browser where the login was to lead.
// The session that the browser had before ends first: it may be somebody else's,
// put there to be found again.
func (c *Callback) signIn(w http.ResponseWriter, r *http.Request, ep provider.Endpoints, login session.Login, tokens provider.Tokens, who provider.Identity, at step) *oauth.Error {
	ctx, began := r.Context(), time.Now()
	// The scope asked for holds unless holding finds another: it is left out of
	// an answer when it is what was asked for (RFC 6749 §5.1).
	s := session.Session{Provider: c.Provider.Name, Realm: c.Provider.Realm(), Subject: who.Subject, Name: who.Name, Email: who.Email, Scope: c.Provider.Scope}
	cookie, err := c.Keeper.replace(ctx, r, holding(s, tokens, c.Now()))
	if err != nil {
		revoke(ctx, c.Provider, ep, tokens.AccessToken, tokens.RefreshToken)
		return at.fail(began, refusalOf(err, login.ReturnTo))
	}
	at.signedIn(began)
	w.Header().Add("Set-Cookie", cookie)
	see(w, login.ReturnTo)
	return nil
}
