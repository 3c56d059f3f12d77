package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// examineProvider makes the checks in the order in which a login depends on
// things, and stops at what makes the rest meaningless.
func (x *Examination) examineProvider(ctx context.Context) []Finding {
	p := x.Provider
	clock := &clock{now: x.now}
	said, findings := x.metadata(ctx, clock)
	within, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	ep, err := p.Endpoints(within)
	if err != nil && len(findings) == 0 {
		findings = []Finding{undiscovered(err)}
	}
	if len(findings) > 0 {
		return append(findings, Finding{"provider", Unchecked, "redirect URI, client, keys and budget were not looked at", "they need the endpoints, which are not known", "mend the metadata first, and ask again"})
	}
	findings = append(findings, Finding{ID: "endpoints", Level: OK, What: shownURL(ep.Authorize) + " and " + shownURL(ep.Token)})
	if said != nil {
		findings = append(append(findings, x.capabilities(*said)...), x.flow(ctx)...)
	} else {
		findings = append(findings, Finding{ID: "pkce", Level: OK, What: "S256 is sent; this provider publishes nothing, so that it is checked there is not known"})
	}
	checks := []func(context.Context) []Finding{
		func(ctx context.Context) []Finding { return x.redirect(ctx, ep, clock) },
		func(ctx context.Context) []Finding { return x.client(ctx, ep, said) },
		func(ctx context.Context) []Finding { return x.userinfo(ctx, ep) },
	}
	if p.OpenID() && ep.JWKS != "" {
		checks = append(checks, func(ctx context.Context) []Finding { return x.keys(ctx, ep) })
	}
	findings = append(findings, together(ctx, checks...)...)
	return append(append(findings, clock.finding(x.local() && p.OpenID())), x.budget(ep)...)
}

// metadata reads what the provider says of itself; nil when it has no document
// to say it in. Findings end the examination of the provider.
func (x *Examination) metadata(ctx context.Context, clock *clock) (*provider.Announced, []Finding) {
	p := x.Provider
	if p.Name == builtin {
		// It is asked without discovery; its metadata is for others.
		p = &provider.Provider{Name: builtin, ClientID: p.ClientID, Scope: p.Scope, Auth: p.Auth, Issuer: x.Base, Transport: p.Transport, Now: p.Now}
	}
	if p.Issuer == "" {
		return nil, nil
	}
	said, err := p.Announced(ctx)
	const why = "no login can begin"
	switch {
	case err != nil && p.Name == builtin && x.local():
		return nil, []Finding{{"metadata", level(err), "the built-in server's metadata cannot be read at " + x.Base + ": " + cause(err), why, x.startServe(err)}}
	case err != nil:
		return nil, []Finding{{"metadata", level(err), "the provider's metadata cannot be read: " + cause(err), why,
			"check the issuer's URL and the network; " + p.Issuer + "/.well-known/openid-configuration has to answer"}}
	case said.Issuer != p.Issuer:
		do := "write the issuer exactly as the provider does, a trailing slash included"
		if strings.TrimSuffix(said.Issuer, "/") == strings.TrimSuffix(p.Issuer, "/") {
			do = "the two differ by a trailing slash: set the issuer to the other spelling"
		}
		return nil, []Finding{{"metadata", Problem, "the metadata names another issuer than " + p.Issuer,
			"an answer of one provider could pass for another's (RFC 8414 section 3.3), so the metadata is not used", do}}
	case len(said.Unusable) > 0:
		return nil, []Finding{{"metadata", Problem, "endpoints are missing or not https: " + strings.Join(said.Unusable, ", "),
			"codes and tokens would travel in the clear, or nowhere", "mend the provider's metadata, or give the endpoints singly (OAUTH_AUTHORIZE_URL, OAUTH_TOKEN_URL)"}}
	}
	clock.saw(said.Date, said.At)
	return &said, nil
}

// startServe is what to do about a built-in server here that has no metadata.
func (x *Examination) startServe(err error) string {
	if cause(err) != causes["dial"] {
		return "another program may have that address: stop it, or give latchkey serve and doctor another --listen"
	}
	serve := "latchkey serve"
	if at := strings.TrimPrefix(x.Base, "http://"); at != x.Base && at != "localhost:3000" {
		serve += " --listen " + at
	}
	return "the built-in server is part of serve: start it with " + serve + " and the same settings, leave it running, and ask again; doctor --stack NAME examines a deployment"
}

// undiscovered is about metadata that can be read and cannot be used.
func undiscovered(err error) Finding {
	what := err.Error()
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		what = e.Description
	}
	return Finding{"metadata", level(err), what, "no login can begin",
		"check the issuer's URL; with the scope openid the provider has to sign ID tokens with an asymmetric algorithm, such as RS256 or ES256"}
}

// capabilities judges what the metadata says about how a login has to be.
func (x *Examination) capabilities(said provider.Announced) []Finding {
	findings := []Finding{{ID: "metadata", Level: OK, What: "issuer " + x.issuer() + ", as configured"}, challenges(said)}
	if said.PAR {
		findings = append(findings, Finding{"par", Problem, "the provider requires pushed authorization requests (RFC 9126)",
			"Latchkey sends the request through the browser and does not push it, so every login is refused", "switch the requirement off for this client at the provider"})
	}
	if said.RequestObject {
		findings = append(findings, Finding{"par", Problem, "the provider requires signed request objects (RFC 9101)",
			"Latchkey does not sign authorization requests, so every login is refused", "switch the requirement off for this client at the provider"})
	}
	if !said.PAR && !said.RequestObject {
		findings = append(findings, Finding{ID: "par", Level: OK, What: "plain authorization requests are accepted"})
	}
	what := "answers do not promise to name their issuer; iss is compared when it is there"
	if said.Iss {
		what = "every answer is to name its issuer (RFC 9207), which is compared"
	}
	return append(findings, Finding{ID: "iss", Level: OK, What: what})
}

func (x *Examination) issuer() string {
	if x.Provider.Issuer != "" {
		return x.Provider.Issuer
	}
	return x.Base
}

func challenges(said provider.Announced) Finding {
	f := Finding{"pkce", Problem, "", "S256 is sent in any case; a server without it refuses every login, or lets codes be stolen (RFC 7636 section 4.4.1)",
		"switch S256 on for this client at the provider, or have its metadata say that it is"}
	switch {
	case slices.Contains(said.Challenges, "S256"):
		return Finding{ID: "pkce", Level: OK, What: "S256 is announced, and sent"}
	case len(said.Challenges) == 0:
		return Finding{"pkce", Warning, "the metadata says nothing about PKCE", "S256 is sent in any case, and protects a login only if the provider checks it (RFC 7636 section 4.6)",
			"ask the provider whether it checks the code challenge method S256; a public client must not be without it"}
	case slices.Equal(said.Challenges, []string{"plain"}):
		f.What = "the metadata announces PKCE with plain only"
	default:
		f.What = "the metadata announces PKCE without S256"
	}
	return f
}

// level is what a failed call amounts to: what may be over in a minute was not
// checked, everything else has to be mended.
func level(err error) Level {
	if e, ok := errors.AsType[*oauth.Error](err); ok && e.Cause != nil {
		err = e.Cause
	}
	text := err.Error()
	for _, passing := range []string{"timeout", "answered 429", "answered 5"} {
		if strings.Contains(text, passing) {
			return Unchecked
		}
	}
	return Problem
}

func status(code int) string { return fmt.Sprintf("answered %d", code) }
