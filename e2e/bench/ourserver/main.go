// Ourserver serves the token endpoint on the memory store, wired as "latchkey
// serve" wires it, for the benchmark of the whole endpoint over HTTP. It
// prints "ready URL"; on "seed N" it makes N grants and answers with one line
// of N codes; it ends when standard input does. The variables are those of
// e2e/peer/bench_oidc_provider.mjs.
package main

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
	"github.com/latchkey-go/latchkey/pkg/token"
	"github.com/latchkey-go/latchkey/pkg/user"
)

var (
	tokens = os.Getenv("BENCH_TOKENS")
	owner  = user.User{Name: "bench", Subject: "bench-subject"}
)

func main() {
	ring, err := secret.ParseRing(secret.Mint(256))
	check(err)
	app := application()
	check(app.Validate())
	accounts, err := memory.NewAccounts([]user.User{owner}, []client.Client{app})
	check(err)
	store := memory.New()
	store.Limit = 1_000_000 // more grants than a laptop has are what is measured
	store.Limit = 1 << 30
	endpoint := &token.Endpoint{
		Keys: ring, Clients: &client.Registry{Clients: accounts, Now: time.Now}, Users: accounts, Grants: store,
		Lifetimes: grant.DefaultLifetimes, Now: time.Now,
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	base := "http://" + listener.Addr().String()
	api := &gateway.Gateway{BaseURL: base, Logger: slog.New(slog.NewJSONHandler(os.Stderr, nil))}
	mux := endpoint.Routes()
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	go func() { check(http.Serve(listener, api.Wrap(gateway.Routes(mux)))) }()

	fmt.Println("ready " + base + "/oauth/tokenize")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		n, err := strconv.Atoi(strings.TrimPrefix(lines.Text(), "seed "))
		check(err)
		codes := make([]string, n)
		for i := range codes {
			codes[i] = seed(store, ring.Newest())
		}
		runtime.GC()
		fmt.Println(strings.Join(codes, " "))
	}
}

// application is the one client: confidential, with PKCE.
func application() client.Client {
	c := client.Client{
		ID: os.Getenv("BENCH_CLIENT"), SecretHash: secret.Hash(os.Getenv("BENCH_SECRET")),
		RedirectURIs: []string{os.Getenv("BENCH_REDIRECT")}, Scopes: []string{"read"},
		GrantTypes:  []string{client.AuthorizationCode, client.RefreshToken},
		AuthMethods: []string{client.SecretBasic}, JWT: tokens == "jwt",
	}
	if tokens == "id_token" {
		c.Scopes = []string{"openid", "read"}
	}
	return c
}

// seed makes a grant as the approve form does, and returns its code.
func seed(store *memory.Store, root *secret.Root) string {
	now, c := time.Now(), application()
	g := grant.Grant{
		GID: grant.NewGID(), ClientID: c.ID, User: owner.Name, Subject: owner.Subject, Scopes: c.Scopes,
		RedirectURI: c.RedirectURIs[0], Challenge: os.Getenv("BENCH_CHALLENGE"), Nonce: "n-0S6_WzA2Mj", AuthTime: now,
	}
	r, err := g.Seal(root, grant.Record{
		Created: now, Status: grant.Issued, CodeExpiresAt: now.Add(time.Hour),
		MaxAt: now.Add(24 * time.Hour), ExpiresAt: now.Add(24 * time.Hour),
	})
	check(err)
	check(store.PutGrant(context.Background(), r))
	return grant.Token{Kind: grant.Code, GID: g.GID, Scopes: grant.All}.Sign(root)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
