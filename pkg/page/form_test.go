package page_test

import (
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/latchkey-go/latchkey/pkg/page"
)

func TestFormsStayForms_S36(t *testing.T) {
	render := func(c templ.Component) string {
		w := httptest.NewRecorder()
		page.ShowForm(w, httptest.NewRequest("GET", "/", nil), 200, c)
		return w.Body.String()
	}
	fields := map[string]func(s string) string{
		"sign-in, client name": func(s string) string {
			return render(page.SignIn(with(signIn, func(v *page.SignInView) { v.Client = s })))
		},
		"sign-in, host": func(s string) string {
			return render(page.SignIn(with(signIn, func(v *page.SignInView) { v.Host = s })))
		},
		"sign-in, user name": func(s string) string {
			return render(page.SignIn(with(signIn, func(v *page.SignInView) { v.Name = s })))
		},
		"approve, host": func(s string) string {
			return render(page.Approve(with(approve, func(v *page.ApproveView) { v.Host = s })))
		},
		"sign-out, account": func(s string) string { return render(page.SignOut(page.SignOutView{Form: sealed, Account: s})) },
		"sign-out, client":  func(s string) string { return render(page.SignOut(page.SignOutView{Form: sealed, Client: s})) },
	}
	for field, with := range fields {
		for _, v := range vectors {
			t.Run(field+" "+v, func(t *testing.T) {
				if got := shown(t, with, v); got != oneLine(v) {
					t.Errorf("shown as %q, want %q", got, oneLine(v))
				}
			})
		}
	}
	// Where the text stands more than once, the page has no tag more for it.
	tag := regexp.MustCompile(`<[a-zA-Z/!?][^>]*>`)
	count := func(s string) int { return len(tag.FindAllString(render(page.Approve(approveAll(s))), -1)) }
	plain := count("x")
	for _, v := range vectors {
		if got := count(v); got != plain || strings.Contains(render(page.Approve(approveAll(v))), "<script") {
			t.Errorf("%q: %d tags, want %d", v, got, plain)
		}
	}
}

// approveAll is an approve page with s wherever text of others goes.
func approveAll(s string) page.ApproveView {
	return page.ApproveView{Action: "/oauth/approve", Form: sealed, Client: s, Host: s, Account: s, Scopes: []page.Scope{{Name: s}, {Name: s, Fixed: true}}, Remembered: true}
}

func TestFormsAreUsable(t *testing.T) {
	for name, w := range pages(t) {
		if !strings.Contains(w.Body.String(), "<form") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			body := w.Body.String()
			if strings.Count(body, "<form ") != 1 || !strings.Contains(body, `method="post"`) || !strings.Contains(body, `name="form" value="`+sealed+`"`) {
				t.Error("not one form by POST with its sealed part")
			}
			if n := strings.Count(body, " autofocus"); n > 1 {
				t.Errorf("%d fields take the focus", n)
			}
			ids := map[string]int{}
			for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(body, -1) {
				if ids[m[1]]++; ids[m[1]] > 1 {
					t.Errorf("id %s twice", m[1])
				}
			}
			for _, m := range regexp.MustCompile(` (?:for|aria-describedby)="([^"]+)"`).FindAllStringSubmatch(body, -1) {
				if ids[m[1]] == 0 {
					t.Errorf("nothing has the id %s", m[1])
				}
			}
			if (w.Code >= 400) != strings.Contains(body, `role="alert"`) || (w.Code >= 400) != strings.Contains(body, `aria-describedby="problem"`) {
				t.Error("a problem is announced when there is one")
			}
			if strings.Contains(name, "signin") {
				for _, part := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `<label for="username">`, `<label for="password">`, `type="password"`, `spellcheck="false"`, "formnovalidate"} {
					if !strings.Contains(body, part) {
						t.Errorf("the page lacks %s", part)
					}
				}
			}
		})
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 59 * time.Second: "59 seconds", time.Minute: "1 minute", 90 * time.Second: "90 seconds",
		5 * time.Minute: "5 minutes", time.Hour: "1 hour", 90 * time.Minute: "90 minutes", 24 * time.Hour: "1 day", 36 * time.Hour: "36 hours", 30 * 24 * time.Hour: "30 days",
	} {
		if got := page.Words(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
