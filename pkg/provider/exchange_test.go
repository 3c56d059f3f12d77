package provider_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

func TestExchange(t *testing.T) {
	f := newFar(t, answer(200, good))
	tokens, err := exchange(t.Context(), client(), f.endpoints())
	if err != nil {
		t.Fatal(err)
	}
	if string(tokens.Raw) != good {
		t.Errorf("raw %s is not the provider's object, byte for byte", tokens.Raw)
	}
	if tokens.AccessToken.Reveal() != "2YotnFZFEjr1zCsicMWpAA" || tokens.RefreshToken.Reveal() != "tGzv3JOkF0XG5Qx2TlKWIA" ||
		tokens.Scope != "read write" || tokens.ExpiresIn != time.Hour || !tokens.IDToken.IsZero() {
		t.Errorf("tokens %+v", tokens)
	}
	hits := f.seen()
	if len(hits) != 1 {
		t.Fatalf("%d requests, want 1", len(hits))
	}
	if got := hits[0].header.Get("Accept"); got != "application/json" {
		t.Errorf("Accept %q", got)
	}
	if got := hits[0].header.Get("Accept-Encoding"); got != "" {
		t.Errorf("Accept-Encoding %q: a compressed answer was asked for", got)
	}
}

func TestExchangeAuthentication(t *testing.T) {
	common := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {redirect}, "code_verifier": {verifier}}
	with := func(more ...string) url.Values {
		v := url.Values{}
		for k := range common {
			v.Set(k, common.Get(k))
		}
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
		{"client_secret_basic with client_id in the body", func(p *provider.Provider) { p.ClientIDInBody = true }, basic, with("client_id", "s6BhdRkqt3")},
		{"client_secret_post", func(p *provider.Provider) { p.Auth = provider.AuthPost }, "",
			with("client_id", "s6BhdRkqt3", "client_secret", "7Fjfp0ZBr1KtDRbnfVdmIw")},
		{"none", func(p *provider.Provider) { p.Auth = provider.AuthNone }, "", with("client_id", "s6BhdRkqt3")},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, answer(200, good))
			if _, err := exchange(t.Context(), client(test.change), f.endpoints()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.form, f.seen()[0].form); diff != "" {
				t.Errorf("form (-want +got):\n%s", diff)
			}
			if got := f.seen()[0].header.Get("Authorization"); got != test.header {
				t.Errorf("Authorization %q, want %q", got, test.header)
			}
		})
	}
}

func TestBasicCredentialsAreFormEncoded_C52(t *testing.T) {
	for _, test := range []struct{ id, secret, want string }{
		{"plain", "secret", "plain:secret"},
		{"s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw", "s6BhdRkqt3:7Fjfp0ZBr1KtDRbnfVdmIw"},
		{"a b", "c d", "a+b:c+d"},
		{"a+b", "c+d", "a%2Bb:c%2Bd"},
		{"a:b", "c:d", "a%3Ab:c%3Ad"},
		{"100%", "%41", "100%25:%2541"},
		{"a&b", "c&d", "a%26b:c%26d"},
		{"a=b", "c=d", "a%3Db:c%3Dd"},
		{"a/b", "c/d", "a%2Fb:c%2Fd"},
		{"a?b", "c?d", "a%3Fb:c%3Fd"},
		{"a#b", "c#d", "a%23b:c%23d"},
		{"a@b", "c@d", "a%40b:c%40d"},
		{"-._", "-._", "-._:-._"},
		{"ünï", "£€", "%C3%BCn%C3%AF:%C2%A3%E2%82%AC"},
		{"日本", "\U0001F511", "%E6%97%A5%E6%9C%AC:%F0%9F%94%91"},
		{" %&+£€", " %&+£€", "+%25%26%2B%C2%A3%E2%82%AC:+%25%26%2B%C2%A3%E2%82%AC"},
		{`"quoted"`, `back\slash`, "%22quoted%22:back%5Cslash"},
		{"a\tb", "c\nd", "a%09b:c%0Ad"},
		{"https://rp.example/", "x", "https%3A%2F%2Frp.example%2F:x"},
		{"(a)", "!$'*,;", "%28a%29:%21%24%27%2A%2C%3B"},
		{"  ", "  ", "++:++"},
		{"a|b", "<c>^`{d}", "a%7Cb:%3Cc%3E%5E%60%7Bd%7D"},
	} {
		t.Run(test.id+" "+test.secret, func(t *testing.T) {
			f := newFar(t, answer(200, good))
			p := client(func(p *provider.Provider) {
				p.ClientID = test.id
				p.Secret = func(context.Context) (secret.Text, error) { return secret.NewText(test.secret), nil }
			})
			if _, err := exchange(t.Context(), p, f.endpoints()); err != nil {
				t.Fatal(err)
			}
			user, password, _ := (&http.Request{Header: f.seen()[0].header}).BasicAuth()
			if got := user + ":" + password; got != test.want {
				t.Errorf("credentials %q, want %q", got, test.want)
			}
		})
	}
}

