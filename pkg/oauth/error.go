// Package oauth holds the vocabulary of the RFCs that both halves share: the
// error type and its codes, and the strict reading of parameters.
//
// It never does I/O and never decides what an endpoint allows.
package oauth

import (
	"net/http"
	"time"
)

// Code is the value of the "error" member or parameter.
type Code string

// The codes of the client half. Those that RFC 6749 §4.1.2.1 defines keep its
// spelling; the others name what happened to one login.
const (
	InvalidRequest      Code = "invalid_request"
	AccessDenied        Code = "access_denied"
	LoginExpired        Code = "login_expired"
	StateUnknown        Code = "state_unknown"
	StateUsed           Code = "state_used"
	IssuerMismatch      Code = "issuer_mismatch"
	NonceMismatch       Code = "nonce_mismatch"
	WrongBrowser        Code = "wrong_browser"
	ConfigError         Code = "config_error"
	ProviderError       Code = "provider_error"
	ProviderUnavailable Code = "provider_unavailable"
	StoreUnavailable    Code = "store_unavailable"
	NotAuthenticated    Code = "not_authenticated"
	SessionExpired      Code = "session_expired"
	CSRFRequired        Code = "csrf_required"
)

// The codes a provider may send that change what we answer (RFC 6749 §4.1.2.1).
const (
	ServerError            Code = "server_error"
	TemporarilyUnavailable Code = "temporarily_unavailable"
)

// The codes of the authorization endpoint (RFC 6749 §4.1.2.1, OpenID Connect
// Core §3.1.2.6), and of a sign-in that was tried too often.
const (
	UnauthorizedClient      Code = "unauthorized_client"
	InvalidScope            Code = "invalid_scope"
	UnsupportedResponseType Code = "unsupported_response_type"
	LoginRequired           Code = "login_required"
	ConsentRequired         Code = "consent_required"
	RequestNotSupported     Code = "request_not_supported"
	RequestURINotSupported  Code = "request_uri_not_supported"
	RateLimited             Code = "rate_limited"
)

// The codes of the token endpoint and its neighbours (RFC 6749 §5.2, RFC 8707
// §2). The authorization endpoint uses some of them too (§4.1.2.1).
const (
	InvalidClient        Code = "invalid_client"
	InvalidGrant         Code = "invalid_grant"
	InvalidTarget        Code = "invalid_target"
	UnsupportedGrantType Code = "unsupported_grant_type"
)

// The codes of a protected resource (RFC 6750 §3.1).
const (
	InvalidToken      Code = "invalid_token"
	InsufficientScope Code = "insufficient_scope"
)

var statuses = map[Code]int{
	InvalidToken:           http.StatusUnauthorized,
	InsufficientScope:      http.StatusForbidden,
	RateLimited:            http.StatusTooManyRequests,
	InvalidClient:          http.StatusUnauthorized,
	InvalidGrant:           http.StatusBadRequest,
	InvalidScope:           http.StatusBadRequest,
	InvalidTarget:          http.StatusBadRequest,
	UnauthorizedClient:     http.StatusBadRequest,
	UnsupportedGrantType:   http.StatusBadRequest,
	TemporarilyUnavailable: http.StatusServiceUnavailable,
	InvalidRequest:         http.StatusBadRequest,
	AccessDenied:           http.StatusBadRequest,
	LoginExpired:           http.StatusBadRequest,
	StateUnknown:           http.StatusBadRequest,
	StateUsed:              http.StatusBadRequest,
	IssuerMismatch:         http.StatusBadRequest,
	NonceMismatch:          http.StatusBadRequest,
	WrongBrowser:           http.StatusForbidden,
	NotAuthenticated:       http.StatusUnauthorized,
	SessionExpired:         http.StatusUnauthorized,
	CSRFRequired:           http.StatusForbidden,
	ConfigError:            http.StatusInternalServerError,
	ProviderError:          http.StatusBadGateway,
	ProviderUnavailable:    http.StatusServiceUnavailable,
	StoreUnavailable:       http.StatusServiceUnavailable,
}

// Error is a refusal on its way to a person or a program. It carries no code,
// state, token or secret, and nothing of a provider's body but what was
// reduced to plain text on purpose.
type Error struct {
	// Code is required.
	Code Code
	// Description says what happened and what to do, in plain text for
	// people. Required.
	Description string
	// Status is the HTTP status when it is not the code's usual one.
	Status int
	// RetryAfter is sent as Retry-After in whole seconds when positive.
	RetryAfter time.Duration
	// RetryURL is where trying again starts, a path on this host; empty when
	// there is none.
	RetryURL string
	// Cause goes to the log and nowhere else. It must not hold a secret
	// either.
	Cause error
}

// Error implements error; it is for logs.
func (e *Error) Error() string {
	if e.Cause != nil {
		return string(e.Code) + ": " + e.Cause.Error()
	}
	return string(e.Code) + ": " + e.Description
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// HTTPStatus is Status, or the usual status of the code, or 500.
func (e *Error) HTTPStatus() int {
	if e.Status != 0 {
		return e.Status
	}
	if s, ok := statuses[e.Code]; ok {
		return s
	}
	return http.StatusInternalServerError
}
