package provider_test

import (
	"context"
	"encoding/json"
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

// userInfoVectors are answers of a userinfo endpoint with status 200 (OpenID
// Connect Core §5.3.2, and GitHub's). An empty id means that nobody may be
// signed in by it.
var userInfoVectors = []struct {
	name, subject, body string
	id, called, email   string
}{
	{"the standard's example", "sub", `{"sub":"248289761001","name":"Jane Doe","given_name":"Jane","family_name":"Doe","preferred_username":"j.doe","email":"janedoe@example.com","picture":"http://example.com/janedoe/me.jpg"}`, "248289761001", "Jane Doe", "janedoe@example.com"},
	{"only a subject", "sub", `{"sub":"s"}`, "s", "", ""},
	{"a subject of 255 bytes", "sub", `{"sub":"` + strings.Repeat("s", 255) + `"}`, strings.Repeat("s", 255), "", ""},
	{"a number as subject", "sub", `{"sub":12}`, "12", "", ""},
	{"a subject outside ASCII", "sub", `{"sub":"jürgen"}`, "jürgen", "", ""},
	{"white space is part of a subject", "sub", `{"sub":" s"}`, " s", "", ""},
	{"a name and an email that are no strings", "sub", `{"sub":"s","name":7,"email":["e"]}`, "s", "", ""},
	{"a name and an email that are null", "sub", `{"sub":"s","name":null,"email":null}`, "s", "", ""},
	{"login means nothing at an OpenID provider", "sub", `{"sub":"s","login":"octocat","Login":1}`, "s", "", ""},
	{"members that mean nothing", "sub", `{"sub":"s","id":7,"ID":8,"x":{"sub":"t"},"x":2}`, "s", "", ""},
	{"GitHub's", "id", `{"login":"octocat","id":583231,"node_id":"MDQ6VXNlcjU4MzIzMQ==","name":"The Octocat","email":null,"sub":"x"}`, "583231", "The Octocat", ""},
	{"GitHub's, without a name", "id", `{"login":"octocat","id":1,"name":null,"email":"o@github.example"}`, "1", "octocat", "o@github.example"},
	{"GitHub's, with an empty name", "id", `{"login":"octocat","id":1,"name":""}`, "1", "octocat", ""},
	{"a large number as it is", "id", `{"id":123456789012345678901234567890}`, "123456789012345678901234567890", "", ""},

	{"nothing", "sub", ``, "", "", ""},
	{"null", "sub", `null`, "", "", ""},
	{"an array", "sub", `[{"sub":"s"}]`, "", "", ""},
	{"two objects", "sub", `{"sub":"s"}{"sub":"t"}`, "", "", ""},
	{"an object that does not end", "sub", `{"sub":"s"`, "", "", ""},
	{"a byte order mark", "sub", "\ufeff" + `{"sub":"s"}`, "", "", ""},
	{"not UTF-8", "sub", "{\"sub\":\"s\xff\"}", "", "", ""},
	{"no subject", "sub", `{"name":"Jane"}`, "", "", ""},
	{"another's subject", "id", `{"sub":"s"}`, "", "", ""},
	{"an empty subject", "sub", `{"sub":""}`, "", "", ""},
	{"a subject of white space", "sub", `{"sub":" \t"}`, "", "", ""},
	{"a null subject", "sub", `{"sub":null}`, "", "", ""},
	{"a subject that is true", "sub", `{"sub":true}`, "", "", ""},
	{"a list as subject", "sub", `{"sub":["s"]}`, "", "", ""},
	{"an object as subject", "sub", `{"sub":{"x":1}}`, "", "", ""},
	{"a number below zero", "id", `{"id":-1}`, "", "", ""},
	{"a number with a fraction", "id", `{"id":1.0}`, "", "", ""},
	{"a number with an exponent", "id", `{"id":1e3}`, "", "", ""},
	{"a subject of 256 bytes", "sub", `{"sub":"` + strings.Repeat("s", 256) + `"}`, "", "", ""},
	{"a number of 256 digits", "id", `{"id":` + strings.Repeat("1", 256) + `}`, "", "", ""},
	{"a control character in the subject", "sub", `{"sub":"a\u0000b"}`, "", "", ""},
	{"half of a character in the subject", "sub", `{"sub":"a\ud800"}`, "", "", ""},
	{"two subjects", "sub", `{"sub":"s","sub":"t"}`, "", "", ""},
	{"two subjects, the same", "sub", `{"sub":"s","sub":"s"}`, "", "", ""},
	{"two subjects, one escaped", "sub", `{"sub":"s","s\u0075b":"t"}`, "", "", ""},
	{"the subject in other letters", "sub", `{"Sub":"s"}`, "", "", ""},
	{"a second subject in other letters", "sub", `{"sub":"s","SUB":"t"}`, "", "", ""},
	{"two ids", "id", `{"id":1,"Id":2}`, "", "", ""},
	{"two names", "sub", `{"sub":"s","name":"a","name":"b"}`, "", "", ""},
	{"two emails", "sub", `{"sub":"s","email":"a","eMail":"b"}`, "", "", ""},
}

func TestUserInfo(t *testing.T) {
	for _, test := range userInfoVectors {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, answer(200, test.body))
			who, err := client(func(p *provider.Provider) { p.Subject = test.subject }).UserInfo(t.Context(), f.endpoints(), access)
			hits := f.seen()
			if len(hits) != 1 {
				t.Fatalf("%d requests, want 1", len(hits))
			}
			h := hits[0].header
			sent := []string{hits[0].method, hits[0].path, hits[0].body, h.Get("Authorization"), h.Get("Accept"), h.Get("Accept-Encoding")}
			if diff := cmp.Diff([]string{"GET", "/me", "", "Bearer " + access.Reveal(), "application/json", ""}, sent); diff != "" {
				t.Errorf("request (-want +got)\n%s", diff)
			}
			want := provider.Identity{}
			if test.id != "" {
				want = provider.Identity{Issuer: f.URL, Subject: test.id, Name: test.called, Email: test.email, Raw: []byte(test.body)}
			}
			if diff := cmp.Diff(want, who); diff != "" {
				t.Errorf("identity (-want +got)\n%s", diff)
			}
			if test.id != "" && err != nil {
				t.Error(err)
			}
			if test.id == "" {
				if e := refusal(t, err); e.Code != oauth.ProviderError || e.HTTPStatus() != 502 || !strings.HasPrefix(e.Cause.Error(), "userinfo endpoint: ") {
					t.Errorf("%v, status %d", e, e.HTTPStatus())
				}
			}
		})
	}
}

