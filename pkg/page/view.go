package page

import (
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// failureView is what the page of a refusal shows.
type failureView struct {
	// Heading says in a few words what happened.
	Heading string
	// Description is the error's own, for people.
	Description string
	// RetryURL is where the link on leads, a path on this host, and Retry its
	// words; without the first there is no such link.
	RetryURL, Retry string
	// Wait is how many whole seconds to wait first; empty when none.
	Wait string
	// RequestID and Code are what to quote to support. RequestID may be empty.
	RequestID, Code string
}

// headings has one for each code of pkg/oauth that reaches a page.
var headings = map[oauth.Code]string{
	oauth.InvalidRequest:      "That request did not make sense",
	oauth.AccessDenied:        "Sign-in was declined",
	oauth.LoginExpired:        "That took too long",
	oauth.StateUnknown:        "We do not know this sign-in",
	oauth.StateUsed:           "This sign-in was already used",
	oauth.IssuerMismatch:      "The answer came from the wrong place",
	oauth.NonceMismatch:       "The answer belongs to another sign-in",
	oauth.WrongBrowser:        "You started in another browser",
	oauth.ConfigError:         "This service is not set up correctly",
	oauth.ProviderError:       "Sign-in did not work",
	oauth.ProviderUnavailable: "The sign-in service is not answering",
	oauth.StoreUnavailable:    "We cannot sign you in right now",
	oauth.NotAuthenticated:    "You are not signed in",
	oauth.SessionExpired:      "Your session has ended",
	oauth.CSRFRequired:        "This request did not come from this site",

	oauth.TemporarilyUnavailable: "We cannot sign you in right now",
}

// signedOut reports a refusal that a new login mends.
func signedOut(e *oauth.Error) bool {
	return e.Code == oauth.NotAuthenticated || e.Code == oauth.SessionExpired
}

// retry is what the link on says.
func retry(e *oauth.Error) string {
	if signedOut(e) {
		return "Sign in"
	}
	return "Try again"
}

// heading of a refusal: that of a status which says more than the code, or
// of the code, or one for all others.
func heading(e *oauth.Error) string {
	switch e.Status {
	case http.StatusNotFound:
		return "There is nothing here"
	case http.StatusMethodNotAllowed:
		return "That does not work here"
	}
	if h, ok := headings[e.Code]; ok {
		return h
	}
	return "Something went wrong"
}
