package page_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"io"
	"maps"
	"math"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
)

var update = flag.Bool("update", false, "write the golden pages in testdata")

const redirectURI = "http://localhost:3000/callback"

// pages are all pages there are, in every shape they can have.
func pages(t *testing.T) map[string]*httptest.ResponseRecorder {
	t.Helper()
	show := func(c templ.Component) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		page.Show(w, httptest.NewRequest("GET", "/", nil), 200, c)
		return w
	}
	refuse := func(id string, e *oauth.Error) *httptest.ResponseRecorder {
		w, _ := ask(t, "GET", "navigate", id, e)
		return w
	}
	form := func(status int, c templ.Component) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		page.ShowForm(w, httptest.NewRequest("GET", "/", nil), status, c)
		return w
	}
	all := map[string]*httptest.ResponseRecorder{
		"refusal": refuse(requestID, &oauth.Error{
			Code: oauth.StateUsed, Description: "Each sign-in works only once. Please start a new one.",
			RetryURL: "/login?return_to=%2Fapp&prompt=login",
		}),
		"refusal_wait": refuse(requestID, &oauth.Error{
			Code: oauth.ProviderUnavailable, Description: "The provider did not answer in time.",
			RetryURL: "/login", RetryAfter: 5 * time.Second,
		}),
		"form_signin": form(200, page.SignIn(signIn)),
		"form_signin_wrong": form(400, page.SignIn(with(signIn, func(v *page.SignInView) {
			v.Name, v.Problem = "admin", "The user name or the password is not right."
		}))),
		"form_signin_wait": form(429, page.SignIn(with(signIn, func(v *page.SignInView) { v.Name, v.Wait = "admin", 42*time.Second }))),
		"form_approve":     form(200, page.Approve(approve)),
		"form_approve_bare": form(400, page.Approve(with(approve, func(v *page.ApproveView) {
			v.Scopes, v.Remembered, v.Problem, v.Lasts = v.Scopes[2:], false, "Leave at least one permission ticked, or deny the request.", 5*time.Minute
		}))),
		"form_approve_none":   form(200, page.Approve(with(approve, func(v *page.ApproveView) { v.Scopes = nil }))),
		"form_signout":        form(200, page.SignOut(page.SignOutView{Action: "/oauth/signout", Form: sealed, Account: "admin"})),
		"form_signout_client": form(200, page.SignOut(page.SignOutView{Action: "/oauth/signout", Form: sealed, Account: "admin", Client: "Example client"})),
		"signed_out":          show(page.SignedOut()),
		"refusal_bare":        refuse("", &oauth.Error{Code: oauth.ConfigError, Description: "The settings of this service have to be looked at."}),
	}
	maps.Copy(all, sessionPages())
	return all
}

const sealed = "AAAAAAsealed-part-of-the-form"

var (
	signIn  = page.SignInView{Action: "/oauth/signin", Form: sealed, Client: "Example client", Host: "www.example.com"}
	approve = page.ApproveView{
		Action: "/oauth/approve", Form: sealed, Client: "Example client", Host: "www.example.com", Account: "admin",
		Scopes: []page.Scope{{Name: "openid", Fixed: true}, {Name: "email"}, {Name: "files:read"}}, Lasts: 30 * 24 * time.Hour, Remembered: true,
	}
)

// with is v with a change.
func with[V any](v V, change func(*V)) V {
	change(&v)
	return v
}

func TestGoldenPages(t *testing.T) {
	for name, w := range pages(t) {
		t.Run(name, func(t *testing.T) {
			// The stylesheet has a file of its own.
			got := style.ReplaceAllString(w.Body.String(), "<style></style>")
			got = strings.ReplaceAll(got, "><", ">\n<") + "\n"
			file := filepath.Join("testdata", name+".html")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("go test ./pkg/page -update accepts this change (-want +got):\n%s", diff)
			}
		})
	}
}

var (
	style    = regexp.MustCompile(`(?s)<style>(.*?)</style>`)
	handlers = regexp.MustCompile(`<[^>]*\son[a-z]+=`)
	tags     = regexp.MustCompile(`<([a-z0-9]+)`)
)

