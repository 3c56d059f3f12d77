package e2e_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"
)

// clockAhead is more than any code lives.
const clockAhead = 11 * time.Minute

// authorizing is an authorization request with changes.
func authorizing(changes ...string) func(testing.TB, *side) string {
	return func(t testing.TB, s *side) string {
		t.Helper()
		q, _ := s.request(s.confidential)
		return s.ask(t, change(q, changes...))
	}
}

// redeeming is a token request with a fresh code and changes.
func redeeming(changes ...string) func(testing.TB, *side) string {
	return func(t testing.TB, s *side) string {
		t.Helper()
		return said(asClient(t, s.token, s.confidential, change(s.grant(t, s.confidential), changes...)))
	}
}

// asking is a token request without a fresh code.
func asking(form ...string) func(testing.TB, *side) string {
	return func(t testing.TB, s *side) string {
		t.Helper()
		return said(asClient(t, s.token, s.confidential, change(url.Values{}, form...)))
	}
}

// raw sends a token request as it is, as the confidential client.
func raw(body string, header ...string) func(testing.TB, *side) string {
	return func(t testing.TB, s *side) string {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.token, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(url.QueryEscape(s.confidential.id), url.QueryEscape(s.confidential.secret))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for i := 0; i < len(header); i += 2 {
			request.Header.Set(header[i], header[i+1])
		}
		return said(do(t, http.DefaultClient, request))
	}
}

// as is a token request of a client that differs from the confidential one.
func as(other func(*side) registered) func(testing.TB, *side) string {
	return func(t testing.TB, s *side) string {
		t.Helper()
		return said(asClient(t, s.token, other(s), s.grant(t, s.confidential)))
	}
}

const someChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B

