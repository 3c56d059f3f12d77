package authorization_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// errMend is what a store says that AWS refuses: it stays so until somebody
// mends it.
var errMend = &oauth.Error{Code: oauth.ConfigError, Description: "The table cannot be used.", Cause: fmt.Errorf("put: AccessDenied")}

// refusing answers everything it is asked with errMend.
type refusing struct{ authorization.Flows }

func (refusing) Ring(context.Context, string) (*secret.Ring, error) { return nil, errMend }
func (refusing) GetUser(context.Context, string) (user.User, error) {
	return user.User{}, fmt.Errorf("users: %w", errMend)
}
func (refusing) GetClient(context.Context, string) (client.Client, error) {
	return client.Client{}, errMend
}
func (refusing) GetSignIn(context.Context, string, string) (a, b session.Record, err error) {
	return a, b, errMend
}
func (refusing) PutGrant(context.Context, grant.Record) error { return errMend }

// What nobody can wait for is logged as what it is, so that the right alarm
// rings: the client hears server_error, the only name that RFC 6749 §4.1.2.1
// has for it, and a page says that the service is not set up.
func TestStoreToBeMended_S90(t *testing.T) {
	const cb = "https://app.example/cb2?"
	for _, tt := range []struct {
		name  string
		spoil func(e *authorization.Endpoint)
		path  string // where the form of a page goes, "" for the request itself
		page  bool   // the refusal is a page
	}{
		{"clients, before the redirect URI is known", func(e *authorization.Endpoint) { e.Clients = refusing{} }, "", true},
		{"the sign-in", func(e *authorization.Endpoint) { e.Flows = refusing{} }, "", false},
		{"keys", func(e *authorization.Endpoint) { e.Keys = refusing{} }, "", false},
		{"keys, when a form comes in", func(e *authorization.Endpoint) { e.Keys = refusing{} }, authorization.PathApprove, true},
		{"clients, when a form comes in", func(e *authorization.Endpoint) { e.Clients = refusing{} }, authorization.PathApprove, false},
		{"users, when a form comes in", func(e *authorization.Endpoint) { e.Users = refusing{} }, authorization.PathApprove, false},
		{"the grant", func(e *authorization.Endpoint) { e.Flows = onlyGrant{refusing{}, e.Flows} }, authorization.PathApprove, false},
		{"sign out", func(e *authorization.Endpoint) { e.Flows = refusing{} }, authorization.PathSignOut, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			b := s.browser()
			form := b.approvePage(A("web"))
			tt.spoil(s.endpoint)
			var resp *http.Response
			switch tt.path {
			case authorization.PathApprove:
				resp = b.post(tt.path, "form", form, "do", "approve")
			case authorization.PathSignOut:
				resp = b.get(tt.path)
			default:
				resp = b.get(A("web"))
			}
			if tt.page {
				wantPAGE(t, resp, http.StatusInternalServerError)
			} else {
				wantREDIR(t, resp, cb, "server_error", "st-1")
			}
			lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
			last := lines[len(lines)-1]
			if !strings.Contains(last, `"outcome":"config_error"`) || !strings.Contains(last, "AccessDenied") {
				t.Errorf("the log says %s", last)
			}
		})
	}
}

// onlyGrant refuses to put a grant, and nothing else.
type onlyGrant struct {
	refusing
	authorization.Flows
}

func (o onlyGrant) GetSignIn(ctx context.Context, a, b string) (session.Record, session.Record, error) {
	return o.Flows.GetSignIn(ctx, a, b)
}
func (o onlyGrant) PutGrant(ctx context.Context, r grant.Record) error {
	return o.refusing.PutGrant(ctx, r)
}
