package grant

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Prefix starts the key of every grant.
const Prefix = "grant#"

const sealPurpose = "latchkey grant v1"

// MaxScopes is how many scopes a grant can have: the bits of Token.Scopes.
const MaxScopes = 32

// Grant is what was approved.
type Grant struct {
	GID string

	// ClientID is the client it was approved for.
	ClientID string
	// User is the user's name, Subject its sub; both empty for a client acting
	// for itself (RFC 6749 §4.4).
	User, Subject string
	// Scopes are ordered; Token.Scopes counts on it.
	Scopes []string
	// RedirectURI is the one of the authorization request, Challenge its
	// code_challenge (S256), empty when the client need not send one.
	RedirectURI, Challenge string
	// Nonce goes into the ID token; AuthTime is when the user signed in, in
	// whole seconds.
	Nonce    string
	AuthTime time.Time
}

// Status of a grant. It only ever moves forward, and nothing leaves Revoked.
type Status string

// The states.
const (
	Issued  Status = "code"    // the code is out
	Active  Status = "active"  // the code was redeemed, or the client acts for itself
	Revoked Status = "revoked" // by the user, the client, an operator or a replay
)

// Record is all that a store sees of a grant. Times have whole seconds.
type Record struct {
	// Key is "grant#" and a hash of the grant id.
	Key string
	// User is a hash of the user's name for the index by_user, "" without a
	// user; Created orders it.
	User    string
	Created time.Time
	// Client and Redirect are hashes of the client id and the redirect URI.
	// Challenge is the code_challenge itself, "" for none.
	Client, Redirect, Challenge string
	Status                      Status
	// Seq is the number of redemptions and rotations so far, Claim the nonce
	// of the request that made the last one, RotatedAt its time.
	Seq       uint32
	Claim     string
	RotatedAt time.Time
	// CodeExpiresAt ends the code, IdleAt the newest refresh token, MaxAt the
	// grant whatever happens. From that second on each is over.
	CodeExpiresAt, IdleAt, MaxAt time.Time
	// ExpiresAt is when a store may forget the record: not before MaxAt, and
	// not before the last form that could make the same grant again is stale.
	ExpiresAt time.Time
	// Sealed is the Grant, encrypted.
	Sealed []byte
}

// Hash is how a record names a client, a redirect URI or a user.
func Hash(s string) string { return secret.Hash(s) }

// KeyFor is the key of the record that belongs to gid.
func KeyFor(gid string) string { return Prefix + secret.Hash(gid) }

// Seal fills Key, User, Client, Redirect, Challenge and Sealed of r from g.
// The payload opens only with the ring and the grant id together, which a
// token has and the table has not.
func (g Grant) Seal(root *secret.Root, r Record) (Record, error) {
	if len(g.Scopes) > MaxScopes {
		return Record{}, fmt.Errorf("grant: more than %d scopes", MaxScopes)
	}
	random := secret.Bytes(g.GID, gidBits)
	if random == nil {
		return Record{}, errors.New("grant: the id is not one of NewGID")
	}
	r.Key, r.Client, r.Challenge = KeyFor(g.GID), Hash(g.ClientID), g.Challenge
	if g.User != "" {
		r.User = Hash(g.User)
	}
	if g.RedirectURI != "" {
		r.Redirect = Hash(g.RedirectURI)
	}
	r.Sealed = append([]byte(root.ID), root.Mixed(sealPurpose, random).Seal(g.encode(), r.Key)...)
	return r, nil
}

// SealedKey is the key id that the payload was sealed with.
func (r Record) SealedKey() string { return string(r.Sealed[:min(len(r.Sealed), secret.KeyIDLen)]) }

// Open reverses Seal for whoever has the grant id. The error is ErrUnknown, or
// secret.ErrUnknownKey.
func (r Record) Open(ring *secret.Ring, gid string) (Grant, error) {
	random := secret.Bytes(gid, gidBits)
	if random == nil || len(r.Sealed) < secret.KeyIDLen {
		return Grant{}, ErrUnknown
	}
	root, ok := ring.Root(r.SealedKey())
	if !ok {
		return Grant{}, secret.ErrUnknownKey
	}
	plain, err := root.Mixed(sealPurpose, random).Open(r.Sealed[secret.KeyIDLen:], r.Key)
	if err != nil {
		return Grant{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	g := Grant{GID: gid}
	if err := g.decode(plain); err != nil {
		return Grant{}, fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return g, nil
}

// Mask is the bit mask for a subset of the grant's scopes; false when it is
// none.
func (g Grant) Mask(scopes []string) (uint32, bool) {
	mask := uint32(0)
	for _, s := range scopes {
		i := slices.Index(g.Scopes, s)
		if i < 0 {
			return 0, false
		}
		mask |= 1 << i
	}
	return mask, true
}

// Scope is the space-separated scope (RFC 6749 §3.3) that mask stands for.
func (g Grant) Scope(mask uint32) string {
	var scopes []string
	for i, s := range g.Scopes {
		if mask&(1<<i) != 0 {
			scopes = append(scopes, s)
		}
	}
	return strings.Join(scopes, " ")
}

// All is the mask of every scope.
const All = ^uint32(0)