func TestTokenPostFollowsNoRedirect_C50(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			elsewhere := newFar(t, answer(200, good))
			f := newFar(t, func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, elsewhere.URL+"/token", status)
			})
			_, err := exchange(t.Context(), client(), f.endpoints())
			if e := refusal(t, err); e.Code != oauth.ProviderError || e.HTTPStatus() != 502 {
				t.Errorf("%v, status %d", e, e.HTTPStatus())
			}
			if n := len(elsewhere.seen()); n != 0 {
				t.Errorf("the redirect's target got %d requests", n)
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d posts, want 1", n)
			}
		})
	}
}

func TestTokenEndpointRefuses_C51_F16(t *testing.T) {
	date := epoch.Add(90 * time.Second).Format(http.TimeFormat)
	for _, test := range []struct {
		name   string
		status int
		body   string
		retry  string
		want   time.Duration
		cause  string
		says   string
	}{
		{"invalid_grant", 400, `{"error":"invalid_grant"}`, "", 0, "token endpoint answered 400 invalid_grant", "expired"},
		{"invalid_request", 400, `{"error":"invalid_request"}`, "", 0, "token endpoint answered 400 invalid_request", redirect},
		{"redirect_uri_mismatch", 400, `{"error":"redirect_uri_mismatch"}`, "", 0, "token endpoint answered 400 redirect_uri_mismatch", "Register exactly " + redirect},
		{"invalid_client", 401, `{"error":"invalid_client"}`, "", 0, "token endpoint answered 401 invalid_client", "OAUTH_CLIENT_ID"},
		{"401 without a code", 401, `{}`, "", 0, "token endpoint answered 401 no token", "OAUTH_CLIENT_ID"},
		{"unauthorized_client", 400, `{"error":"unauthorized_client"}`, "", 0, "token endpoint answered 400 unauthorized_client", "grant"},
		{"404", 404, `{}`, "", 0, "token endpoint answered 404 no token", "URL"},
		{"405", 405, `{}`, "", 0, "token endpoint answered 405 no token", "URL"},
		{"429 with seconds", 429, `{}`, "7", 7 * time.Second, "token endpoint answered 429 no token", "Wait"},
		{"429 without", 429, `{}`, "", 0, "token endpoint answered 429 no token", "Wait"},
		{"429 with too many seconds", 429, `{}`, "99999999999999999999", time.Hour, "token endpoint answered 429 no token", "Wait"},
		{"429 with two hours", 429, `{}`, "7200", time.Hour, "token endpoint answered 429 no token", "Wait"},
		{"429 with nonsense", 429, `{}`, "soon", 0, "token endpoint answered 429 no token", "Wait"},
		{"429 with less than nothing", 429, `{}`, "-5", 0, "token endpoint answered 429 no token", "Wait"},
		{"500", 500, `{}`, "9", 0, "token endpoint answered 500 no token", "its own"},
		{"502", 502, `{}`, "", 0, "token endpoint answered 502 no token", "its own"},
		{"503 with a date", 503, `{}`, date, 91 * time.Second, "token endpoint answered 503 no token", "its own"},
		{"503 with the last date there is", 503, `{}`, "Fri, 31 Dec 9999 23:59:59 GMT", time.Hour, "token endpoint answered 503 no token", "its own"},
		{"503 with a date in an hour", 503, `{}`, epoch.Add(time.Hour).Format(http.TimeFormat), time.Hour, "token endpoint answered 503 no token", "its own"},
		{"503 with 9999 seconds", 503, `{}`, "9999", time.Hour, "token endpoint answered 503 no token", "its own"},
		{"503 with a date in the past", 503, `{}`, epoch.Add(-time.Hour).Format(http.TimeFormat), 0, "token endpoint answered 503 no token", "its own"},
		{"504", 504, `{}`, "", 0, "token endpoint answered 504 no token", "its own"},
		{"a token with status 201", 201, good, "", 0, "token endpoint answered 201 no token", "no usable token"},
		{"a token with status 400", 400, good, "", 0, "token endpoint answered 400 no token", "no usable token"},
		{"an unclean code", 400, `{"error":"<script>alert(1)</script>"}`, "", 0, "token endpoint answered 400 an error", "no usable token"},
		{"an endless code", 400, `{"error":"` + strings.Repeat("a", 61) + `"}`, "", 0, "token endpoint answered 400 an error", "no usable token"},
		{"GitHub's 200 with an error", 200, `{"error":"bad_verification_code","error_description":"hunter2"}`, "", 0, "token endpoint answered 200 bad_verification_code", "expired"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, func(w http.ResponseWriter, r *http.Request) {
				if test.retry != "" {
					w.Header().Set("Retry-After", test.retry)
				}
				answer(test.status, test.body)(w, r)
			})
			p := client(func(p *provider.Provider) { p.Now = func() time.Time { return epoch } })
			_, err := exchange(t.Context(), p, f.endpoints())
			e := refusal(t, err)
			if e.Code != oauth.ProviderError || e.HTTPStatus() != 502 || e.RetryAfter != test.want || e.Cause.Error() != test.cause {
				t.Errorf("%s, status %d, retry after %v, cause %q", e.Code, e.HTTPStatus(), e.RetryAfter, e.Cause)
			}
			if !strings.Contains(e.Description, test.says) {
				t.Errorf("description %q does not say %q", e.Description, test.says)
			}
			if n := len(f.seen()); n != 1 {
				t.Errorf("%d posts, want 1", n)
			}
		})
	}
}

