package provider_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/provider"
)

func TestAnnounced(t *testing.T) {
	s := newIssuer(t)
	good := s.document(s.URL)
	more := func(members string) string { return strings.TrimSuffix(good, "}") + "," + members + "}" }
	base := provider.Announced{
		Issuer: s.URL, Challenges: []string{"S256"}, IDTokenAlgs: []string{"none", "HS256", "RS256", "ES256"}, Iss: true,
	}
	for name, tt := range map[string]struct {
		document string
		change   func(*provider.Announced)
	}{
		"good": {good, func(*provider.Announced) {}},
		"pushed requests required, RFC 9126 section 5":    {more(`"require_pushed_authorization_requests":true`), func(a *provider.Announced) { a.PAR = true }},
		"signed requests required, RFC 9101 section 10.5": {more(`"require_signed_request_object":true`), func(a *provider.Announced) { a.RequestObject = true }},
		"ways to authenticate":                            {more(`"token_endpoint_auth_methods_supported":["client_secret_post"]`), func(a *provider.Announced) { a.TokenAuth = []string{"client_secret_post"} }},
		"another issuer is told":                          {s.document("https://other.example"), func(a *provider.Announced) { a.Issuer = "https://other.example" }},
		"plain http":                                      {strings.Replace(good, s.URL+"/token", "http://idp.example/token", 1), func(a *provider.Announced) { a.Unusable = []string{"token_endpoint"} }},
		"no keys though openid":                           {strings.Replace(good, "jwks_uri", "jwks", 1), func(a *provider.Announced) { a.Unusable = []string{"jwks_uri"} }},
		"nothing about challenges":                        {strings.Replace(good, "code_challenge_methods_supported", "x", 1), func(a *provider.Announced) { a.Challenges = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			date := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
			s.answers(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", date.Format(http.TimeFormat))
				answer(200, tt.document)(w, r)
			})
			want := base
			tt.change(&want)
			want.Date, want.At = date, date.Add(time.Hour)
			got, err := s.provider(func(p *provider.Provider) { p.Now = func() time.Time { return want.At } }).Announced(t.Context())
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestAnnouncedNothing(t *testing.T) {
	s := newIssuer(t)
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"an error":          {answer(500, "secret"), "answered 500"},
		"no document":       {answer(404, "secret"), "answered 404"},
		"a page":            {answer(200, "<html>secret"), "unusable metadata"},
		"a repeated member": {answer(200, `{"issuer":"a","issuer":"b"}`), "unusable metadata"},
	} {
		s.answers(tt.answer)
		if _, err := s.provider().Announced(t.Context()); err == nil || err.Error() != tt.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
