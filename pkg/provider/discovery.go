package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

const (
	fetchTimeout = 5 * time.Second
	fresh        = time.Hour        // metadata is not asked for again before
	stale        = 24 * time.Hour   // and serves this long when asking fails
	pause        = 30 * time.Second // between two tries while stale metadata serves
)

// discovery is the metadata of one issuer. The zero value knows nothing.
type discovery struct {
	mu      sync.Mutex
	ep      Endpoints
	read    time.Time // when ep was read; zero: never
	tried   time.Time // the last refresh that failed
	running *fetch
}

// fetch is one attempt that any number of callers wait for.
type fetch struct {
	done chan struct{}
	ep   Endpoints
	err  error
}

// discover returns the metadata, at most an hour old, or up to a day when the
// provider does not answer. Callers that come at the same time share one
// fetch; it does not belong to any of them, so none takes it away from the
// others by leaving. A failure is never remembered.
func (p *Provider) discover(ctx context.Context) (Endpoints, error) {
	d, now := &p.found, p.now().Round(0)
	d.mu.Lock()
	age := now.Sub(d.read)
	usable := !d.read.IsZero() && age >= 0 && age < stale
	if usable && (age < fresh || now.Sub(d.tried) >= 0 && now.Sub(d.tried) < pause) {
		defer d.mu.Unlock()
		return d.ep, nil
	}
	if d.running == nil {
		d.running = &fetch{done: make(chan struct{})}
		go p.run(logline.Detached(context.WithoutCancel(ctx)), d.running)
	}
	running, old := d.running, d.ep
	d.mu.Unlock()

	defer Waited(ctx, time.Now())
	within, cancel := bounded(ctx, fetchTimeout+time.Second)
	defer cancel()
	err := error(failTimeout)
	select {
	case <-running.done:
		if err = running.err; err == nil {
			return running.ep, nil
		}
	case <-within.Done():
	}
	if usable {
		return old, nil
	}
	return Endpoints{}, undiscovered(err)
}

func (p *Provider) run(ctx context.Context, f *fetch) {
	f.ep, f.err = p.metadata(ctx)
	d := &p.found
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.err == nil {
		d.ep, d.read = f.ep, p.now().Round(0)
	} else {
		d.tried = p.now().Round(0)
	}
	d.running = nil
	close(f.done)
}

func undiscovered(err error) *oauth.Error {
	e := &oauth.Error{
		Code:        oauth.ProviderUnavailable,
		Description: "The provider's metadata cannot be read. Try again in a few seconds; if it stays so, check the issuer's URL.",
		RetryAfter:  retryAfter,
		Cause:       failure("discovery: " + err.Error()),
	}
	if errors.Is(err, errIssuer) {
		e.Description = "The provider's metadata names another issuer than the one configured. Check the issuer's URL, a trailing slash included."
	}
	return e
}

const (
	errIssuer   failure = "issuer differs"
	errDocument failure = "unusable metadata"
	errNoKeys   failure = "no keys for ID tokens"
)

// metadata reads and checks the document.
func (p *Provider) metadata(ctx context.Context) (Endpoints, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	call, err := p.wellKnown(ctx)
	if err != nil {
		return Endpoints{}, err
	}
	return p.readMetadata(call.body)
}

