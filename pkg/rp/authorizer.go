package rp

import (
	"log/slog"
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/principal"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Authorizer decides, for the gateway, whether a request may reach a function
// that knows nothing of sessions: one read, and at most once an hour a write
// that moves the session's idle end.
//
// A request that changes something has to come from this site. Whatever goes
// wrong is an error or a denial, never an allow.
type Authorizer struct {
	*Keeper
}

// Authorize returns whom r's cookie belongs to; false denies. The error is that
// nobody can tell at the moment, and then nobody is let in either.
func (a *Authorizer) Authorize(r *http.Request) (principal.Principal, bool, error) {
	if crossSite(r) != nil {
		return principal.Principal{}, false, nil
	}
	if _, err := sessionValue(r); err != nil {
		return principal.Principal{}, false, nil // two cookies, and nothing tells which is ours
	}
	s, refusal := a.current(r)
	if refusal == nil {
		refusal = a.slide(r.Context(), s)
	}
	switch {
	case signedOut(refusal):
		return principal.Principal{}, false, nil
	case refusal != nil:
		return principal.Principal{}, false, refusal
	}
	return principal.Principal{
		Subject: s.Subject, Realm: s.Realm, Provider: s.Provider, Scope: s.Scope, Session: session.Handle(s.entry.Key),
	}, true, nil
}

// Guard puts a in front of next where there is no gateway to ask it. A denial
// is answered as API Gateway answers it, by 403, a failure by 500.
func (a *Authorizer) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok, err := a.Authorize(r)
		switch {
		case err != nil:
			logline.Add(r.Context(), slog.String("cause", err.Error()))
			writeJSON(w, http.StatusInternalServerError, map[string]string{"message": "Internal Server Error"})
		case !ok:
			writeJSON(w, http.StatusForbidden, map[string]string{"message": "Forbidden"})
		default:
			next.ServeHTTP(w, r.WithContext(principal.With(r.Context(), who)))
		}
	})
}
