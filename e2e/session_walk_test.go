package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// From the login to what is refused after the logout, on the template's own
// settings, with every function in processes of its own.
func TestSignedInOnLambda_C46_C61_C62(t *testing.T) {
	t.Parallel()
	for name, build := range houses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t)
			first := h.enter(t)
			h.looks(t, first)
			if strings.Contains(name, "cashmere") {
				first.expects(http.StatusOK, "POST", "/refresh") // its tokens last ten hours
			} else {
				first.refreshes(http.StatusOK)
			}
			second := h.enter(t)
			h.ends(t, first, second)
			h.leaves(t, second)
			if failures := h.Failures(); len(failures) > 0 {
				t.Errorf("failures: %v", failures)
			}
		})
	}
}

// looks is what a browser is told of its session, in every way.
func (h house) looks(t *testing.T, m *member) {
	t.Helper()
	own := m.expects(http.StatusOK, "GET", "/session")
	who := m.expects(http.StatusOK, "GET", "/api/whoami")
	rows, _ := m.expects(http.StatusOK, "GET", "/sessions")["sessions"].([]any)
	if len(rows) != 1 {
		t.Fatalf("/sessions: %v", rows)
	}
	row, _ := rows[0].(map[string]any)
	realm, _ := who["realm"].(string)
	if realm != h.provider && !strings.HasPrefix(realm, h.provider+" http") || (realm == h.provider) != (realm == "builtin") { // our own server is this deployment
		t.Errorf("the realm is %q", realm)
	}
	want := map[string]any{"sub": own["sub"], "realm": realm, "provider": h.provider, "scope": own["scope"], "session": row["handle"]}
	if diff := cmp.Diff(want, who); diff != "" {
		t.Errorf("the authorizer's context, -want +got:\n%s", diff)
	}
	if named := own["sub"] != ""; named != h.named || own["authenticated"] != true || own["scope"] == "" || own["logout_url"] != "/logout" || row["current"] != true {
		t.Errorf("/session: %v, /sessions: %v", own, rows)
	}
	if h.named && (own["name"] != "Alice" || own["email"] != "alice@example.com") {
		t.Errorf("/session: %v", own)
	}
	for path, text := range map[string]string{"/session": "Session ends", "/logout": "Sign out?", "/": `href="/session"`} {
		if r := m.opens(path); r.StatusCode != http.StatusOK || !strings.Contains(r.body, text) {
			t.Errorf("the page %s: %d without %q\n%s", path, r.StatusCode, text, r.body)
		}
	}
	stranger := &member{t: t, base: m.base, browser: person(h.Stack)}
	if r, _ := stranger.says("GET", "/api/whoami"); r.StatusCode != http.StatusForbidden {
		t.Errorf("a stranger's /api/whoami: %d %s", r.StatusCode, r.body)
	}
	stranger.expects(http.StatusUnauthorized, "GET", "/session")
}

// ends has second end first's session, or, where nobody knows that the two are
// one person, first its own.
func (h house) ends(t *testing.T, first, second *member) {
	t.Helper()
	theirs, _ := first.expects(http.StatusOK, "GET", "/api/whoami")["session"].(string)
	rows, _ := second.expects(http.StatusOK, "GET", "/sessions")["sessions"].([]any)
	by := first
	if h.named {
		by = second
	} else {
		second.expects(http.StatusNotFound, "DELETE", "/sessions/"+theirs)
	}
	if want := map[bool]int{true: 2, false: 1}[h.named]; len(rows) != want {
		t.Errorf("/sessions: %v, want %d", rows, want)
	}
	if r, _ := by.says("DELETE", "/sessions/"+theirs); r.StatusCode != http.StatusForbidden || !strings.Contains(r.body, "csrf_required") {
		t.Errorf("DELETE without the header: %d %s", r.StatusCode, r.body)
	}
	by.expects(http.StatusNoContent, "DELETE", "/sessions/"+theirs)
	first.refused()
	second.expects(http.StatusOK, "GET", "/api/whoami")
}

// leaves signs out, by a script and by the form.
func (h house) leaves(t *testing.T, m *member) {
	t.Helper()
	r, answer := m.says("POST", "/logout", "X-CSRF", "1")
	gone := sessionIn(r)
	if r.StatusCode != http.StatusOK || answer["logged_out"] != true || gone == nil || gone.MaxAge >= 0 || gone.Name != m.session.Name || gone.Path != "/" {
		t.Errorf("POST /logout: %d %s %v", r.StatusCode, r.body, r.Header["Set-Cookie"])
	}
	h.led(t, m.base, answer["redirect"])
	m.refused()

	m.signsIn()
	w := walker{t, m.browser}
	r = w.submit(w.formTo(m.opens("/session"), "/logout"))
	if r.StatusCode != http.StatusSeeOther {
		t.Errorf("the form: %d %s", r.StatusCode, r.body)
	}
	h.led(t, m.base, r.Header.Get("Location"))
	m.refused()
}

// led asserts where a logout leads.
func (h house) led(t *testing.T, base string, to any) {
	t.Helper()
	target, _ := to.(string)
	if !h.logout {
		if target != "/" {
			t.Errorf("the logout leads to %s", target)
		}
		return
	}
	if !strings.HasPrefix(target, base+"/oauth/end_session?") || strings.Contains(target, "id_token_hint") {
		t.Errorf("the logout leads to %s", target)
	}
}

// The other mode of the same stack: the browser gets the tokens and no session.
func TestTokensAsJSONOnLambda(t *testing.T) {
	t.Parallel()
	h := reachable(t, peer.Dynalite(t), false, func(c *stack.Config) { c.Parameters["CallbackMode"] = "json" })
	m := &member{t: t, base: h.URL(), browser: person(h.Stack), consent: h.consent}
	r := get(t, m.browser, m.callback())
	tokens := tokensOf(t, r)
	if r.StatusCode != http.StatusOK || tokens["access_token"] == "" || tokens["refresh_token"] == "" || tokens["id_token"] == "" || sessionIn(r) != nil {
		t.Errorf("/callback: %d %v %v", r.StatusCode, r.Header, tokens)
	}
	m.expects(http.StatusUnauthorized, "GET", "/session")
	m.expects(http.StatusForbidden, "GET", "/api/whoami")
}