// wellKnown fetches the document where OpenID Connect Discovery §4 puts it,
// and, if that is not there, where RFC 8414 §3.1 does.
func (p *Provider) wellKnown(ctx context.Context) (*once, error) {
	u, err := url.Parse(p.Issuer)
	if err != nil {
		return nil, errDocument
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	call, err := p.get(ctx, origin+path+"/.well-known/openid-configuration")
	if call != nil && call.status == http.StatusNotFound {
		call, err = p.get(ctx, origin+"/.well-known/oauth-authorization-server"+path)
	}
	return call, err
}

type document struct {
	Issuer      string   `json:"issuer"`
	Authorize   string   `json:"authorization_endpoint"`
	Token       string   `json:"token_endpoint"`
	UserInfo    string   `json:"userinfo_endpoint"`
	Revoke      string   `json:"revocation_endpoint"`
	EndSession  string   `json:"end_session_endpoint"`
	JWKS        string   `json:"jwks_uri"`
	IssRequired bool     `json:"authorization_response_iss_parameter_supported"`
	Algs        []string `json:"id_token_signing_alg_values_supported"`
}

// documentMembers are the members of document, each to come once and spelled
// like this.
var documentMembers = []string{
	"issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "revocation_endpoint", "end_session_endpoint",
	"jwks_uri", "authorization_response_iss_parameter_supported", "id_token_signing_alg_values_supported",
}

// algs are the algorithms an ID token may be signed with: asymmetric ones
// only, so that nobody makes a public key into a shared secret.
var algs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// readMetadata checks a document. What it says about code challenge methods
// does not matter: S256 is sent in any case (RFC 9700 §2.1.1).
func (p *Provider) readMetadata(body []byte) (Endpoints, error) {
	var doc document
	if _, err := oauth.ReadObject(body, documentMembers...); err != nil || json.Unmarshal(body, &doc) != nil {
		return Endpoints{}, errDocument
	}
	if doc.Issuer != p.Issuer {
		return Endpoints{}, errIssuer
	}
	for _, endpoint := range p.endpointsOf(doc) {
		if endpoint.url == "" && !endpoint.required {
			continue
		}
		if !p.trusts(endpoint.url) {
			return Endpoints{}, errDocument
		}
	}
	if params, err := oauth.ParseParams(query(doc.Authorize)); err != nil || claimed(params) != "" {
		return Endpoints{}, errDocument
	}
	if len(doc.Algs) == 0 {
		doc.Algs = []string{"RS256"} // every OpenID provider has it (Discovery 1.0 §3)
	}
	doc.Algs = slices.DeleteFunc(doc.Algs, func(alg string) bool { return !slices.Contains(algs, alg) })
	if p.OpenID() && len(doc.Algs) == 0 {
		return Endpoints{}, errNoKeys
	}
	return Endpoints{
		Authorize: doc.Authorize, Token: doc.Token, UserInfo: doc.UserInfo, Revoke: doc.Revoke,
		EndSession: doc.EndSession, JWKS: doc.JWKS, Issuer: doc.Issuer,
		IssRequired: doc.IssRequired, IDTokenAlgs: doc.Algs,
	}, nil
}

// endpointsOf are the URLs in a document that are ever called.
func (p *Provider) endpointsOf(doc document) []announcedURL {
	return []announcedURL{
		{"authorization_endpoint", doc.Authorize, true}, {"token_endpoint", doc.Token, true}, {"jwks_uri", doc.JWKS, p.OpenID()},
		{"userinfo_endpoint", doc.UserInfo, false}, {"revocation_endpoint", doc.Revoke, false}, {"end_session_endpoint", doc.EndSession, false},
	}
}

type announcedURL struct {
	member, url string
	required    bool
}

// trusts reports whether a discovered URL may be used: https, or http on this
// machine when the issuer is there too.
func (p *Provider) trusts(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Contains(endpoint, "#") {
		return false
	}
	return u.Scheme == "https" ||
		u.Scheme == "http" && strings.HasPrefix(p.Issuer, "http://") && baseurl.Loopback(u.Hostname())
}

func query(endpoint string) string {
	_, q, _ := strings.Cut(endpoint, "?")
	return q
}

// Get fetches a document of the provider: at most 5 s and 256 KB, no
// redirects, only 200 will do. The error names a class of failure and is safe
// to log.
func (p *Provider) Get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	call, err := p.get(ctx, url)
	if err != nil {
		return nil, err
	}
	return call.body, nil
}

// get returns a whole answer, with an error if its status is not 200, and nil
// without one.
func (p *Provider) get(ctx context.Context, url string) (*once, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, errDocument
	}
	call, lost := p.send(req)
	if lost != "" {
		return nil, lost
	}
	if call.status != http.StatusOK {
		return call, failure(fmt.Sprintf("answered %d", call.status))
	}
	return call, nil
}
