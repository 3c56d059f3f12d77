package token_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func header(value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", value) }
}

// encoded is a Basic header for raw, whatever that is.
func encoded(raw string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(raw)) }

// RFC 7617 §2 with the form-urlencoding of RFC 6749 §2.3.1. credentials is the
// cheapest request that tells whether the client was believed.
func TestBasic_S51(t *testing.T) {
	w := newWorld(t)
	good := base64.StdEncoding.EncodeToString([]byte("app:app-secret"))
	uni := url.QueryEscape("uni:code app") + ":" + url.QueryEscape(unicode)
	for name, tt := range map[string]struct {
		header string
		ok     bool
	}{
		"as it should be":              {"Basic " + good, true},
		"scheme in lower case":         {"basic " + good, true},
		"scheme in upper case":         {"BASIC " + good, true},
		"two spaces":                   {"Basic  " + good, true},
		"any UTF-8, urlencoded":        {encoded(uni), true},
		"spaces as %20":                {encoded(strings.ReplaceAll(uni, "+", "%20")), true},
		"escapes in lower case":        {encoded(lowerEscapes(uni)), true},
		"needless escapes":             {encoded("%61pp:app%2Dsecret"), true},
		"UTF-8 raw, the rest escaped":  {encoded("uni%3Acode+app:" + strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(unicode), "%C3%B6", "ö"), "%E2%98%83", "☃")), true},
		"not urlencoded at all":        {encoded("uni:code app:" + unicode), false},
		"urlencoded twice":             {encoded(url.QueryEscape("uni:code app") + ":" + url.QueryEscape(url.QueryEscape(unicode))), false},
		"no colon":                     {encoded("app"), false},
		"colon escaped":                {encoded("app%3Aapp-secret"), false},
		"empty id":                     {encoded(":app-secret"), false},
		"empty secret":                 {encoded("app:"), false},
		"both empty":                   {encoded(":"), false},
		"nothing":                      {"Basic", false},
		"nothing after the space":      {"Basic ", false},
		"empty header":                 {"", false},
		"not base64":                   {"Basic !!!", false},
		"raw, without base64":          {"Basic app:app-secret", false},
		"base64 without padding":       {"Basic " + strings.TrimRight(base64.StdEncoding.EncodeToString([]byte("app:app-secret ")), "="), false},
		"base64url":                    {"Basic " + base64.URLEncoding.EncodeToString([]byte("app:app-secret\xfb\xff")), false},
		"base64 with a space":          {"Basic " + good[:8] + " " + good[8:], false},
		"base64 with trailing bits":    {"Basic YXBwOmFwcC1zZWNyZXR=", false},
		"something after it":           {"Basic " + good + ", Basic " + good, false},
		"broken escape in the id":      {encoded("a%zzp:app-secret"), false},
		"broken escape in the secret":  {encoded("app:app-secret%"), false},
		"not UTF-8":                    {encoded("app:app-secret\xff"), false},
		"not UTF-8, escaped":           {encoded("app:app-secret%ff"), false},
		"NUL":                          {encoded("app:app-secret%00"), false},
		"newline":                      {encoded("app:app-secret\n"), false},
		"space before the id":          {encoded(" app:app-secret"), false},
		"space after the secret":       {encoded("app:app-secret "), false},
		"plus for a space":             {encoded("app:app-secret+"), false},
		"secret of another client":     {encoded("app:other-secret"), false},
		"secret in upper case":         {encoded("app:APP-SECRET"), false},
		"secret and more":              {encoded("app:app-secret:x"), false},
		"part of the secret":           {encoded("app:app-secre"), false},
		"id in upper case":             {encoded("APP:app-secret"), false},
		"the hash of the secret":       {encoded("app:" + clients()[0].SecretHash), false},
		"unknown client":               {encoded("nobody:app-secret"), false},
		"Bearer":                       {"Bearer " + good, false},
		"Digest":                       {`Digest username="app"`, false},
		"tab for a space":              {"Basic\t" + good, false},
		"very long id":                 {encoded(strings.Repeat("a", 5000) + ":x"), false},
		"decomposed instead of single": {encoded("uni%3Acode+app:" + url.QueryEscape(strings.ReplaceAll(unicode, "ö", "o\u0308"))), false},
	} {
		a := w.send(http.MethodPost, "/oauth/tokenize", form("grant_type", "client_credentials"), header(tt.header))
		switch {
		case tt.ok && a.status != http.StatusOK:
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		case !tt.ok:
			refused(t, name, a, 401, "invalid_client")
		}
	}
}

