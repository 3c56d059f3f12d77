// Package rp is the relying party: it sends a browser to the provider with a
// PKCE challenge, and turns the code that comes back into tokens. Each
// endpoint is a struct whose exported fields are what it depends on.
//
// It never renders a password form, and never trusts a parameter for what a
// setting decides.
package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Logins keeps logins in flight. ClaimLogin is atomic: of any number of
// callers with the same key exactly one nonce wins, also when the reply to the
// winner is lost and asked for again with the same nonce.
type Logins interface {
	// PutLogin stores r. Storing the same record again is no error.
	PutLogin(ctx context.Context, r session.Record) error
	// ClaimLogin consumes the record for the request that nonce names. It
	// fails with session.ErrUnknown, ErrExpired, ErrOtherBrowser or ErrUsed,
	// and with ErrExpired and ErrUsed returns the record all the same; any
	// other error means that the outcome is not known.
	ClaimLogin(ctx context.Context, key, browserHash, nonce string, now time.Time) (session.Record, error)
}

// loginPath is where a refused person starts again.
const loginPath = "/login"

// method refuses a request whose method is none of allowed.
func method(w http.ResponseWriter, r *http.Request, allowed ...string) *oauth.Error {
	list := ""
	for i, m := range allowed {
		if r.Method == m {
			return nil
		}
		if i > 0 {
			list += ", "
		}
		list += m
	}
	w.Header().Set("Allow", list)
	return &oauth.Error{
		Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed,
		Description: "This address answers " + list + " only.",
	}
}

// malformed is the refusal of parameters that cannot be read in one way only.
func malformed(err error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.InvalidRequest, RetryURL: loginPath, Cause: err,
		Description: "The address of this page is damaged or incomplete. Start signing in again.",
	}
}

// storeDown is the refusal when the store gave no usable answer. Of what has to
// be mended first the store says so itself.
func storeDown(err error) *oauth.Error {
	if own, ok := errors.AsType[*oauth.Error](err); ok {
		mend := *own
		return &mend
	}
	return &oauth.Error{
		Code: oauth.StoreUnavailable, RetryURL: loginPath, RetryAfter: 2 * time.Second, Cause: err,
		Description: "The sign-in could not be stored just now. Please try again in a moment.",
	}
}

// retryURL is where a refused login starts again with the same destination.
func retryURL(returnTo string) string {
	if returnTo == "" || returnTo == DefaultReturnTo {
		return loginPath
	}
	return loginPath + "?" + oauth.Params{"return_to": returnTo}.Encode()
}
