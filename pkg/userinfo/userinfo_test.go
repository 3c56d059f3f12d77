package userinfo_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/user"
	"github.com/latchkey-go/latchkey/pkg/userinfo"
)

const (
	base    = "https://login.example.com"
	oldRoot = "an-old-secret-of-the-tests-0123456789-abcdefg"
	newRoot = "a-new-secret-of-the-tests-0123456789-abcdefgh"
)

var start = time.Unix(1_800_000_000, 0)

// world is one user, one grant, and what is done to them.
type world struct {
	ring    *secret.Ring
	now     time.Time
	grant   grant.Grant
	record  grant.Record
	user    user.User
	fail    error // of the stores
	keysErr error
	reads   int
}

func (w *world) Ring(context.Context, string) (*secret.Ring, error) { return w.ring, w.keysErr }

func (w *world) GetGrant(_ context.Context, key string) (grant.Record, error) {
	w.reads++
	switch {
	case w.fail != nil:
		return grant.Record{}, w.fail
	case key != w.record.Key:
		return grant.Record{}, grant.ErrUnknown
	}
	return w.record, nil
}

func (w *world) GetUser(_ context.Context, name string) (user.User, error) {
	w.reads++
	if name != w.user.Name {
		return user.User{}, user.ErrUnknown
	}
	return w.user, nil
}

