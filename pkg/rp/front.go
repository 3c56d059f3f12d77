package rp

import (
	"net/http"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// Front answers GET /, the front door: a way in, or who you are.
type Front struct {
	// Keeper finds the session; nil where logins leave none.
	Keeper *Keeper
	// Provider is where people sign in.
	Provider *provider.Provider
	// Setup is what a developer is told; nil in production.
	Setup *page.Setup
	// Timeline is of the last login; nil in production.
	Timeline *Timeline
}

// ServeHTTP implements [http.Handler].
func (f *Front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if refusal := method(w, r, http.MethodGet, http.MethodHead); refusal != nil {
		page.Refuse(w, r, refusal)
		return
	}
	view := page.FrontView{Provider: called(f.Provider), LoginURL: loginPath, Setup: f.Setup, Steps: f.Timeline.Steps()}
	if f.Keeper != nil {
		s, refusal := f.Keeper.current(r)
		switch {
		case refusal == nil:
			view.SignedIn, view.Account = true, s.account()
		case !signedOut(refusal):
			page.Refuse(w, r, refusal)
			return
		}
	}
	show := page.Show
	if view.SignedIn {
		show = page.ShowScripted
	}
	show(w, r, http.StatusOK, page.Front(view))
}

// called is what people call a provider: a preset has a name, any other one
// is its host, and this server has none.
func called(p *provider.Provider) string {
	at := p.Issuer
	switch p.Name {
	case "builtin":
		return ""
	case "custom":
		at = p.Fixed.Authorize
	case "oidc":
	default:
		return p.Name
	}
	_, at, _ = strings.Cut(at, "://")
	host, _, _ := strings.Cut(at, "/")
	return host
}