func TestUserInfoIsRefused_C50_C54(t *testing.T) {
	const who = `{"sub":"hunter2"}`
	for _, test := range []struct {
		name   string
		status int
		header map[string]string
		body   string
		code   oauth.Code
		wait   time.Duration
		cause  string
		says   string
	}{
		{"401", 401, nil, `{"error":"invalid_token"}`, oauth.ProviderError, 0, "answered 401", "who signed in"},
		{"403", 403, nil, who, oauth.ProviderError, 0, "answered 403", "OAUTH_SCOPE"},
		{"404", 404, nil, who, oauth.ProviderError, 0, "answered 404", "no userinfo endpoint"},
		{"201", 201, nil, who, oauth.ProviderError, 0, "answered 201", "who signed in"},
		{"301", 301, map[string]string{"Location": "/elsewhere"}, who, oauth.ProviderError, 0, "answered 301", "redirects"},
		{"307", 307, map[string]string{"Location": "/elsewhere"}, who, oauth.ProviderError, 0, "answered 307", "redirects"},
		{"302 to nowhere", 302, map[string]string{"Location": "http://[broken"}, who, oauth.ProviderError, 0, "answered 302", "redirects"},
		{"429", 429, map[string]string{"Retry-After": "7"}, who, oauth.ProviderUnavailable, 7 * time.Second, "answered 429", "too many"},
		{"500", 500, nil, who, oauth.ProviderUnavailable, 5 * time.Second, "answered 500", "its own"},
		{"503", 503, map[string]string{"Retry-After": "9"}, who, oauth.ProviderUnavailable, 9 * time.Second, "answered 503", "its own"},
		{"a signed answer", 200, map[string]string{"Content-Type": "application/jwt"}, who, oauth.ProviderError, 0, "no JSON", "who signed in"},
		{"JSON as HTML", 200, map[string]string{"Content-Type": "text/html"}, who, oauth.ProviderError, 0, "no JSON", "who signed in"},
		{"a compressed answer", 200, map[string]string{"Content-Encoding": "gzip"}, who, oauth.ProviderError, 0, "an encoded body", "who signed in"},
		{"more than 256 KB", 200, nil, who + strings.Repeat(" ", 256<<10), oauth.ProviderError, 0, "answer too large", "userinfo endpoint's URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := newFar(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			})
			ctx, line := logline.With(t.Context(), "r")
			_, err := client(func(p *provider.Provider) { p.Subject = "sub" }).UserInfo(ctx, f.endpoints(), access)
			e := refusal(t, err)
			if e.Code != test.code || e.RetryAfter != test.wait || e.Cause.Error() != "userinfo endpoint: "+test.cause {
				t.Errorf("%v, retry after %v; want %s, %v, %s", e, e.RetryAfter, test.code, test.wait, test.cause)
			}
			facts := fmt.Sprint(line.Attrs())
			if !strings.Contains(e.Description, test.says) || strings.Contains(e.Description+e.Error()+facts, "hunter2") || strings.Contains(facts, access.Reveal()) {
				t.Errorf("description %q, facts %s", e.Description, facts)
			}
			if !strings.Contains(facts, fmt.Sprintf("provider_userinfo_status=%d", test.status)) || !strings.Contains(facts, "provider_userinfo_ms=") {
				t.Errorf("facts %s", facts)
			}
			if hits := f.seen(); len(hits) != 1 || hits[0].path != "/me" {
				t.Errorf("requests %+v", hits)
			}
		})
	}
}

