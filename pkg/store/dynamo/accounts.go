package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// The prefixes of the keys in the Accounts table, and its one attribute of its
// own: a user or a client as JSON.
const (
	userPrefix   = "user#"
	clientPrefix = "client#"
	attrData     = "data"
)

// ErrExists: an account was to be made, and another of its name is there.
var ErrExists = errors.New("dynamo: there is one of that name already")

// Accounts keeps users and clients in a table of their own, where nothing
// expires. It is safe for concurrent use.
type Accounts struct{ on *Store }

// AccountsFromEnv returns Accounts on the table ACCOUNTS_TABLE_NAME; the other
// settings are those of [FromEnv].
func AccountsFromEnv(e *env.Reader) *Accounts {
	return &Accounts{fromEnv(e, "ACCOUNTS_TABLE_NAME", "latchkey-accounts")}
}

// NewAccountsFromConfig is [NewFromConfig] for the Accounts table.
func NewAccountsFromConfig(cfg aws.Config, table, endpoint string) *Accounts {
	return &Accounts{NewFromConfig(cfg, table, endpoint)}
}

// Warm opens a connection, as [Store.Warm] does.
func (a *Accounts) Warm(ctx context.Context) error { return a.on.Warm(ctx) }

// CreateTable makes the table (on demand, key pk, without TTL) and returns
// once it can be used, as [Store.CreateTable] does. Point-in-time recovery and
// deletion protection are the template's to set.
func (a *Accounts) CreateTable(ctx context.Context) error { return a.on.createTable(ctx, false) }

// CheckTable is [Store.CheckTable] for the Accounts table.
func (a *Accounts) CheckTable(ctx context.Context) error { return a.on.checkTable(ctx, false) }

// GetUser reads the user called name, consistently. The error is
// user.ErrUnknown, or that the store could not be asked.
func (a *Accounts) GetUser(ctx context.Context, name string) (user.User, error) {
	return a.GetUserByTag(ctx, user.Tag(name))
}

// GetUserByTag is GetUser for whoever has the tag of the name only.
func (a *Accounts) GetUserByTag(ctx context.Context, tag string) (user.User, error) {
	return get[user.User](ctx, a, userPrefix+tag, user.ErrUnknown)
}

// PutUser keeps u: a new one if create is set, else in place of the one that
// is there. The error is ErrExists or user.ErrUnknown, or that the outcome
// could not be found out. The same account made twice is one, so that a reply
// that was lost does no harm.
func (a *Accounts) PutUser(ctx context.Context, u user.User, create bool) error {
	if u.Name == "" {
		return errors.New("dynamo: put account: the user has no name")
	}
	return put(ctx, a, userPrefix+user.Tag(u.Name), u, create, user.ErrUnknown)
}

// ListUsers returns all users by name. What cannot be read is in the error,
// together with those that can.
func (a *Accounts) ListUsers(ctx context.Context) ([]user.User, error) {
	all, err := list[user.User](ctx, a, userPrefix, user.ErrUnknown)
	slices.SortFunc(all, func(a, b user.User) int { return strings.Compare(a.Name, b.Name) })
	return all, err
}

// DeleteUser removes a user. One that is not there is no error.
func (a *Accounts) DeleteUser(ctx context.Context, name string) error {
	ctx, c := a.on.begin(ctx, "delete user")
	defer c.end()
	return c.wrap(c.delete(ctx, userPrefix+user.Tag(name)))
}

// GetClient reads the client with the id, consistently. The error is
// client.ErrUnknown, or that the store could not be asked.
func (a *Accounts) GetClient(ctx context.Context, id string) (client.Client, error) {
	return get[client.Client](ctx, a, clientPrefix+id, client.ErrUnknown)
}

// PutClient is PutUser for a client, with client.ErrUnknown.
func (a *Accounts) PutClient(ctx context.Context, c client.Client, create bool) error {
	return put(ctx, a, clientPrefix+c.ID, c, create, client.ErrUnknown)
}

