package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// cookies are what a browser has for a server.
func (c canaries) cookies(t *testing.T, browser *http.Client, base string) {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	for _, cookie := range browser.Jar.Cookies(u) {
		c["cookie "+cookie.Name+" "+secret.Hash(cookie.Value)[:4]] = cookie.Value
	}
}

// tokens are the tokens of an answer.
func (c canaries) tokens(t *testing.T, name string, answer reply) map[string]string {
	t.Helper()
	tokens := tokensOf(t, answer)
	for _, kind := range []string{"access_token", "refresh_token", "id_token"} {
		if tokens[kind] != "" {
			c[name+" "+kind] = tokens[kind]
		}
	}
	return tokens
}

// Signing in, approving, tokens and every way we know for them to fail leave
// no secret behind: neither in what serve writes at the level debug, nor in
// the two tables.
func TestServerLeavesNoSecretBehind_S91_S94(t *testing.T) {
	database := peer.Dynalite(t)
	root, settings := secret.Mint(256), tablesOf(t, database)
	register(t, database)
	found := canaries{"password": appPassword, "deployment secret": root}
	for name, r := range registrations {
		if r.secret != "" {
			found["secret of "+name] = r.secret
		}
	}
	process := startServe(t, "localhost:0", append(settings, "LOG_LEVEL=debug", "LATCHKEY_SECRET="+root))
	s := sideOf(process)
	found.formsAndPages(t, s, process.base)
	for _, name := range []string{"confidential basic", "JWT access tokens"} {
		found.endpoints(t, s, name)
	}
	// The stack's own client, through both halves.
	browser := person(nil)
	callback := approves(t, browser, process.base, get(t, browser, process.base+"/login").Header.Get("Location"))
	found.note(t, callback)
	found.tokens(t, "login", get(t, browser, callback))
	found.cookies(t, browser, process.base)

	_ = process.cmd.Process.Kill()
	<-process.done
	written := process.out.String() + process.log.String()
	if n := strings.Count(written, `"msg":"request"`); n < 30 {
		t.Errorf("%d log lines", n)
	}
	found.sweep(t, "the log", written)
	found.sweep(t, "the table of flows", dump(t, database, tableOf(t), 10))
	found.sweep(t, "the table of accounts", dump(t, database, accountsOf(t), 7))
}

// formsAndPages goes through the pages, well and badly.
func (c canaries) formsAndPages(t *testing.T, s *side, base string) {
	t.Helper()
	browser, w := s.browser, walker{t, s.browser}
	q, verifier := s.request(s.confidential)
	c["verifier"], c["state"], c["wrong password"] = verifier, q.Get("state"), "wrong-"+secret.Mint(128)
	page := get(t, browser, s.authorize+"?"+q.Encode())
	c.cookies(t, browser, base)
	signIn := w.formTo(page, "/oauth/signin")
	c["sign-in form"] = signIn.fields.Get("form")
	w.submit(signIn, "username", appUser, "password", c["wrong password"], "do", "signin")
	w.submit(signIn, "username", c["wrong password"], "password", appPassword, "do", "signin") // in the wrong field
	w.submit(signIn, "form", "x", "username", appUser, "password", appPassword, "do", "signin")
	page = w.submit(signIn, "username", appUser, "password", appPassword, "do", "signin")
	c.cookies(t, browser, base)
	approve := w.formTo(w.follow(page, base), "/oauth/approve")
	c["approve form"] = approve.fields.Get("form")
	walker{t, person(nil)}.submit(approve, "do", "approve") // a stranger
	w.submit(approve, "do", "deny")
	w.submit(approve, "do", "nothing")
	c.note(t, w.submit(approve, "do", "approve").Header.Get("Location"))
	for _, bad := range [][]string{{"client_id", "nobody"}, {"redirect_uri", "https://evil.example/"}, {"scope", "admin"}, {"code_challenge", ""}, {"state", "%zz"}} {
		get(t, browser, s.authorize+"?"+change(q, bad...).Encode())
	}
	form := w.formTo(get(t, browser, base+"/oauth/signout"), "/oauth/signout")
	c["sign-out form"] = form.fields.Get("form")
	w.submit(form)
}

// endpoints goes through the endpoints for tokens, well and badly.
func (c canaries) endpoints(t *testing.T, s *side, name string) {
	t.Helper()
	r := registrations[name]
	form := s.grant(t, r)
	c[name+" code"], c[name+" verifier"] = form.Get("code"), form.Get("code_verifier")
	for _, bad := range [][]string{
		{"code_verifier", oauth2.GenerateVerifier()}, {"code_verifier", "short"}, {"redirect_uri", "https://app.example.com/"}, {"client_secret", "twice"},
		{"code", form.Get("code") + "x"}, {"grant_type", form.Get("code")},
	} {
		if answer := asClient(t, s.token, r, change(form, bad...)); answer.StatusCode == http.StatusOK {
			t.Errorf("%v: %d", bad, answer.StatusCode)
		}
	}
	get(t, person(nil), s.token+"?"+form.Encode())
	tokens := c.tokens(t, name+", first", asClient(t, s.token, r, form))
	refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens["refresh_token"]}}
	next := c.tokens(t, name+", second", asClient(t, s.token, r, refresh))
	for _, token := range []string{next["access_token"], next["refresh_token"], form.Get("code"), "nothing"} {
		asClient(t, s.introspect, r, url.Values{"token": {token}})
		bearerGet(t, s.userinfo, token)
		get(t, person(nil), s.userinfo+"?access_token="+token)
		asClient(t, s.revoke, s.public, url.Values{"token": {token}})
	}
	wrong := r
	wrong.secret = "wrong-" + secret.Mint(128)
	c[name+", wrong secret"] = wrong.secret
	asClient(t, s.token, wrong, refresh)
	var who struct{ Sub string }
	if info := bearerGet(t, s.userinfo, next["access_token"]); json.Unmarshal([]byte(info.body), &who) != nil || who.Sub == "" {
		t.Errorf("userinfo: %d %s", info.StatusCode, info.body)
	}
	asClient(t, s.token, r, form) // a replay, which ends the grant
	asClient(t, s.token, r, refresh)
}
