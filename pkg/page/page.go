// Package page owns the HTML pages and the one writer of refusals: what a
// person sees, and what a program gets instead when something did not work.
//
// It never needs a script, loads anything from elsewhere, redirects, sets a
// cookie or decides whether a request is refused.
package page

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"log/slog"
	"net/http"

	"github.com/a-h/templ"

	"github.com/latchkey-go/latchkey/pkg/logline"
)

//go:embed style.css
var style string

// policy is the Content-Security-Policy of pages without a form: nothing but
// the one stylesheet of the layout, named by its hash. formPolicy is that of
// pages with one, see ShowForm, and scriptPolicy that of pages with auth.js.
var (
	policy       = policyStart + "; form-action 'none'; frame-ancestors 'none'"
	formPolicy   = policyStart + "; frame-ancestors 'none'"
	scriptPolicy = policyStart + "; script-src 'self'; connect-src 'self'; frame-ancestors 'none'"

	policyStart = "default-src 'none'; style-src '" + styleHash() + "'; base-uri 'none'"
)

func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// stylesheet is the style element of the layout. Its content is the file as
// it is, byte for byte, since the policy names the hash.
func stylesheet() templ.Component {
	return templ.Raw("<style>" + style + "</style>")
}

// Show writes c as a page with the given status. It is for pages without a
// form; nobody may frame or keep them. A HEAD request gets the header only.
//
// The page is made whole before anything is sent, and also when the request's
// context is already done: a refusal after a timeout must not be blank.
func Show(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	show(w, r, status, c, policy)
}

// ShowForm is Show for a page with a form that ends in a redirect to another
// site: browsers hold form-action against that redirect too, and against each
// one that follows, so the policy leaves it out. Such a form carries a token.
func ShowForm(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	show(w, r, status, c, formPolicy)
}

// ShowScripted is Show for the pages that load auth.js: Session, Logout, and
// Front for who is signed in. They may run and ask what this origin has, and
// nothing else. There is no form-action, as with ShowForm: signing out can end
// in a redirect to the provider's own page for it, on another site.
func ShowScripted(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	show(w, r, status, c, scriptPolicy)
}

func show(w http.ResponseWriter, r *http.Request, status int, c templ.Component, policy string) {
	var b bytes.Buffer
	if err := c.Render(context.WithoutCancel(r.Context()), &b); err != nil {
		logline.Add(r.Context(), slog.String("cause", "page: "+err.Error()))
		status = http.StatusInternalServerError
		b.Reset()
		b.WriteString("<!doctype html><title>Error</title><p>This page could not be shown.")
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Frame-Options", "DENY")
	send(w, r, status, "text/html; charset=utf-8", b.Bytes())
}

// send writes what every answer of this package has in common.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever asked has gone: nobody is left to tell
	}
}