// ListClients is ListUsers for clients, by id.
func (a *Accounts) ListClients(ctx context.Context) ([]client.Client, error) {
	return list[client.Client](ctx, a, clientPrefix, client.ErrUnknown)
}

// DeleteClient removes a client. One that is not there is no error.
func (a *Accounts) DeleteClient(ctx context.Context, id string) error {
	ctx, c := a.on.begin(ctx, "delete client")
	defer c.end()
	return c.wrap(c.delete(ctx, clientPrefix+id))
}

func get[T any](ctx context.Context, a *Accounts, key string, unknown error) (T, error) {
	ctx, c := a.on.begin(ctx, "get account")
	defer c.end()
	return settle(ctx, c, key, nil, func(i item) (T, error) { return decodeAccount[T](i, unknown) })
}

func decodeAccount[T any](i item, unknown error) (account T, err error) {
	if len(i) == 0 {
		return account, unknown
	}
	d := decode(i)
	data := d.text(attrData)
	if d.err == nil && json.Unmarshal([]byte(data), &account) != nil {
		d.bad(attrData)
	}
	if err := d.failed(unknown); err != nil {
		var none T
		return none, err
	}
	return account, nil
}

func put(ctx context.Context, a *Accounts, key string, account any, create bool, unknown error) error {
	ctx, c := a.on.begin(ctx, "put account")
	defer c.end()
	_, name, _ := strings.Cut(key, "#")
	if name == "" {
		return c.wrap(errors.New("the account has no name"))
	}
	data, err := json.Marshal(account)
	if err != nil {
		return c.wrap(err)
	}
	condition, names, values := "attribute_not_exists(#pk)", map[string]string{"#pk": attrKey, "#v": attrVersion, "#data": attrData},
		item{":v": number(version), ":data": text(string(data))}
	if !create {
		condition = "attribute_exists(#pk) AND #v = :v"
	}
	in := &dynamodb.UpdateItemInput{
		UpdateExpression:          aws.String("SET #v = :v, #data = :data"),
		ConditionExpression:       &condition,
		ExpressionAttributeNames:  names,
		ExpressionAttributeValues: values,
	}
	_, err = settle(ctx, c, key, in, func(i item) (struct{}, error) {
		return struct{}{}, judgeAccount(i, string(data), create, unknown)
	})
	return err
}

// judgeAccount says what the image of an account means for a write of data.
func judgeAccount(image item, data string, create bool, unknown error) error {
	d := decode(image)
	there := d.text(attrData)
	switch {
	case d.err == nil && there == data:
		return nil
	case create && len(image) > 0:
		return ErrExists
	case create:
		return errUndecided
	case len(image) == 0:
		return unknown
	case d.err != nil:
		return d.failed(unknown)
	}
	return errUndecided
}

// list reads the whole table, which is small, in the order of its keys.
func list[T any](ctx context.Context, a *Accounts, prefix string, unknown error) ([]T, error) {
	ctx, cancel := context.WithTimeout(ctx, tableTimeout)
	defer cancel()
	found, err := a.scan(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("dynamo: list accounts: %w", err)
	}
	var all []T
	var bad []error
	for _, one := range found {
		account, err := decodeAccount[T](one.item, unknown)
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", one.key, err))
			continue
		}
		all = append(all, account)
	}
	return all, errors.Join(bad...)
}

type keyed struct {
	key  string
	item item
}

func (a *Accounts) scan(ctx context.Context, prefix string) ([]keyed, error) {
	var found []keyed
	pages := dynamodb.NewScanPaginator(a.on.client, &dynamodb.ScanInput{
		TableName: &a.on.table, ConsistentRead: aws.Bool(true),
		FilterExpression:          aws.String("begins_with(#pk, :prefix)"),
		ExpressionAttributeNames:  map[string]string{"#pk": attrKey},
		ExpressionAttributeValues: map[string]types.AttributeValue{":prefix": text(prefix)},
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, i := range page.Items {
			d := decoder{item: i}
			found = append(found, keyed{d.text(attrKey), i})
		}
	}
	slices.SortFunc(found, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	return found, nil
}
