package provider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

const encodedRefresh = "tGzv3JOkF0XG5Qx2TlKWIA~%2B%2F%3D"

func TestRevoke_C61(t *testing.T) {
	basic := "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
	for _, test := range []struct {
		name            string
		change          func(*provider.Provider)
		access, refresh secret.Text
		header, body    string
	}{
		{"the refresh token", func(*provider.Provider) {}, access, oldRefresh, basic, "token=" + encodedRefresh + "&token_type_hint=refresh_token"},
		{"only a refresh token", func(*provider.Provider) {}, secret.Text{}, oldRefresh, basic, "token=" + encodedRefresh + "&token_type_hint=refresh_token"},
		{"only an access token", func(*provider.Provider) {}, access, secret.Text{}, basic, "token=mF_9.B5f-4.1JqM&token_type_hint=access_token"},
		{"Basic with client_id in the body", func(p *provider.Provider) { p.ClientIDInBody = true }, access, oldRefresh, basic,
			"client_id=s6BhdRkqt3&token=" + encodedRefresh + "&token_type_hint=refresh_token"},
		{"client_secret_post", func(p *provider.Provider) { p.Auth = provider.AuthPost }, access, oldRefresh, "",
			"client_id=s6BhdRkqt3&client_secret=7Fjfp0ZBr1KtDRbnfVdmIw&token=" + encodedRefresh + "&token_type_hint=refresh_token"},
		{"a public client", func(p *provider.Provider) { p.Auth, p.Secret = provider.AuthNone, nil }, access, oldRefresh, "",
			"client_id=s6BhdRkqt3&token=" + encodedRefresh + "&token_type_hint=refresh_token"},
		{"Basic is form-encoded", func(p *provider.Provider) {
			p.ClientID = "a b"
			p.Secret = func(context.Context) (secret.Text, error) { return secret.NewText("c:%d"), nil }
		}, access, oldRefresh, "Basic YStiOmMlM0ElMjVk", "token=" + encodedRefresh + "&token_type_hint=refresh_token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, answer(200, ``))
			if err := client(test.change).Revoke(t.Context(), f.endpoints(), test.access, test.refresh); err != nil {
				t.Fatal(err)
			}
			hits := f.seen()
			if len(hits) != 1 {
				t.Fatalf("%d requests, want 1", len(hits))
			}
			got := []string{hits[0].method, hits[0].path, hits[0].header.Get("Authorization"), hits[0].header.Get("Content-Type"), hits[0].body}
			if diff := cmp.Diff([]string{"POST", "/revoke", test.header, "application/x-www-form-urlencoded", test.body}, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// atGitHub is GitHub's preset, with f as its own Enterprise Server.
func atGitHub(t *testing.T, f *far, more ...string) (*provider.Provider, provider.Endpoints) {
	t.Helper()
	p := fromEnv(t, append([]string{"OAUTH_PROVIDER=github", "OAUTH_PROVIDER_URL=" + f.URL}, more...)...)
	ep, err := p.Endpoints(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p, ep
}

func TestRevokeAtGitHub(t *testing.T) {
	for _, id := range []struct{ id, path, user string }{
		{"Iv1.8a61f9b3a7aba766", "/api/v3/applications/Iv1.8a61f9b3a7aba766/token", "Iv1.8a61f9b3a7aba766"},
		{"a/../b?c", "/api/v3/applications/a%2F..%2Fb%3Fc/token", "a%2F..%2Fb%3Fc"},
	} {
		f := newFar(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		p, ep := atGitHub(t, f, "OAUTH_CLIENT_ID="+id.id, "OAUTH_CLIENT_SECRET=s")
		if err := p.Revoke(t.Context(), ep, secret.NewText(`gho_"x`), oldRefresh); err != nil {
			t.Fatal(err)
		}
		hits := f.seen()
		if len(hits) != 1 {
			t.Fatalf("%d requests, want 1", len(hits))
		}
		user, password, _ := (&http.Request{Header: hits[0].header}).BasicAuth()
		got := []string{hits[0].method, hits[0].path, hits[0].header.Get("Content-Type"), hits[0].body, user, password}
		if diff := cmp.Diff([]string{"DELETE", id.path, "application/json", `{"access_token":"gho_\"x"}`, id.user, "s"}, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	for _, status := range []int{200, 401, 404, 422, 302} {
		f := newFar(t, answer(status, `{}`))
		p, ep := atGitHub(t, f, "OAUTH_CLIENT_ID=c", "OAUTH_CLIENT_SECRET=s")
		if err := p.Revoke(t.Context(), ep, access, secret.Text{}); err == nil {
			t.Errorf("%d is taken for a revocation", status)
		}
	}
}

func TestNothingToRevoke(t *testing.T) {
	f := newFar(t, answer(500, ``))
	ep := f.endpoints()
	for name, err := range map[string]error{
		"no endpoint": client().Revoke(t.Context(), provider.Endpoints{Token: ep.Token}, access, oldRefresh),
		"no token":    client().Revoke(t.Context(), ep, secret.Text{}, secret.Text{}),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	p, ep := atGitHub(t, f, "OAUTH_CLIENT_ID=c", "OAUTH_CLIENT_SECRET=s")
	if err := p.Revoke(t.Context(), ep, secret.Text{}, oldRefresh); err != nil {
		t.Errorf("GitHub takes no refresh token: %v", err)
	}
	p, ep = atGitHub(t, f, "OAUTH_CLIENT_ID=c")
	if err := p.Revoke(t.Context(), ep, access, oldRefresh); err != nil {
		t.Errorf("GitHub takes nothing without a client secret: %v", err)
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestRevokeFails_C50_C61_F16(t *testing.T) {
	for _, status := range []int{201, 204, 301, 302, 303, 307, 308, 400, 401, 404, 429, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			f := newFar(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				answer(status, `{"error":"hunter2"}`)(w, r)
			})
			ctx, line := logline.With(t.Context(), "r")
			err := client().Revoke(ctx, f.endpoints(), access, oldRefresh)
			if want := fmt.Sprintf("revocation endpoint answered %d", status); err == nil || err.Error() != want || errors.Unwrap(err) != nil {
				t.Errorf("error %v, want %s", err, want)
			}
			if hits := f.seen(); len(hits) != 1 || hits[0].path != "/revoke" {
				t.Errorf("requests %+v", hits)
			}
			facts := fmt.Sprint(line.Attrs())
			if !strings.Contains(facts, fmt.Sprintf("provider_revoke_status=%d", status)) || !strings.Contains(facts, "provider_revoke_ms=") || strings.Contains(facts, oldRefresh.Reveal()) {
				t.Errorf("facts %s", facts)
			}
		})
	}
	err := client().Revoke(t.Context(), provider.Endpoints{Revoke: "http://provider.invalid/" + "\x7f"}, access, oldRefresh)
	if err == nil || err.Error() != "revocation endpoint: unusable URL" {
		t.Errorf("error %v", err)
	}
	err = client(func(p *provider.Provider) { p.Secret = nil }).Revoke(t.Context(), provider.Endpoints{Revoke: "http://provider.invalid/"}, access, oldRefresh)
	if e := refusal(t, err); e.Code != oauth.ConfigError {
		t.Errorf("error %v", err)
	}
}

func TestTheRevocationEndsAfterTwoSeconds_C61_F17(t *testing.T) {
	for name, test := range map[string]struct{ left, took time.Duration }{
		"all the time":     {time.Minute, 2 * time.Second},
		"two seconds left": {2 * time.Second, 1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, _ := pipes(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
				ctx, cancel := context.WithTimeout(t.Context(), test.left)
				defer cancel()
				began := time.Now()
				err := client(func(p *provider.Provider) { p.Transport = transport }).Revoke(ctx, provider.Endpoints{Revoke: "http://op.example/revoke"}, access, oldRefresh)
				if took := time.Since(began); took != test.took || err == nil || err.Error() != "revocation endpoint: timeout" {
					t.Errorf("took %v, error %v", took, err)
				}
			})
		})
	}
}
