package userinfo

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

const formType = "application/x-www-form-urlencoded"

// maxBody bounds a form, in bytes. The gateway's own limit is larger.
const maxBody = 32 << 10

// errNoToken: the request carries no token, so nothing is said about one.
var errNoToken = errors.New("userinfo: no token")

// bearer finds the one access token of r: in the Authorization header (RFC
// 6750 §2.1), or in the form of a POST (§2.2). One in the query (§2.3) is
// refused: it would be in logs and histories, and OAuth 2.1 forbids it.
func bearer(r *http.Request) (string, *oauth.Error) {
	query, err := oauth.ParseParams(r.URL.RawQuery)
	if err != nil {
		return "", malformed("The query of the request is damaged.", err)
	}
	if _, there := query["access_token"]; there {
		return "", malformed("An access token does not belong into the query. Send it in the Authorization header.", nil)
	}
	form, refusal := formToken(r)
	if refusal != nil {
		return "", refusal
	}
	header, refusal := headerToken(r.Header["Authorization"])
	switch {
	case refusal != nil:
		return "", refusal
	case header != "" && form != "":
		return "", malformed("The request carries an access token in two ways. Use one.", nil)
	case header+form == "":
		return "", &oauth.Error{Code: oauth.InvalidToken, Description: "Send an access token in the Authorization header.", Cause: errNoToken}
	}
	return header + form, nil
}

// headerToken reads the Authorization headers; another scheme than Bearer is
// as good as none.
func headerToken(headers []string) (string, *oauth.Error) {
	if len(headers) > 1 {
		return "", malformed("The request has two Authorization headers. Send one.", nil)
	}
	if len(headers) == 0 {
		return "", nil
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	if token = strings.Trim(token, " "); token == "" || strings.ContainsFunc(token, notTokenRune) {
		return "", malformed("The Authorization header has to be Bearer, one space and the access token.", nil)
	}
	return token, nil
}

// notTokenRune reports what no b64token has (RFC 6750 §2.1).
func notTokenRune(c rune) bool {
	return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("-._~+/=", c))
}

func formToken(r *http.Request) (string, *oauth.Error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || kind != formType {
		return "", nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return "", malformed("The form could not be read, or is too large.", err)
	}
	form, err := oauth.ParseParams(string(body))
	if err != nil {
		return "", malformed("The form is damaged.", err)
	}
	return form["access_token"], nil
}

func malformed(description string, cause error) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidRequest, Description: description, Cause: cause}
}

// refusalOf says for which of the three reasons of RFC 6750 §3.1 a token was
// not answered. Everything else is a failure of ours, and no token's fault.
func refusalOf(err error) *oauth.Error {
	for _, reason := range []struct {
		is          error
		description string
	}{
		{errExpired, "The access token has expired."},
		{grant.ErrExpired, "What the access token stood for is over."},
		{grant.ErrRevoked, "The access token was revoked."},
		{errUser, "The user of this access token can no longer sign in."},
		{user.ErrUnknown, "The user of this access token can no longer sign in."},
		{grant.ErrToken, "This is not an access token of this server."},
		{grant.ErrUnknown, "This is not an access token of this server."},
		{secret.ErrUnknownKey, "The access token was signed with a key that is no longer in use."},
	} {
		if errors.Is(err, reason.is) {
			return &oauth.Error{Code: oauth.InvalidToken, Description: reason.description, Cause: err}
		}
	}
	if errors.Is(err, errScope) {
		return &oauth.Error{Code: oauth.InsufficientScope, Description: "The access token does not cover the scope openid.", Cause: err}
	}
	refusal := &oauth.Error{
		Code: oauth.TemporarilyUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: 2 * time.Second, Cause: err,
		Description: "The claims cannot be read just now. Try again in a moment.",
	}
	if known, ok := errors.AsType[*oauth.Error](err); ok && known.HTTPStatus() == http.StatusInternalServerError {
		refusal = &oauth.Error{Code: oauth.ServerError, Description: known.Description, Cause: err}
	}
	return refusal
}

// refuse answers with the challenge of RFC 6750 §3. A request without a token
// gets no error code in it (§3.1).
func refuse(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	challenge := `Bearer realm="userinfo"`
	switch e.Code {
	case oauth.InvalidToken, oauth.InsufficientScope, oauth.InvalidRequest:
		if !errors.Is(e, errNoToken) {
			challenge += `, error="` + string(e.Code) + `", error_description="` + e.Description + `"`
		}
		if e.Code == oauth.InsufficientScope {
			challenge += `, scope="openid"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	page.Refuse(w, r, e)
}
