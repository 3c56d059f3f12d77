package session

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// LoginPrefix starts the key of every pending login.
const LoginPrefix = "login#"

const loginPurpose = "latchkey login v1"

// stateBits is the entropy of a state: 43 characters.
const stateBits = 256

// Login is a login in flight: what /login must remember until /callback.
type Login struct {
	// State is the state parameter, 256 random bits (RFC 6749 §10.12). It is
	// not part of the payload: the key is derived from it.
	State string
	// Browser is the value of the login cookie; only its hash is kept.
	Browser string
	// ExpiresAt is rounded down to whole seconds.
	ExpiresAt time.Time

	// Verifier is the PKCE code_verifier.
	Verifier string
	// Nonce is the OpenID Connect nonce; empty without openid.
	Nonce string
	// Provider is the realm of the provider that the browser was sent to.
	Provider string
	// RedirectURI is the one sent, to be repeated at the token endpoint
	// (RFC 6749 §4.1.3).
	RedirectURI string
	// ReturnTo is the path on this host where the browser goes afterwards.
	ReturnTo string
}

// NewState returns a fresh state.
func NewState() string { return secret.Mint(stateBits) }

// StateLike reports whether s has the form of a state. What has not was never
// ours, and no store needs to be asked.
func StateLike(s string) bool { return secret.Minted(s, stateBits) }

// LoginKey is the key of the record that belongs to state.
func LoginKey(state string) string { return LoginPrefix + secret.Hash(state) }

// Seal makes the record. The payload is encrypted under a key derived from
// the state itself, which no store ever sees, with the record's key as
// additional data: neither a dump nor a swap of two records opens anything.
func (l Login) Seal() (Record, error) {
	random := secret.Bytes(l.State, stateBits)
	if random == nil {
		return Record{}, errors.New("session: seal login: the state is not one of NewState")
	}
	key := LoginKey(l.State)
	return Record{
		Key:         key,
		BrowserHash: secret.Hash(l.Browser),
		Sealed:      secret.Derive(random, loginPurpose).Seal(l.encode(), key),
		ExpiresAt:   l.ExpiresAt.Truncate(time.Second),
	}, nil
}

// Open reverses Seal for whoever has the state. A record that does not open is
// ErrUnknown. The browser's cookie is not in the record and stays empty.
func (r Record) Open(state string) (Login, error) {
	random := secret.Bytes(state, stateBits)
	if random == nil {
		return Login{}, fmt.Errorf("%w: no state spells like this", ErrUnknown)
	}
	plain, err := secret.Derive(random, loginPurpose).Open(r.Sealed, r.Key)
	if err != nil {
		return Login{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	l := Login{State: state, ExpiresAt: r.ExpiresAt}
	if !l.decode(string(plain)) {
		return Login{}, fmt.Errorf("%w: payload is not a login", ErrUnknown)
	}
	return l, nil
}

// loginVersion starts every payload. It is raised with every change of the
// encoding; a payload of another version does not open.
const loginVersion = 1

// texts are what the payload has, in its order.
func (l *Login) texts() [5]*string {
	return [...]*string{&l.Verifier, &l.Nonce, &l.Provider, &l.RedirectURI, &l.ReturnTo}
}

// encode is what Seal encrypts: the version, then each text after its length,
// a varint. Anybody may ask for a login, and as JSON this was a fifteenth of
// what one costs.
func (l *Login) encode() []byte {
	texts := l.texts()
	size := 1
	for _, s := range texts {
		size += binary.MaxVarintLen32 + len(*s)
	}
	b := append(make([]byte, 0, size), loginVersion)
	for _, s := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(*s))), *s...)
	}
	return b
}

// decode reverses encode. It reports false of what is short, has something
// left over or is of another version.
func (l *Login) decode(payload string) bool {
	if payload == "" || payload[0] != loginVersion {
		return false
	}
	rest := payload[1:]
	for _, s := range l.texts() {
		n, size := binary.Uvarint([]byte(rest))
		if size <= 0 || n > uint64(len(rest)-size) {
			return false
		}
		*s, rest = rest[size:size+int(n)], rest[size+int(n):]
	}
	return rest == ""
}