func TestUserInfoIsNotAsked(t *testing.T) {
	f := newFar(t, answer(200, `{"sub":"s","":"x"}`))
	openID := func(p *provider.Provider) { p.Subject = "sub" }
	for name, ask := range map[string]func() (provider.Identity, error){
		"no endpoint": func() (provider.Identity, error) {
			return client(openID).UserInfo(t.Context(), provider.Endpoints{Token: f.URL}, access)
		},
		"a provider that names nobody": func() (provider.Identity, error) { return client().UserInfo(t.Context(), f.endpoints(), access) },
		"no token": func() (provider.Identity, error) {
			return client(openID).UserInfo(t.Context(), f.endpoints(), secret.Text{})
		},
	} {
		_, err := ask()
		if e := refusal(t, err); e.Code != oauth.ProviderError {
			t.Errorf("%s: %v", name, e)
		}
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d requests", n)
	}
}

func TestUserInfoEndsAfterFiveSeconds_F17(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		transport, _ := pipes(func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
		for left, want := range map[time.Duration]time.Duration{time.Minute: 5 * time.Second, 2 * time.Second: 1500 * time.Millisecond} {
			ctx, cancel := context.WithTimeout(t.Context(), left)
			began := time.Now()
			_, err := client(func(p *provider.Provider) { p.Subject, p.Transport = "sub", transport }).UserInfo(ctx, provider.Endpoints{UserInfo: "http://op.example/me"}, access)
			cancel()
			if took := time.Since(began); took != want {
				t.Errorf("took %v, want %v", took, want)
			}
			if e := refusal(t, err); e.HTTPStatus() != 504 || e.RetryAfter <= 0 {
				t.Errorf("%v, status %d", e, e.HTTPStatus())
			}
		}
	})
}

// FuzzUserInfo (P-18): who is signed in is the one member that says so, exactly
// spelled, and its text is one that names one person.
func FuzzUserInfo(f *testing.F) {
	for _, v := range userInfoVectors {
		f.Add(v.subject == "id", []byte(v.body))
	}
	f.Fuzz(func(t *testing.T, github bool, body []byte) {
		subject := "sub"
		if github {
			subject = "id"
		}
		who, unusable := provider.ReadUserInfo(body, subject)
		if unusable != "" {
			if who.Subject+who.Name+who.Email != "" || who.Raw != nil {
				t.Errorf("%+v of an unusable answer", who)
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatalf("taken for JSON: %v", err)
		}
		for name := range members {
			if name != subject && strings.EqualFold(name, subject) {
				t.Errorf("a second %q", name)
			}
		}
		text := string(members[subject])
		if strings.HasPrefix(text, `"`) {
			if err := json.Unmarshal(members[subject], &text); err != nil {
				t.Fatal(err)
			}
		}
		if who.Subject != text || strings.TrimSpace(text) == "" || len(text) > 255 || strings.ContainsAny(text, "\x00\r\n\ufffd") {
			t.Errorf("subject %q of %s", who.Subject, body)
		}
		if string(who.Raw) != string(body) || who.Issuer != "" {
			t.Errorf("identity %+v", who)
		}
	})
}
