package page_test

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"github.com/latchkey-go/latchkey/pkg/page"
)

var (
	began   = time.Date(2026, 3, 5, 14, 7, 9, 0, time.UTC)
	session = page.SessionView{
		Account: "Anna Example", Email: "anna@example.com", Subject: "248289761001", Provider: "Google",
		Scopes: []string{"openid", "profile", "email", "files:read"}, TokenEnds: 3512 * time.Second, SessionEnds: 24*time.Hour - 2*time.Second,
		Action: "/logout", Form: sealed,
	}
	others = []page.OtherSession{
		{Handle: "Zm9vYmFyYmF6cXV4", Created: began.Add(50 * time.Hour), LastSeen: began.Add(51 * time.Hour)},
		{Handle: "c2Vjb25kaGFuZGxl", Created: began, LastSeen: began.Add(time.Hour)},
	}
	logout = page.LogoutView{Action: "/logout", Form: sealed, Account: "Anna Example", Provider: "Google"}
	setup  = page.Setup{RedirectURI: redirectURI, Mode: "json"}
	steps  = []page.Step{
		{Title: "The login begins", Facts: []string{"state: 43 characters, kept as a hash", "code_challenge_method: S256"}},
		{Title: "The provider sends the browser back", At: 4200 * time.Millisecond, Facts: []string{"iss is the provider's"}},
		{Title: "The code is exchanged", At: 4203 * time.Millisecond, Took: 87 * time.Millisecond, Facts: []string{"one POST to https://accounts.example.com/token", "the answer has a refresh token"}},
	}
	failed = append(steps[:2:2], page.Step{Title: "The code is exchanged", At: 4203 * time.Millisecond, Took: 2 * time.Minute, Facts: []string{"invalid_grant"}, Failed: true})
	front  = page.FrontView{Provider: "Google", LoginURL: "/login", Setup: &setup}
)

// scripted is how the pages that load auth.js are shown.
func scripted(c templ.Component) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	page.ShowScripted(w, httptest.NewRequest("GET", "/", nil), 200, c)
	return w
}

// sessionPages are those of the client half.
func sessionPages() map[string]*httptest.ResponseRecorder {
	show := func(v page.FrontView) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		page.Show(w, httptest.NewRequest("GET", "/", nil), 200, page.Front(v))
		return w
	}
	return map[string]*httptest.ResponseRecorder{
		"front":         show(page.FrontView{Provider: "Google", LoginURL: "/login"}),
		"front_bare":    show(page.FrontView{LoginURL: "/login"}),
		"front_json":    show(front),
		"front_own":     show(page.FrontView{LoginURL: "/login", Setup: &page.Setup{Demo: true, RedirectURI: redirectURI, Mode: "json"}}),
		"front_session": show(with(front, func(v *page.FrontView) { v.Setup = &page.Setup{Demo: true, RedirectURI: redirectURI, Mode: "session"} })),
		"front_failed":  show(with(front, func(v *page.FrontView) { v.Steps = failed })),
		"script_front":  scripted(page.Front(page.FrontView{SignedIn: true, Account: "Anna Example", Provider: "Google", LoginURL: "/login"})),
		"script_front_steps": scripted(page.Front(with(front, func(v *page.FrontView) {
			v.SignedIn, v.Steps = true, steps
		}))),
		"script_session":      scripted(page.Session(session)),
		"script_session_bare": scripted(page.Session(page.SessionView{Action: "/logout", Form: sealed})),
		"script_session_others": scripted(page.Session(with(session, func(v *page.SessionView) {
			v.Others = others
		}))),
		"script_logout":     scripted(page.Logout(logout)),
		"script_logout_own": scripted(page.Logout(page.LogoutView{Action: "/logout", Form: sealed})),
	}
}

