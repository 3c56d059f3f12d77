package authorization

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// The paths that an Endpoint serves.
const (
	PathAuthorize  = "/oauth/authorize"
	PathSignIn     = "/oauth/signin"
	PathApprove    = "/oauth/approve"
	PathSignOut    = "/oauth/signout"
	PathEndSession = "/oauth/end_session"
)

// Paths are all of them, for whoever wires a mux.
var Paths = []string{PathAuthorize, PathSignIn, PathApprove, PathSignOut, PathEndSession}

const (
	// SignInAge is how long a browser stays signed in.
	SignInAge = 24 * time.Hour
	// ConsentAge is how long an approval is remembered.
	ConsentAge = 90 * 24 * time.Hour
)

// Clients are the registered clients; an unknown one is client.ErrUnknown.
type Clients interface {
	GetClient(ctx context.Context, id string) (client.Client, error)
}

// Users are the resource owners; an unknown one is user.ErrUnknown.
type Users interface {
	GetUser(ctx context.Context, name string) (user.User, error)
}

// Flows keeps what a sign-in and an approval leave behind. An error means that
// the outcome is not known, but for what the methods say.
type Flows interface {
	// PutGrant creates the grant. One that is there already stays as it is,
	// which is no error: however often a form is sent, it makes one grant.
	PutGrant(ctx context.Context, r grant.Record) error
	PutSignIn(ctx context.Context, r session.Record) error
	// DeleteSignIn succeeds also when there is none.
	DeleteSignIn(ctx context.Context, key string) error
	// GetSignIn reads a sign-in and a consent in one operation. What is not
	// there is the zero Record. consentKey may be empty.
	GetSignIn(ctx context.Context, signInKey, consentKey string) (signIn, consent session.Record, err error)
	PutConsent(ctx context.Context, r session.Record) error
	// TakeTry counts one try against a bucket (user.Tries) in one conditional
	// write, so that tries made together cannot pass the limit together. Over
	// the limit it returns how long to wait.
	TakeTry(ctx context.Context, bucket string, limit int, now time.Time) (wait time.Duration, err error)
	// ReturnTry gives one try back.
	ReturnTry(ctx context.Context, bucket string) error
}

// Endpoint serves all of Paths: the authorization endpoint (RFC 6749 §3.1),
// its sign-in and approve forms, and signing out. All fields are required. It
// is safe for concurrent use.
type Endpoint struct {
	// Keys seal what travels between forms and sign the code.
	Keys secret.Keys
	// Clients, Users and Flows are where everything is kept.
	Clients Clients
	Users   Users
	Flows   Flows
	// Lifetimes are those of the code and of the grant.
	Lifetimes grant.Lifetimes
	// Now is the clock, time.Now in production.
	Now func() time.Time
}

// ServeHTTP implements [http.Handler].
func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var get, post http.HandlerFunc
	switch r.URL.Path {
	case PathAuthorize:
		get, post = e.getAuthorize, e.postAuthorize
	case PathSignIn:
		post = guarded(e.postSignIn)
	case PathApprove:
		post = guarded(e.postApprove)
	case PathSignOut:
		get, post = e.getSignOut, guarded(e.postSignOut)
	case PathEndSession:
		get, post = e.getEndSession, e.postEndSession
	default:
		page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusNotFound, Description: "There is nothing at this address."})
		return
	}
	handlers := map[string]http.HandlerFunc{http.MethodGet: get, http.MethodPost: post}
	if h := handlers[r.Method]; h != nil {
		h(w, r)
		return
	}
	var allowed []string
	for m, h := range handlers {
		if h != nil {
			allowed = append(allowed, m)
		}
	}
	slices.Sort(allowed)
	list := strings.Join(allowed, ", ")
	w.Header().Set("Allow", list)
	page.Refuse(w, r, &oauth.Error{
		Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "This address answers " + list + " only.",
	})
}

// guarded refuses a form that a page of another origin has sent.
func guarded(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			page.Refuse(w, r, &oauth.Error{
				Code: oauth.InvalidRequest, Status: http.StatusForbidden, Cause: err,
				Description: "This form was sent from another site. Go back to the application and start again.",
			})
			return
		}
		h(w, r)
	}
}

// down is the refusal when a part that is needed gave no usable answer. Of what
// has to be mended first that part says so itself.
func down(err error) *oauth.Error {
	if own, ok := errors.AsType[*oauth.Error](err); ok && own.Code == oauth.ConfigError {
		mend := *own
		return &mend
	}
	return &oauth.Error{
		Code: oauth.TemporarilyUnavailable, Status: http.StatusServiceUnavailable, RetryAfter: 2 * time.Second, Cause: err,
		Description: "Signing in is not possible just now. Please try again in a moment.",
	}
}

// outcome puts on the log line how the request ended.
func outcome(ctx context.Context, what string) {
	logline.Add(ctx, slog.String("outcome", what))
}

// shrug logs the failure of something that the answer does not depend on.
func shrug(ctx context.Context, err error) {
	if err != nil {
		logline.Add(ctx, slog.String("cause", err.Error()))
	}
}
