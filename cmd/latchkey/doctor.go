package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
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
	rp.CallbackMode(&e, rp.ModeJSON)
	localSecret(&e, p)
	if err := e.Err(); err != nil {
		return err
	}
	base := api.BaseURL
	if base == "" {
		var err error
		if base, err = d.base(); err != nil {
			return err
		}
	}
	report("ok", "settings", fmt.Sprintf("provider %s, client %s, authentication %s, scope %q", p.Name, p.ClientID, p.Auth, p.Scope))
	ctx, cancel := context.WithTimeout(baseurl.With(ctx, base), 30*time.Second)
	defer cancel()
	ep, err := p.Endpoints(ctx)
	if err != nil {
		report("FAIL", "metadata", describe(err))
		register(p, base)
		return errDoctor
	}
	report("ok", "endpoints", ep.Authorize+" and "+ep.Token)
	healthy := authorizeAnswers(ctx, p, ep, base)
	healthy = tokenAnswers(ctx, p, ep, base) && healthy
	register(p, base)
	if !healthy {
		return errDoctor
	}
	return nil
}

// base is the base URL that serve would have with the same --listen.
func (d *doctor) base() (string, error) {
	if _, err := hostOf(d.Listen); err != nil {
		return "", err
	}
	_, port, _ := net.SplitHostPort(d.Listen)
	if port == "0" {
		return "", fmt.Errorf("--listen %s: the redirect URI has the port in it; name the one that serve will listen on", d.Listen)
	}
	return baseOf(d.Listen, "http://"+net.JoinHostPort(nameOf(d.Listen), port))
}

var errDoctor = errors.New("not everything is well; see above")

func report(verdict, what, detail string) { fmt.Printf("%-5s %-10s %s\n", verdict, what, detail) }

func register(p *provider.Provider, base string) {
	if p.Name == builtin {
		fmt.Println("\nThe built-in server knows this redirect URI; another provider wants it registered:\n\n    " + base + "/callback\n")
		return
	}
	fmt.Println("\nRegister this redirect URI with the provider, exactly:\n\n    " + base + "/callback\n")
}

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
		do := "check its URL and your network"
		if p.Name == builtin {
			do = "it is this program's own server: start it with " + command
		}
		report("FAIL", "authorize", "the authorization endpoint cannot be reached; "+do)
		return false
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 {
		report("FAIL", "authorize", fmt.Sprintf("the authorization endpoint answered %d; check OAUTH_CLIENT_ID, and that the redirect URI below is registered", response.StatusCode))
		return false
	}
	if refused := refusedAt(p, response.Header.Get("Location"), base); refused != nil {
		report("FAIL", "authorize", describe(refused))
		return false
	}
	report("ok", "authorize", fmt.Sprintf("the authorization endpoint answered %d; some providers look at the redirect URI only after the sign-in", response.StatusCode))
	return true
}

// refusedAt reads the error that a redirect to our callback carries (RFC 6749
// §4.1.2.1); nil for any other redirect.
func refusedAt(p *provider.Provider, location, base string) error {
	query, ours := strings.CutPrefix(location, base+"/callback?")
	if !ours {
		return nil
	}
	params, err := oauth.ParseParams(query)
	if err != nil || params["error"] == "" {
		return nil
	}
	return p.Refused(params["error"], params["error_description"])
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
