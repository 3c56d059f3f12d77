package token

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// refusal is the body of RFC 6749 §5.2.
type refusal struct {
	Error       oauth.Code `json:"error"`
	Description string     `json:"error_description"`
}

// reply writes v as JSON that nobody keeps (RFC 6749 §5.1).
func reply(w http.ResponseWriter, status int, v any) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	uncached(h)
	w.WriteHeader(status)
	// Only strings and numbers come here, so that an error is the
	// connection's: whoever asked has gone, and nobody is left to tell.
	_ = json.NewEncoder(w).Encode(v)
}

// uncached sets headers by their canonical names. The array is the response's
// own: whoever comes after may write into the slices.
func uncached(h http.Header) {
	v := [4]string{"no-store", "no-cache", "nosniff", "no-referrer"}
	h["Cache-Control"] = v[0:1:1]
	h["Pragma"] = v[1:2:2]
	h["X-Content-Type-Options"] = v[2:3:3]
	h["Referrer-Policy"] = v[3:4:4]
}

// refuse answers with e as RFC 6749 §5.2 has it, and puts the outcome and the
// cause on the log line. Descriptions are this package's own constants, in the
// characters that error_description allows.
func refuse(w http.ResponseWriter, r *http.Request, e *oauth.Error) {
	logline.Add(r.Context(), slog.String("outcome", outcome(e)))
	if e.Cause != nil {
		logline.Add(r.Context(), slog.String("cause", oauth.Plain(e.Cause.Error())))
	}
	status := e.HTTPStatus()
	if status == http.StatusUnauthorized {
		// RFC 9110 §15.5.2 asks for it with every 401, RFC 6749 §5.2 with those
		// that answer a Basic header.
		w.Header().Set("WWW-Authenticate", `Basic realm="latchkey", charset="UTF-8"`)
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(e.RetryAfter/time.Second)))
	}
	reply(w, status, refusal{e.Code, e.Description})
}

// The outcomes of a refusal that somebody should look at: of two parties that
// had the same code or refresh token, one may be a thief. The client is told
// invalid_grant, as of anything else that is wrong with a grant.
const (
	codeReplayed  = "code_replayed"
	refreshReused = "refresh_reused"
)

// outcome is what a refusal is called in the log.
func outcome(e *oauth.Error) string {
	switch {
	case errors.Is(e.Cause, grant.ErrReplayed):
		return codeReplayed
	case errors.Is(e.Cause, grant.ErrReused):
		return refreshReused
	}
	return string(e.Code)
}

func invalid(description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidRequest, Description: description}
}

func denied(description string, cause error) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidGrant, Description: description, Cause: cause}
}

// unavailable is the refusal while a store or the keys cannot be reached.
// Nothing is let through in their place.
func unavailable(err error) *oauth.Error {
	if e, ok := errors.AsType[*oauth.Error](err); ok && e.Code == oauth.ConfigError {
		return &oauth.Error{Code: oauth.ServerError, Description: e.Description, Cause: err}
	}
	return &oauth.Error{
		Code: oauth.TemporarilyUnavailable, RetryAfter: 2 * time.Second, Cause: err,
		Description: "The server cannot reach its store just now. Try again in a moment.",
	}
}
