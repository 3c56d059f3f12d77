package doctor

import (
	"context"
	"errors"
	"slices"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// noCode is a code that no provider has given.
const noCode = "latchkey-doctor"

// registered are the registry's names of the ways to authenticate (RFC 7591
// §2).
var registered = map[provider.AuthMethod]string{
	provider.AuthBasic: "client_secret_basic", provider.AuthPost: "client_secret_post", provider.AuthNone: "none",
}

// client tries to redeem a code that cannot exist. A provider that looked for
// the code has accepted the client first.
func (x *Examination) client(ctx context.Context, ep provider.Endpoints, said *provider.Announced) []Finding {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := x.Provider.Exchange(ctx, ep, noCode, pkce.NewVerifier(), x.callback())
	f := Finding{ID: "client", Level: Problem, Why: "every login ends with this request"}
	answer, answered := errors.AsType[*provider.Answer](err)
	own, _ := errors.AsType[*oauth.Error](err)
	switch {
	case err == nil:
		f.What, f.Do = "the token endpoint gave tokens for a code that does not exist", "do not use this provider"
		f.Why = "anybody could sign in as anybody"
	case answered && (answer.Code == "invalid_grant" || answer.Code == "bad_verification_code"):
		return x.acceptedClient(said)
	case answered && (answer.Code == "redirect_uri_mismatch"):
		f.What, f.Do = "the token endpoint does not know the redirect URI for this client", "register the one below with the provider, exactly as it stands there"
	case answered && (answer.Code == "unauthorized_client" || answer.Code == "unsupported_grant_type"):
		f.What, f.Do = "the provider does not allow this client the authorization code grant", "allow it there"
	case answered && (answer.Status == 429 || answer.Status >= 500):
		f.Level, f.What, f.Do = Unchecked, "the token endpoint "+status(answer.Status), "ask again in a minute; if it stays so, look at the provider's own log"
	case answered && (answer.Status == 401 || answer.Code == "invalid_client" || answer.Code == "incorrect_client_credentials"):
		f.What, f.Do = "the token endpoint does not accept this client's credentials", "Check OAUTH_CLIENT_ID, the client secret and OAUTH_CLIENT_AUTH"+x.methods(said)
	case answered:
		f.What, f.Do = "the token endpoint "+status(answer.Status)+", and not that the code is unknown", own.Description
	case own != nil && own.Code == oauth.ConfigError && !x.local():
		return []Finding{x.noClientSecret(ctx)}
	case own != nil && own.Status == 504:
		f.Level, f.What, f.Do = Unchecked, "the token endpoint did not answer in time", "ask again in a minute"
	default:
		f.What, f.Do = "the token endpoint cannot be reached", "check its URL and the network"
	}
	return []Finding{f}
}

// acceptedClient warns of a way to authenticate that worked here, and that the
// metadata does not have. none is one that many leave out.
func (x *Examination) acceptedClient(said *provider.Announced) []Finding {
	findings := []Finding{{ID: "client", Level: OK, What: x.knows()}}
	if more := x.methods(said); more != "" && x.Provider.Auth != provider.AuthNone {
		findings = append(findings, Finding{"client", Warning, "this client authenticates with " + string(x.Provider.Auth) + more,
			"a token endpoint that looks at the code first says nothing about the client, and refuses it with a real code", "set OAUTH_CLIENT_AUTH to what is announced, or try a login"})
	}
	return findings
}

func (x *Examination) knows() string {
	if x.Provider.Auth == provider.AuthNone {
		return "the token endpoint knows this public client, and refused a code that does not exist"
	}
	return "the token endpoint accepted the client's credentials, and refused a code that does not exist"
}

// methods names the ways to authenticate that the provider announces, if ours
// is not one of them.
func (x *Examination) methods(said *provider.Announced) string {
	if said == nil || len(said.TokenAuth) == 0 || slices.Contains(said.TokenAuth, registered[x.Provider.Auth]) {
		return ""
	}
	ways := ""
	for _, method := range []provider.AuthMethod{provider.AuthBasic, provider.AuthPost, provider.AuthNone} {
		if slices.Contains(said.TokenAuth, registered[method]) {
			ways += " " + string(method)
		}
	}
	if ways == "" {
		return "; the provider announces none of the ways that Latchkey has"
	}
	return "; the provider announces" + ways
}
