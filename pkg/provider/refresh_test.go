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

// TestRefreshRefused_C51_C58_F16: a session ends when, and only when, the
// provider itself says that its refresh token is spent.
func TestRefreshRefused_C51_C58_F16(t *testing.T) {
	const jsonType, spent = "application/json", `{"error":"invalid_grant"}`
	date := epoch.Add(90 * time.Second).Format(http.TimeFormat)
	for _, test := range []struct {
		name    string
		status  int
		kind    string
		body    string
		retry   string
		refused bool
		code    oauth.Code
		wait    time.Duration
		says    string
	}{
		{"invalid_grant", 400, jsonType, spent, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"invalid_grant with a description", 400, jsonType + ";charset=UTF-8", `{"error":"invalid_grant","error_description":"hunter2"}`, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"invalid_grant with status 401", 401, jsonType, spent, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"GitHub's bad_refresh_token", 200, jsonType, `{"error":"bad_refresh_token","error_description":"hunter2"}`, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"bad_refresh_token with status 400", 400, jsonType, `{"error":"bad_refresh_token"}`, "", true, oauth.ProviderError, 0, "Sign in again"},

		{"an HTML 400", 400, "text/html", `<title>invalid_grant</title>`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant that is called HTML", 400, "text/html", spent, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant without a type", 400, "", spent, "", false, oauth.ProviderError, 0, "no usable token"},
		{"two errors", 400, jsonType, `{"error":"invalid_grant","error":"invalid_client"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"an error in other letters", 400, jsonType, `{"Error":"invalid_grant"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"an error that is a list", 400, jsonType, `{"error":["invalid_grant"]}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"INVALID_GRANT", 400, jsonType, `{"error":"INVALID_GRANT"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"something longer", 400, jsonType, `{"error":"invalid_grant_type"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"only a description", 400, jsonType, `{"error_description":"invalid_grant"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"no JSON in JSON", 400, jsonType, `invalid_grant`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant with status 200", 200, jsonType, spent, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_grant with status 403, as Auth0", 403, jsonType, spent, "", true, oauth.ProviderError, 0, "Sign in again"},
		{"invalid_grant with status 404", 404, jsonType, spent, "", false, oauth.ProviderError, 0, "URL"},
		{"invalid_grant with status 429", 429, jsonType, spent, "", false, oauth.ProviderUnavailable, 5 * time.Second, "too many"},
		{"invalid_grant with status 500", 500, jsonType, spent, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"invalid_grant with status 503", 503, jsonType, spent, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"bad_refresh_token with status 502", 502, jsonType, `{"error":"bad_refresh_token"}`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"invalid_client", 401, jsonType, `{"error":"invalid_client"}`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"invalid_client with status 400", 400, jsonType, `{"error":"invalid_client"}`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"401 without a code", 401, jsonType, `{}`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"an HTML 401", 401, "text/html", `<title>Sign in</title>`, "", false, oauth.ProviderError, 0, "OAUTH_CLIENT_ID"},
		{"invalid_request", 400, jsonType, `{"error":"invalid_request"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"invalid_scope", 400, jsonType, `{"error":"invalid_scope"}`, "", false, oauth.ProviderError, 0, "no usable token"},
		{"unauthorized_client", 400, jsonType, `{"error":"unauthorized_client"}`, "", false, oauth.ProviderError, 0, "refresh token grant"},
		{"unsupported_grant_type", 400, jsonType, `{"error":"unsupported_grant_type"}`, "", false, oauth.ProviderError, 0, "refresh token grant"},
		{"404", 404, jsonType, `{}`, "", false, oauth.ProviderError, 0, "URL"},
		{"405", 405, jsonType, `{}`, "", false, oauth.ProviderError, 0, "URL"},
		{"429 with seconds", 429, jsonType, `{}`, "7", false, oauth.ProviderUnavailable, 7 * time.Second, "too many"},
		{"429 without", 429, jsonType, `{}`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "too many"},
		{"429 with two hours", 429, "text/html", `{}`, "7200", false, oauth.ProviderUnavailable, time.Hour, "too many"},
		{"429 with nonsense", 429, jsonType, `{}`, "soon", false, oauth.ProviderUnavailable, 5 * time.Second, "too many"},
		{"500 keeps its own counsel", 500, jsonType, `{}`, "9", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"502 as HTML", 502, "text/html", `<title>Bad gateway</title>`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"503 with a date", 503, jsonType, `{}`, date, false, oauth.ProviderUnavailable, 91 * time.Second, "its own"},
		{"504", 504, jsonType, `{}`, "", false, oauth.ProviderUnavailable, 5 * time.Second, "its own"},
		{"a token with status 201", 201, jsonType, good, "", false, oauth.ProviderError, 0, "no usable token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Content-Type"] = nil
				for name, value := range map[string]string{"Content-Type": test.kind, "Retry-After": test.retry} {
					if value != "" {
						w.Header().Set(name, value)
					}
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			_, err := client(func(p *provider.Provider) { p.Now = func() time.Time { return epoch } }).Refresh(t.Context(), f.endpoints(), oldRefresh)
			e := refusal(t, err)
			if errors.Is(err, provider.ErrRefreshRefused) != test.refused {
				t.Errorf("refused %v, want %v", !test.refused, test.refused)
			}
			if status := map[oauth.Code]int{oauth.ProviderError: 502, oauth.ProviderUnavailable: 503}[test.code]; e.Code != test.code || e.HTTPStatus() != status || e.RetryAfter != test.wait {
				t.Errorf("%s, status %d, retry after %v; want %s, %d, %v", e.Code, e.HTTPStatus(), e.RetryAfter, test.code, status, test.wait)
			}
			if !strings.Contains(e.Description, test.says) || strings.Contains(e.Description, "login again") || strings.Contains(e.Description+e.Error(), "hunter2") {
				t.Errorf("description %q, want %q in it", e.Description, test.says)
			}
			if !strings.HasPrefix(e.Cause.Error(), fmt.Sprintf("token endpoint answered %d ", test.status)) {
				t.Errorf("cause %q", e.Cause)
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d posts, want 1", n)
			}
		})
	}
}

// TestAnExchangeIsNoRefresh: a refused code ends no session.
func TestAnExchangeIsNoRefresh(t *testing.T) {
	f := newFar(t, answer(400, `{"error":"invalid_grant"}`))
	if _, err := exchange(t.Context(), client(), f.endpoints()); err == nil || errors.Is(err, provider.ErrRefreshRefused) {
		t.Errorf("error %v", err)
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
