package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// revokeTimeout bounds one revocation. A logout waits for it, and is done
// whatever comes of it.
const revokeTimeout = 2 * time.Second

// Revocation is how a provider takes a token back.
type Revocation string

// The ways. RevokeStandard is a POST to Endpoints.Revoke (RFC 7009 §2.1).
// RevokeGitHub is a DELETE of "/CLIENT_ID/token" below Endpoints.Revoke: the
// access token is in JSON and the client secret in Basic, always.
const (
	RevokeStandard Revocation = ""
	RevokeGitHub   Revocation = "github"
)

// Revoke gives back the refresh token, or the access token when refresh is
// zero (RFC 7009 §2.1); what hangs on it is to end there. At
// GitHub it is always the access token. It sends one request, follows no
// redirect, and takes at most 2 s, or half a second less than ctx has. It does
// nothing, and returns nil, when there is no revocation endpoint or no token
// that it takes.
//
// The error is an *oauth.Error when the client secret cannot be read; else it
// names a class of failure and is safe to log. It is not for people: whoever
// logs out is logged out here in any case.
func (p *Provider) Revoke(ctx context.Context, ep Endpoints, access, refresh secret.Text) error {
	if !p.revokes(ep, access, refresh) {
		return nil
	}
	ctx, cancel := bounded(ctx, revokeTimeout)
	defer cancel()
	req, err := p.revocation(ctx, ep.Revoke, access, refresh)
	if err != nil {
		return err
	}
	began := time.Now()
	call, lost := p.send(req)
	logline.Add(ctx, slog.Int64("provider_revoke_ms", time.Since(began).Milliseconds()))
	if call.status != 0 {
		logline.Add(ctx, slog.Int("provider_revoke_status", call.status))
	}
	done := http.StatusOK // §2.2: for a token that the provider does not know, too
	if p.Revocation == RevokeGitHub {
		done = http.StatusNoContent
	}
	switch {
	case lost != "":
		return failure("revocation endpoint: " + string(lost))
	case call.status != done:
		return failure("revocation endpoint answered " + strconv.Itoa(call.status))
	}
	return nil
}

// revokes reports whether there is a way to give back one of the tokens.
func (p *Provider) revokes(ep Endpoints, access, refresh secret.Text) bool {
	if p.Revocation == RevokeGitHub {
		return ep.Revoke != "" && !access.IsZero() && p.Auth != AuthNone
	}
	return ep.Revoke != "" && !(access.IsZero() && refresh.IsZero())
}

// revocation is the request. The client authenticates as it does at the token
// endpoint (RFC 7009 §2.1, RFC 6749 §2.3).
func (p *Provider) revocation(ctx context.Context, endpoint string, access, refresh secret.Text) (*http.Request, error) {
	var password secret.Text
	if p.Auth != AuthNone {
		var err error
		if password, err = p.secret(ctx); err != nil {
			return nil, err
		}
	}
	if p.Revocation == RevokeGitHub {
		body, err := json.Marshal(map[string]string{"access_token": access.Reveal()})
		if err != nil {
			return nil, failure("revocation endpoint: unusable token")
		}
		endpoint += "/" + url.PathEscape(p.ClientID) + "/token"
		req, err := http.NewRequestWithContext(ctx, http.MethodDelete, endpoint, bytes.NewReader(body))
		return p.revoking(req, err, "application/json", password, true)
	}
	form := url.Values{"token": {refresh.Reveal()}, "token_type_hint": {"refresh_token"}}
	if refresh.IsZero() {
		form = url.Values{"token": {access.Reveal()}, "token_type_hint": {"access_token"}}
	}
	if p.Auth != AuthBasic || p.ClientIDInBody {
		form.Set("client_id", p.ClientID)
	}
	if p.Auth == AuthPost {
		form.Set("client_secret", password.Reveal())
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	return p.revoking(req, err, "application/x-www-form-urlencoded", password, p.Auth == AuthBasic)
}

// revoking completes the header of a request. For Basic, id and secret are
// form-urlencoded before they are joined (RFC 6749 §2.3.1).
func (p *Provider) revoking(req *http.Request, err error, kind string, password secret.Text, basic bool) (*http.Request, error) {
	if err != nil {
		return nil, failure("revocation endpoint: unusable URL")
	}
	req.Header.Set("Content-Type", kind)
	if basic {
		req.SetBasicAuth(url.QueryEscape(p.ClientID), url.QueryEscape(password.Reveal()))
	}
	return req, nil
}
