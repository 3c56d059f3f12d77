package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// An arena is a place where requests meet at the token endpoint.
type arena struct {
	*side
	// rival is the client of the i-th of some requests at once.
	rival  func(i int) *http.Client
	rounds int
	// lose makes that many replies of the store go missing, from now on.
	lose func(n int)
}

// arenas are serve with its memory, and two processes of the token function
// over one table, on a good network and on one that loses replies.
var arenas = map[string]func(*testing.T) *arena{
	"serve": func(t *testing.T) *arena {
		s := ourServe(t)
		over := &http.Transport{MaxIdleConnsPerHost: rivalCount}
		return &arena{side: s, rounds: 150, lose: func(int) {}, rival: func(int) *http.Client { return &http.Client{Transport: over} }}
	},
	"Lambda": func(t *testing.T) *arena { return lambdaArena(t, 0) },
	"Lambda, replies lost": func(t *testing.T) *arena {
		return lambdaArena(t, 3)
	},
}

const rivalCount = 8

// atOnce sends one token request rivalCount times, together.
func (a *arena) atOnce(t *testing.T, r registered, form url.Values) []reply {
	t.Helper()
	answers := make([]reply, rivalCount)
	var start, end sync.WaitGroup
	start.Add(1)
	for i := range answers {
		end.Go(func() {
			start.Wait()
			answers[i] = asClientOver(t, a.rival(i), a.token, r, form)
		})
	}
	start.Done()
	end.Wait()
	return answers
}

func tally(answers []reply) map[string]int {
	counts := map[string]int{}
	for _, r := range answers {
		counts[said(r)]++
	}
	return counts
}

// Of any number of requests with one code one gets tokens; and since the rest
// were replays, those tokens are dead (RFC 6749 section 4.1.2). With replies
// lost the winner may come to know only that it is over: then nobody wins.
func TestEightRedeemsAtOnce_S57_S58(t *testing.T) {
	t.Parallel()
	for name, start := range arenas {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			winners := 0
			for round := range a.rounds {
				form := a.grant(t, a.confidential)
				lost := round%2 == 1
				if lost {
					a.lose(3)
				}
				answers := a.atOnce(t, a.confidential, form)
				a.lose(0)
				counts := tally(answers)
				winners += counts["200"]
				least := 1
				if lost && strings.Contains(name, "lost") {
					least = 0
				}
				if n := counts["200"]; n < least || n > 1 || n+counts["400 invalid_grant"] != rivalCount {
					t.Fatalf("round %d: %v", round, counts)
				}
				for _, answer := range answers {
					if answer.StatusCode == http.StatusOK {
						a.dead(t, tokensOf(t, answer))
					}
				}
			}
			if winners < a.rounds/2 {
				t.Errorf("%d winners in %d rounds", winners, a.rounds)
			}
		})
	}
}

// dead asserts that nothing of a grant is good for anything.
func (a *arena) dead(t *testing.T, tokens map[string]string) {
	t.Helper()
	r := asClientOver(t, a.rival(0), a.token, a.confidential, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"]}})
	if got := said(r); got != "400 invalid_grant" {
		t.Fatalf("a refresh after a replayed code: %s", got)
	}
	r = asClientOver(t, a.rival(1), a.introspect, a.confidential, url.Values{"token": {tokens["access_token"]}})
	if strings.TrimSpace(r.body) != `{"active":false}` {
		t.Fatalf("the access token after a replayed code: %d %s", r.StatusCode, r.body)
	}
}

// tokensOf are the strings of a token response.
func tokensOf(t testing.TB, r reply) map[string]string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal([]byte(r.body), &all); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("no tokens: %d %s", r.StatusCode, r.body)
	}
	tokens := map[string]string{}
	for name, v := range all {
		if s, ok := v.(string); ok {
			tokens[name] = s
		}
	}
	return tokens
}

// Requests with one refresh token, all at once, get one successor, byte for
// byte, and nobody is logged out.
func TestEightRefreshesAtOnce_S69(t *testing.T) {
	t.Parallel()
	for name, start := range arenas {
		t.Run(name, func(t *testing.T) {
			a := start(t)
			access, refresh := a.tokens(t, a.confidential)
			for round := range a.rounds {
				a.lose(round % 4)
				answers := a.atOnce(t, a.confidential, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}})
				a.lose(0)
				if counts := tally(answers); counts["200"] != rivalCount {
					t.Fatalf("round %d: %v", round, counts)
				}
				first := tokensOf(t, answers[0])
				for _, answer := range answers[1:] {
					if next := tokensOf(t, answer); next["refresh_token"] != first["refresh_token"] || next["access_token"] != first["access_token"] {
						t.Fatalf("round %d: two successors", round)
					}
				}
				if first["refresh_token"] == refresh || first["access_token"] == access {
					t.Fatalf("round %d: no successor", round)
				}
				access, refresh = first["access_token"], first["refresh_token"]
			}
			r := asClientOver(t, a.rival(0), a.introspect, a.confidential, url.Values{"token": {access}})
			if !strings.Contains(r.body, `"active":true`) {
				t.Errorf("after %d rounds: %d %s", a.rounds, r.StatusCode, r.body)
			}
		})
	}
}

