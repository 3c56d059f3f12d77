package session_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

func signedIn() session.Session {
	return session.Session{
		Cookie: session.NewCookie(), Provider: "cashmere", Realm: "realm-canary", Subject: "subject-canary", Name: "name-canary & <co>",
		Email: "email-canary@example.org", Scope: "scope-canary openid", AccessToken: "access-token-canary", RefreshToken: "refresh-token-canary",
		IssuedAt: 1_800_000_000, TokenExpiresAt: 1_800_003_600,
	}
}

func newRing(t testing.TB, secrets ...string) *secret.Ring {
	t.Helper()
	r, err := secret.ParseRing(strings.Join(secrets, ","))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// sealed seals s and checks that it opens again.
func sealed(t testing.TB, ring *secret.Ring, s session.Session) session.Entry {
	t.Helper()
	e, err := s.Seal(ring.Newest(), session.Entry{Version: 3, Claim: "n3", ExpiresAt: entryNow, MaxAt: entryNow, Created: entryNow})
	if err != nil {
		t.Fatal(err)
	}
	got, err := e.Open(ring, s.Cookie)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got); diff != "" {
		t.Fatal(diff)
	}
	return e
}

func TestSessionSealOpen(t *testing.T) {
	ring := newRing(t, secret.Mint(256))
	s := signedIn()
	e := sealed(t, ring, s)
	want := session.Entry{
		Key: session.Key(s.Cookie), User: session.UserOf("realm-canary", "subject-canary"), Sealed: e.Sealed,
		Version: 3, Claim: "n3", ExpiresAt: entryNow, MaxAt: entryNow, Created: entryNow,
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	if e.SealedKey() != ring.Newest().ID {
		t.Errorf("sealed with %q", e.SealedKey())
	}
	if again := sealed(t, ring, s); bytes.Equal(again.Sealed, e.Sealed) {
		t.Error("one payload is sealed the same twice")
	}
	small := session.Session{Cookie: session.NewCookie(), Provider: "p", AccessToken: "a"}
	if e := sealed(t, ring, small); e.User != "" {
		t.Errorf("a session of nobody is of %q", e.User)
	}
	for name, cookie := range map[string]string{"none": "", "another's form": secret.Mint(256), "spelt otherwise": small.Cookie[1:] + "+"} {
		small.Cookie = cookie
		if e, err := small.Seal(ring.Newest(), session.Entry{}); err == nil || !cmp.Equal(e, session.Entry{}) {
			t.Errorf("cookie %s: sealed", name)
		}
	}
}

func TestEntryRevealsNothing_C46_C47(t *testing.T) {
	s := signedIn()
	e := sealed(t, newRing(t, secret.Mint(256)), s)
	raw := secret.Bytes(s.Cookie, 384)
	dump := strings.Join([]string{e.Key, e.User, string(e.Sealed), base64.StdEncoding.EncodeToString(e.Sealed), session.Handle(e.Key)}, "\n")
	for _, canary := range []string{
		s.Cookie, s.Cookie[:22], s.Cookie[22:], string(raw[:16]), string(raw[16:]), base64.RawURLEncoding.EncodeToString(raw[:16]),
		base64.RawURLEncoding.EncodeToString(raw[16:]), s.Subject, s.Name, s.Email, s.Scope, s.AccessToken, s.RefreshToken, "access_token",
	} {
		if strings.Contains(dump, canary) || strings.Contains(dump, base64.RawURLEncoding.EncodeToString([]byte(canary))) {
			t.Errorf("%q is readable", canary)
		}
	}
	if session.Handle(e.Key) == session.Handle("session#other") || strings.Contains(e.Key, session.Handle(e.Key)) {
		t.Error("bad handle")
	}
}

func TestEntryOpenRefuses_P02(t *testing.T) {
	ring := newRing(t, secret.Mint(256))
	a, b := signedIn(), signedIn()
	ea, eb := sealed(t, ring, a), sealed(t, ring, b)
	with := func(change func(*session.Entry)) session.Entry {
		e := ea
		e.Sealed = bytes.Clone(ea.Sealed)
		change(&e)
		return e
	}
	raw, other := secret.Bytes(a.Cookie, 384), secret.Bytes(b.Cookie, 384)
	sameID := base64.RawURLEncoding.EncodeToString(append(bytes.Clone(raw[:16]), other[16:]...))
	sameSecret := base64.RawURLEncoding.EncodeToString(append(bytes.Clone(other[:16]), raw[16:]...))
	for name, tt := range map[string]struct {
		e      session.Entry
		cookie string
	}{
		"another cookie":                     {ea, b.Cookie},
		"the same id, another secret":        {ea, sameID},
		"the same secret, another id":        {ea, sameSecret},
		"the same secret, moved to that id":  {with(func(e *session.Entry) { e.Key = session.Key(sameSecret) }), sameSecret},
		"payloads swapped":                   {with(func(e *session.Entry) { e.Sealed = eb.Sealed }), a.Cookie},
		"payloads swapped, the other cookie": {with(func(e *session.Entry) { e.Sealed = eb.Sealed }), b.Cookie},
		"moved to a key, the other cookie":   {with(func(e *session.Entry) { e.Key = eb.Key }), b.Cookie},
		"moved to a key":                     {with(func(e *session.Entry) { e.Key = eb.Key }), a.Cookie},
		"a bit flipped":                      {with(func(e *session.Entry) { e.Sealed[secret.KeyIDLen+20] ^= 1 }), a.Cookie},
		"the end cut off":                    {with(func(e *session.Entry) { e.Sealed = e.Sealed[:len(e.Sealed)-1] }), a.Cookie},
		"a key id and nothing more":          {with(func(e *session.Entry) { e.Sealed = e.Sealed[:secret.KeyIDLen] }), a.Cookie},
		"less than a key id":                 {with(func(e *session.Entry) { e.Sealed = e.Sealed[:3] }), a.Cookie},
		"no payload":                         {with(func(e *session.Entry) { e.Sealed = nil }), a.Cookie},
		"no cookie":                          {ea, ""},
		"no cookie and no key":               {with(func(e *session.Entry) { e.Key = "" }), ""},
	} {
		if s, err := tt.e.Open(ring, tt.cookie); !errors.Is(err, session.ErrUnknown) || s != (session.Session{}) {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	notOurs, err := (session.Session{Cookie: a.Cookie}).Seal(ring.Newest(), session.Entry{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := notOurs.Open(ring, a.Cookie); err != nil {
		t.Errorf("control: %v", err)
	}
}

// A payload opens only with the secret of the deployment, and not with one
// that was retired.
func TestEntryOpenNeedsTheRing_C47(t *testing.T) {
	old, now := secret.Mint(256), secret.Mint(256)
	s := signedIn()
	e := sealed(t, newRing(t, old), s)
	if got, err := e.Open(newRing(t, now, old), s.Cookie); err != nil || got != s {
		t.Errorf("rotated: %+v, %v", got, err)
	}
	for name, ring := range map[string]*secret.Ring{"retired": newRing(t, now), "another deployment": newRing(t, secret.Mint(256))} {
		if got, err := e.Open(ring, s.Cookie); !errors.Is(err, secret.ErrUnknownKey) || errors.Is(err, session.ErrUnknown) || got != (session.Session{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	// A key id that was painted over opens nothing either.
	another := newRing(t, now)
	e.Sealed = append([]byte(another.Newest().ID), e.Sealed[secret.KeyIDLen:]...)
	if got, err := e.Open(another, s.Cookie); !errors.Is(err, session.ErrUnknown) || got != (session.Session{}) {
		t.Errorf("painted over: %+v, %v", got, err)
	}
}

func TestCookies_C45_C46(t *testing.T) {
	const n = 10_000
	cookies, keys, handles := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for range n {
		c := session.NewCookie()
		if len(c) != 64 || !session.CookieLike(c) {
			t.Fatalf("cookie %q", c)
		}
		key := session.Key(c)
		cookies[c], keys[key], handles[session.Handle(key)] = true, true, true
		if !strings.HasPrefix(key, session.Prefix) || len(key) != len(session.Prefix)+43 {
			t.Fatalf("key %q", key)
		}
	}
	if len(cookies) != n || len(keys) != n || len(handles) != n {
		t.Errorf("%d cookies, %d keys, %d handles of %d", len(cookies), len(keys), len(handles), n)
	}
}

func TestCookieLike_C20(t *testing.T) {
	c := session.NewCookie()
	for _, bad := range []string{
		"", c[1:], c + "A", c + "====", c[1:] + "=", "!" + c[1:], "+" + c[1:], "/" + c[1:], c[:63] + "\n", "\r\n" + c, c[:32] + "\n" + c[32:],
		" " + c, `"` + c + `"`, strings.Repeat("a", 8192), secret.Mint(256), "\x00" + c[1:], "\u00e9" + c[2:],
	} {
		if session.CookieLike(bad) || session.Key(bad) != "" {
			t.Errorf("%.70q is like a cookie", bad)
		}
	}
}

func TestUserOf(t *testing.T) {
	if session.UserOf("p", "") != "" {
		t.Error("nobody has a hash")
	}
	seen := map[string]bool{}
	for _, who := range [][2]string{{"p", "s"}, {"q", "s"}, {"p", "t"}, {"ps", "s"}} {
		u := session.UserOf(who[0], who[1])
		if len(u) != 43 || strings.Contains(u, who[1]+who[0]) || seen[u] || u != session.UserOf(who[0], who[1]) {
			t.Errorf("%v: %q", who, u)
		}
		seen[u] = true
	}
}

func TestLifetimesFromEnv(t *testing.T) {
	for name, tt := range map[string]struct {
		environ []string
		want    session.Lifetimes
		problem string
	}{
		"unset":                {nil, session.Lifetimes{Idle: 24 * time.Hour, Max: 7 * 24 * time.Hour}, ""},
		"both":                 {[]string{"SESSION_IDLE=30m", "SESSION_MAX=12h"}, session.Lifetimes{Idle: 30 * time.Minute, Max: 12 * time.Hour}, ""},
		"the same":             {[]string{"SESSION_IDLE=1h", "SESSION_MAX=1h"}, session.Lifetimes{Idle: time.Hour, Max: time.Hour}, ""},
		"idle beyond the end":  {[]string{"SESSION_IDLE=2h", "SESSION_MAX=1h"}, session.Lifetimes{Idle: 2 * time.Hour, Max: time.Hour}, "SESSION_IDLE"},
		"no time":              {[]string{"SESSION_IDLE=soon"}, session.Lifetimes{}, "SESSION_IDLE"},
		"less than a second":   {[]string{"SESSION_MAX=10ms"}, session.Lifetimes{}, "SESSION_MAX"},
		"the end before a day": {[]string{"SESSION_MAX=1h"}, session.Lifetimes{Idle: 24 * time.Hour, Max: time.Hour}, ""},
	} {
		e := &env.Reader{Environ: tt.environ}
		got, err := session.LifetimesFromEnv(e), e.Err()
		if (err == nil) != (tt.problem == "") || err != nil && !strings.Contains(err.Error(), tt.problem) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && got != tt.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestLifetimes_C67(t *testing.T) {
	l := session.Lifetimes{Idle: 24 * time.Hour, Max: 7 * 24 * time.Hour}
	max := entryNow.Add(l.Max)
	for at, want := range map[time.Time]time.Time{
		entryNow.Add(900 * time.Millisecond): entryNow.Add(l.Idle),
		max.Add(-l.Idle):                     max,
		max.Add(-time.Minute):                max,
		max.Add(time.Minute):                 max,
	} {
		if got := l.Until(at, max); !got.Equal(want) {
			t.Errorf("seen at %v until %v, want %v", at, got, want)
		}
	}
	short := session.Lifetimes{Idle: 20 * time.Minute, Max: time.Hour}
	atEnd := live(func(e *session.Entry) { e.ExpiresAt = e.MaxAt })
	for name, tt := range map[string]struct {
		l    session.Lifetimes
		e    session.Entry
		d    time.Duration
		want bool
	}{
		"just seen":                    {l, live(), 0, false},
		"the hour not over":            {l, live(), time.Hour - 1, false},
		"an hour":                      {l, live(), time.Hour, true},
		"a short one, no quarter":      {short, live(), 5*time.Minute - 1, false},
		"a short one, a quarter":       {short, live(), 5 * time.Minute, true},
		"at the absolute end":          {l, atEnd, 2 * time.Hour, false},
		"seen by a clock that is fast": {l, live(), -time.Minute, false},
	} {
		if got := tt.l.Due(tt.e, entryNow.Add(tt.d)); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