func TestNothingOfAnExchangeIsLogged(t *testing.T) {
	body := `{"error":"invalid_grant","error_description":"code ` + code + ` of hunter2 is spent","error_uri":"https://hunter2.example"}`
	f := newFar(t, answer(400, body))
	ctx, line := logline.With(t.Context(), "r")
	_, err := exchange(ctx, client(), f.endpoints())
	e := refusal(t, err)
	facts := fmt.Sprint(line.Attrs())
	for _, private := range []string{code, verifier, "hunter2", "7Fjfp0ZBr1KtDRbnfVdmIw"} {
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

func TestTheSecretIsReadWhenItIsNeeded(t *testing.T) {
	f := newFar(t, answer(200, good))
	own := &oauth.Error{Code: oauth.ProviderUnavailable, Description: "Later.", Cause: errors.New("secrets manager")}
	for _, test := range []struct {
		name string
		read func(context.Context) (secret.Text, error)
		want oauth.Code
	}{
		{"no reader", nil, oauth.ConfigError},
		{"an error", func(context.Context) (secret.Text, error) { return secret.Text{}, errors.New("hunter2") }, oauth.ConfigError},
		{"an empty secret", func(context.Context) (secret.Text, error) { return secret.Text{}, nil }, oauth.ConfigError},
		{"the reader's own refusal", func(context.Context) (secret.Text, error) { return secret.Text{}, fmt.Errorf("x: %w", own) }, oauth.ProviderUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := exchange(t.Context(), client(func(p *provider.Provider) { p.Secret = test.read }), f.endpoints())
			if e := refusal(t, err); e.Code != test.want || strings.Contains(e.Error(), "hunter2") {
				t.Errorf("%v, want %s", e, test.want)
			}
		})
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d posts without a secret", n)
	}
}

func TestAnUntrustedCertificateEndsTheExchange(t *testing.T) {
	hits := 0
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { hits++; answer(200, good)(w, r) }))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	ep := provider.Endpoints{Authorize: s.URL, Token: s.URL + "/token"}
	_, err := exchange(t.Context(), client(), ep)
	if e := refusal(t, err); e.HTTPStatus() != 503 || e.Cause.Error() != "token endpoint: tls" {
		t.Errorf("%v, status %d", e, e.HTTPStatus())
	}
	if hits != 0 {
		t.Errorf("%d posts over an untrusted connection", hits)
	}
	if _, err := exchange(t.Context(), client(func(p *provider.Provider) { p.Transport = trusting(s.Client()) }), ep); err != nil {
		t.Errorf("with its certificate trusted: %v", err)
	}
}
