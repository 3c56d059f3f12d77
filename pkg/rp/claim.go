package rp

import (
	"errors"
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// claim consumes the pending login, once, for this browser and this request.
// again says that it has done so before and is signed in: then there is nothing
// to do but to go where the login led (a reload, a second click).
func (c *Callback) claim(r *http.Request, a answer) (login session.Login, again bool, refusal *oauth.Error) {
	ctx, hash := r.Context(), ""
	if a.browser != "" {
		hash = secret.Hash(a.browser)
	}
	record, err := c.Logins.ClaimLogin(ctx, session.LoginKey(a.state), hash, secret.Mint(128), c.Now())
	if err == nil {
		login, err := record.Open(a.state)
		if err != nil {
			return session.Login{}, false, stateUnknown(err)
		}
		if login.Provider != c.Provider.Realm() {
			return session.Login{}, false, &oauth.Error{
				Code: oauth.StateUnknown, RetryURL: retryURL(login.ReturnTo),
				Description: "This site's sign-in service was changed meanwhile. Start signing in again.",
			}
		}
		return login, false, nil
	}
	refusal = verdict(err)
	refusal.RetryURL = loginPath
	if hash == "" || record.BrowserHash != hash {
		return session.Login{}, false, refusal
	}
	if login, err = record.Open(a.state); err != nil {
		return session.Login{}, false, refusal
	}
	if record.Claim != "" && c.Keeper != nil {
		switch _, none := c.Keeper.current(r); {
		case none == nil:
			return login, true, nil
		case !signedOut(none):
			return session.Login{}, false, none // nobody can tell; a reload will
		}
	}
	refusal.RetryURL = retryURL(login.ReturnTo)
	return session.Login{}, false, refusal
}

// verdict says why a login could not be claimed.
func verdict(err error) *oauth.Error {
	switch {
	case errors.Is(err, session.ErrUnknown):
		return stateUnknown(err)
	case errors.Is(err, session.ErrExpired):
		return &oauth.Error{
			Code: oauth.LoginExpired, Cause: err,
			Description: "This sign-in took too long. Start signing in again.",
		}
	case errors.Is(err, session.ErrOtherBrowser):
		return &oauth.Error{
			Code: oauth.WrongBrowser, Cause: err,
			Description: "This sign-in was not started in this browser, or longer ago than ten minutes. Start signing in again, here.",
		}
	case errors.Is(err, session.ErrUsed):
		return &oauth.Error{
			Code: oauth.StateUsed, Cause: err,
			Description: "This sign-in was finished already. If you are not signed in, start again.",
		}
	default:
		return storeDown(err)
	}
}

func stateUnknown(cause error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.StateUnknown, RetryURL: loginPath, Cause: cause,
		Description: "This sign-in is not known here: it is too old, or its address was changed. Start signing in again.",
	}
}
