package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/user"
)

type userCommands struct {
	Add     userAdd     `cmd:"" help:"Add a user."`
	List    userList    `cmd:"" help:"List the users."`
	Passwd  userPasswd  `cmd:"" help:"Set a new password; ends all sign-ins, sessions and grants of the user."`
	Disable userDisable `cmd:"" help:"Let the user in no more; ends all sign-ins, sessions and grants."`
	Enable  userEnable  `cmd:"" help:"Let a disabled user in again."`
	Remove  userRemove  `cmd:"" help:"Remove the user with all sign-ins, sessions, grants and consents."`
}

type userAdd struct {
	place         `embed:""`
	Username      string `arg:"" name:"name" help:"What is typed at sign-in."`
	Name          string `placeholder:"TEXT" help:"The name to show, a claim of the scope profile."`
	Email         string `placeholder:"ADDRESS" help:"The address, a claim of the scope email."`
	PasswordStdin bool   `help:"Take the password from standard input instead of asking."`
}

func (c *userAdd) Run(ctx context.Context) error {
	if err := checkName(c.Username); err != nil {
		return fmt.Errorf("the user name %w; choose another", err)
	}
	if strings.ContainsFunc(c.Name+c.Email, unicode.IsControl) {
		return errors.New("--name or --email has a control character; leave it out")
	}
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	password, err := newPassword(ctx, c.PasswordStdin)
	if err != nil {
		return err
	}
	err = s.accounts.PutUser(ctx, user.User{
		Name: c.Username, Subject: secret.Mint(128), PasswordHash: user.Hash(password), DisplayName: c.Name, Email: c.Email,
	}, true)
	if errors.Is(err, dynamo.ErrExists) {
		return fmt.Errorf("there is a user %s already; latchkey user passwd %s sets a new password", c.Username, c.Username)
	}
	if err == nil {
		fmt.Println("user " + c.Username + " added")
		warnOfPassword(password)
	}
	return err
}

type userList struct {
	place `embed:""`
}

func (c *userList) Run(ctx context.Context) error {
	s, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	users, err := s.accounts.ListUsers(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		columns := []string{u.Name, u.DisplayName, u.Email}
		if u.Disabled {
			columns = append(columns, "disabled")
		}
		fmt.Println(strings.TrimRight(strings.Join(columns, "\t"), "\t"))
	}
	return nil
}

type userPasswd struct {
	place         `embed:""`
	Username      string `arg:"" name:"name" help:"The user."`
	PasswordStdin bool   `help:"Take the password from standard input instead of asking."`
}

func (c *userPasswd) Run(ctx context.Context) error {
	var password string
	err := c.change(ctx, c.Username, true, func(u *user.User) (err error) {
		password, err = newPassword(ctx, c.PasswordStdin)
		u.PasswordHash = user.Hash(password)
		return err
	}, "has a new password, and is signed out everywhere")
	if err == nil {
		warnOfPassword(password)
	}
	return err
}

type userDisable struct {
	place    `embed:""`
	Username string `arg:"" name:"name" help:"The user."`
}

func (c *userDisable) Run(ctx context.Context) error {
	return c.change(ctx, c.Username, true, func(u *user.User) error { u.Disabled = true; return nil },
		"is disabled, and signed out everywhere")
}

type userEnable struct {
	place    `embed:""`
	Username string `arg:"" name:"name" help:"The user."`
}

func (c *userEnable) Run(ctx context.Context) error {
	return c.change(ctx, c.Username, false, func(u *user.User) error { u.Disabled = false; return nil }, "can sign in again")
}

// change reads a user, changes it and writes it back. ends says that what was
// signed in or approved before is over: ValidFrom refuses it from the next
// look on, and then everything is ended that can be found.
func (p place) change(ctx context.Context, name string, ends bool, how func(*user.User) error, done string) error {
	s, err := p.open(ctx, ends)
	if err != nil {
		return err
	}
	u, err := s.accounts.GetUser(ctx, name)
	if err == nil {
		err = how(&u)
	}
	if err == nil {
		if ends {
			u.ValidFrom = time.Now().UTC().Truncate(time.Second)
		}
		err = s.accounts.PutUser(ctx, u, false)
	}
	switch {
	case errors.Is(err, user.ErrUnknown):
		return fmt.Errorf("there is no user %s; latchkey user list shows who is there", name)
	case err != nil:
		return err
	}
	if ends {
		if err := errors.Join(s.flows.EndUser(ctx, secret.Hash(name)), s.flows.EndUser(ctx, sessionsOf(u))); err != nil {
			return fmt.Errorf("user %s is changed, but not all sign-ins, grants and sessions could be ended: %w; run this again", name, err)
		}
	}
	fmt.Println("user " + name + " " + done)
	return nil
}

// sessionsOf is how the sessions of the stack's own client name a user.
func sessionsOf(u user.User) string {
	return session.UserOf((&provider.Provider{Name: builtin}).Realm(), u.Subject)
}

type userRemove struct {
	place    `embed:""`
	Username string `arg:"" name:"name" help:"The user."`
}

func (c *userRemove) Run(ctx context.Context) error {
	s, err := c.open(ctx, true)
	if err != nil {
		return err
	}
	u, err := s.accounts.GetUser(ctx, c.Username)
	if errors.Is(err, user.ErrUnknown) {
		return fmt.Errorf("there is no user %s; latchkey user list shows who is there", c.Username)
	} else if err != nil {
		return err
	}
	if err := s.accounts.DeleteUser(ctx, c.Username); err != nil {
		return err
	}
	if err := errors.Join(s.flows.ForgetUser(ctx, secret.Hash(c.Username)), s.flows.EndUser(ctx, sessionsOf(u))); err != nil {
		return fmt.Errorf("user %s is removed, but not all sign-ins, grants and sessions could be ended; sessions last until SESSION_MAX then: %w", c.Username, err)
	}
	fmt.Println("user " + c.Username + " removed")
	return nil
}
