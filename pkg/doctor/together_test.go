package doctor_test

import (
	"context"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/doctor"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Tables are judged together, too: two names for one table, and tables that
// are not where the stack is.
func TestTablesTogether(t *testing.T) {
	const (
		here   = "eu-central-1:123456789012"
		prefix = "arn:aws:dynamodb:" + here + ":table/"
	)
	for name, tt := range map[string]struct {
		place           string // of the stack; "-" is no stack
		flows, accounts string // ARNs
		exit            int
		id, level, word string
	}{
		"two tables of the stack":       {here, prefix + "F", prefix + "A", 1, "accounts", "ok", "right key"},
		"one table under two names":     {here, prefix + "F", prefix + "F", 1, "accounts", "problem", "is the same table as the other one"},
		"one table here":                {"-", prefix + "F", prefix + "F", 1, "accounts", "problem", "is the same table as the other one"},
		"tables without ARNs":           {"-", "", "", 0, "accounts", "ok", "right key"},
		"without ARNs, and a stack":     {here, "", "", 1, "table", "ok", "right key and index"},
		"another account":               {here, "arn:aws:dynamodb:eu-central-1:210987654321:table/F", prefix + "A", 1, "table", "problem", "is at eu-central-1:210987654321, and the stack at " + here},
		"another region":                {here, prefix + "F", "arn:aws:dynamodb:eu-west-1:123456789012:table/A", 1, "accounts", "problem", "is at eu-west-1:123456789012"},
		"nobody knows where it is":      {"", prefix + "F", prefix + "A", 1, "table", "ok", "right key and index"},
		"an endpoint with another form": {here, "ddblocal/F", "ddblocal/A", 1, "table", "ok", "right key and index"},
		"no stack to compare with":      {"-", prefix + "F", "arn:aws:dynamodb:eu-west-1:123456789012:table/A", 0, "table", "ok", "right key and index"},
	} {
		t.Run(name, func(t *testing.T) {
			x := read(t, newStub(t).settings(nil))
			x.Keys = random
			if tt.place != "-" {
				x.Stack = &doctor.Stack{Place: tt.place} // which nothing answers for
			}
			found := func(i doctor.Inspection) func(context.Context) doctor.Inspection {
				return func(context.Context) doctor.Inspection { return i }
			}
			x.Tables = []doctor.Table{
				{ID: "table", Setting: "TABLE_NAME", Name: "F", TTL: "expires_at", Inspect: found(doctor.Inspection{ARN: tt.flows, TTL: "expires_at", TTLKnown: true})},
				{ID: "accounts", Setting: "ACCOUNTS_TABLE_NAME", Name: "A", Inspect: found(doctor.Inspection{ARN: tt.accounts})},
			}
			expect(t, run(t, x), tt.exit, tt.id, tt.level, tt.word)
		})
	}
}

// A role that deploys may not read secrets, and nothing is wrong with that.
// Here the one who asks starts the server, which has to.
func TestSecretsThatMayNotBeRead(t *testing.T) {
	unread := func(err error) func(context.Context) (secret.Text, error) {
		return func(context.Context) (secret.Text, error) { return secret.Text{}, err }
	}
	x := read(t, newStub(t).settings(nil))
	x.Stack, x.Keys, x.Provider.Secret = &doctor.Stack{}, unread(doctor.ErrDenied), unread(doctor.ErrDenied)
	r := run(t, x)
	expect(t, r, 1, "secret", "unchecked", "which is right for a role that deploys")
	expect(t, r, 1, "client", "unchecked", "which is right for a role that deploys")
	x.Keys, x.Provider.Secret = unread(doctor.ErrNoSecret), unread(doctor.ErrNoSecret)
	r = run(t, x)
	expect(t, r, 1, "secret", "problem", "is not there")
	expect(t, r, 1, "client", "problem", "is not there")

	x = read(t, newStub(t).settings(nil))
	x.Keys = unread(doctor.ErrDenied)
	expect(t, run(t, x), 2, "secret", "unchecked", "allow secretsmanager:GetSecretValue")
}
