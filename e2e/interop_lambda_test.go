package e2e_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/user"
)

// builtInStack runs the stack with its own server: two tables at database, reached
// through reachedAt, with all registrations in the one for accounts.
func builtInStack(t *testing.T, database, reachedAt string, more ...func(*stack.Config)) *stack.Stack {
	t.Helper()
	tablesOf(t, database)
	register(t, database)
	c := stack.Config{
		Values:   stack.Values{Tables: map[string]string{"Flows": tableOf(t), "Accounts": accountsOf(t)}},
		Override: map[string]string{"AWS_ENDPOINT_URL_DYNAMODB": reachedAt, "LATCHKEY_SECRET": secret.Mint(256), "LATCHKEY_SECRET_ARN": ""},
	}
	for _, change := range more {
		change(&c)
	}
	return stack.Start(t, c)
}

// register puts the configuration file's user and clients into the table.
func register(t *testing.T, database string) {
	t.Helper()
	cfg := aws.Config{Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
	accounts := dynamo.NewAccountsFromConfig(cfg, accountsOf(t), database)
	err := accounts.PutUser(t.Context(), user.User{
		Name: appUser, Subject: "sub-" + secret.Mint(128), PasswordHash: user.Hash(appPassword), DisplayName: "Alice", Email: "alice@example.com",
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range registrations {
		c := client.Client{ID: r.id, Name: name, Scopes: strings.Fields(r.scope), GrantTypes: []string{r.grant}, AuthMethods: []string{r.auth}, JWT: r.jwt}
		if r.grant == client.AuthorizationCode {
			c.GrantTypes, c.RedirectURIs = []string{r.grant, client.RefreshToken}, r.redirects()
		}
		if r.secret != "" {
			c.SecretHash = secret.Hash(r.secret)
		}
		if err := accounts.PutClient(t.Context(), c, true); err != nil {
			t.Fatal(err)
		}
	}
}

// lambdaForApps is the stack on a port of this machine, for programs that know
// of no stand-in.
func lambdaForApps(t *testing.T) string {
	t.Helper()
	database, listen := peer.Dynalite(t), fmt.Sprintf("localhost:%d", port())
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Fatal(err)
	}
	s := builtInStack(t, database, database, func(c *stack.Config) { c.Override["PUBLIC_BASE_URL"] = "http://" + listen })
	server := &httptest.Server{Listener: l, Config: &http.Server{Handler: inFrontOf(s)}}
	server.Start()
	t.Cleanup(server.Close)
	return "http://" + listen
}

// inFrontOf serves a stack over HTTP.
func inFrontOf(s *stack.Stack) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target, err := url.Parse(s.URL() + r.RequestURI)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out := r.Clone(r.Context())
		out.URL, out.RequestURI, out.Host = target, "", target.Host
		answer, err := s.RoundTrip(out)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
}

// lambdaArena is two processes of every function. With lost, that many replies
// of the store go missing when the arena is told so.
func lambdaArena(t *testing.T, lost int) *arena {
	t.Helper()
	database := peer.Dynalite(t)
	reachedAt, lose := database, func(int) {}
	if lost > 0 {
		proxy := startProxy(t, database)
		reachedAt, lose = proxy.url, func(n int) { proxy.plan("UpdateItem", fault{dropReply: min(n, lost)}) }
	}
	s := builtInStack(t, database, reachedAt)
	t.Cleanup(func() {
		if failures := s.Failures(); len(failures) > 0 {
			t.Errorf("failures: %v", failures)
		}
	})
	at := sideAt(s.URL(), s)
	return &arena{side: at, rounds: 150, lose: lose, rival: func(i int) *http.Client { return on(&http.Client{Transport: s}, i%2) }}
}
