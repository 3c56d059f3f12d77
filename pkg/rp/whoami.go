package rp

import (
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/principal"
)

// WhoAmI answers GET /api/whoami with what the authorizer before it says. It is
// an example of a function that leaves the session to others.
type WhoAmI struct{}

// ServeHTTP implements [http.Handler].
func (*WhoAmI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := method(w, r, http.MethodGet); refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	p, ok := principal.From(r.Context())
	if !ok {
		page.Refuse(w, r, &oauth.Error{Code: oauth.NotAuthenticated, RetryURL: loginPath, Description: "Nobody is signed in with this browser. Sign in first."})
		return
	}
	writeJSON(w, http.StatusOK, p.Context())
}