func TestSessionPagesKeepTextAsText_S36(t *testing.T) {
	body := func(c templ.Component) string { return scripted(c).Body.String() }
	one := func(change func(*page.SessionView)) string { return body(page.Session(with(session, change))) }
	door := func(change func(*page.FrontView)) string { return body(page.Front(with(front, change))) }
	fields := map[string]func(string) string{
		"account":  func(s string) string { return one(func(v *page.SessionView) { v.Account = s }) },
		"e-mail":   func(s string) string { return one(func(v *page.SessionView) { v.Email = s }) },
		"subject":  func(s string) string { return one(func(v *page.SessionView) { v.Subject = s }) },
		"provider": func(s string) string { return one(func(v *page.SessionView) { v.Provider = s }) },
		"log out, account": func(s string) string {
			return body(page.Logout(with(logout, func(v *page.LogoutView) { v.Account = s })))
		},
		"log out, provider": func(s string) string {
			return body(page.Logout(with(logout, func(v *page.LogoutView) { v.Provider = s })))
		},
		"front, account": func(s string) string {
			return door(func(v *page.FrontView) { v.SignedIn, v.Account = true, s })
		},
		"front, redirect URI": func(s string) string { return door(func(v *page.FrontView) { v.Setup = &page.Setup{RedirectURI: s} }) },
		"step":                func(s string) string { return door(func(v *page.FrontView) { v.Steps = []page.Step{{Title: s}} }) },
		"fact": func(s string) string {
			return door(func(v *page.FrontView) { v.Steps = []page.Step{{Facts: []string{"x", s}}} })
		},
	}
	for field, with := range fields {
		for _, v := range vectors {
			if got := shown(t, with, v); field != "front, redirect URI" && got != oneLine(v) {
				t.Errorf("%s: shown as %q, want %q", field, got, oneLine(v))
			}
		}
	}
	// What stands more than once adds no tag.
	many := func(s string) string {
		return one(func(v *page.SessionView) { v.Scopes, v.Others = []string{s}, []page.OtherSession{{Handle: s}} }) +
			door(func(v *page.FrontView) { v.Provider, v.LoginURL = s, "/login?x="+s })
	}
	for _, v := range vectors {
		if got, want := len(tags.FindAllString(many(v), -1)), len(tags.FindAllString(many("x"), -1)); got != want {
			t.Errorf("%q: %d tags, want %d", v, got, want)
		}
	}
}

func TestTimesAsPeopleSayThem(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "in 1 second<", 119 * time.Second: "in 119 seconds<", 125 * time.Second: "in 2 minutes<", 3512 * time.Second: "in 59 minutes<",
		119*time.Minute + 40*time.Second: "in 2 hours<", 24*time.Hour - time.Second: "in 1 day<", 28 * time.Hour: "in 28 hours<", 7*24*time.Hour - time.Hour: "in 7 days<", 0: ">over<", -time.Hour: ">over<",
	} {
		body := scripted(page.Session(page.SessionView{TokenEnds: d})).Body.String()
		if !strings.Contains(body, want) {
			t.Errorf("%v: the page lacks %q", d, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: ">at the start<", time.Microsecond: ">after less than 1 ms<", 87 * time.Millisecond: ">after 87 ms<", 4250 * time.Millisecond: ">after 4.2 s<", 150 * time.Second: ">after 3 minutes<",
	} {
		body := scripted(page.Front(page.FrontView{Steps: []page.Step{{At: d}}})).Body.String()
		if !strings.Contains(body, want) {
			t.Errorf("%v: the page lacks %q", d, want)
		}
	}
}

func TestScript(t *testing.T) {
	file, err := os.ReadFile("auth.js")
	if err != nil {
		t.Fatal(err)
	}
	if len(file) > 2048 {
		t.Errorf("auth.js has %d bytes, at most 2048 are allowed", len(file))
	}
	for method, c := range map[string]struct {
		status int
		body   string
	}{"GET": {200, string(file)}, "HEAD": {200, ""}, "POST": {405, ""}} {
		w := httptest.NewRecorder()
		page.Script(w, httptest.NewRequest(method, "/auth.js", nil))
		if w.Code != c.status || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: status %d, header %v", method, w.Code, w.Header())
		}
		if c.status == 200 && (w.Body.String() != c.body || w.Header().Get("Content-Type") != "text/javascript; charset=utf-8") {
			t.Errorf("%s: header %v, %d bytes of body", method, w.Header(), w.Body.Len())
		}
		if c.status == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow %q", method, w.Header().Get("Allow"))
		}
	}
}