func TestPagesAreHardened_C43(t *testing.T) {
	for name, w := range pages(t) {
		t.Run(name, func(t *testing.T) {
			body := w.Body.String()
			sheets := style.FindAllStringSubmatch(body, -1)
			if len(sheets) != 1 {
				t.Fatalf("%d stylesheets", len(sheets))
			}
			sum := sha256.Sum256([]byte(sheets[0][1]))
			// A form ends in a redirect to another site, which form-action would
			// stop. Pages without one have no need of it.
			action, forbidden := " form-action 'none';", "<form"
			if strings.HasPrefix(name, "form_") {
				action, forbidden = "", "target="
			}
			// Pages of the session may load one script.
			bare := body
			if strings.HasPrefix(name, "script_") {
				action, forbidden = " script-src 'self'; connect-src 'self';", "target="
				bare = strings.Replace(body, `<script src="/auth.js" defer></script>`, "", 1)
				if bare == body {
					t.Error("the page does not load its script")
				}
			}
			policy := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
				"'; base-uri 'none';" + action + " frame-ancestors 'none'"
			for header, want := range map[string]string{
				"Content-Security-Policy": policy,
				"X-Frame-Options":         "DENY",
				"X-Content-Type-Options":  "nosniff",
				"Referrer-Policy":         "no-referrer",
				"Cache-Control":           "no-store",
				"Content-Type":            "text/html; charset=utf-8",
			} {
				if got := w.Header().Get(header); got != want {
					t.Errorf("%s: %s, want %s", header, got, want)
				}
			}
			for _, bad := range []string{"<script", "<link", "<img", "<iframe", forbidden, " src=", " style=", "url(", "@import"} {
				if strings.Contains(bare, bad) {
					t.Errorf("the page has %q", bad)
				}
			}
			if h := handlers.FindString(body); h != "" {
				t.Errorf("the page has an event handler: %s", h)
			}
		})
	}
}

func TestPagesHaveTheirLandmarks(t *testing.T) {
	for name, w := range pages(t) {
		t.Run(name, func(t *testing.T) {
			body := w.Body.String()
			n := map[string]int{}
			for _, m := range tags.FindAllStringSubmatch(body, -1) {
				n[m[1]]++
			}
			for _, tag := range []string{"html", "title", "main", "h1", "header"} {
				if n[tag] != 1 {
					t.Errorf("%d <%s>, want 1", n[tag], tag)
				}
			}
			for _, part := range []string{`<!doctype html><html lang="en">`, `<meta charset="utf-8">`, `content="width=device-width, initial-scale=1"`} {
				if !strings.Contains(body, part) {
					t.Errorf("the page lacks %s", part)
				}
			}
		})
	}
}

// Text must have a contrast of 4.5 to 1 and the focus ring 3 to 1 in both
// colour schemes (WCAG 2.2 SC 1.4.3, 1.4.11).
func TestContrast(t *testing.T) {
	sheet, err := os.ReadFile("style.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, ok := strings.Cut(string(sheet), "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("no dark mode")
	}
	for scheme, css := range map[string]string{"light": light, "dark": dark} {
		colour := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`).FindAllStringSubmatch(css, -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, c := range []struct {
			front, back string
			least       float64
		}{
			{"ink", "paper", 4.5}, {"ink", "card", 4.5}, {"ink", "code", 4.5}, {"soft", "card", 4.5},
			{"accent", "paper", 4.5}, {"on-accent", "accent", 4.5}, {"accent", "card", 4.5},
			{"bad", "card", 4.5}, {"field", "card", 3},
		} {
			a, b := colour[c.front], colour[c.back]
			if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); got < c.least {
				t.Errorf("%s: %s on %s has %.2f, want %.1f", scheme, c.front, c.back, got, c.least)
			}
		}
	}
}

// luminance is the relative luminance of WCAG for a colour of 3 or 6 digits.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	channel := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*channel(16) + 0.7152*channel(8) + 0.0722*channel(0)
}

// A page that cannot be made is a 500 with nothing of the half-made page.
func TestPageThatFails(t *testing.T) {
	w := httptest.NewRecorder()
	page.Show(w, httptest.NewRequest("GET", "/", nil), 200, templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "half")
		return errors.New("broken")
	}))
	if w.Code != 500 || strings.Contains(w.Body.String(), "half") || strings.Contains(w.Body.String(), "broken") {
		t.Errorf("status %d\n%s", w.Code, w.Body)
	}
}
