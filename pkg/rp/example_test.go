package rp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

// someone is a memory store in which one browser is signed in, and a request of
// that browser as a handler behind the gateway sees it.
func someone() (*rp.Refresher, *http.Request) {
	e := &env.Reader{Environ: []string{
		"OAUTH_AUTHORIZE_URL=https://provider.example/authorize", "OAUTH_TOKEN_URL=https://provider.example/token",
		"OAUTH_CLIENT_ID=client-1", "OAUTH_CLIENT_SECRET=the client's",
	}}
	ring, err := secret.ParseRing(secret.Mint(256))
	if err != nil {
		panic(err)
	}
	now, sessions, lifetimes := time.Now().Truncate(time.Second), memory.New(), session.LifetimesFromEnv(e)
	p := provider.FromEnv(e)
	s := session.Session{
		Cookie: session.NewCookie(), Provider: p.Name, Realm: p.Realm(), Subject: "ada", AccessToken: "access-1", RefreshToken: "refresh-1",
		IssuedAt: now.Unix(), TokenExpiresAt: now.Add(lifetimes.Max).Unix(),
	}
	entry, err := s.Seal(ring.Newest(), session.Entry{Created: now, SeenAt: now, ExpiresAt: now.Add(lifetimes.Idle), MaxAt: now.Add(lifetimes.Max)})
	if err == nil {
		err = sessions.PutSession(context.Background(), entry)
	}
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodGet, base+"/api/me", nil)
	r.AddCookie(&http.Cookie{Name: sessionName, Value: s.Cookie})
	keeper := &rp.Keeper{Sessions: sessions, Keys: ring, Lifetimes: lifetimes, Now: time.Now}
	return &rp.Refresher{Keeper: keeper, Provider: p}, r.WithContext(baseurl.With(r.Context(), base))
}

// A function that calls the provider's API for whoever is signed in. What is
// wrong with the session or its tokens is answered as everywhere else.
func ExampleRefresher_TokenSource() {
	refresher, request := someone()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "the API was called with %s", r.Header.Get("Authorization"))
	}))
	defer api.Close()

	handler := func(w http.ResponseWriter, r *http.Request) {
		client := oauth2.NewClient(r.Context(), refresher.TokenSource(r))
		response, err := client.Get(api.URL + "/me")
		if refusal, ok := errors.AsType[*oauth.Error](err); ok {
			page.Refuse(w, r, refusal)
			return
		}
		if err != nil {
			http.Error(w, "the API does not answer", http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		_, _ = io.Copy(w, response.Body)
	}

	answer := httptest.NewRecorder()
	handler(answer, request)
	fmt.Println(answer.Code, answer.Body)

	request.Header.Del("Cookie")
	answer = httptest.NewRecorder()
	handler(answer, request)
	fmt.Println(answer.Code)
	// Output:
	// 200 the API was called with Bearer access-1
	// 401
}