var refusals = []refusal{
	// The authorization endpoint, RFC 6749 §4.1.2.1.
	{name: "unknown client", try: authorizing("client_id", "nobody"), want: "page 400"},
	{name: "no client_id", try: authorizing("client_id", ""), want: "page 400"},
	{name: "redirect_uri of somebody else", try: authorizing("redirect_uri", "https://evil.example/"), want: "page 400"},
	{name: "redirect_uri with a path added", try: authorizing("redirect_uri", appRedirect+"/x"), want: "page 400"},
	{name: "redirect_uri left out, one registered", try: authorizing("redirect_uri", ""), want: "sign-in"},
	{name: "no response_type", try: authorizing("response_type", ""), want: "redirect invalid_request"},
	{name: "response_type token", try: authorizing("response_type", "token"), want: "redirect unsupported_response_type", theirs: "fragment unsupported_response_type", clause: "RFC 6749 §4.1.2.1"},
	{name: "unknown response_mode", try: authorizing("response_mode", "pigeon"), want: "redirect invalid_request", theirs: "redirect unsupported_response_mode", clause: "RFC 6749 §4.1.2.1"},
	{name: "unknown scope", try: authorizing("scope", "openid admin"), want: "redirect invalid_scope", theirs: "sign-in", clause: "RFC 6749 §3.3, §4.1.2.1"},
	{name: "no PKCE", try: authorizing("code_challenge", "", "code_challenge_method", ""), want: "redirect invalid_request"},
	{name: "PKCE plain", try: authorizing("code_challenge_method", "plain"), want: "redirect invalid_request"},
	{name: "PKCE without a method", try: authorizing("code_challenge_method", ""), want: "redirect invalid_request"},
	{name: "PKCE method without a challenge", try: authorizing("code_challenge", ""), want: "redirect invalid_request"},
	{name: "short challenge", try: authorizing("code_challenge", someChallenge[1:]), want: "redirect invalid_request"},
	{name: "prompt=none, nobody signed in", try: authorizing("prompt", "none"), want: "redirect login_required"},
	{name: "prompt=none with another", try: authorizing("prompt", "none login"), want: "redirect invalid_request"},
	{name: "unknown prompt", try: authorizing("prompt", "sing"), want: "redirect invalid_request"},
	{name: "negative max_age", try: authorizing("max_age", "-1"), want: "redirect invalid_request"},
	{name: "request object", try: authorizing("request", "e30.e30."), want: "redirect request_not_supported"},
	{name: "request_uri", try: authorizing("request_uri", "https://app.example.com/request"), want: "redirect request_uri_not_supported"},
	{name: "parameter twice", try: func(t testing.TB, s *side) string {
		q, _ := s.request(s.confidential)
		q.Add("scope", "openid")
		return s.ask(t, q)
	}, want: "redirect invalid_request"},

	// A code at the token endpoint, RFC 6749 §5.2 and RFC 7636 §4.6.
	{name: "wrong code", try: redeeming("code", "nothing"), want: "400 invalid_grant"},
	{name: "no code", try: redeeming("code", ""), want: "400 invalid_request"},
	{name: "wrong verifier", try: redeeming("code_verifier", oauth2.GenerateVerifier()), want: "400 invalid_grant"},
	{name: "no verifier", try: redeeming("code_verifier", ""), want: "400 invalid_grant"},
	{name: "short verifier", try: redeeming("code_verifier", "short"), want: "400 invalid_request"},
	{name: "wrong redirect_uri", try: redeeming("redirect_uri", "https://app.example.com/other"), want: "400 invalid_grant"},
	{name: "no redirect_uri", try: redeeming("redirect_uri", ""), want: "400 invalid_request", theirs: "200", clause: "RFC 6749 §4.1.3"},
	{name: "code of another client", try: as(func(s *side) registered { return s.public }), want: "400 invalid_grant"},
	{name: "code again", try: func(t testing.TB, s *side) string {
		form := s.grant(t, s.confidential)
		if first := said(asClient(t, s.token, s.confidential, form)); first != "200" {
			t.Errorf("first: %s", first)
		}
		return said(asClient(t, s.token, s.confidential, form))
	}, want: "400 invalid_grant"},

	// The client, RFC 6749 §2.3 and §5.2.
	{name: "wrong secret", try: as(func(s *side) registered { r := s.confidential; r.secret += "x"; return r }), want: "401 invalid_client"},
	{name: "unknown client at the token endpoint", try: as(func(s *side) registered { r := s.confidential; r.id = "nobody"; return r }), want: "401 invalid_client"},
	{name: "no client at all", try: as(func(*side) registered { return registered{} }), want: "401 invalid_client", theirs: "400 invalid_request", clause: "RFC 6749 §5.2"},
	{name: "confidential client without its secret", try: as(func(s *side) registered { return registered{id: s.confidential.id} }), want: "401 invalid_client"},
	{name: "secret in the body, registered for the header", try: as(func(s *side) registered { r := s.confidential; r.auth = "client_secret_post"; return r }), want: "401 invalid_client", theirs: "200", clause: "RFC 6749 §5.2, RFC 7591 §2"},
	{name: "secret in header and body", try: redeeming("client_secret", "twice"), want: "400 invalid_request"},
	{name: "client_id that is not the header's", try: redeeming("client_id", "nobody"), want: "400 invalid_request"},
	{name: "broken Basic header", try: raw("grant_type=authorization_code&code=x", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("nocolon"))), want: "401 invalid_client", theirs: "400 invalid_request", clause: "RFC 6749 §5.2"},

	// The grant type and the shape of the request, RFC 6749 §3.2 and §5.2.
	{name: "no grant_type", try: redeeming("grant_type", ""), want: "400 invalid_request"},
	{name: "unknown grant_type", try: asking("grant_type", "urn:example:nothing"), want: "400 unsupported_grant_type"},
	{name: "password grant", try: asking("grant_type", "password", "username", "alice", "password", "x"), want: "400 unsupported_grant_type"},
	{name: "client_credentials, not registered", try: asking("grant_type", "client_credentials"), want: "400 unauthorized_client", theirs: "400 unsupported_grant_type", clause: "RFC 6749 §5.2"},
	{name: "token parameter twice", try: raw("grant_type=refresh_token&refresh_token=a&refresh_token=b"), want: "400 invalid_request"},
	{name: "token request as JSON", try: raw(`{"grant_type":"refresh_token","refresh_token":"a"}`, "Content-Type", "application/json"), want: "400 invalid_request"},
	{name: "GET at the token endpoint", try: func(t testing.TB, s *side) string {
		return said(get(t, person(nil), s.token))
	}, want: "405 invalid_request", theirs: "404", clause: "RFC 9110 §15.5.6"},

	// Refresh, RFC 6749 §6.
	{name: "wrong refresh token", try: asking("grant_type", "refresh_token", "refresh_token", "nothing"), want: "400 invalid_grant"},
	{name: "no refresh token", try: asking("grant_type", "refresh_token"), want: "400 invalid_request"},
	{name: "refresh token of another client", try: func(t testing.TB, s *side) string {
		_, refresh := s.tokens(t, s.confidential)
		return said(asClient(t, s.token, s.public, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}))
	}, want: "400 invalid_grant"},
	{name: "more scope on refresh", try: func(t testing.TB, s *side) string {
		_, refresh := s.tokens(t, s.confidential)
		return said(asClient(t, s.token, s.confidential, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}, "scope": {"openid profile"}}))
	}, want: "400 invalid_scope"},
	{name: "revoked refresh token", try: func(t testing.TB, s *side) string {
		_, refresh := s.tokens(t, s.confidential)
		if r := said(asClient(t, s.revoke, s.confidential, url.Values{"token": {refresh}})); r != "200" {
			t.Errorf("revocation: %s", r)
		}
		return said(asClient(t, s.token, s.confidential, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}))
	}, want: "400 invalid_grant"},

	// Revocation and introspection, RFC 7009 §2.2 and RFC 7662 §2.2.
	{name: "revocation of nothing", try: func(t testing.TB, s *side) string {
		return said(asClient(t, s.revoke, s.confidential, url.Values{"token": {"nothing"}}))
	}, want: "200"},
	{name: "revocation without a token", try: func(t testing.TB, s *side) string {
		return said(asClient(t, s.revoke, s.confidential, url.Values{}))
	}, want: "400 invalid_request"},
	{name: "revocation of another client's token", try: func(t testing.TB, s *side) string {
		_, refresh := s.tokens(t, s.confidential)
		return said(asClient(t, s.revoke, s.public, url.Values{"token": {refresh}}))
	}, want: "400 invalid_grant", theirs: "200", clause: "RFC 7009 §2.1"},
	{name: "introspection of nothing", try: func(t testing.TB, s *side) string {
		r := asClient(t, s.introspect, s.confidential, url.Values{"token": {"nothing"}})
		return said(r) + strings.TrimSpace(r.body)
	}, want: `200{"active":false}`},
	{name: "introspection with a wrong secret", try: func(t testing.TB, s *side) string {
		r := s.confidential
		r.secret += "x"
		return said(asClient(t, s.introspect, r, url.Values{"token": {"nothing"}}))
	}, want: "401 invalid_client"},

	// A protected resource, RFC 6750 §3.1.
	{name: "userinfo with a wrong token", try: func(t testing.TB, s *side) string {
		return said(bearerGet(t, s.userinfo, "nothing"))
	}, want: "401 invalid_token"},
	{name: "userinfo with a refresh token", try: func(t testing.TB, s *side) string {
		_, refresh := s.tokens(t, s.confidential)
		return said(bearerGet(t, s.userinfo, refresh))
	}, want: "401 invalid_token"},

	// Last, because it moves their clock.
	{name: "expired code", try: func(t testing.TB, s *side) string {
		form := s.grant(t, s.confidential)
		return said(asClient(t, s.later(t), s.confidential, form))
	}, want: "400 invalid_grant"},
}

func bearerGet(t testing.TB, target, token string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	return do(t, http.DefaultClient, request)
}
