package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// AccountStore is what an Accounts table does.
type AccountStore interface {
	GetUser(ctx context.Context, name string) (user.User, error)
	PutUser(ctx context.Context, u user.User, create bool) error
	ListUsers(ctx context.Context) ([]user.User, error)
	DeleteUser(ctx context.Context, name string) error
	GetClient(ctx context.Context, id string) (client.Client, error)
	PutClient(ctx context.Context, c client.Client, create bool) error
	ListClients(ctx context.Context) ([]client.Client, error)
	DeleteClient(ctx context.Context, id string) error
}

// AccountSubject is a store of accounts under test; see Subject. The store is
// empty.
type AccountSubject struct {
	Store      AccountStore
	Exists     error // what the store calls an account that is there already
	Plant      func(t testing.TB, item map[string]any)
	Operations func() (writes, reads int)
}

// Accounts runs the contract of a store of users and clients.
func Accounts(t *testing.T, open func(t *testing.T) AccountSubject) {
	s := open(t)
	t.Run("users", func(t *testing.T) {
		a := s.Store
		accounts(t, kind[user.User]{
			a.GetUser, a.PutUser, a.ListUsers, a.DeleteUser, user.ErrUnknown, s.Exists,
			func(name, differs string) user.User {
				return user.User{Name: name, Subject: "sub", PasswordHash: "$argon2id$" + differs, Email: "ä@example.com",
					Disabled: differs != "", ValidFrom: time.Unix(1_800_000_000, 5).UTC()}
			},
		})
	})
	t.Run("clients", func(t *testing.T) {
		a := s.Store
		accounts(t, kind[client.Client]{
			a.GetClient, a.PutClient, a.ListClients, a.DeleteClient, client.ErrUnknown, s.Exists,
			func(id, differs string) client.Client {
				return client.Client{ID: id, SecretHash: secret.Hash(differs), RedirectURIs: []string{"https://app.example/callback"},
					Scopes: []string{"email"}, GrantTypes: []string{"authorization_code"}, AuthMethods: []string{"none"}, JWT: differs != ""}
			},
		})
	})
	if s.Plant != nil {
		t.Run("what is no account of ours is unknown (F-12)", func(t *testing.T) { corruptAccounts(t, s) })
	}
	if s.Operations != nil {
		t.Run("operations keep to the budget", func(t *testing.T) { accountBudget(t, s) })
	}
}

// kind is the methods for one kind of account.
type kind[T any] struct {
	get             func(context.Context, string) (T, error)
	put             func(context.Context, T, bool) error
	list            func(context.Context) ([]T, error)
	remove          func(context.Context, string) error
	unknown, exists error
	make            func(name, differs string) T
}

func accounts[T any](t *testing.T, k kind[T]) {
	ctx := t.Context()
	names := []string{"b " + secret.Mint(64), "a#" + secret.Mint(64), "é/" + secret.Mint(64)}
	check := func(what string, got, want error) {
		t.Helper()
		if !errors.Is(got, want) || got != nil && want == nil {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	_, err := k.get(ctx, names[0])
	check("get one that never was", err, k.unknown)
	check("change one that never was", k.put(ctx, k.make(names[0], ""), false), k.unknown)
	_, err = k.get(ctx, names[0])
	check("it was not made by that", err, k.unknown)
	if k.put(ctx, k.make("", ""), true) == nil {
		t.Error("one without a name was made")
	}
	for _, name := range names {
		check("make", k.put(ctx, k.make(name, ""), true), nil)
	}
	check("make the same again", k.put(ctx, k.make(names[0], ""), true), nil)
	check("make another of the name", k.put(ctx, k.make(names[0], "new"), true), k.exists)
	got, err := k.get(ctx, names[0])
	check("get", err, nil)
	if diff := cmp.Diff(k.make(names[0], ""), got); diff != "" {
		t.Errorf("it is (-made +got):\n%s", diff)
	}
	check("change", k.put(ctx, k.make(names[0], "new"), false), nil)
	check("change to the same", k.put(ctx, k.make(names[0], "new"), false), nil)
	slices.Sort(names)
	all, err := k.list(ctx)
	check("list", err, nil)
	var want []T
	for _, name := range names {
		differs := ""
		if name[0] == 'b' {
			differs = "new"
		}
		want = append(want, k.make(name, differs))
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	for range 2 {
		check("delete", k.remove(ctx, names[0]), nil)
	}
	_, err = k.get(ctx, names[0])
	check("get the deleted one", err, k.unknown)
	if all, err := k.list(ctx); err != nil || len(all) != 2 {
		t.Errorf("%d are left, %v, want 2", len(all), err)
	}
}

func corruptAccounts(t *testing.T, s AccountSubject) {
	for name, item := range map[string]map[string]any{
		"no version":             {"data": `{"name":"x"}`},
		"a newer version":        {"v": int64(2), "data": `{"name":"x"}`},
		"no data":                {"v": int64(1)},
		"data of the wrong type": {"v": int64(1), "data": int64(1)},
		"data that is not JSON":  {"v": int64(1), "data": `{"name":`},
		"data that is no object": {"v": int64(1), "data": `["x"]`},
	} {
		t.Run(name, func(t *testing.T) {
			id := secret.Mint(64)
			item["pk"] = "user#" + user.Tag(id)
			s.Plant(t, item)
			if u, err := s.Store.GetUser(t.Context(), id); !errors.Is(err, user.ErrUnknown) || !cmp.Equal(u, user.User{}) {
				t.Errorf("get: %+v, %v", u, err)
			}
			if err := s.Store.PutUser(t.Context(), user.User{Name: id}, true); !errors.Is(err, s.Exists) {
				t.Errorf("make: %v", err)
			}
			if all, err := s.Store.ListUsers(t.Context()); !errors.Is(err, user.ErrUnknown) || len(all) != 2 {
				t.Errorf("list: %d, %v, want the 2 others and what is wrong", len(all), err)
			}
			if err := s.Store.DeleteUser(t.Context(), id); err != nil {
				t.Errorf("delete: %v", err)
			}
		})
	}
}

func accountBudget(t *testing.T, s AccountSubject) {
	u := user.User{Name: secret.Mint(64)}
	for _, step := range []struct {
		name          string
		do            func() error
		writes, reads int
	}{
		{"make", func() error { return s.Store.PutUser(t.Context(), u, true) }, 1, 0},
		{"get", func() error { _, err := s.Store.GetUser(t.Context(), u.Name); return err }, 0, 1},
		{"change", func() error { u.Disabled = true; return s.Store.PutUser(t.Context(), u, false) }, 1, 0},
		{"delete", func() error { return s.Store.DeleteUser(t.Context(), u.Name) }, 1, 0},
	} {
		w0, r0 := s.Operations()
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if w1, r1 := s.Operations(); w1-w0 != step.writes || r1-r0 != step.reads {
			t.Errorf("%s took %d writes and %d reads, want %d and %d", step.name, w1-w0, r1-r0, step.writes, step.reads)
		}
	}
}
