package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/pkce"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

type doctor struct {
	Listen string `default:"localhost:3000" placeholder:"HOST:PORT" help:"Where serve would listen, for the redirect URI (${default})."`
}

// Run checks in the order in which a login depends on things, and stops at
// what makes the rest meaningless.
func (d *doctor) Run(ctx context.Context) error {
	var e env.Reader
	redirectURI(&e)
	p, api := provider.FromEnv(&e), gateway.FromEnv(&e)
	rp.LoginTTL(&e)
	rp.CallbackMode(&e)
	if err := e.Err(); err != nil {
		return err
	}
	base := api.BaseURL
	if base == "" {
		var err error
		if base, err = baseurl.Parse("http://" + d.Listen); err != nil {
			return fmt.Errorf("--listen %s: %w", d.Listen, err)
		}
	}
	if p.Name == "builtin" {
		return errors.New("no provider is set: set OAUTH_PROVIDER or OIDC_ISSUER, and OAUTH_CLIENT_ID")
	}
	report("ok", "settings", fmt.Sprintf("provider %s, client %s, authentication %s, scope %q", p.Name, p.ClientID, p.Auth, p.Scope))
	ctx, cancel := context.WithTimeout(baseurl.With(ctx, base), 30*time.Second)
	defer cancel()
	ep, err := p.Endpoints(ctx)
	if err != nil {
		report("FAIL", "metadata", describe(err))
		return errDoctor
	}
	report("ok", "endpoints", ep.Authorize+" and "+ep.Token)
	healthy := authorizeAnswers(ctx, p, ep, base)
	healthy = tokenAnswers(ctx, p, ep, base) && healthy
	fmt.Println("\nRegister this redirect URI with the provider, exactly:\n\n    " + base + "/callback\n")
	if !healthy {
		return errDoctor
	}
	return nil
}

var errDoctor = errors.New("not everything is well; see above")

func report(verdict, what, detail string) { fmt.Printf("%-5s %-10s %s\n", verdict, what, detail) }

func describe(err error) string {
	if e, ok := errors.AsType[*oauth.Error](err); ok {
		if e.Cause != nil {
			return e.Description + " (" + e.Cause.Error() + ")"
		}
		return e.Description
	}
	return err.Error()
}

// authorizeAnswers sends the authorization request of a login that nobody
// will finish. A sign-in form or a redirect to one is what we want to see.
func authorizeAnswers(ctx context.Context, p *provider.Provider, ep provider.Endpoints, base string) bool {
	url := p.AuthorizeURL(ep, provider.Authorization{
		RedirectURI: base + "/callback", State: session.NewState(), Challenge: pkce.Challenge(pkce.NewVerifier()),
	})
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		report("FAIL", "authorize", "the URL of the authorization endpoint is not usable; check it")
		return false
	}
	client := &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		report("FAIL", "authorize", "the authorization endpoint cannot be reached; check its URL and your network")
		return false
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 {
		report("FAIL", "authorize", fmt.Sprintf("the authorization endpoint answered %d; check OAUTH_CLIENT_ID, and that the redirect URI below is registered", response.StatusCode))
		return false
	}
	report("ok", "authorize", fmt.Sprintf("the authorization endpoint answered %d", response.StatusCode))
	return true
}

// tokenAnswers tries to redeem a code that cannot exist. invalid_grant means
// that the provider knows this client and looked for the code.
func tokenAnswers(ctx context.Context, p *provider.Provider, ep provider.Endpoints, base string) bool {
	_, err := p.Exchange(ctx, ep, "latchkey-doctor", pkce.NewVerifier(), base+"/callback")
	answer, answered := errors.AsType[*provider.Answer](err)
	switch {
	case err == nil:
		report("FAIL", "token", "the token endpoint gave tokens for a code that does not exist; do not use this provider")
	case answered && answer.Code == "invalid_grant":
		report("ok", "token", "the token endpoint knows this client and refused a code that does not exist")
		return true
	default:
		report("FAIL", "token", describe(err))
	}
	return false
}
