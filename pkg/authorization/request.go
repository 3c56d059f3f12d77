package authorization

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// What a request may carry, in bytes: it travels in the address bar between
// the forms, and all headers of a request have 10 KB together.
const (
	maxState = 3072
	maxNonce = 512
	maxHint  = 256
)

// request is an authorization request that has passed every check.
type request struct {
	ClientID string `json:"c"`
	// Redirect is where the answer goes; Named tells whether the request said
	// so itself, in which case the token request has to repeat it.
	Redirect string `json:"r"`
	Named    bool   `json:"rn,omitempty"`
	State    string `json:"s,omitempty"`
	// Scopes are in the order of the client's registration, each once.
	Scopes    []string `json:"sc,omitempty"`
	Challenge string   `json:"cc,omitempty"`
	Nonce     string   `json:"n,omitempty"`
	Prompt    []string `json:"p,omitempty"`
	// MaxAge is in seconds, nil when not asked for.
	MaxAge *int64 `json:"ma,omitempty"`
	Hint   string `json:"h,omitempty"`
	// ID is fresh random: the grant's id derives from it, so that one request
	// makes one grant. Born is when the request arrived, in epoch seconds.
	ID   string `json:"i"`
	Born int64  `json:"b"`
}

// prompts reports whether the request asks for one of the prompts.
func (q request) prompts(any ...string) bool {
	return slices.ContainsFunc(q.Prompt, func(p string) bool { return slices.Contains(any, p) })
}

// path is the address that begins the same request anew.
func (q request) path() string {
	p := oauth.Params{"response_type": "code", "client_id": q.ClientID}
	set := func(name, value string) {
		if value != "" {
			p[name] = value
		}
	}
	if q.Named {
		set("redirect_uri", q.Redirect)
	}
	set("state", q.State)
	set("scope", strings.Join(q.Scopes, " "))
	set("nonce", q.Nonce)
	set("prompt", strings.Join(q.Prompt, " "))
	set("login_hint", q.Hint)
	if q.Challenge != "" {
		p["code_challenge"], p["code_challenge_method"] = q.Challenge, "S256"
	}
	if q.MaxAge != nil {
		p["max_age"] = strconv.FormatInt(*q.MaxAge, 10)
	}
	return PathAuthorize + "?" + p.Encode()
}

// locate finds out whom an answer may go to: first the client, then the
// redirect URI. Its error is for a page and never for a redirect (RFC 6749
// §4.1.2.1). q has the client id, the redirect URI and the state afterwards.
func (e *Endpoint) locate(ctx context.Context, raw string) (c client.Client, q request, refusal *oauth.Error) {
	id, err := lone(raw, "client_id", true)
	if err != nil || id == "" {
		return c, q, lost("The application did not say who it is: client_id has to be there exactly once.", err)
	}
	c, err = e.Clients.GetClient(ctx, id)
	switch {
	case errors.Is(err, client.ErrUnknown):
		return c, q, lost("No application with this client_id is registered here.", nil)
	case err != nil:
		return c, q, down(err)
	}
	uri, err := lone(raw, "redirect_uri", true)
	switch {
	case err != nil:
		return c, q, lost("redirect_uri has to be there once, and readable.", err)
	case uri == "" && len(c.RedirectURIs) == 1:
		q.Redirect = c.RedirectURIs[0]
	case uri == "":
		return c, q, lost("The application did not say where to go back to: redirect_uri is missing.", nil)
	case !c.MatchRedirect(uri):
		return c, q, lost("The redirect_uri is not registered for this application. It has to be the same, character for character.", nil)
	default:
		q.Redirect, q.Named = uri, true
	}
	q.ClientID = c.ID
	// An answer repeats the state as it came, whatever else is wrong.
	q.State, _ = lone(raw, "state", false)
	return c, q, nil
}

func lost(description string, cause error) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusBadRequest, Cause: cause, Description: description}
}

var errAmbiguous = errors.New("a parameter is repeated or not readable")

// lone finds one parameter in raw, whatever the others are like. It fails when
// the parameter is there twice or has a broken escape, and, if strict, control
// characters or bytes that are not UTF-8.
func lone(raw, name string, strict bool) (string, error) {
	value, found := "", false
	for pair := range strings.SplitSeq(raw, "&") {
		k, v, _ := strings.Cut(pair, "=")
		if k, err := url.QueryUnescape(k); err != nil || k != name {
			continue
		}
		v, err := url.QueryUnescape(v)
		if err != nil || found || strict && (!utf8.ValidString(v) || strings.ContainsFunc(v, func(c rune) bool { return c < 0x20 || c == 0x7f })) {
			return "", errAmbiguous
		}
		value, found = v, true
	}
	return value, nil
}

