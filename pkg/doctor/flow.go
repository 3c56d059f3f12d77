package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// flow judges what the metadata says about the one way in which a login asks:
// response_type=code, answered in the query, and redeemed with the grant
// authorization_code. What is left out means that all of it is there (RFC 8414
// §2).
func (x *Examination) flow(ctx context.Context) []Finding {
	doc, read := x.document(ctx)
	if !read {
		return nil // the metadata was read a moment ago; a second failure says nothing new
	}
	without := func(list []string, want string) bool { return len(list) > 0 && !slices.Contains(list, want) }
	f := Finding{"response", Problem, "", "a login asks for a code, and redeems it", "choose a provider, or a kind of client there, with the authorization code grant"}
	switch {
	case without(doc.Types, "code"):
		f.What = "the provider does not announce the response type code"
	case without(doc.Grants, "authorization_code"):
		f.What = "the provider does not announce the grant authorization_code"
	case without(doc.Modes, "query"):
		f.Level, f.What = Warning, "the provider does not announce the response mode query"
		f.Why, f.Do = "the code is expected in the query of the callback", "try a login"
	default:
		return []Finding{{ID: "response", Level: OK, What: "codes are given, in the query, and can be redeemed"}}
	}
	return []Finding{f}
}

// modes is what the metadata says about ways to ask and to answer.
type modes struct {
	Types  []string `json:"response_types_supported"`
	Grants []string `json:"grant_types_supported"`
	Modes  []string `json:"response_modes_supported"`
}

// document reads the metadata where OpenID Connect Discovery §4 puts it, or
// else where RFC 8414 §3.1 does.
func (x *Examination) document(ctx context.Context) (doc modes, read bool) {
	u, err := url.Parse(x.issuer())
	if err != nil {
		return doc, false
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	body, err := x.Provider.Get(ctx, origin+path+"/.well-known/openid-configuration")
	if err != nil {
		body, err = x.Provider.Get(ctx, origin+"/.well-known/oauth-authorization-server"+path)
	}
	return doc, err == nil && json.Unmarshal(body, &doc) == nil
}

// noToken is an access token that no provider has given.
const noToken = "latchkey-doctor"

// userinfo asks whose access token one is that does not exist. The answer has
// to be a refusal; what it is for decides how much that matters.
func (x *Examination) userinfo(ctx context.Context, ep provider.Endpoints) []Finding {
	const id = "userinfo"
	p := x.Provider
	if x.Settings.Mode != rp.ModeSession {
		return nil // nobody is asked
	}
	if ep.UserInfo == "" || p.Subject == "" {
		if p.OpenID() {
			return nil // the ID token says who it is
		}
		return []Finding{{id, Warning, "nothing says who has signed in: neither an ID token nor a userinfo endpoint", "sessions are then nobody's: there is no subject, and nobody's name or list of sessions",
			"ask for the scope openid, or give OAUTH_USERINFO_URL, if the provider has one of them"}}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := p.UserInfo(ctx, ep, secret.NewText(noToken))
	f := Finding{id, Problem, "", "it says who has signed in, so every login ends with it", "check its URL, OAUTH_USERINFO_URL or the metadata's"}
	if p.OpenID() {
		f.Level, f.Why = Warning, "the ID token says who it is, but a name or an e-mail address may be missing"
	}
	own, _ := errors.AsType[*oauth.Error](err)
	switch {
	case err == nil:
		f.What, f.Do = "the userinfo endpoint knows whose an access token is that does not exist", "do not use this provider, or not this endpoint"
	case own == nil || own.Cause == nil:
		return nil
	case slices.ContainsFunc([]string{"answered 400", "answered 401", "answered 403"}, func(s string) bool { return strings.HasSuffix(own.Cause.Error(), s) }):
		_, what, _ := strings.Cut(own.Cause.Error(), ": ")
		return []Finding{{ID: id, Level: OK, What: "the userinfo endpoint " + what + " to an access token that does not exist"}}
	default:
		if level(err) == Unchecked {
			f.Level, f.Do = Unchecked, "ask again in a minute"
		}
		f.What = "the " + own.Cause.Error() + ", where a refusal was to be expected"
	}
	return []Finding{f}
}
