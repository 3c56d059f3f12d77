package token_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/grant"
)

const (
	rivals = 8
	rounds = 150
)

// together runs f in parallel, released at once.
func together(f func(i int) response) []response {
	got := make([]response, rivals)
	var ready, done sync.WaitGroup
	start := make(chan struct{})
	ready.Add(rivals)
	for i := range rivals {
		done.Go(func() {
			ready.Done()
			<-start
			got[i] = f(i)
		})
	}
	ready.Wait()
	close(start)
	done.Wait()
	return got
}

func winners(got []response) (won []response) {
	for _, a := range got {
		if a.status == http.StatusOK {
			won = append(won, a)
		}
	}
	return won
}

// Of parallel exchanges of one code exactly one succeeds, and since the others
// are replays (RFC 6749 §4.1.2), what it got is dead.
func TestParallelExchanges_S58(t *testing.T) {
	w := newWorld(t)
	for round := range rounds {
		code := w.approve("app", func(g *grant.Grant) { g.Scopes = []string{"email"} })
		got := together(func(int) response { return w.exchange("app", code) })
		won := winners(got)
		if len(won) != 1 {
			t.Fatalf("round %d: %d winners", round, len(won))
		}
		for _, a := range got {
			if a.status != http.StatusOK {
				refused(t, "loser", a, 400, "invalid_grant")
			}
		}
		w.isDead("winner", won[0].text("access_token"), won[0].text("refresh_token"))
	}
}

// Rivals that lack something are in nobody's way.
func TestParallelExchangesByStrangers_S58(t *testing.T) {
	w := newWorld(t)
	strangers := map[string]func(code string) response{
		"another client":  func(code string) response { return w.exchange("other", code) },
		"a public client": func(code string) response { return w.exchange("public", code) },
		"no secret": func(code string) response {
			return w.send("POST", "/oauth/tokenize", form("grant_type", "authorization_code", "code", code, "client_id", "app"))
		},
		"another redirect URI": func(code string) response { return w.exchange("app", code, "redirect_uri", redirect+"x") },
		"no redirect URI":      func(code string) response { return w.exchange("app", code, "redirect_uri", "") },
		"another verifier":     func(code string) response { return w.exchange("app", code, "code_verifier", verifier+"x") },
		"no verifier":          func(code string) response { return w.exchange("app", code, "code_verifier", "") },
		"no verifier's syntax": func(code string) response { return w.exchange("app", code, "code_verifier", "x") },
		"the code cut":         func(code string) response { return w.exchange("app", code[:80]) },
		"as a refresh token":   func(code string) response { return w.refresh("app", code) },
		"as an access token":   func(code string) response { return w.introspect("app", code) },
		"another's revocation": func(code string) response { return w.revoke("other", code) },
		"another resource":     func(code string) response { return w.exchange("app", code, "resource", "https://x.example") },
		"a repeated code": func(code string) response {
			return w.send("POST", "/oauth/tokenize", "grant_type=authorization_code&code="+code+"&code="+code, as("app"))
		},
		"a code in the URL":  func(code string) response { return w.send("POST", "/oauth/tokenize?code="+code, "", as("app")) },
		"GET":                func(code string) response { return w.send("GET", "/oauth/tokenize", "", as("app")) },
		"basic and post":     func(code string) response { return w.exchange("app", code, "client_secret", "app-secret") },
		"another grant type": func(code string) response { return w.exchange("app", code, "grant_type", "password") },
		"a wrong secret": func(code string) response {
			return w.send("POST", "/oauth/tokenize", form("grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier), basic("app", "x"))
		},
		"a code of another": func(string) response { return w.exchange("other", w.approve("app")) },
	}
	for name, stranger := range strangers {
		for range 5 {
			code := w.approve("app", func(g *grant.Grant) { g.Scopes = []string{"email"} })
			got := together(func(i int) response {
				if i == 3 {
					return w.exchange("app", code)
				}
				return stranger(code)
			})
			if got[3].status != http.StatusOK {
				t.Errorf("%s: the owner got %s", name, got[3].raw)
				continue
			}
			w.isAlive(name, got[3].text("access_token"), got[3].text("refresh_token"))
		}
	}
}

// Parallel refreshes get the same successor, and nobody is logged out.
func TestParallelRefreshes_S69(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"app", "public"} {
		a, _ := w.tokens(id, func(g *grant.Grant) { g.Scopes = []string{"email"} })
		for round := range rounds {
			got := together(func(int) response { return w.refresh(id, a.text("refresh_token")) })
			for _, b := range got {
				if b.status != http.StatusOK || b.raw != got[0].raw {
					t.Fatalf("%s, round %d: %d %s, another got %s", id, round, b.status, b.raw, got[0].raw)
				}
			}
			a = got[0]
			w.isAlive("round", a.text("access_token"), a.text("refresh_token"))
		}
	}
}

// lossy applies what it is asked, loses the reply and is asked again with the
// same nonce, as an SDK does; what is left unknown is an error.
type lossy struct {
	*counted
	between func() // runs before the repetition
}

func (l lossy) RedeemCode(ctx context.Context, key string, d grant.Redemption) (grant.Record, error) {
	_, _ = l.counted.RedeemCode(ctx, key, d)
	l.between()
	return l.counted.RedeemCode(ctx, key, d)
}

func (l lossy) Rotate(ctx context.Context, key string, o grant.Rotation) (grant.Record, error) {
	_, _ = l.counted.Rotate(ctx, key, o)
	l.between()
	return l.counted.Rotate(ctx, key, o)
}

// A lost reply is no replay (F-05); what a rival has revoked meanwhile stays
// revoked.
func TestLostReplies_F05(t *testing.T) {
	w := newWorld(t)
	w.endpoint.Grants = lossy{w.grants, func() {}}
	w.serve()
	a, _ := w.tokens("app")
	w.endpoint.Lifetimes.RefreshGrace = 0
	b := w.refreshed("app", a.text("refresh_token"))
	w.isAlive("after", a.text("access_token"), b.text("access_token"), b.text("refresh_token"))

	code := w.approve("app")
	w.endpoint.Grants = lossy{w.grants, func() {
		if err := w.store.RevokeGrant(context.Background(), w.key(code), ""); err != nil && !errors.Is(err, grant.ErrUnknown) {
			t.Error(err)
		}
	}}
	refused(t, "revoked by a rival", w.exchange("app", code), 400, "invalid_grant")
}

// Every reply is lost, for all of eight rivals: refreshes still agree.
func TestParallelRefreshesWithLostReplies_S69(t *testing.T) {
	w := newWorld(t)
	w.endpoint.Grants = lossy{w.grants, func() {}}
	w.serve()
	a, _ := w.tokens("app", func(g *grant.Grant) { g.Scopes = []string{"email"} })
	for round := range rounds {
		got := together(func(int) response { return w.refresh("app", a.text("refresh_token")) })
		for _, b := range got {
			if b.status != http.StatusOK || b.raw != got[0].raw {
				t.Fatalf("round %d: %d %s", round, b.status, b.raw)
			}
		}
		a = got[0]
	}
	w.isAlive("last", a.text("access_token"), a.text("refresh_token"))
}
