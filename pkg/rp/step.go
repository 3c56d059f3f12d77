package rp

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// step tells the log which login a request belongs to, and a timeline, if there
// is one, what happens in it. What it tells holds no secret.
type step struct {
	timeline *Timeline
	trace    string
}

// follow joins a request to the login that state names.
func (c *Callback) follow(ctx context.Context, state string) step {
	at := step{c.Timeline, trace(session.LoginKey(state))}
	logline.Add(ctx, slog.String("login", at.trace))
	return at
}

// started tells of a login that leads to the endpoint authorize.
func (at step) started(ctx context.Context, began time.Time, authorize, scope string, openID bool) {
	logline.Add(ctx, slog.String("login", at.trace))
	if at.timeline == nil {
		return // nothing is put into words for nobody
	}
	sent := "Sent: response_type=code, client_id, redirect_uri, scope=" + scope + ", state, code_challenge, code_challenge_method=S256"
	if openID {
		sent += ", nonce"
	}
	at.timeline.add(at.trace, began, page.Step{
		Title: "The browser was sent to " + without(authorize),
		Facts: []string{
			sent,
			"Kept: the code verifier, sealed under the state; a hash of the browser's cookie",
		},
	})
}

func (at step) claimed(began time.Time, iss bool) {
	facts := []string{"Checked: the state is known, not expired and not used before", "Checked: it is the browser that began"}
	if iss {
		facts = append(facts, "Checked: iss names the provider (RFC 9207)")
	}
	at.timeline.add(at.trace, began, page.Step{Title: "The browser came back, and the login was claimed", Facts: facts})
}

func (at step) exchanged(began time.Time, t provider.Tokens) {
	got := "Got: access token"
	if !t.RefreshToken.IsZero() {
		got += ", refresh token"
	}
	if !t.IDToken.IsZero() {
		got += ", ID token"
	}
	facts := []string{"Sent: grant_type=authorization_code, code, redirect_uri, code_verifier, in one POST that follows no redirect", got}
	if t.Scope != "" {
		facts = append(facts, "Scope: "+t.Scope)
	}
	if t.ExpiresIn > 0 {
		facts = append(facts, "The access token lasts "+page.Words(t.ExpiresIn))
	}
	at.timeline.add(at.trace, began, page.Step{Title: "The code was exchanged", Facts: facts})
}

func (at step) identified(began time.Time, who provider.Identity, openID bool) {
	switch {
	case openID:
		at.timeline.add(at.trace, began, page.Step{Title: "The ID token was verified", Facts: []string{
			"Checked: signature, issuer, audience, expiry, nonce, and the hash of the access token if it has one",
		}})
	case who.Subject != "":
		at.timeline.add(at.trace, began, page.Step{Title: "The userinfo endpoint said who it is"})
	}
}

func (at step) signedIn(began time.Time) {
	at.timeline.add(at.trace, began, page.Step{Title: "A session began", Facts: []string{
		"Kept: the tokens, sealed under the cookie and the deployment secret together",
		"Sent: the session's cookie, and no token",
	}})
}

// fail tells of the end of a login that was refused, and returns the refusal.
// What the refusal says may be a provider's words, so only its code is told.
func (at step) fail(began time.Time, refusal *oauth.Error) *oauth.Error {
	at.timeline.add(at.trace, began, page.Step{Title: "The callback was refused: " + string(refusal.Code), Failed: true})
	return refusal
}

// without is a URL without its query.
func without(u string) string {
	u, _, _ = strings.Cut(u, "?")
	return u
}
