package provider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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

// TestRefreshForm_C52 holds x/oauth2 to RFC 6749 §6: these parameters and no
// others, in one POST.
func TestRefreshForm_C52(t *testing.T) {
	with := func(more ...string) url.Values {
		v := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {oldRefresh.Reveal()}}
		for i := 0; i < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	basic := "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3"
	for _, test := range []struct {
		name   string
		change func(*provider.Provider)
		header string
		form   url.Values
	}{
		{"client_secret_basic", func(*provider.Provider) {}, basic, with()},
		{"client_secret_basic at Cashmere", func(p *provider.Provider) { p.ClientIDInBody = true }, basic, with()},
		{"client_secret_post", func(p *provider.Provider) { p.Auth = provider.AuthPost }, "",
			with("client_id", "s6BhdRkqt3", "client_secret", "7Fjfp0ZBr1KtDRbnfVdmIw")},
		{"none", func(p *provider.Provider) { p.Auth, p.Secret = provider.AuthNone, nil }, "", with("client_id", "s6BhdRkqt3")},
		{"a secret of every kind", func(p *provider.Provider) {
			p.ClientID = "a b"
			p.Secret = func(context.Context) (secret.Text, error) { return secret.NewText("c:%d"), nil }
		}, "Basic YStiOmMlM0ElMjVk", with()},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, answer(200, good))
			if _, err := client(test.change).Refresh(t.Context(), f.endpoints(), oldRefresh); err != nil {
				t.Fatal(err)
			}
			hits := f.seen()
			if len(hits) != 1 || hits[0].method != http.MethodPost || hits[0].path != "/token" {
				t.Fatalf("requests %+v", hits)
			}
			if diff := cmp.Diff(test.form, hits[0].form); diff != "" {
				t.Errorf("form (-want +got):\n%s", diff)
			}
			h := hits[0].header
			if got := h.Get("Authorization"); got != test.header {
				t.Errorf("Authorization %q, want %q", got, test.header)
			}
			if h.Get("Content-Type") != "application/x-www-form-urlencoded" || h.Get("Accept") != "application/json" || h.Get("Accept-Encoding") != "" {
				t.Errorf("header %v", h)
			}
		})
	}
}

func TestRefreshedTokens(t *testing.T) {
	f := newFar(t, answer(200, good))
	tokens, err := client().Refresh(t.Context(), f.endpoints(), oldRefresh)
	if err != nil {
		t.Fatal(err)
	}
	if tokens.AccessToken.Reveal() != "2YotnFZFEjr1zCsicMWpAA" || tokens.RefreshToken.Reveal() != "tGzv3JOkF0XG5Qx2TlKWIA" ||
		tokens.Scope != "read write" || tokens.ExpiresIn != time.Hour || string(tokens.Raw) != good {
		t.Errorf("tokens %+v", tokens)
	}
	for name, body := range map[string]string{
		"left out": `{"access_token":"a","token_type":"Bearer"}`,
		"null":     `{"access_token":"a","token_type":"Bearer","refresh_token":null}`,
		"empty":    `{"access_token":"a","token_type":"Bearer","refresh_token":""}`,
	} {
		f := newFar(t, answer(200, body))
		tokens, err := client().Refresh(t.Context(), f.endpoints(), oldRefresh)
		if err != nil || !tokens.RefreshToken.IsZero() || tokens.ExpiresIn != 0 {
			t.Errorf("a refresh token that is %s: %+v, error %v", name, tokens, err)
		}
	}
}

func TestRefreshResponse_C53(t *testing.T) {
	for _, test := range tokenVectors {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				if test.contentType != "" {
					w.Header().Set("Content-Type", test.contentType)
				}
				_, _ = w.Write([]byte(test.body))
			})
			tokens, err := client().Refresh(t.Context(), f.endpoints(), oldRefresh)
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d posts, want 1", n)
			}
			if test.usable {
				if err != nil || string(tokens.Raw) != test.body || tokens.AccessToken.Reveal() != "a" {
					t.Errorf("tokens %+v with raw %s, error %v", tokens, tokens.Raw, err)
				}
				return
			}
			if e := refusal(t, err); e.Code != oauth.ProviderError || e.HTTPStatus() != 502 || errors.Is(err, provider.ErrRefreshRefused) {
				t.Errorf("%v, status %d", e, e.HTTPStatus())
			}
		})
	}
}