func lowerEscapes(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c == '%' {
			copy(b[i+1:], strings.ToLower(string(b[i+1:i+3])))
		}
	}
	return string(b)
}

// RFC 6749 §2.3: one method at a time.
func TestTwoMethodsAtOnce_S52(t *testing.T) {
	w := newWorld(t)
	post := func(pairs ...string) response {
		return w.send(http.MethodPost, "/oauth/tokenize", form(append(pairs, "grant_type", "client_credentials")...), as("app"))
	}
	refused(t, "the same secret twice", post("client_id", "app", "client_secret", "app-secret"), 400, "invalid_request")
	refused(t, "secret without an id", post("client_secret", "app-secret"), 400, "invalid_request")
	refused(t, "a wrong secret", post("client_secret", "x"), 400, "invalid_request")
	refused(t, "another client's", post("client_id", "other", "client_secret", "other-secret"), 400, "invalid_request")
	refused(t, "another id", post("client_id", "other"), 400, "invalid_request")
	refused(t, "two headers", w.send(http.MethodPost, "/oauth/tokenize", form("grant_type", "client_credentials"), as("app"),
		func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }), 400, "invalid_request")
	if a := post("client_id", "app"); a.status != http.StatusOK {
		t.Errorf("the same client_id in the body is no second method: %s", a.raw)
	}
	if a := post("client_secret", ""); a.status != http.StatusOK {
		t.Errorf("a parameter without a value is omitted (RFC 6749 section 3.1): %s", a.raw)
	}
}

func TestRegisteredMethod_S53(t *testing.T) {
	w := newWorld(t)
	in := func(id, secret string) response {
		return w.send(http.MethodPost, "/oauth/tokenize", form("grant_type", "client_credentials", "client_id", id, "client_secret", secret))
	}
	head := func(id string) response {
		return w.send(http.MethodPost, "/oauth/tokenize", form("grant_type", "client_credentials"), as(id))
	}
	refused(t, "post by a basic-only client", in("basic", "basic-secret"), 401, "invalid_client")
	refused(t, "basic by a post-only client", head("post"), 401, "invalid_client")
	for name, a := range map[string]response{"basic": head("basic"), "post": in("post", "post-secret"), "both": in("app", "app-secret")} {
		if a.status != http.StatusOK {
			t.Errorf("%s: %s", name, a.raw)
		}
	}
	if a, b := in("basic", "wrong"), in("nobody", "wrong"); a.raw != b.raw {
		t.Errorf("the wrong secret by the wrong method tells that there is such a client: %s, %s", a.raw, b.raw)
	}
}

