package rp

import (
	"errors"
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// Refresh answers POST /refresh: it renews the access token of the browser's
// session if that is due, and keeps the session alive. The tokens stay here.
//
// The answer is 200 {"refreshed":bool,"expires_in":seconds}, 401 when there is
// no session or the provider has ended it, and 503 when nobody can tell for
// the moment.
type Refresh struct {
	*Refresher
}

// ServeHTTP implements [http.Handler].
func (f *Refresh) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refusal := method(w, r, http.MethodPost)
	if refusal == nil {
		refusal = ownScript(r)
	}
	if refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	ctx := r.Context()
	s, refusal := f.current(r)
	if refusal == nil {
		version := s.entry.Version
		if s, refusal = f.fresh(ctx, s); refusal == nil {
			refreshed := s.entry.Version != version
			if !refreshed { // what is refreshed has been kept alive by that
				refusal = f.slide(ctx, s)
			}
			if refusal == nil {
				writeJSON(w, http.StatusOK, map[string]any{"refreshed": refreshed, "expires_in": seconds(s.rest(f.Now()))})
				return
			}
		}
	}
	if errors.Is(refusal, provider.ErrRefreshRefused) { // it is this request that has ended the session
		w = ending{w, baseOf(r)}
	}
	unauthenticated(w, r, refusal, sessionPath)
}
