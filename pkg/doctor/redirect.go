package doctor

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// maxPage is how much of a page is looked at.
const maxPage = 64 << 10

const redirectID = "redirect_uri"

// page is an answer to a browser's request.
type page struct {
	status   int
	location string
	body     []byte
}

// visit asks as a browser does, without following a redirect.
func (x *Examination) visit(ctx context.Context, url string, clock *clock) (page, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page{}, errUnusable
	}
	request.Header.Set("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8")
	transport := http.DefaultTransport.(*http.Transport)
	if x.Provider.Transport != nil {
		transport = x.Provider.Transport
	}
	transport = transport.Clone()
	transport.DisableKeepAlives = true
	client := &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	began := x.now()
	response, err := client.Do(request)
	if err != nil {
		return page{}, silence(ctx)
	}
	defer func() { _ = response.Body.Close() }()
	if clock != nil {
		clock.sawHeader(response.Header, began)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return page{}, silence(ctx)
	}
	return page{response.StatusCode, response.Header.Get("Location"), body}, nil
}

// failure is why there is no answer, in words that are safe to print.
type failure string

func (f failure) Error() string { return string(f) }

const (
	errUnusable failure = "unusable URL"
	errSilent   failure = "no answer"
	errTimeout  failure = "timeout"
)

func silence(ctx context.Context) failure {
	if ctx.Err() != nil {
		return errTimeout
	}
	return errSilent
}

// request is the authorization request of a login that nobody will finish.
func (x *Examination) request(ep provider.Endpoints, prompt string) string {
	a := provider.Authorization{RedirectURI: x.callback(), State: session.NewState(), Challenge: pkce.Challenge(pkce.NewVerifier()), Prompt: prompt}
	if x.Provider.OpenID() {
		a.Nonce = secret.Mint(256)
	}
	return x.Provider.AuthorizeURL(ep, a)
}

// redirect begins a login to see whether the provider takes the request, the
// redirect URI with it. A sign-in form or the way to one is a good sign; an
// answer at the redirect URI itself is the proof.
func (x *Examination) redirect(ctx context.Context, ep provider.Endpoints, clock *clock) []Finding {
	p, err := x.visit(ctx, x.request(ep, ""), clock)
	f := Finding{ID: redirectID, Level: Problem, Why: "every login begins with this request"}
	params, ours := x.answerAt(p.location)
	refused := params["error"]
	switch {
	case err != nil:
		f.Level, f.What, f.Do = level(err), "the authorization endpoint cannot be reached: "+cause(err), "check its URL and the network"
	case p.status == http.StatusTooManyRequests || p.status >= 500:
		f.Level, f.What, f.Do = Unchecked, "the authorization endpoint "+status(p.status), "ask again in a minute; if it stays so, look at the provider's own log"
	case p.status >= 400:
		f.What, f.Do = "the authorization endpoint "+status(p.status), "check OAUTH_CLIENT_ID, and that the redirect URI below is registered, exactly as it stands there"
	case ours && refused != "":
		f.What, f.Do = "the redirect URI is right, and the provider refused the login", x.Provider.Refused(refused, "").Description
	case ours:
		f.Level, f.What, f.Do = Warning, "the provider answered without a sign-in", "look at this client's settings at the provider"
		f.Why = "nobody had signed in, so there is nobody to answer for"
	case errorPage(p):
		f.What, f.Do = "the provider shows an error in place of a sign-in (seen in its address or its text, so this is likely, not certain)",
			"check OAUTH_CLIENT_ID, and that the redirect URI below is registered, exactly as it stands there"
	default:
		return x.accepted(ctx, ep, p)
	}
	return []Finding{f}
}

// answerAt reads what a redirect to our callback carries (RFC 6749 §4.1.2);
// ours is false for a redirect elsewhere.
func (x *Examination) answerAt(location string) (params oauth.Params, ours bool) {
	query, ours := strings.CutPrefix(location, x.callback()+"?")
	if !ours {
		return nil, false
	}
	params, err := oauth.ParseParams(query)
	if err != nil {
		return nil, true
	}
	return params, true
}

// unfinished are the answers to prompt=none when nobody has signed in (OpenID
// Connect Core §3.1.2.6). They come to a redirect URI that is registered.
var unfinished = []string{"login_required", "interaction_required", "consent_required", "account_selection_required"}

// accepted says how sure it is that the redirect URI is registered. An OpenID
// provider is asked for an answer without a sign-in, which it may send to a
// registered one only.
func (x *Examination) accepted(ctx context.Context, ep provider.Endpoints, p page) []Finding {
	if x.Provider.OpenID() {
		asked := x.request(ep, "none")
		silent, err := x.visit(ctx, asked, nil)
		if params, _ := x.answerAt(silent.location); err == nil && slices.Contains(unfinished, params["error"]) {
			return x.answered(ep, asked, params)
		}
	}
	const later = "; some providers look at the redirect URI only after the sign-in"
	switch {
	case p.location != "":
		return []Finding{{ID: redirectID, Level: OK, What: "likely: the authorization endpoint leads to a sign-in" + later}}
	case bytes.Contains(p.body, []byte(`type="password"`)):
		return []Finding{{ID: redirectID, Level: OK, What: "likely: the authorization endpoint shows a sign-in form" + later}}
	}
	return []Finding{{redirectID, Warning, "the authorization endpoint shows neither an error nor a sign-in that is known here",
		"it may be a sign-in that a script makes, or a page that has nothing to do with it", "begin a login and look; if it is no sign-in, check the endpoint's URL"}}
}

// answered judges an answer at the redirect URI by what a callback wants of
// each: the state that was sent (RFC 6749 §4.1.2.1), and the issuer where that
// is promised (RFC 9207 §2).
func (x *Examination) answered(ep provider.Endpoints, asked string, params oauth.Params) []Finding {
	sent, err := url.Parse(asked)
	if err != nil || params["state"] != sent.Query().Get("state") {
		return []Finding{{redirectID, Problem, "the provider sends answers to the redirect URI, without its state", "an answer that belongs to no login is refused, so every login fails", "mend it at the provider (RFC 6749 section 4.1.2)"}}
	}
	findings := []Finding{{ID: redirectID, Level: OK, What: "certain: the provider sends answers to the redirect URI (" + params["error"] + " to prompt=none)"}}
	iss, there := params["iss"]
	if x.Provider.CheckIssuer(ep, iss, there) != nil {
		findings = append(findings, Finding{"iss", Problem, "an answer of the provider does not name it as its issuer (RFC 9207)", "such an answer is refused, so every login fails", "mend it at the provider, or set the issuer to the one that it names"})
	}
	return findings
}

// marks are what error pages of known providers have in their text, for a
// request that can not be answered at the redirect URI.
var marks = []string{"redirect_uri_mismatch", "invalid_redirect_uri", "AADSTS50011", "AADSTS700016", "redirect_mismatch", "unauthorized_client", "invalid_client"}

// errorPage reports a page, or the way to one, that says that the request was
// refused. Google leads to /signin/oauth/error, Cognito to /error.
func errorPage(p page) bool {
	if p.location != "" {
		u, err := url.Parse(p.location)
		return err == nil && slices.Contains(strings.Split(u.Path, "/"), "error")
	}
	return slices.ContainsFunc(marks, func(mark string) bool { return bytes.Contains(p.body, []byte(mark)) })
}
