package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// The prefixes of what the authorization server keeps about a browser and a
// user's decisions.
const (
	SignInPrefix  = "signin#"
	ConsentPrefix = "consent#"
)

const (
	signInPurpose  = "latchkey signin v1"
	consentPurpose = "latchkey consent v1"

	// idBits and tagBits are the two parts of a sign-in cookie.
	idBits  = 256
	tagBits = 128
)

// SignIn is a browser that is signed in at the authorization server.
type SignIn struct {
	// ID is 256 random bits, known to the browser alone.
	ID string `json:"-"`
	// User is the user's name, Subject the sub.
	User    string `json:"user"`
	Subject string `json:"sub"`
	// AuthTime is when the password was checked; ExpiresAt ends the sign-in.
	AuthTime  time.Time `json:"auth_time"`
	ExpiresAt time.Time `json:"-"`
}

// NewSignInID returns a fresh id.
func NewSignInID() string { return secret.Mint(idBits) }

// UserTag stands for a user in a cookie: it tells which consents to read
// together with the sign-in, and nothing else. It is no proof of anything.
func UserTag(user string) string { return secret.Tag(user) }

// Cookie is the cookie's value: id and user tag, 65 characters.
func (s SignIn) Cookie() string { return s.ID + UserTag(s.User) }

// SignInCookie splits a cookie's value; false when it is not one of ours.
func SignInCookie(value string) (id, userTag string, ok bool) {
	if len(value) != 65 || !secret.Minted(value[:43], idBits) {
		return "", "", false
	}
	return value[:43], value[43:], true
}

// SignInKey is the key of the record that belongs to id.
func SignInKey(id string) string { return SignInPrefix + secret.Hash(id) }

// Seal makes the record; it opens with the id alone.
func (s SignIn) Seal() (Record, error) {
	random := secret.Bytes(s.ID, idBits)
	if random == nil {
		return Record{}, errors.New("session: seal sign-in: the id is not one of NewSignInID")
	}
	plain, err := json.Marshal(&s)
	if err != nil {
		return Record{}, fmt.Errorf("session: seal sign-in: %w", err)
	}
	key := SignInKey(s.ID)
	return Record{
		Key: key, User: secret.Hash(s.User), Created: s.AuthTime,
		Sealed: secret.Derive(random, signInPurpose).Seal(plain, key), ExpiresAt: s.ExpiresAt.Truncate(time.Second),
	}, nil
}

// OpenSignIn reverses Seal. The error is ErrUnknown, or ErrExpired.
func (r Record) OpenSignIn(id string, now time.Time) (SignIn, error) {
	random := secret.Bytes(id, idBits)
	if random == nil || r.Key != SignInKey(id) {
		return SignIn{}, ErrUnknown
	}
	if !now.Before(r.ExpiresAt) {
		return SignIn{}, ErrExpired
	}
	plain, err := secret.Derive(random, signInPurpose).Open(r.Sealed, r.Key)
	if err != nil {
		return SignIn{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	s := SignIn{ID: id, ExpiresAt: r.ExpiresAt}
	if err := json.Unmarshal(plain, &s); err != nil {
		return SignIn{}, fmt.Errorf("%w: payload is not a sign-in", ErrUnknown)
	}
	return s, nil
}

// Consent is what a user has allowed a client before.
type Consent struct {
	User        string    `json:"user"`
	ClientID    string    `json:"client_id"`
	RedirectURI string    `json:"redirect_uri"`
	Scopes      []string  `json:"scopes"`
	ExpiresAt   time.Time `json:"-"`
}

// ConsentKey is the key of the record for a user tag and a client id.
func ConsentKey(userTag, clientID string) string {
	return ConsentPrefix + secret.Hash(userTag+" "+clientID)
}

// Seal makes the record, sealed with the deployment's newest root.
func (c Consent) Seal(ring *secret.Ring) (Record, error) {
	plain, err := json.Marshal(&c)
	if err != nil {
		return Record{}, fmt.Errorf("session: seal consent: %w", err)
	}
	key := ConsentKey(UserTag(c.User), c.ClientID)
	return Record{
		Key: key, User: secret.Hash(c.User), Created: c.ExpiresAt,
		Sealed: []byte(ring.SealText(consentPurpose, plain, key)), ExpiresAt: c.ExpiresAt.Truncate(time.Second),
	}, nil
}

// OpenConsent reverses Seal. The error is ErrUnknown, ErrExpired or
// secret.ErrUnknownKey.
func (r Record) OpenConsent(ring *secret.Ring, now time.Time) (Consent, error) {
	if !now.Before(r.ExpiresAt) {
		return Consent{}, ErrExpired
	}
	plain, err := ring.OpenText(consentPurpose, string(r.Sealed), r.Key)
	switch {
	case errors.Is(err, secret.ErrUnknownKey):
		return Consent{}, err
	case err != nil:
		return Consent{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	c := Consent{ExpiresAt: r.ExpiresAt}
	if err := json.Unmarshal(plain, &c); err != nil {
		return Consent{}, fmt.Errorf("%w: payload is not a consent", ErrUnknown)
	}
	return c, nil
}
