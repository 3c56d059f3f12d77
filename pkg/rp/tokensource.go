package rp

import (
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"
)

// TokenSource gives a function the access token of the session that r's cookie
// belongs to, for calls to the provider's own API. Each new token comes through
// the session: refreshed when due, by one request at a time across all
// processes, and kept for the next one. A token is used again until it ends, so
// make a TokenSource for each request and do not keep it.
//
// The request has come through package gateway. Errors of Token are
// *oauth.Error: NotAuthenticated, SessionExpired, ProviderUnavailable and
// StoreUnavailable, and InvalidRequest and ConfigError for what does not pass.
func (f *Refresher) TokenSource(r *http.Request) oauth2.TokenSource {
	return oauth2.ReuseTokenSource(nil, &source{f, r})
}

type source struct {
	f *Refresher
	r *http.Request
}

// Token implements [oauth2.TokenSource].
func (t *source) Token() (*oauth2.Token, error) {
	s, refusal := t.f.current(t.r)
	if refusal == nil {
		s, refusal = t.f.fresh(t.r.Context(), s)
	}
	switch {
	case refusal != nil:
	case s.Realm != t.f.Provider.Realm():
		refusal = over(errors.New("the session is of a provider that was set up before"))
	case s.rest(t.f.Now()) <= 0:
		refusal = over(errors.New("the access token has ended, and there is no refresh token"))
	}
	if refusal != nil {
		return nil, refusal
	}
	return &oauth2.Token{AccessToken: s.AccessToken, TokenType: "Bearer", Expiry: time.Unix(s.TokenExpiresAt, 0)}, nil
}