// A confidential client proves itself; a public one has nothing to prove it
// with, and is never taken for more.
func TestSecretRequired_S54(t *testing.T) {
	w := newWorld(t)
	code, public := w.approve("app"), w.approve("public")
	params := func(code string, more ...string) string {
		return form(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier}, more...)...)
	}
	for name, a := range map[string]response{
		"no credentials":               w.send(http.MethodPost, "/oauth/tokenize", params(code)),
		"id alone":                     w.send(http.MethodPost, "/oauth/tokenize", params(code, "client_id", "app")),
		"empty secret":                 w.send(http.MethodPost, "/oauth/tokenize", params(code, "client_id", "app", "client_secret", "")),
		"empty secret in Basic":        w.send(http.MethodPost, "/oauth/tokenize", params(code), header(encoded("app:"))),
		"secret without an id":         w.send(http.MethodPost, "/oauth/tokenize", params(code, "client_secret", "app-secret")),
		"an assertion":                 w.send(http.MethodPost, "/oauth/tokenize", params(code, "client_id", "public", "client_assertion", "a.b.c")),
		"an assertion's type":          w.send(http.MethodPost, "/oauth/tokenize", params(code, "client_id", "public", "client_assertion_type", "urn:x")),
		"public with a secret":         w.send(http.MethodPost, "/oauth/tokenize", params(public, "client_id", "public", "client_secret", "x")),
		"public with an empty Basic":   w.send(http.MethodPost, "/oauth/tokenize", params(public), header(encoded("public:"))),
		"public with Basic":            w.send(http.MethodPost, "/oauth/tokenize", params(public), header(encoded("public:x"))),
		"public with dashes as secret": w.send(http.MethodPost, "/oauth/tokenize", params(public, "client_id", "public", "client_secret", strings.Repeat("-", 43))),
		"unknown":                      w.send(http.MethodPost, "/oauth/tokenize", params(code, "client_id", "nobody")),
	} {
		refused(t, name, a, 401, "invalid_client")
	}
	if a := w.send(http.MethodPost, "/oauth/tokenize", params(code, "client_id", "public")); a.status == http.StatusOK {
		t.Error("a public client redeemed a confidential client's code")
	}
	for id, code := range map[string]string{"app": code, "public": public} {
		if a := w.exchange(id, code); a.status != http.StatusOK {
			t.Errorf("%s: the code was burnt: %s", id, a.raw)
		}
	}
}

// Whether there is such a client shows neither in the answer nor in the time.
func TestClientsCannotBeCounted_S55(t *testing.T) {
	w := newWorld(t)
	try := func(id string) response {
		return w.send(http.MethodPost, "/oauth/tokenize", form("grant_type", "client_credentials"), basic(id, "wrong-secret"))
	}
	known, unknown, public := try("app"), try("nob"), try("public")
	for name, a := range map[string]response{"unknown": unknown, "public": public} {
		if a.raw != known.raw || a.status != known.status || !sameHeader(a.header, known.header) {
			t.Errorf("%s: %d %s %v, known: %d %s %v", name, a.status, a.raw, a.header, known.status, known.raw, known.header)
		}
	}
	alone := func(id string) response {
		return w.send(http.MethodPost, "/oauth/tokenize", form("grant_type", "client_credentials", "client_id", id))
	}
	if a, b := alone("app"), alone("nob"); a.raw != b.raw || a.status != 401 {
		t.Errorf("id alone: %s, unknown: %s", a.raw, b.raw)
	}
	if testing.Short() || raceEnabled {
		return
	}
	ratio := 0.0
	for range 5 { // other processes on the machine may spoil a round
		if ratio = medianRatio(func() { try("app") }, func() { try("nob") }); ratio > 0.9 && ratio < 1.1 {
			return
		}
	}
	t.Errorf("a wrong secret takes %.2f of an unknown client's time", ratio)
}

// medianRatio runs a and b in turns.
func medianRatio(a, b func()) float64 {
	const rounds = 2000
	var as, bs [rounds]time.Duration
	for i := range rounds {
		began := time.Now()
		a()
		as[i] = time.Since(began)
		began = time.Now()
		b()
		bs[i] = time.Since(began)
	}
	slices.Sort(as[:])
	slices.Sort(bs[:])
	return float64(as[rounds/2]) / float64(bs[rounds/2])
}

func sameHeader(a, b http.Header) bool {
	if len(a) != len(b) {
		return false
	}
	for name := range a {
		if !slices.Equal(a[name], b[name]) {
			return false
		}
	}
	return true
}
