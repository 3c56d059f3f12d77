package e2e_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// inFront stands between doctor and moto, and may answer something else.
func inFront(t *testing.T, moto string, edit func(r *http.Request, body string) (status int, changed string)) (endpoint string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, _ := io.ReadAll(r.Body)
		passed, err := http.NewRequestWithContext(r.Context(), r.Method, moto+r.URL.RequestURI(), bytes.NewReader(sent))
		if err != nil {
			t.Error(err)
			return
		}
		passed.Header = r.Header.Clone()
		answer, err := http.DefaultTransport.RoundTrip(passed)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		body, _ := io.ReadAll(answer.Body)
		status, changed := edit(r, string(body))
		w.Header().Set("Content-Type", answer.Header.Get("Content-Type"))
		w.WriteHeader(max(status, answer.StatusCode))
		fmt.Fprint(w, changed)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// flowsTable makes a table that is right until change.
func flowsTable(t *testing.T, endpoint, name string, change func(*dynamodb.CreateTableInput)) {
	t.Helper()
	in := peer.FlowsTable(name)
	change(in)
	client := dynamodb.New(dynamodb.Options{Region: "eu-central-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	if _, err := client.CreateTable(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UpdateTimeToLive(t.Context(), &dynamodb.UpdateTimeToLiveInput{
		TableName: &name, TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("expires_at"), Enabled: aws.Bool(true)},
	}); err != nil {
		t.Fatal(err)
	}
}

// Tables that have the right names for everything, and that nothing can be
// written into.
func TestDoctorMeetsTablesThatOnlyLookRight(t *testing.T) {
	t.Parallel()
	database := peer.Moto(t)
	settings := append(tablesOf(t, database), "LATCHKEY_SECRET="+secret.Mint(256))
	s := startServe(t, "localhost:0", settings)
	at := strings.TrimPrefix(s.base, "http://")
	typed := func(n int, kind types.ScalarAttributeType) func(*dynamodb.CreateTableInput) {
		return func(in *dynamodb.CreateTableInput) { in.AttributeDefinitions[n].AttributeType = kind }
	}
	for name, test := range map[string]struct {
		change func(*dynamodb.CreateTableInput)
		exit   int
		want   string
	}{
		"as it should be":  {func(*dynamodb.CreateTableInput) {}, 0, "ok table: right key and index"},
		"created as text":  {typed(2, "S"), 1, "problem table: created of its index by_user is of another type"},
		"user as a number": {typed(1, "N"), 1, "problem table: user of its index by_user is of another type"},
		"the key as bytes": {typed(0, "B"), 1, "problem table: another key"},
		"the index reversed": {func(in *dynamodb.CreateTableInput) {
			keys := in.GlobalSecondaryIndexes[0].KeySchema
			keys[0].AttributeName, keys[1].AttributeName = keys[1].AttributeName, keys[0].AttributeName
		}, 1, "problem table: no index by_user"},
		"the index of everything": {func(in *dynamodb.CreateTableInput) {
			in.GlobalSecondaryIndexes[0].Projection.ProjectionType = types.ProjectionTypeAll
		}, 0, "warning table: more than the keys in it (projection ALL)"},
	} {
		t.Run(name, func(t *testing.T) {
			flowsTable(t, database, tableOf(t), test.change)
			own := append(slices.Clone(settings), "TABLE_NAME="+tableOf(t))
			examine(t, own, test.exit, []string{test.want}, "--listen", at)
			if test.exit != 0 { // and nothing begins to use it
				_, words, _ := strings.Cut(test.want, ": ")
				m := mistake{want: []string{"TABLE_NAME: ", tableOf(t), words}}
				wrong(t, m, command(t, own, "serve", "--listen", "localhost:0"))
				wrong(t, m, command(t, own, "table", "create"))
			}
		})
	}
	going := inFront(t, database, func(_ *http.Request, body string) (int, string) {
		return 0, strings.ReplaceAll(body, `"TableStatus": "ACTIVE"`, `"TableStatus": "DELETING"`)
	})
	examine(t, append(settings, "AWS_ENDPOINT_URL_DYNAMODB="+going), 1, []string{"problem table: in the state DELETING", "problem accounts: in the state DELETING"}, "--listen", at)
	one := inFront(t, database, func(_ *http.Request, body string) (int, string) {
		return 0, strings.ReplaceAll(body, ":table/"+accountsOf(t), ":table/"+tableOf(t))
	})
	examine(t, append(settings, "AWS_ENDPOINT_URL_DYNAMODB="+one), 1, []string{"problem accounts: is the same table as the other one"}, "--listen", at)
}

// What CloudFormation says about the last deployment, and tables that are not
// the stack's though they have the names.
func TestDoctorMeetsAnotherState(t *testing.T) {
	t.Parallel()
	database := peer.Moto(t)
	base := reachable(t, database, false).URL()
	stack := builtInStackAt(t, database, base).register(t, database)
	for state, test := range map[string]struct {
		exit int
		want []string
	}{
		"UPDATE_COMPLETE":                     {0, []string{"ok stack: UPDATE_COMPLETE", "ok reach: "}},
		"UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": {0, []string{"warning stack: UPDATE_COMPLETE_CLEANUP", "ok reach: "}},
		"UPDATE_ROLLBACK_COMPLETE":            {0, []string{"warning stack: UPDATE_ROLLBACK_COMPLETE", "ok reach: "}},
		"UPDATE_IN_PROGRESS":                  {2, []string{"unchecked stack: UPDATE_IN_PROGRESS", "ok reach: "}},
		"CREATE_IN_PROGRESS":                  {2, []string{"unchecked stack: CREATE_IN_PROGRESS"}},
		"ROLLBACK_COMPLETE":                   {1, []string{"problem stack: ROLLBACK_COMPLETE"}},
		"UPDATE_ROLLBACK_FAILED":              {1, []string{"problem stack: UPDATE_ROLLBACK_FAILED", "ok reach: "}},
		"CREATE_FAILED":                       {1, []string{"problem stack: CREATE_FAILED"}},
		"DELETE_IN_PROGRESS":                  {1, []string{"problem stack: DELETE_IN_PROGRESS"}},
		"DELETE_FAILED":                       {1, []string{"problem stack: DELETE_FAILED"}},
		"SOMETHING_NEW":                       {2, []string{"unchecked stack: SOMETHING_NEW"}},
	} {
		t.Run(state, func(t *testing.T) {
			says := inFront(t, database, func(_ *http.Request, body string) (int, string) {
				return 0, strings.ReplaceAll(body, "<StackStatus>CREATE_COMPLETE<", "<StackStatus>"+state+"<")
			})
			examine(t, append(operatorSettings(database), "AWS_ENDPOINT_URL_CLOUDFORMATION="+says), test.exit, test.want, "--stack", stack)
		})
	}
	elsewhere := inFront(t, database, func(_ *http.Request, body string) (int, string) {
		return 0, strings.ReplaceAll(body, ":123456789012:table/", ":210987654321:table/")
	})
	examine(t, append(operatorSettings(database), "AWS_ENDPOINT_URL_DYNAMODB="+elsewhere), 1,
		[]string{"problem table: is at eu-central-1:210987654321, and the stack at eu-central-1:123456789012", "problem accounts: is at "}, "--stack", stack)
}
