package rp_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

func titles(steps []page.Step) (list []string) {
	for _, s := range steps {
		list = append(list, s.Title)
	}
	return list
}

func TestTimeline(t *testing.T) {
	s, _ := aliceSite(t)
	if len(s.timeline.Steps()) != 0 {
		t.Error("it began before any login")
	}
	b := s.processes[0].browser()
	sent := b.login("?return_to=/canary-path")
	b.get(callback("code", "canary-code", "state", sent.Get("state")))
	steps := s.timeline.Steps()
	if want := []string{
		"The browser was sent to " + b.app.up.URL + "/authorize", "The browser came back, and the login was claimed", "The code was exchanged",
		"The userinfo endpoint said who it is", "A session began",
	}; !slices.Equal(titles(steps), want) {
		t.Fatalf("%q", titles(steps))
	}
	text := fmt.Sprint(steps)
	for _, part := range []string{"code_challenge_method=S256", "scope=read write", "the state is known", "is the browser that began", "access token, refresh token", "Scope: read write", "1 hour", "code_verifier"} {
		if !strings.Contains(text, part) {
			t.Errorf("no word of %q", part)
		}
	}
	for i, step := range steps {
		if step.Failed || step.Took < 0 || step.At < 0 || i > 0 && step.At < steps[i-1].At {
			t.Errorf("%+v", step)
		}
	}
	shown := text + bodyOf(b.navigate("/"))
	form := b.app.up.forms[0]
	for name, value := range map[string]string{
		"state": sent.Get("state"), "challenge": sent.Get("code_challenge"), "verifier": form.Get("code_verifier"), "session": b.cookies[sessionName],
		"browser": b.cookies["__Host-login"], "a canary": "canary", "handle": b.handle(), "name": "alice-1",
	} {
		if value == "" || strings.Contains(shown, value) {
			t.Errorf("it tells the %s", name)
		}
	}
	steps[0].Title = "changed"
	if s.timeline.Steps()[0].Title == "changed" {
		t.Error("what it gives away is its own")
	}
}

func TestTimelineOfAnOpenIDLogin(t *testing.T) {
	s, _ := aliceSite(t)
	line := &rp.Timeline{}
	p := &provider.Provider{Name: "oidc", ClientID: clientID, Auth: provider.AuthNone, Scope: "openid", Fixed: s.refresher[0].Provider.Fixed}
	a := variant{provider: p, idTokens: vouched{provider.Identity{Subject: "alice-1"}, nil}, timeline: line}.of(s)
	b := a.browser()
	nonce := b.login("").Get("nonce")
	s.signIn(b, "")
	text := fmt.Sprint(line.Steps())
	if nonce == "" || strings.Contains(text, nonce) || !strings.Contains(text, "The ID token was verified") || !strings.Contains(text, "S256, nonce") {
		t.Errorf("%s", text)
	}
}

// hostile is what whoever sends a browser to the callback may want others to
// read here.
const hostile = "Your account is locked. Call 0800 evil"

func TestTimelineOfAFailedLogin(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.processes[0].browser()
	wantError(t, b.get(callback("error", "access_denied", "error_description", hostile, "state", b.login("").Get("state"))), 400, "access_denied")
	steps := s.timeline.Steps()
	if last := steps[len(steps)-1]; !last.Failed || last.Title != "The callback was refused: access_denied" || len(last.Facts) != 0 {
		t.Errorf("%+v", last)
	}
	b.app.up.reply(400, "application/json", `{"error":"invalid_grant","error_description":"canary-text"}`)
	state := b.login("").Get("state")
	if got := titles(s.timeline.Steps()); len(got) != 1 {
		t.Errorf("a new login begins anew: %q", got)
	}
	wantError(t, b.get(callback("code", "canary-code", "state", state)), 502, "provider_error")
	steps = s.timeline.Steps()
	if last := steps[len(steps)-1]; !last.Failed || strings.Contains(fmt.Sprint(steps), "canary") {
		t.Errorf("%+v", last)
	}
	for _, code := range []string{"server_error", "call_0800_evil", "call-0800-evil", hostile} {
		b.get(callback("error", code, "error_description", hostile, "error_uri", "https://evil.example/", "state", b.login("").Get("state")))
		steps = s.timeline.Steps()
		page := bodyOf(s.processes[0].browser().navigate("/"))
		if last := steps[len(steps)-1]; !last.Failed || !strings.Contains(page, "The callback was refused: ") {
			t.Errorf("%s: %+v", code, last)
		}
		for _, word := range []string{"0800", "evil"} {
			if strings.Contains(page+fmt.Sprint(steps), word) {
				t.Errorf("the front door says %q of a provider that says %q", word, code)
			}
		}
	}
	b.app.up.reply(400, "application/json", `{"error":"invalid_grant","error_description":"canary-text"}`)
	state = b.login("").Get("state")
	for range 100 { // reloads
		b.get(callback("code", "canary-code", "state", state))
	}
	if n := len(s.timeline.Steps()); n > 40 {
		t.Errorf("%d steps", n)
	}
}

// Who does not know the state of the last login cannot write into its timeline.
func TestTimelineIsOfOneLogin(t *testing.T) {
	s, _ := aliceSite(t)
	early, b, attacker := s.processes[0].browser(), s.processes[0].browser(), s.processes[0].browser()
	before := early.login("").Get("state")
	attacker.login("")
	state := b.login("").Get("state")
	for _, target := range []string{
		callback("code", "c", "state", session.NewState()), callback("error", "access_denied", "error_description", "call 0800 evil", "state", session.NewState()),
		callback("code", "c", "state", ""), callback("code", "c", "state", flip(state)), callback("code", "c"), callback("code", "c", "state", before, "iss", "x"),
	} {
		attacker.get(target)
	}
	early.get(callback("code", "c", "state", before)) // finishes well, later than another began
	if got := titles(s.timeline.Steps()); len(got) != 1 {
		t.Errorf("%q", got)
	}
	b.get(callback("code", "c", "state", state))
	if got := titles(s.timeline.Steps()); len(got) != 5 || got[4] != "A session began" {
		t.Errorf("%q", got)
	}
}

func TestTimelineOfManyAtOnce(t *testing.T) {
	s, _ := aliceSite(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			b := s.processes[0].browser()
			b.get(callback("code", "c", "state", b.login("").Get("state")))
			b.navigate("/")
		})
	}
	wg.Wait()
	got := titles(s.timeline.Steps())
	if len(got) == 0 || !strings.HasPrefix(got[0], "The browser was sent") || len(got) > 5 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
		t.Errorf("the steps of several: %q", got)
	}
}

// Production remembers nothing.
func TestNoTimeline(t *testing.T) {
	var none *rp.Timeline
	if none.Steps() != nil {
		t.Error("a nil timeline has steps")
	}
	s, _ := aliceSite(t)
	a := variant{}.of(s)
	s.signIn(a.browser(), "")
	if len(s.timeline.Steps()) != 0 {
		t.Error("it was told of a login that is none of its own")
	}
}