func TestRefreshFollowsNoRedirect_C50(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{"/elsewhere", "", "http://[broken"} {
			t.Run(fmt.Sprintf("%d %s", status, location), func(t *testing.T) {
				f := newFar(t, func(w http.ResponseWriter, r *http.Request) {
					if location != "" {
						w.Header().Set("Location", location)
					}
					answer(status, `{"error":"invalid_grant"}`)(w, r)
				})
				_, err := client().Refresh(t.Context(), f.endpoints(), oldRefresh)
				if e := refusal(t, err); e.Code != oauth.ProviderError || !strings.Contains(e.Description, "redirects") || errors.Is(err, provider.ErrRefreshRefused) {
					t.Errorf("%v: %s", e, e.Description)
				}
				if hits := f.seen(); len(hits) != 1 || hits[0].path != "/token" {
					t.Errorf("requests %+v", hits)
				}
			})
		}
	}
}

func TestTheRefreshEndsAfterFiveSeconds_F17(t *testing.T) {
	for name, test := range map[string]struct{ left, took time.Duration }{
		"all the time":     {time.Minute, 5 * time.Second},
		"six seconds left": {6 * time.Second, 5 * time.Second},
		"two seconds left": {2 * time.Second, 1500 * time.Millisecond},
		"no time left":     {400 * time.Millisecond, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport, dials := pipes(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
				ctx, cancel := context.WithTimeout(t.Context(), test.left)
				defer cancel()
				began := time.Now()
				_, err := client(func(p *provider.Provider) { p.Transport = transport }).Refresh(ctx, provider.Endpoints{Token: "http://op.example/token"}, oldRefresh)
				if took := time.Since(began); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if e := refusal(t, err); e.Code != oauth.ProviderUnavailable || e.HTTPStatus() != 503 || e.RetryAfter <= 0 || !strings.HasSuffix(e.Error(), "token endpoint: timeout") {
					t.Errorf("%v, status %d, retry after %v", e, e.HTTPStatus(), e.RetryAfter)
				}
				if n := dials(); (n != 1) != (test.took == 0) {
					t.Errorf("%d connections", n)
				}
			})
		})
	}
}

// TestASlowSecretIsPartOfTheRefresh: a lease outlasts the whole of it.
func TestASlowSecretIsPartOfTheRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := client(func(p *provider.Provider) {
			p.Secret = func(ctx context.Context) (secret.Text, error) { <-ctx.Done(); return secret.Text{}, ctx.Err() }
		})
		_, err := p.Refresh(t.Context(), provider.Endpoints{Token: "http://op.example/token"}, oldRefresh)
		if e := refusal(t, err); e.Code != oauth.ConfigError || time.Since(began) != 5*time.Second {
			t.Errorf("%v after %v", e, time.Since(began))
		}
	})
}

func TestRefreshWithoutARefreshToken(t *testing.T) {
	f := newFar(t, answer(200, good))
	_, err := client().Refresh(t.Context(), f.endpoints(), secret.Text{})
	if e := refusal(t, err); e.Code != oauth.ProviderError || errors.Is(err, provider.ErrRefreshRefused) {
		t.Errorf("%v", e)
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d posts", n)
	}
}

func TestNothingOfARefreshIsLogged(t *testing.T) {
	f := newFar(t, answer(400, `{"error":"invalid_grant","error_description":"`+oldRefresh.Reveal()+` of hunter2 is spent"}`))
	ctx, line := logline.With(t.Context(), "r")
	_, err := client().Refresh(ctx, f.endpoints(), oldRefresh)
	e := refusal(t, err)
	facts := fmt.Sprint(line.Attrs())
	for _, private := range []string{oldRefresh.Reveal(), "hunter2", "7Fjfp0ZBr1KtDRbnfVdmIw"} {
		if strings.Contains(e.Error()+e.Description+facts, private) {
			t.Errorf("%q gets out: %v %v", private, e, facts)
		}
	}
	for _, fact := range []string{"provider_ms=", "provider_status=400", "provider_error=invalid_grant"} {
		if !strings.Contains(facts, fact) {
			t.Errorf("facts %s without %s", facts, fact)
		}
	}
}
