package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Prefix starts the key of every signed-in session.
const Prefix = "session#"

const sessionPurpose = "latchkey session v1"

// A session's cookie is an id, which names the item, and a secret, which opens
// it: 48 bytes, 64 characters.
const (
	cookieBits  = 384
	publicBytes = 16 // the id's
)

// Session is a browser that is signed in at this application. The tokens in it
// never reach that browser.
type Session struct {
	// Cookie is the value of the browser's cookie; only a hash of its id is
	// kept.
	Cookie string `json:"-"`
	// Provider is the provider's name in the settings, and Subject who signed in
	// there, empty where the provider does not say.
	Provider string `json:"provider"`
	// Realm tells the provider from another one of the same name, such as
	// "custom": neither tokens nor people of the one mean anything at the other. With
	// Subject it names a person.
	Realm   string `json:"realm"`
	Subject string `json:"sub,omitempty"`
	// Name and Email are what the provider calls the person; may be empty.
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	// Scope is what was granted, space-separated.
	Scope string `json:"scope,omitempty"`
	// AccessToken and RefreshToken are the provider's; RefreshToken may be
	// empty.
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	// IssuedAt and TokenExpiresAt are those of the access token, in epoch
	// seconds.
	IssuedAt       int64 `json:"iat"`
	TokenExpiresAt int64 `json:"exp"`
}

// NewCookie returns the cookie's value for a new session.
func NewCookie() string { return secret.Mint(cookieBits) }

// CookieLike reports whether value has the form of a session cookie. What has
// not was never ours, and no store needs to be asked.
func CookieLike(value string) bool { return secret.Minted(value, cookieBits) }

// Key is the key of the entry that belongs to a cookie, "" for what is none.
func Key(cookie string) string {
	b := secret.Bytes(cookie, cookieBits)
	if b == nil {
		return ""
	}
	return Prefix + secret.Hash(string(b[:publicBytes]))
}

// Handle is how the owner of several sessions names one of them. It opens
// nothing, and is no part of a cookie.
func Handle(key string) string { return secret.Tag("handle " + key) }

// UserOf is how entries name a person: a hash, "" when nobody is known.
func UserOf(realm, subject string) string {
	if subject == "" {
		return ""
	}
	return secret.Hash(realm + " " + subject)
}

// Seal fills Key, User and Sealed of e from s. The payload opens only with the
// ring and the cookie together: neither the table nor the deployment secret
// alone reveals a token.
func (s Session) Seal(root *secret.Root, e Entry) (Entry, error) {
	b := secret.Bytes(s.Cookie, cookieBits)
	if b == nil {
		return Entry{}, errors.New("session: seal: the cookie is not one of NewCookie")
	}
	plain, err := json.Marshal(&s)
	if err != nil {
		return Entry{}, fmt.Errorf("session: seal: %w", err)
	}
	e.Key, e.User = Key(s.Cookie), UserOf(s.Realm, s.Subject)
	e.Sealed = append([]byte(root.ID), root.Mixed(sessionPurpose, b[publicBytes:]).Seal(plain, e.Key)...)
	return e, nil
}

// SealedKey is the key id that the payload was sealed with.
func (e Entry) SealedKey() string { return string(e.Sealed[:min(len(e.Sealed), secret.KeyIDLen)]) }

// Open reverses Seal for whoever has the cookie. The error is ErrUnknown, or
// secret.ErrUnknownKey.
func (e Entry) Open(ring *secret.Ring, cookie string) (Session, error) {
	b := secret.Bytes(cookie, cookieBits)
	if b == nil || e.Key != Key(cookie) || len(e.Sealed) < secret.KeyIDLen {
		return Session{}, ErrUnknown
	}
	root, ok := ring.Root(e.SealedKey())
	if !ok {
		return Session{}, secret.ErrUnknownKey
	}
	plain, err := root.Mixed(sessionPurpose, b[publicBytes:]).Open(e.Sealed[secret.KeyIDLen:], e.Key)
	if err != nil {
		return Session{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	s := Session{Cookie: cookie}
	if err := json.Unmarshal(plain, &s); err != nil {
		return Session{}, fmt.Errorf("%w: payload is not a session", ErrUnknown)
	}
	return s, nil
}

// Lifetimes are how long a session lasts, in whole seconds.
type Lifetimes struct {
	// Idle is how long without a sign of life, Max however often there is one.
	Idle, Max time.Duration
}

// LifetimesFromEnv reads SESSION_IDLE and SESSION_MAX, a day and seven days
// unless set.
func LifetimesFromEnv(e *env.Reader) Lifetimes {
	const year = 365 * 24 * time.Hour
	l := Lifetimes{
		Idle: e.Duration("SESSION_IDLE", 24*time.Hour, time.Second, year),
		Max:  e.Duration("SESSION_MAX", 7*24*time.Hour, time.Second, year),
	}
	if l.Idle > l.Max && e.Given("SESSION_IDLE") && e.Given("SESSION_MAX") {
		e.Report("SESSION_IDLE", fmt.Sprintf("%v is longer than SESSION_MAX, %v", l.Idle, l.Max), "make it at most as long")
	}
	return l
}

// Until is the idle end of a session seen at now, whose absolute end is
// maxAt: whole seconds, and never after it.
func (l Lifetimes) Until(now, maxAt time.Time) time.Time {
	if idle := now.Add(l.Idle).Truncate(time.Second); idle.Before(maxAt) {
		return idle
	}
	return maxAt
}

// slideEvery is the most often that the idle end moves when nothing else is
// written.
const slideEvery = time.Hour

// Due reports whether the idle end of e is to be moved: an hour after it was
// last moved, or a quarter of a short idle time.
func (l Lifetimes) Due(e Entry, now time.Time) bool {
	return now.Sub(e.SeenAt) >= min(slideEvery, l.Idle/4) && e.ExpiresAt.Before(e.MaxAt)
}