// Two tabs of one browser, both open before anybody signs in, both finish.
func TestTwoTabsOfOneBrowser_C11(t *testing.T) {
	t.Parallel()
	s := ourServe(t)
	base, _, _ := strings.Cut(s.authorize, "/oauth/")
	browser := person(nil)
	w := walker{t, browser}
	type tab struct {
		page     reply
		verifier string
		state    string
	}
	tabs := make([]*tab, 2)
	for i := range tabs {
		q, verifier := s.request(s.public)
		tabs[i] = &tab{get(t, browser, s.authorize+"?"+q.Encode()), verifier, q.Get("state")}
	}
	for _, each := range tabs {
		each.page = w.follow(w.submit(w.formTo(each.page, "/oauth/signin"), "username", appUser, "password", appPassword, "do", "signin"), base)
	}
	finished := map[string]bool{}
	for i, each := range tabs {
		page := w.follow(w.submit(w.formTo(each.page, "/oauth/approve"), "do", "approve"), base)
		if page.StatusCode == http.StatusOK { // the other tab signed in anew meanwhile
			page = w.submit(w.formTo(page, "/oauth/approve"), "do", "approve")
		}
		back, err := page.Location()
		if err != nil || back.Query().Get("state") != each.state {
			t.Fatalf("tab %d: %d %s", i, page.StatusCode, page.body)
		}
		r := asClient(t, s.token, s.public, url.Values{
			"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {appRedirect}, "code_verifier": {each.verifier},
		})
		finished[tokensOf(t, r)["access_token"]] = true
	}
	if len(finished) != 2 {
		t.Errorf("%d tokens", len(finished))
	}
}

// operator runs the command on the tables.
func operator(t *testing.T, settings []string, stdin string, args ...string) string {
	t.Helper()
	cmd := command(t, settings, args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Whoever is disabled stops at the next refresh, also in another process.
func TestDisabledUserStops(t *testing.T) {
	settings := tablesOf(t, peer.Dynalite(t))
	operator(t, settings, appPassword+"\n", "user", "add", appUser, "--name", "Alice", "--email", "alice@example.com", "--password-stdin")
	operator(t, settings, "", "client", "add", "app-public", "--public", "--redirect-uri", appRedirect, "--scope", "openid", "--scope", "email")
	s := sideOf(startServe(t, "localhost:0", settings))
	_, refresh := s.tokens(t, s.public)
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	next := tokensOf(t, asClient(t, s.token, s.public, form))
	operator(t, settings, "", "user", "disable", appUser)
	for name, token := range map[string]string{"the newest token": next["refresh_token"], "its predecessor": refresh} {
		form.Set("refresh_token", token)
		if got := said(asClient(t, s.token, s.public, form)); got != "400 invalid_grant" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := said(bearerGet(t, s.userinfo, next["access_token"])); got != "401 invalid_token" {
		t.Errorf("userinfo: %s", got)
	}
	// And the browser, signed in and approved before, is asked again.
	q, _ := s.request(s.public)
	base, _, _ := strings.Cut(s.authorize, "/oauth/")
	w := walker{t, s.browser}
	page := w.follow(get(t, s.browser, s.authorize+"?"+q.Encode()), base)
	if strings.Contains(page.body, "/oauth/approve") {
		page = w.follow(w.submit(w.formTo(page, "/oauth/approve"), "do", "approve"), base)
	}
	if !strings.Contains(page.body, `type="password"`) {
		t.Fatalf("the browser: %d %s", page.StatusCode, page.body)
	}
	page = w.submit(w.formTo(page, "/oauth/signin"), "username", appUser, "password", appPassword, "do", "signin")
	if page.StatusCode == http.StatusSeeOther || !strings.Contains(page.body, `role="alert"`) {
		t.Errorf("a disabled user signs in: %d %v", page.StatusCode, maps.Clone(page.Header))
	}
}

// tablesOf makes both tables at an endpoint, and says what to set.
func tablesOf(t *testing.T, endpoint string) []string {
	t.Helper()
	flows := tableOf(t)
	settings := []string{
		"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_DYNAMODB=" + endpoint,
		"TABLE_NAME=" + flows, "ACCOUNTS_TABLE_NAME=" + accountsOf(t),
	}
	out, err := command(t, settings, "table", "create").CombinedOutput()
	if err != nil {
		t.Fatalf("table create: %v\n%s", err, out)
	}
	return settings
}

func accountsOf(t *testing.T) string {
	return fmt.Sprintf("accounts-%s", strings.TrimPrefix(tableOf(t), "flows-"))
}

// Whoever is disabled is out of the application too, at once and in every
// browser, without a refresh.
func TestDisabledUserLosesSessions(t *testing.T) {
	t.Parallel()
	settings := append(tablesOf(t, peer.Dynalite(t)), "LATCHKEY_SECRET="+secret.Mint(256))
	operator(t, settings, appPassword+"\n", "user", "add", appUser, "--password-stdin")
	s := startServe(t, "localhost:0", settings, "--session")
	browser := person(nil)
	w := walker{t, browser}
	page := w.follow(get(t, browser, s.base+"/login"), s.base)
	page = w.follow(w.submit(w.formTo(page, "/oauth/signin"), "username", appUser, "password", appPassword, "do", "signin"), s.base)
	back, err := w.submit(w.formTo(page, "/oauth/approve"), "do", "approve").Location()
	if err != nil {
		t.Fatal(err)
	}
	get(t, browser, back.String())
	if got := get(t, browser, s.base+"/api/whoami"); got.StatusCode != http.StatusOK {
		t.Fatalf("signed in: %d %s", got.StatusCode, got.body)
	}
	operator(t, settings, "", "user", "disable", appUser)
	for path, want := range map[string]int{"/api/whoami": http.StatusForbidden, "/session": http.StatusUnauthorized} {
		if got := get(t, browser, s.base+path); got.StatusCode != want {
			t.Errorf("%s after the user was disabled: %d %s", path, got.StatusCode, got.body)
		}
	}
}
