package e2e_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/latchkey-go/latchkey/e2e/peer"
	"github.com/latchkey-go/latchkey/e2e/stack"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// side is one of the two servers that get the same bad requests.
type side struct {
	authorize, token, introspect, revoke, userinfo string
	confidential, public                           registered
	// walk goes from an authorization URL to the redirect to the client.
	walk func(t testing.TB, browser *http.Client, authorize string) string
	// later is the token endpoint as it is ten minutes from now.
	later func(t testing.TB) (token string)

	browser *http.Client
}

// request is a valid authorization request of a client, and its verifier.
func (s *side) request(r registered) (q url.Values, verifier string) {
	verifier = oauth2.GenerateVerifier()
	return url.Values{
		"client_id": {r.id}, "redirect_uri": {appRedirect}, "response_type": {"code"}, "scope": {"openid email"}, "state": {secret.Mint(128)},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)}, "code_challenge_method": {"S256"},
	}, verifier
}

// change is a copy of values with some set anew; an empty one goes away.
func change(values url.Values, to ...string) url.Values {
	all := maps.Clone(values)
	for i := 0; i < len(to); i += 2 {
		if all.Set(to[i], to[i+1]); to[i+1] == "" {
			all.Del(to[i])
		}
	}
	return all
}

// ask sends an authorization request from a fresh browser and says how the
// walk ends: at the client with an error, on a page, or at the sign-in form.
func (s *side) ask(t testing.TB, q url.Values) string {
	t.Helper()
	browser := person(nil)
	r := get(t, browser, s.authorize+"?"+q.Encode())
	for range 5 {
		location, err := r.Location()
		if err != nil {
			break
		}
		if strings.HasPrefix(location.String(), appRedirect) {
			how, answer := "redirect ", location.Query()
			if location.Fragment != "" {
				how = "fragment "
				answer, _ = url.ParseQuery(location.Fragment)
			}
			if answer.Get("state") != q.Get("state") || answer.Get("iss") == "" {
				how = "redirect without state or iss "
			}
			return how + answer.Get("error")
		}
		r = get(t, browser, location.String())
	}
	if strings.Contains(r.body, `type="password"`) {
		return "sign-in"
	}
	return "page " + r.Status[:3]
}

// grant is a token request with a fresh code of r.
func (s *side) grant(t testing.TB, r registered) url.Values {
	t.Helper()
	q, verifier := s.request(r)
	back, err := url.Parse(s.walk(t, s.browser, s.authorize+"?"+q.Encode()))
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("no code: %v, error %q", err, back.Query().Get("error"))
	}
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")}, "redirect_uri": {appRedirect}, "code_verifier": {verifier},
	}
}

// tokens redeems a fresh code of r.
func (s *side) tokens(t testing.TB, r registered) (access, refresh string) {
	t.Helper()
	over := &http.Client{Transport: s.browser.Transport}
	answer := asClientOver(t, over, s.token, r, s.grant(t, r))
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if err := json.Unmarshal([]byte(answer.body), &tokens); err != nil || tokens.Refresh == "" {
		t.Fatalf("no tokens: %d %s", answer.StatusCode, answer.body)
	}
	return tokens.Access, tokens.Refresh
}

var challengeError = regexp.MustCompile(`error="([a-z_]+)"`)

// said is a status and the error code, of the body or of the challenge.
func said(r reply) string {
	var body struct{ Error string }
	_ = json.Unmarshal([]byte(r.body), &body)
	if found := challengeError.FindStringSubmatch(r.Header.Get("WWW-Authenticate")); body.Error == "" && found != nil {
		body.Error = found[1]
	}
	return strings.TrimSpace(r.Status[:3] + " " + body.Error)
}

// A refusal is one bad request and how it is answered.
type refusal struct {
	name string
	try  func(testing.TB, *side) string
	want string
	// theirs is oidc-provider's answer where it is another one, and clause why
	// ours is as it is. docs/standards.md lists them too.
	theirs, clause string
}

// The same bad requests to the certified provider and to ours.
func TestSameRefusals(t *testing.T) {
	theirs, ours := theirSide(t), ourSide(t)
	root, err := stack.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "standards.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, differences, _ := strings.Cut(string(text), "\n## Differences\n")
	differences, _, _ = strings.Cut(differences, "\n## ")
	listed := 0
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			if got := r.try(t, ours); got != r.want {
				t.Errorf("ours answers %q, want %q", got, r.want)
			}
			want := r.want
			if r.theirs != "" {
				want = r.theirs
				if row := "| " + r.name + ": `" + r.want + "`, oidc-provider `" + r.theirs + "` | " + r.clause + " |"; !strings.Contains(differences, row) {
					t.Errorf("docs/standards.md has no row %s", row)
				}
			}
			if got := r.try(t, theirs); got != want {
				t.Errorf("oidc-provider answers %q, want %q", got, want)
			}
		})
		if r.theirs != "" {
			listed++
		}
	}
	if n := strings.Count(differences, "\n| "); n != listed+1 {
		t.Errorf("docs/standards.md lists %d differences, want %d", n-1, listed)
	}
}

func theirSide(t *testing.T) *side {
	p := peer.StartOIDCProvider(t, peer.OIDCOptions{RedirectURIs: []string{appRedirect}, AlwaysRefresh: true})
	return &side{
		authorize: p.AuthorizeURL, token: p.TokenURL, introspect: p.IntrospectURL, revoke: p.RevokeURL, userinfo: p.UserinfoURL,
		confidential: registered{id: peer.ConfidentialClient, secret: p.Secret, auth: "client_secret_basic"},
		public:       registered{id: peer.PublicClient, auth: "none"},
		walk:         p.SignIn,
		later: func(t testing.TB) string {
			p.MoveClock(t, clockAhead)
			return p.TokenURL
		},
		browser: person(nil),
	}
}

// ourSide has a later: its grants are in a table, which a second process with
// another clock shares.
func ourSide(t *testing.T) *side {
	database, accounts := peer.Dynalite(t), appConfig(t)
	table := tableOf(t)
	createTable(t, database, table)
	settings := []string{"TABLE_NAME=" + table, "AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_DYNAMODB=" + database, "LATCHKEY_SECRET=" + secret.Mint(256)}
	s := sideOf(startServe(t, "localhost:0", settings, "--config", accounts))
	s.later = func(t testing.TB) string {
		return startServe(t, "localhost:0", settings, "--config", accounts, "--clock-offset", clockAhead.String()).base + "/oauth/token"
	}
	return s
}

// ourServe keeps everything in memory.
func ourServe(t *testing.T) *side {
	return sideOf(startServe(t, "localhost:0", nil, "--config", appConfig(t)))
}

func sideOf(s *served) *side { return sideAt(s.base, nil) }

func sideAt(base string, over http.RoundTripper) *side {
	return &side{
		authorize: base + "/oauth/authorize", token: base + "/oauth/token", introspect: base + "/oauth/introspect",
		revoke: base + "/oauth/revoke", userinfo: base + "/oauth/userinfo",
		confidential: registrations["confidential basic"], public: registrations["public"],
		walk: func(t testing.TB, browser *http.Client, authorize string) string {
			return approves(t, browser, base, authorize)
		},
		browser: person(over),
	}
}
