package peer_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

func TestChromiumLoadsAPage(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="en"><title>Latch</title><h1>Key</h1>`)
	}))
	defer server.Close()
	ctx := peer.Chromium(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(server.URL)); err != nil {
		t.Fatal(err)
	}
	title, err := chromedp.Run(ctx, chromedp.Title())
	if err != nil {
		t.Fatal(err)
	}
	if title != "Latch" {
		t.Errorf("title = %q, want Latch", title)
	}
}

// The forms of both providers also work for a real browser.
func TestChromiumSignsIn(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, `<!DOCTYPE html><html lang="en"><title>Back</title><p id="back">Back</p>`)
	}))
	defer server.Close()
	redirect := server.URL + "/callback"
	page := func(authorizeURL, scope string) string {
		c := oauth2.Config{ClientID: peer.PublicClient, RedirectURL: redirect, Scopes: []string{scope}, Endpoint: oauth2.Endpoint{AuthURL: authorizeURL}}
		return c.AuthCodeURL("a-state", oauth2.S256ChallengeOption(oauth2.GenerateVerifier()))
	}
	sites := map[string]func(*testing.T) (authorize, user, approve string){
		"oidc-provider": func(t *testing.T) (string, string, string) {
			p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{redirect}})
			return page(p.AuthorizeURL, "openid"), `input[name=login]`, `button[autofocus]`
		},
		"django": func(t *testing.T) (string, string, string) {
			d := peer.StartDjango(t, peer.DjangoOptions{RedirectURIs: []string{redirect}})
			return page(d.AuthorizeURL, "read"), `input[name=username]`, `input[name=allow]`
		},
	}
	for name, site := range sites {
		t.Run(name, func(t *testing.T) {
			authorize, user, approve := site(t)
			ctx := peer.Chromium(t)
			err := chromedp.Do(ctx,
				chromedp.Navigate(authorize),
				chromedp.SendKeys(chromedp.CSS(user), peer.Username),
				chromedp.SendKeys(chromedp.CSS("input[name=password]"), peer.Password),
				chromedp.Click(chromedp.CSS("button[type=submit]")),
				chromedp.Click(chromedp.CSS(approve)),
				chromedp.WaitVisible(chromedp.CSS("#back")),
			)
			if err != nil {
				t.Fatal(err)
			}
			location, err := chromedp.Run(ctx, chromedp.Location())
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(location)
			if err != nil || !strings.HasPrefix(location, redirect+"?") || u.Query().Get("code") == "" {
				t.Errorf("location = %s, want a code at %s", location, redirect)
			}
		})
	}
}
