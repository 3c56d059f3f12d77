package authorization_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// racing changes an account once, right after it was read: a new password that
// is set, or an account that is disabled, while a sign-in is under way.
type racing struct {
	authorization.Users
	change func(user.User)
}

func (u *racing) GetUser(ctx context.Context, name string) (user.User, error) {
	got, err := u.Users.GetUser(ctx, name)
	if change := u.change; change != nil && err == nil {
		u.change = nil
		change(got)
	}
	return got, err
}

// What ends all sign-ins of a user also ends the one that was being made.
func TestAccountChangedDuringSignIn(t *testing.T) {
	for name, change := range map[string]func(s *server, u *user.User){
		"disabled":     func(_ *server, u *user.User) { u.Disabled = true },
		"new password": func(s *server, u *user.User) { u.PasswordHash, u.ValidFrom = cheap("other"), s.now() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.endpoint.Users = &racing{s.endpoint.Users, func(u user.User) {
				change(s, &u)
				if err := s.accounts.PutUser(t.Context(), u, false); err != nil {
					t.Error(err)
				}
			}}
			b := s.browser()
			resp := b.post(authorization.PathSignIn, "form", formOf(t, b.get(A("web"))), "username", "admin", "password", password)
			if resp.StatusCode != http.StatusBadRequest || b.cookies["__Host-signin"] != "" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			if ops := s.flows.ops(); ops["PutSignIn"] != 1 || ops["DeleteSignIn"] != 1 {
				t.Errorf("store operations: %v", ops)
			}
		})
	}
}

// A consent that is remembered does not help a user who is not to go on.
func TestRememberedConsentOfAnEndedUser(t *testing.T) {
	s := newServer(t)
	b := s.browser()
	b.allow(A("web"), "profile", "email", "read")
	if got := answer(t, b.get(A("web"))); got.Get("code") == "" {
		t.Fatalf("not remembered: %v", got)
	}
	s.advance(time.Second)
	u, err := s.accounts.GetUser(t.Context(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	u.Disabled = true
	if err := s.accounts.PutUser(t.Context(), u, false); err != nil {
		t.Fatal(err)
	}
	resp := b.get(A("web"))
	if resp.StatusCode != http.StatusFound || !is(b.get(resp.Header.Get("Location")), authorization.PathSignIn) || b.cookies["__Host-signin"] != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
}
