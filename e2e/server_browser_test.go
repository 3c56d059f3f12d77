package e2e_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

var (
	usernameField = chromedp.CSS("input[name=username]")
	passwordField = chromedp.CSS("input[name=password]")
	alert         = chromedp.CSS("[role=alert]")
	tokenAnswer   = chromedp.CSS("pre")
)

// choose is the button of a form that stands for a decision.
func choose(what string) chromedp.CSS { return chromedp.CSS("button[value=" + what + "]") }

// typeIn fills in the sign-in form and sends it with the Enter key, as people
// do: so the first button must be the one that signs in.
func (b *tab) typeIn(username, password string) {
	b.t.Helper()
	if username != "" {
		b.do(chromedp.SendKeys(usernameField, username))
	}
	b.do(chromedp.SendKeys(passwordField, password+"\r"))
}

// answer is the token response that the tab shows.
func (b *tab) answer() map[string]any {
	b.t.Helper()
	b.do(chromedp.WaitReady(tokenAnswer))
	var tokens map[string]any
	if err := json.Unmarshal([]byte(ask(b, chromedp.TextContent(tokenAnswer))), &tokens); err != nil {
		b.t.Fatal(err)
	}
	return tokens
}

func (b *tab) heading() string {
	b.t.Helper()
	return b.text("h1")
}

// A wrong password, a refusal, a second thought, and out again.
func TestBuiltInLoginInABrowser_S01_S27_S40(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	s := startServe(t, "localhost:0", nil)
	b.do(chromedp.Navigate(s.base+"/login?return_to=%2Fapp"), chromedp.WaitVisible(usernameField))
	if got := b.location().Path; got != "/oauth/authorize" || b.heading() != "Sign in" {
		t.Errorf("at %s, heading %q", got, b.heading())
	}
	b.look("sign-in")
	b.typeIn("admin", "not this")
	b.do(chromedp.WaitVisible(alert))
	if name := ask(b, chromedp.Value(usernameField)); name != "admin" {
		t.Errorf("the user name is %q after a wrong password", name)
	}
	b.look("sign-in-wrong")
	b.typeIn("", "admin")
	b.do(chromedp.WaitVisible(choose("approve")))
	b.look("approve")
	b.do(chromedp.Click(choose("deny")), chromedp.WaitVisible(button))
	b.sees("Sign-in was declined", "access_denied", "/login?return_to=%2Fapp")

	b.do(chromedp.Click(button), chromedp.WaitVisible(choose("approve")), chromedp.Click(choose("approve")))
	tokens := b.answer()
	for _, name := range []string{"access_token", "refresh_token", "id_token", "token_type", "expires_in", "scope"} {
		if tokens[name] == nil {
			t.Errorf("no %s in the answer", name)
		}
	}
	b.do(chromedp.Navigate(s.base+"/oauth/signout"), chromedp.WaitVisible(chromedp.CSS("button")))
	b.look("sign-out")
	b.do(chromedp.Click(chromedp.CSS("button")), chromedp.WaitNotPresent(chromedp.CSS("button")))
	if got := b.heading(); got != "You are signed out" {
		t.Errorf("heading %q", got)
	}
	b.look("signed-out")
	b.do(chromedp.Navigate(s.base+"/login"), chromedp.WaitVisible(usernameField))
}

// Scopes that are not ticked are not given, and without any there is a word.
func TestNarrowedInABrowser_S38(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	s := startServe(t, "localhost:0", nil)
	b.do(chromedp.Navigate(s.base+"/login"), chromedp.WaitVisible(usernameField))
	b.typeIn("admin", "admin")
	b.do(chromedp.WaitVisible(choose("approve")), chromedp.Click(chromedp.CSS("input[value=email]")), chromedp.Click(choose("approve")))
	if got := b.answer()["scope"]; got != "openid profile" {
		t.Errorf("scope %v", got)
	}
	b.do(chromedp.Navigate(s.base+"/oauth/authorize?response_type=code&client_id=test_client"), chromedp.WaitVisible(choose("approve")))
	if text := b.text("main"); !strings.Contains(text, "www.example.com") || !strings.Contains(text, "admin") {
		t.Errorf("the page says %s", text)
	}
	b.do(chromedp.Click(chromedp.CSS("input[value=email]")), chromedp.Click(choose("approve")), chromedp.WaitVisible(alert))
	b.look("approve-nothing")
}

// A form that was left open for too long, and a request that leads nowhere.
func TestErrorPagesOfTheServerInABrowser_S02(t *testing.T) {
	t.Parallel()
	b := openTab(t)
	keys := []string{"LATCHKEY_SECRET=" + secret.Mint(256)}
	now, before := startServe(t, "localhost:0", keys), startServe(t, "localhost:0", keys, "--clock-offset=-11m")

	// Cookies know no ports: both servers see the same browser.
	form := chromedp.CSS("input[name=form]")
	b.do(chromedp.Navigate(before.base+"/oauth/authorize?response_type=code&client_id=test_client&state=x"), chromedp.WaitVisible(usernameField))
	old := ask(b, chromedp.AttributeValue(form, "value")).Value
	b.do(chromedp.Navigate(now.base+"/oauth/authorize?response_type=code&client_id=test_client&state=x"), chromedp.WaitVisible(usernameField))
	ask(b, chromedp.Evaluate[bool](`document.querySelector("input[name=form]").value = `+quote(old)+`; true`))
	b.typeIn("admin", "admin")
	b.do(chromedp.WaitVisible(button))
	if got := b.text("footer"); !strings.Contains(got, "login_expired") {
		t.Errorf("footer %q", got)
	}
	b.look("form-expired")
	b.do(chromedp.Click(button), chromedp.WaitVisible(usernameField))
	b.typeIn("admin", "admin")
	b.do(chromedp.WaitVisible(choose("approve")))
	if got := b.location(); "http://"+got.Host != now.base {
		t.Errorf("the way on leads to %s", got.Host)
	}

	b.do(chromedp.Navigate(now.base+"/oauth/authorize?response_type=code&client_id=nobody"), chromedp.WaitVisible(chromedp.CSS("footer")))
	if got := b.text("footer"); !strings.Contains(got, "invalid_request") {
		t.Errorf("footer %q", got)
	}
	b.look("unknown-client")
}

func quote(s string) string {
	text, _ := json.Marshal(s)
	return string(text)
}

// Both tabs were opened before anybody signed in; both get their tokens.
func TestTwoTabsInABrowser_C11(t *testing.T) {
	t.Parallel()
	first := openTab(t)
	s := startServe(t, "localhost:0", nil)
	second := first.another()
	for _, b := range []*tab{first, second} {
		b.do(chromedp.Navigate(s.base+"/login"), chromedp.WaitVisible(usernameField))
	}
	first.typeIn("admin", "admin")
	first.do(chromedp.WaitVisible(choose("approve")))
	second.typeIn("admin", "admin")
	second.do(chromedp.WaitVisible(choose("approve")), chromedp.Click(choose("approve")))
	if second.answer()["access_token"] == nil {
		t.Error("no token in the second tab")
	}
	first.do(chromedp.Click(choose("approve")))
	if first.answer()["access_token"] == nil {
		t.Error("no token in the first tab")
	}
}

// another is one more tab of the same browser.
func (b *tab) another() *tab {
	b.t.Helper()
	ctx, end := chromedp.NewContext(b.ctx)
	b.t.Cleanup(end)
	return &tab{b.t, ctx, b.axe}
}
