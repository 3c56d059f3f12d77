package rp_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/session"
)

var base64Runs = regexp.MustCompile(`[A-Za-z0-9+/_=-]{12,}`)

// decoded is s and all that its parts mean in base64, wherever they begin.
func decoded(s string) string {
	var b strings.Builder
	b.WriteString(s)
	for _, run := range base64Runs.FindAllString(s, -1) {
		run = strings.NewReplacer("-", "+", "_", "/", "=", "").Replace(run)
		for from := range 4 {
			part := run[from:]
			text, _ := base64.RawStdEncoding.DecodeString(part[:len(part)/4*4])
			b.WriteByte('\n')
			b.Write(text)
		}
	}
	return b.String()
}

// TestDecoded sees that the sweeps below would find something.
func TestDecoded(t *testing.T) {
	for _, hidden := range []string{"x canary-access-1 y", base64.StdEncoding.EncodeToString([]byte(`{"t":"canary-access-1"}`)), "ab" + base64.RawURLEncoding.EncodeToString([]byte("\xffcanary-access-1"))} {
		if !strings.Contains(decoded(hidden), "canary-access") {
			t.Errorf("%q is not seen through", hidden)
		}
	}
}

// walk makes every kind of request of a whole flow, and of what goes wrong in
// it, and hands each answer to see.
func walk(t *testing.T, s *site, p *rotator, see func(name string, resp *http.Response)) (secrets map[string]string) {
	b := s.processes[0].browser()
	sent := b.login("?return_to=/canary-destination")
	url := callback("code", "canary-code", "state", sent.Get("state"))
	see("callback", b.get(url))
	see("reload", b.get(url))
	first := b.cookies[sessionName]
	for _, path := range []string{"/", "/session", "/sessions", "/logout", "/auth.js", "/api/whoami", "/sessions/canary-handle"} {
		see("fetch "+path, b.fetch("GET", path))
		see("navigate "+path, b.navigate(path))
	}
	form := b.formOn("/session")
	s.later(3590 * time.Second)
	see("refresh", b.fetch("POST", "/refresh"))
	s.sessions.set(func(method string) error { return errorsOn(method == "put" || method == "slide") }, nil)
	s.later(2 * time.Hour)
	see("not slid", b.whoAmI())
	see("not stored", b.get(callback("code", "canary-code", "state", b.login("").Get("state"))))
	s.sessions.set(func(string) error { return errStoreDown }, nil)
	see("store down", b.fetch("GET", "/session"))
	see("store down", b.whoAmI())
	s.sessions.reset()
	again := s.signIn(b, "") // the old session ends
	see("again", again)
	see("old", s.with(first).fetch("GET", "/session"))
	see("old form", b.submit("form", form))
	see("garbage", s.with("canary-cookie").fetch("GET", "/session"))
	p.set(func(p *rotator) {
		p.instead = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "canary-refusal")
			return true
		}
	})
	s.later(3590 * time.Second)
	see("refresh refused", b.fetch("POST", "/refresh"))
	see("forged form", b.submit("form", "canary-form", "handle", "canary-handle"))
	see("ended", b.fetch("DELETE", "/sessions/canary-handle"))
	second, last := b.cookies[sessionName], b.formOn("/logout")
	see("logout", b.submit("form", last))
	see("logged out", b.navigate("/session"))
	return map[string]string{
		"state": sent.Get("state"), "challenge": sent.Get("code_challenge"), "first cookie": first, "its secret": first[22:], "second cookie": second, "form": form, "last form": last,
		"browser": b.cookies["__Host-login"], "item": strings.TrimPrefix(session.Key(first), session.Prefix),
	}
}

// What the provider gives, and what the client tells it, stays on the server
// (C-48), whatever it is wrapped in.
func TestNoTokenReachesTheBrowser_C48(t *testing.T) {
	s, p := aliceSite(t)
	n := 0
	walk(t, s, p, func(name string, resp *http.Response) {
		n++
		all := bodyOf(resp)
		for h, values := range resp.Header {
			all += "\n" + h + ": " + strings.Join(values, "\n")
		}
		all = strings.NewReplacer("canary-destination", "", "canary-handle", "").Replace(all)
		if text := decoded(all); strings.Contains(text, "canary") {
			t.Errorf("%s: %s", name, text)
		}
	})
	if given := p.given(); n < 25 || len(given) != 2 {
		t.Errorf("%d answers, revoked %q", n, given)
	}
}

func TestSessionLogsAreClean_C49(t *testing.T) {
	s, p := aliceSite(t)
	n := 0
	secrets := walk(t, s, p, func(string, *http.Response) { n++ })
	p.set(func(p *rotator) { p.extra = func(answer map[string]any, _ string, _ int) { delete(answer, "scope") } })
	a := openID(s, provider.Identity{Subject: "alice-1"}, nil) // one more, with userinfo of somebody else
	a.up.knows(`{"sub":"canary-subject","name":"canary-name","email":"canary-email"}`)
	b := a.browser()
	s.signIn(b, "?login_hint=canary-hint")
	secrets["last cookie"], secrets["verifier"] = b.cookies[sessionName], a.up.forms[0].Get("code_verifier")
	log := s.processes[0].log.String()
	for name, value := range secrets {
		if value == "" || strings.Contains(log, value) {
			t.Errorf("the log tells the %s", name)
		}
	}
	log = strings.ReplaceAll(log, "/sessions/canary-handle", "") // a path
	if i := strings.Index(decoded(log), "canary"); i >= 0 {
		t.Errorf("the log tells %.80q", decoded(log)[max(0, i-40):])
	}
	if lines := strings.Count(log, `"msg":"request"`); lines < n || lines != strings.Count(log, "\n") || !strings.Contains(log, `"userinfo":"of another subject"`) || !strings.Contains(log, `"outcome":"logged_out"`) {
		t.Errorf("%d answers, %d lines: %s", n, lines, log)
	}
}