func parse(t *testing.T, list string) *secret.Ring {
	t.Helper()
	r, err := secret.ParseRing(list)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func newWorld(t *testing.T, scopes ...string) *world {
	t.Helper()
	w := &world{ring: parse(t, newRoot), now: start}
	w.user = user.User{Name: "ada", Subject: "sub-1", DisplayName: "Ada L.", Email: "ada@example.com"}
	w.grant = grant.Grant{GID: grant.NewGID(), ClientID: "app", User: "ada", Subject: "sub-1", Scopes: scopes, AuthTime: start}
	r, err := w.grant.Seal(w.ring.Newest(), grant.Record{Status: grant.Active, Seq: 1, MaxAt: start.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	w.record = r
	return w
}

func (w *world) token() grant.Token {
	return grant.Token{Kind: grant.Access, GID: w.grant.GID, N: 1, Expires: start.Add(300 * time.Second).Unix(), Scopes: grant.All}
}

func (w *world) opaque() string { return w.token().Sign(w.ring.Newest()) }

func (w *world) jwt(t *testing.T, issuer string) string {
	t.Helper()
	s, err := w.token().SignJWT(w.ring.Newest(), grant.Claims{Issuer: issuer, Subject: "sub-1", Audience: issuer, ClientID: "app"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) ask(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	e := &userinfo.Endpoint{Keys: w, Grants: w, Users: w, Now: func() time.Time { return w.now }}
	e.ServeHTTP(rec, r.WithContext(baseurl.With(r.Context(), base)))
	return rec
}

func get(token string) *http.Request {
	r := httptest.NewRequest("GET", base+"/oauth/userinfo", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func post(body, kind string) *http.Request {
	r := httptest.NewRequest("POST", base+"/oauth/userinfo", strings.NewReader(body))
	r.Header.Set("Content-Type", kind)
	return r
}

func TestClaimsByScope(t *testing.T) {
	for name, tt := range map[string]struct {
		scopes []string
		want   map[string]any
	}{
		"openid":               {[]string{"openid"}, map[string]any{"sub": "sub-1"}},
		"openid profile":       {[]string{"openid", "profile"}, map[string]any{"sub": "sub-1", "name": "Ada L.", "preferred_username": "ada"}},
		"email openid":         {[]string{"email", "openid"}, map[string]any{"sub": "sub-1", "email": "ada@example.com"}},
		"all, and one unknown": {[]string{"openid", "profile", "email", "x"}, map[string]any{"sub": "sub-1", "name": "Ada L.", "preferred_username": "ada", "email": "ada@example.com"}},
	} {
		w := newWorld(t, tt.scopes...)
		for form, token := range map[string]string{"opaque": w.opaque(), "JWT": w.jwt(t, base)} {
			w.reads = 0
			rec := w.ask(get(token))
			var got map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 {
				t.Fatalf("%s, %s: %d %s", name, form, rec.Code, rec.Body)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s, %s: %s", name, form, diff)
			}
			if w.reads != 2 {
				t.Errorf("%s, %s: %d reads", name, form, w.reads)
			}
			if h := rec.Header(); h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json" {
				t.Errorf("%s: header %v", name, h)
			}
		}
	}
	w := newWorld(t, "openid", "email")
	narrow := w.token()
	narrow.Scopes = 1
	if body := w.ask(get(narrow.Sign(w.ring.Newest()))).Body.String(); strings.Contains(body, "email") {
		t.Errorf("a narrowed token sees %s", body)
	}
}

// The vectors of RFC 6750 §2 and §3: where the token may be, and what is said
// about one that will not do.
func TestBearer_S87(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	w := newWorld(t, "openid")
	good := w.opaque()
	with := func(r *http.Request, headers ...string) *http.Request {
		r.Header["Authorization"] = headers
		return r
	}
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
		code   string // in the challenge; "" for none
	}{
		"header":                           {get(good), 200, ""},
		"scheme in another case":           {with(get(""), "bEaReR "+good), 200, ""},
		"POST, header":                     {with(post("", ""), "Bearer "+good), 200, ""},
		"POST, form (2.2)":                 {post("access_token="+good, form), 200, ""},
		"POST, form with a charset":        {post("access_token="+good, form+"; charset=utf-8"), 200, ""},
		"no token (3.1)":                   {with(get("")), 401, ""},
		"Basic":                            {with(get(""), "Basic eDp5"), 401, ""},
		"form of another type":             {post("access_token="+good, "text/plain"), 401, ""},
		"query (2.3)":                      {httptest.NewRequest("GET", base+"/oauth/userinfo?access_token="+good, nil), 400, "invalid_request"},
		"query as well":                    {func() *http.Request { r := get(good); r.URL.RawQuery = "access_token=x"; return r }(), 400, "invalid_request"},
		"damaged query":                    {func() *http.Request { r := get(good); r.URL.RawQuery = "a=%zz"; return r }(), 400, "invalid_request"},
		"header and form":                  {with(post("access_token="+good, form), "Bearer "+good), 400, "invalid_request"},
		"two headers":                      {with(get(""), "Bearer "+good, "Bearer "+good), 400, "invalid_request"},
		"twice in the form":                {post("access_token="+good+"&access_token="+good, form), 400, "invalid_request"},
		"scheme without a token":           {with(get(""), "Bearer"), 400, "invalid_request"},
		"two tokens in one header":         {with(get(""), "Bearer "+good+" "+good), 400, "invalid_request"},
		"a comma":                          {with(get(""), "Bearer "+good+","), 400, "invalid_request"},
		"a quote":                          {with(get(""), `Bearer "x"`), 400, "invalid_request"},
		"form too large":                   {post("access_token="+strings.Repeat("a", 40<<10), form), 400, "invalid_request"},
		"garbage":                          {get("garbage"), 401, "invalid_token"},
		"a refresh token":                  {get(grant.Token{Kind: grant.Refresh, GID: w.grant.GID, N: 1, Scopes: grant.All}.Sign(w.ring.Newest())), 401, "invalid_token"},
		"a code":                           {get(grant.Token{Kind: grant.Code, GID: w.grant.GID, Scopes: grant.All}.Sign(w.ring.Newest())), 401, "invalid_token"},
		"one character changed":            {get(good[:20] + "A" + good[21:]), 401, "invalid_token"},
		"padding":                          {get(good + "="), 401, "invalid_token"},
		"signed elsewhere":                 {get(w.token().Sign(parse(t, oldRoot).Newest())), 401, "invalid_token"},
		"JWT of another issuer":            {get(w.jwt(t, "https://other.example.com")), 401, "invalid_token"},
		"JWT with the signature cut":       {get(w.jwt(t, base)[:200]), 401, "invalid_token"},
		"a token number not yet given out": {get(grant.Token{Kind: grant.Access, GID: w.grant.GID, N: 2, Expires: start.Unix() + 300, Scopes: grant.All}.Sign(w.ring.Newest())), 401, "invalid_token"},
		"grant that is not there":          {get(grant.Token{Kind: grant.Access, GID: grant.NewGID(), N: 1, Expires: start.Unix() + 300, Scopes: grant.All}.Sign(w.ring.Newest())), 401, "invalid_token"},
	} {
		rec := w.ask(tt.r)
		challenge := rec.Header().Get("WWW-Authenticate")
		if rec.Code != tt.status {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
		switch {
		case tt.status == 200 && challenge != "", tt.status != 200 && !strings.HasPrefix(challenge, `Bearer realm="userinfo"`):
			t.Errorf("%s: challenge %q", name, challenge)
		case tt.code == "" && strings.Contains(challenge, "error"), tt.code != "" && !strings.Contains(challenge, `error="`+tt.code+`"`):
			t.Errorf("%s: challenge %q", name, challenge)
		}
		if strings.Contains(rec.Body.String()+challenge, good[:20]) {
			t.Errorf("%s: the token is repeated", name)
		}
	}
}

func TestWhatEndsAToken(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*world)
		status int
		code   string
	}{
		"the second before it expires": {func(w *world) { w.now = start.Add(299 * time.Second) }, 200, ""},
		"the second it expires":        {func(w *world) { w.now = start.Add(300 * time.Second) }, 401, "invalid_token"},
		"grant revoked":                {func(w *world) { w.record.Status = grant.Revoked }, 401, "invalid_token"},
		"grant at its end":             {func(w *world) { w.record.MaxAt = start }, 401, "invalid_token"},
		"code not redeemed":            {func(w *world) { w.record.Status, w.record.Seq = grant.Issued, 0 }, 401, "invalid_token"},
		"user disabled":                {func(w *world) { w.user.Disabled = true }, 401, "invalid_token"},
		"user gone":                    {func(w *world) { w.user.Name = "bob" }, 401, "invalid_token"},
		"name taken by somebody else":  {func(w *world) { w.user.Subject = "sub-2" }, 401, "invalid_token"},
		"password changed since":       {func(w *world) { w.user.ValidFrom = start.Add(time.Second) }, 401, "invalid_token"},
		"password changed before":      {func(w *world) { w.user.ValidFrom = start }, 200, ""},
		"sealed for another grant":     {func(w *world) { w.record.Sealed = append([]byte(w.record.SealedKey()), "garbage"...) }, 401, "invalid_token"},
		"sealed with a retired key":    {func(w *world) { w.record.Sealed = append([]byte("AAAAAA"), w.record.Sealed[6:]...) }, 401, "invalid_token"},
		"store down":                   {func(w *world) { w.fail = errors.New("down") }, 503, "temporarily_unavailable"},
		"secret unreadable":            {func(w *world) { w.keysErr = &oauth.Error{Code: oauth.StoreUnavailable, Description: "x"} }, 503, "temporarily_unavailable"},
		"secret misconfigured":         {func(w *world) { w.keysErr = &oauth.Error{Code: oauth.ConfigError, Description: "x"} }, 500, "server_error"},
	} {
		w := newWorld(t, "openid")
		token := w.opaque()
		tt.change(w)
		rec := w.ask(get(token))
		if rec.Code != tt.status || (tt.code != "" && !strings.Contains(rec.Body.String(), `"error":"`+tt.code+`"`)) {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
		if (rec.Code == 503) != (rec.Header().Get("Retry-After") != "") || (rec.Code >= 500 && rec.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: header %v", name, rec.Header())
		}
	}
}

func TestWithoutOpenID(t *testing.T) {
	w := newWorld(t, "profile", "email")
	rec := w.ask(get(w.opaque()))
	if c := rec.Header().Get("WWW-Authenticate"); rec.Code != 403 || !strings.Contains(c, `error="insufficient_scope"`) || !strings.Contains(c, `scope="openid"`) {
		t.Errorf("%d %q", rec.Code, c)
	}
}

func TestCORS_S86(t *testing.T) {
	w := newWorld(t, "openid")
	ask := get(w.opaque())
	ask.Header.Set("Origin", "https://spa.example.com")
	before := httptest.NewRequest("OPTIONS", base+"/oauth/userinfo", nil)
	before.Header.Set("Access-Control-Request-Headers", "authorization")
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
	}{"preflight": {before, 204}, "answer": {ask, 200}, "refusal": {get("x"), 401}} {
		rec := w.ask(tt.r)
		h := rec.Header()
		if rec.Code != tt.status || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %d %v", name, rec.Code, h)
		}
	}
	if h := w.ask(before).Header(); !strings.Contains(h.Get("Access-Control-Allow-Headers"), "Authorization") || h.Get("Access-Control-Allow-Methods") != "GET, POST" {
		t.Errorf("preflight: %v", h)
	}
	put := httptest.NewRequest("PUT", base+"/oauth/userinfo", nil)
	if rec := w.ask(put); rec.Code != 405 || rec.Header().Get("Allow") != "GET, POST, OPTIONS" {
		t.Errorf("PUT: %d %v", rec.Code, rec.Header())
	}
}
