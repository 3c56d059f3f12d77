package provider

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// maxRetryAfter bounds what a provider may make people wait.
const maxRetryAfter = time.Hour

// Refused is the error for a callback that carries error= (RFC 6749
// §4.1.2.1): the person said no, the provider is not there for the moment, or
// anything else. code and description are the provider's; only a clean code
// and plain text are passed on.
func (p *Provider) Refused(code, description string) *oauth.Error {
	said := ""
	if text := oauth.Plain(description); text != "" {
		said = ` The provider says: "` + text + `"`
	}
	cause := failure("redirected with an error")
	if c := clean(code); c != "" {
		cause = failure("redirected with " + c)
	}
	switch oauth.Code(code) {
	case oauth.AccessDenied:
		return &oauth.Error{Code: oauth.AccessDenied, Cause: cause,
			Description: "The login was declined at the provider. Start again if that was a mistake." + said}
	case oauth.TemporarilyUnavailable, oauth.ServerError:
		return &oauth.Error{Code: oauth.ProviderUnavailable, RetryAfter: retryAfter, Cause: cause,
			Description: "The provider cannot answer at the moment. Try again in a few seconds." + said}
	}
	advice := "Start the login again."
	switch code {
	case "invalid_scope":
		advice = "Check OAUTH_SCOPE: the provider does not give this client every scope in it."
	case "unauthorized_client", "unsupported_response_type":
		advice = "Allow the authorization code grant for this client at the provider."
	case "invalid_client":
		advice = "Check OAUTH_CLIENT_ID."
	case "redirect_uri_mismatch":
		advice = "Register this application's redirect URI with the provider, exactly as it is sent."
	case "login_required", "consent_required", "interaction_required", "account_selection_required":
		advice = "The provider has to ask you something first: start the login again without prompt=none."
	}
	return &oauth.Error{Code: oauth.ProviderError, Cause: cause,
		Description: "The provider refused the login. " + advice + said}
}

// What to do when trying again may help: a login starts anew, and a session
// lives on.
const (
	loginAgain = "Start the login again"
	tryAgain   = "Try again"
)

// unreachable is the error for a request to an endpoint without a whole
// answer. again is loginAgain or tryAgain.
func unreachable(endpoint string, f failure, again string) *oauth.Error {
	e := &oauth.Error{
		Code:        oauth.ProviderUnavailable,
		Description: "The provider cannot be reached. " + again + " in a few seconds.",
		RetryAfter:  retryAfter,
		Cause:       failure(endpoint + ": " + string(f)),
	}
	switch {
	case f == failTimeout:
		e.Status = http.StatusGatewayTimeout
		e.Description = "The provider took too long to answer. " + again + " in a few seconds."
	case f.answered():
		e.Code, e.RetryAfter = oauth.ProviderError, 0
		e.Description = "The provider's answer broke off or cannot be read. " + again + "; if it stays so, check the " + endpoint + "'s URL."
	}
	return e
}

// refusal is the error for an exchange whose answer holds no usable token.
func (p *Provider) refusal(r reply, redirectURI string) *oauth.Error {
	e := &oauth.Error{
		Code:        oauth.ProviderError,
		Description: advice(r.status, r.code, redirectURI),
		Cause:       &Answer{Status: r.status, Code: r.code, Problem: r.unusable},
	}
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		e.RetryAfter = retryAfterOf(r.header, p.now())
	}
	return e
}

const credentials = "The provider does not accept this application's credentials. Check OAUTH_CLIENT_ID, the client secret and OAUTH_CLIENT_AUTH."

// advice says what to do about a refused exchange. The codes beyond RFC 6749
// §5.2 are GitHub's and Google's.
func advice(status int, code, redirectURI string) string {
	switch code {
	case "invalid_client", "incorrect_client_credentials":
		return credentials
	case "redirect_uri_mismatch":
		return "The provider does not know this redirect URI. Register exactly " + redirectURI + " there."
	case "invalid_request":
		return "The provider did not understand the exchange. Check that exactly " + redirectURI + " is registered there as redirect URI."
	case "invalid_grant", "bad_verification_code":
		return "The provider did not accept the code: it has expired, was used before, or was made for another login. Start the login again."
	case "unauthorized_client", "unsupported_grant_type":
		return "The provider does not allow this client the authorization code grant. Allow it there."
	}
	if status == http.StatusUnauthorized {
		return credentials
	}
	if what := byStatus("token endpoint", status, loginAgain); what != "" {
		return what
	}
	return "The provider's answer holds no usable token. " + loginAgain + "; if it stays so, check the provider's settings."
}

// byStatus says what to do about a status that means the same wherever it
// comes from, "" for one that does not.
func byStatus(endpoint string, status int, again string) string {
	switch {
	case status >= 300 && status < 400:
		return "The " + endpoint + " redirects, which is never followed. Check its URL, a trailing slash included."
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return "There is no " + endpoint + " at the configured URL. Check it, a trailing slash included."
	case status == http.StatusTooManyRequests:
		return "The provider has had too many requests. Wait a little. " + again + "."
	case status >= 500:
		return "The provider had an error of its own. " + again + " in a few seconds."
	}
	return ""
}

// unavailable makes e the error for an answer that asks for patience (status
// 429 or 5xx), with the provider's Retry-After or, without, 5 s.
func (p *Provider) unavailable(e *oauth.Error, status int, h http.Header) *oauth.Error {
	if status != http.StatusTooManyRequests && status < 500 {
		return e
	}
	e.Code, e.RetryAfter = oauth.ProviderUnavailable, retryAfter
	if wait := retryAfterOf(h, p.now()); wait > 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		e.RetryAfter = wait
	}
	return e
}

// retryAfterOf reads Retry-After (RFC 9110 §10.2.3), seconds or a date, up to
// an hour. Anything else is 0.
func retryAfterOf(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if strings.Trim(v, "0123456789") == "" {
		seconds, err := strconv.Atoi(v)
		if err != nil || seconds > int(maxRetryAfter/time.Second) {
			return maxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	wait := at.Sub(now)
	if wait <= 0 {
		return 0
	}
	return min(wait, maxRetryAfter-time.Second).Truncate(time.Second) + time.Second
}