// check reads the rest of a request whose answers may go to the client. Its
// error is one for the redirect URI.
func (q *request) check(c client.Client, raw string, now time.Time) *oauth.Error {
	p, err := oauth.ParseParams(raw)
	if err != nil {
		return &oauth.Error{Code: oauth.InvalidRequest, Cause: err, Description: "The request is malformed, or a parameter is repeated."}
	}
	q.ID, q.Born = secret.Mint(128), now.Unix()
	for _, step := range []func(client.Client, oauth.Params) (oauth.Code, string){
		q.checkForm, q.checkScope, q.checkPKCE, q.checkOpenID,
	} {
		if code, description := step(c, p); code != "" {
			return &oauth.Error{Code: code, Description: description}
		}
	}
	return nil
}

func (q *request) checkForm(c client.Client, p oauth.Params) (oauth.Code, string) {
	switch {
	case p["request"] != "":
		return oauth.RequestNotSupported, "Request objects are not supported; send plain parameters."
	case p["request_uri"] != "":
		return oauth.RequestURINotSupported, "request_uri is not supported; send plain parameters."
	case p["response_type"] == "":
		return oauth.InvalidRequest, "response_type is missing; use code."
	case p["response_type"] != "code":
		return oauth.UnsupportedResponseType, "The only response_type here is code."
	case p["response_mode"] != "" && p["response_mode"] != "query":
		return oauth.InvalidRequest, "The only response_mode here is query."
	case !slices.Contains(c.GrantTypes, client.AuthorizationCode):
		return oauth.UnauthorizedClient, "This client is not registered for authorization_code."
	case carried(q.State) > maxState:
		return oauth.InvalidRequest, "state has more than " + strconv.Itoa(maxState) + " bytes."
	}
	return "", ""
}

// checkScope reads scope strictly (RFC 6749 §3.3): tokens with one space
// between. Left out, it means all that the client may have.
func (q *request) checkScope(c client.Client, p oauth.Params) (oauth.Code, string) {
	scope := p["scope"]
	scopes, ok := c.Requested(scope)
	if !ok || strings.HasPrefix(scope, " ") || strings.HasSuffix(scope, " ") || strings.Contains(scope, "  ") {
		return oauth.InvalidScope, "A scope is malformed, or not registered for this client."
	}
	q.Scopes = scopes
	return "", ""
}

// checkPKCE asks for S256 (RFC 7636 §4.3); nothing switches it off but a
// confidential client's registration, and then for a request without any PKCE
// only.
func (q *request) checkPKCE(c client.Client, p oauth.Params) (oauth.Code, string) {
	challenge, method := p["code_challenge"], p["code_challenge_method"]
	switch {
	case challenge == "" && method != "":
		return oauth.InvalidRequest, "code_challenge_method came without a code_challenge."
	case challenge == "" && c.PKCEOptional && !c.Public():
		return "", ""
	case challenge == "":
		return oauth.InvalidRequest, "PKCE is required: code_challenge is missing."
	case method != "S256":
		return oauth.InvalidRequest, "code_challenge_method has to be S256."
	case !challengeLike(challenge):
		return oauth.InvalidRequest, "code_challenge has to be 43 characters of base64url, without padding."
	}
	q.Challenge = challenge
	return "", ""
}

func challengeLike(s string) bool {
	return len(s) == 43 && !strings.ContainsFunc(s, func(c rune) bool {
		return !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_')
	})
}

// checkOpenID reads the parameters of OpenID Connect Core §3.1.2.1.
func (q *request) checkOpenID(_ client.Client, p oauth.Params) (oauth.Code, string) {
	for _, one := range strings.FieldsFunc(p["prompt"], func(c rune) bool { return c == ' ' }) {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, one) {
			return oauth.InvalidRequest, "prompt takes none, login, consent and select_account."
		}
		q.Prompt = append(q.Prompt, one)
	}
	if q.prompts("none") && len(q.Prompt) > 1 {
		return oauth.InvalidRequest, "prompt=none goes with no other prompt."
	}
	if s := p["max_age"]; s != "" {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil || n < 0 || s[0] < '0' {
			return oauth.InvalidRequest, "max_age has to be a number of seconds."
		}
		q.MaxAge = &n
	}
	if carried(p["nonce"]) > maxNonce {
		return oauth.InvalidRequest, "nonce has more than " + strconv.Itoa(maxNonce) + " bytes."
	}
	q.Nonce = p["nonce"]
	if len(p["login_hint"]) <= maxHint {
		q.Hint = p["login_hint"]
	}
	return "", ""
}

// carried is how many bytes s takes on the way between the pages, where it is
// in JSON: quotes, backslashes and control characters take more than one. The
// whole has to fit into a header.
func carried(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			n++
		case c < ' ':
			n += 5
		}
	}
	return n
}
