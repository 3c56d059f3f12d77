package rp

import (
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const (
	// csrfHeader is one that a page of another site cannot add to a request
	// without a preflight, which nothing here answers.
	csrfHeader = "X-CSRF"

	logoutForm = "latchkey form logout v1"
)

var crossOrigin = http.NewCrossOriginProtection()

// crossSite refuses a request that changes something and comes from another
// site, as the browser tells in Sec-Fetch-Site or Origin.
func crossSite(r *http.Request) *oauth.Error {
	if err := crossOrigin.Check(r); err != nil {
		return forged(err)
	}
	return nil
}

// ownScript refuses what neither comes from this site nor carries the header
// of its scripts.
func ownScript(r *http.Request) *oauth.Error {
	if refusal := crossSite(r); refusal != nil {
		return refusal
	}
	if r.Header.Get(csrfHeader) != "1" {
		return forged(nil)
	}
	return nil
}

func forged(cause error) *oauth.Error {
	return &oauth.Error{
		Code: oauth.CSRFRequired, Cause: cause,
		Description: "This has to be asked for by a page of this site. Scripts send the header " + csrfHeader + ": 1.",
	}
}

// formToken makes the hidden field of a form for one session: who has not its
// cookie cannot have had such a form.
func formToken(ring *secret.Ring, key string) string {
	return ring.SealText(logoutForm, nil, key)
}

// formTokenHolds reports whether text is a formToken for the session under key.
func formTokenHolds(ring *secret.Ring, text, key string) bool {
	_, err := ring.OpenText(logoutForm, text, key)
	return err == nil
}
