package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// ErrExists: an account was to be made, and another of its name is there.
var ErrExists = errors.New("memory: there is one of that name already")

// Accounts keeps users and clients. It is safe for concurrent use; the zero
// value is empty.
type Accounts struct {
	users   accounts[user.User]
	clients accounts[client.Client]
}

// NewAccounts returns Accounts with the users and clients of a configuration.
// The error is one without a name, or two of the same.
func NewAccounts(users []user.User, clients []client.Client) (*Accounts, error) {
	a, ctx := &Accounts{}, context.Background()
	for _, u := range users {
		if err := a.PutUser(ctx, u, true); err != nil {
			return nil, fmt.Errorf("%w: user %q", err, u.Name)
		}
	}
	for _, c := range clients {
		if err := a.PutClient(ctx, c, true); err != nil {
			return nil, fmt.Errorf("%w: client %q", err, c.ID)
		}
	}
	return a, nil
}

// GetUser returns the user called name. The error is user.ErrUnknown.
func (a *Accounts) GetUser(ctx context.Context, name string) (user.User, error) {
	return a.GetUserByTag(ctx, user.Tag(name))
}

// GetUserByTag is GetUser for whoever has the tag of the name only.
func (a *Accounts) GetUserByTag(ctx context.Context, tag string) (user.User, error) {
	return a.users.get(ctx, tag, user.ErrUnknown)
}

// PutUser keeps u: a new one if create is set, else in place of the one that
// is there. The error is ErrExists or user.ErrUnknown. The same account made
// twice is one.
func (a *Accounts) PutUser(ctx context.Context, u user.User, create bool) error {
	if u.Name == "" {
		return wrap("put account", errors.New("the user has no name"))
	}
	return a.users.put(ctx, user.Tag(u.Name), u, create, user.ErrUnknown)
}

// ListUsers returns all users by name.
func (a *Accounts) ListUsers(ctx context.Context) ([]user.User, error) {
	all, err := a.users.list(ctx)
	slices.SortFunc(all, func(a, b user.User) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// DeleteUser removes a user. One that is not there is no error.
func (a *Accounts) DeleteUser(ctx context.Context, name string) error {
	return a.users.delete(ctx, user.Tag(name))
}

// GetClient returns the client with the id. The error is client.ErrUnknown.
func (a *Accounts) GetClient(ctx context.Context, id string) (client.Client, error) {
	c, err := a.clients.get(ctx, id, client.ErrUnknown)
	return cloned(c), err
}

// PutClient is PutUser for a client, with client.ErrUnknown.
func (a *Accounts) PutClient(ctx context.Context, c client.Client, create bool) error {
	return a.clients.put(ctx, c.ID, c, create, client.ErrUnknown)
}

// ListClients returns all clients by id.
func (a *Accounts) ListClients(ctx context.Context) ([]client.Client, error) {
	all, err := a.clients.list(ctx)
	for i := range all {
		all[i] = cloned(all[i])
	}
	return all, err
}

// cloned is c with lists of its own: nothing is shared with a caller.
func cloned(c client.Client) client.Client {
	c.RedirectURIs, c.PostLogoutRedirectURIs = slices.Clone(c.RedirectURIs), slices.Clone(c.PostLogoutRedirectURIs)
	c.Scopes, c.GrantTypes, c.AuthMethods = slices.Clone(c.Scopes), slices.Clone(c.GrantTypes), slices.Clone(c.AuthMethods)
	return c
}

// DeleteClient removes a client. One that is not there is no error.
func (a *Accounts) DeleteClient(ctx context.Context, id string) error {
	return a.clients.delete(ctx, id)
}

// accounts are those of one kind. They go through JSON on their way in, as
// items do, so that a store in memory keeps nothing that a table would not.
type accounts[T any] struct {
	mu sync.RWMutex
	at map[string]*account[T]
}

type account[T any] struct {
	text  string
	value T
}

func (a *accounts[T]) get(ctx context.Context, name string, unknown error) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, wrap("get account", err)
	}
	a.mu.RLock()
	kept, ok := a.at[name]
	a.mu.RUnlock()
	if !ok {
		return none, unknown
	}
	return kept.value, nil
}

func (a *accounts[T]) put(ctx context.Context, name string, value T, create bool, unknown error) error {
	if err := ctx.Err(); err != nil {
		return wrap("put account", err)
	}
	if name == "" {
		return wrap("put account", errors.New("the account has no name"))
	}
	text, err := json.Marshal(value)
	kept := &account[T]{text: string(text)}
	if err == nil {
		err = json.Unmarshal(text, &kept.value)
	}
	if err != nil {
		return wrap("put account", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	there, ok := a.at[name]
	switch {
	case create && ok && there.text != kept.text:
		return ErrExists
	case !create && !ok:
		return unknown
	}
	if a.at == nil {
		a.at = map[string]*account[T]{}
	}
	a.at[name] = kept
	return nil
}

func (a *accounts[T]) list(ctx context.Context) ([]T, error) {
	a.mu.RLock()
	names := slices.Sorted(maps.Keys(a.at))
	a.mu.RUnlock()
	var all []T
	for _, name := range names {
		account, err := a.get(ctx, name, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, account)
	}
	return all, nil
}

func (a *accounts[T]) delete(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return wrap("delete account", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.at, name)
	return nil
}
