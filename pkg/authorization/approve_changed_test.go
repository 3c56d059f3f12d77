package authorization_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// A disabled user, a new password or a removed account stops an approval that
// is open already.
func TestUserEndedMeanwhile(t *testing.T) {
	for name, change := range map[string]func(s *server, u user.User) error{
		"disabled": func(s *server, u user.User) error {
			u.Disabled = true
			return s.accounts.PutUser(t.Context(), u, false)
		},
		"new password": func(s *server, u user.User) error {
			u.ValidFrom = s.now()
			return s.accounts.PutUser(t.Context(), u, false)
		},
		"removed": func(s *server, u user.User) error { return s.accounts.DeleteUser(t.Context(), u.Name) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			b := s.browser()
			form := b.approvePage(A("web"))
			cookie := b.cookies["__Host-signin"]
			s.advance(time.Second)
			u, err := s.accounts.Accounts.GetUser(context.Background(), "admin")
			if err != nil {
				t.Fatal(err)
			}
			if err := change(s, u); err != nil {
				t.Fatal(err)
			}
			s.flows.ops()
			resp := b.post(authorization.PathApprove, "form", form, "do", "approve")
			if !is(b.get(resp.Header.Get("Location")), authorization.PathSignIn) || b.cookies["__Host-signin"] != "" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			if ops := s.flows.ops(); ops["PutGrant"] != 0 || ops["DeleteSignIn"] != 1 {
				t.Errorf("store operations: %v", ops)
			}
			b.cookies["__Host-signin"] = cookie
			if !is(b.get(A("web")), authorization.PathSignIn) {
				t.Error("the old sign-in still works")
			}
		})
	}
}

// A client that was changed while a form was open.
func TestClientChangedMeanwhile(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	form := b.approvePage(A("web"))
	if err := s.accounts.DeleteClient(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	s.advance(2 * time.Minute) // past the registry's cache
	wantPAGE(t, b.post(authorization.PathApprove, "form", form, "do", "approve"), http.StatusBadRequest)
}
