package secret

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strings"
	"sync"
)

// minRoot is the least length of a deployment secret, in characters: that of
// 256 random bits in base64url.
const minRoot = 43

// KeyIDLen is the length of a key id, in characters.
const KeyIDLen = 6

// ErrUnknownKey: what was sealed or signed names a key that the ring has not,
// or no longer.
var ErrUnknownKey = errors.New("secret: unknown key")

// Keys gives the deployment's ring. wanted is the key id that a token or a
// form names, "" when any ring will do: an implementation that reads the
// secret from elsewhere reads again, but not often, when wanted is missing.
type Keys interface {
	Ring(ctx context.Context, wanted string) (*Ring, error)
}

// Ring is the deployment secret: a list, newest first. One of them, the first
// unless [Ring.SignWith] says otherwise, signs and seals; all verify and open.
// It is immutable and safe for concurrent use.
type Ring struct {
	roots []*Root
	signs int // index of the root that signs and seals
}

// ParseRing reads a comma-separated list, newest first. Each secret is used as
// its bytes as written. One with white space or a quotation mark in it is the
// rest of damaged JSON, or two of them on two lines: as a secret it would
// silently replace those that were meant.
func ParseRing(list string) (*Ring, error) {
	r := &Ring{}
	for i, s := range strings.Split(list, ",") {
		s = strings.TrimSpace(s)
		if len(s) < minRoot {
			return nil, fmt.Errorf("secret %d of the list is shorter than %d characters", i+1, minRoot)
		}
		if strings.ContainsAny(s, " \t\r\n\"") {
			return nil, fmt.Errorf("secret %d of the list has white space or a quotation mark in it", i+1)
		}
		root, err := newRoot(s)
		if err != nil {
			return nil, err
		}
		if _, twice := r.Root(root.ID); twice {
			return nil, fmt.Errorf("secret %d of the list stands there twice", i+1)
		}
		r.roots = append(r.roots, root)
	}
	return r, nil
}

// Ring implements Keys for a ring that never changes.
func (r *Ring) Ring(context.Context, string) (*Ring, error) { return r, nil }

// SignWith is the same ring, with the root of this id to sign and seal; r
// itself if there is none. It is for a root that others may not know yet: it
// verifies and opens before anything names it.
func (r *Ring) SignWith(id string) *Ring {
	for i, root := range r.roots {
		if root.ID == id && i != r.signs {
			return &Ring{roots: r.roots, signs: i}
		}
	}
	return r
}

// Newest is the root that signs and seals: the newest one, or an older one
// while the newest is not used yet.
func (r *Ring) Newest() *Root { return r.roots[r.signs] }

// Roots are all roots, newest first.
func (r *Ring) Roots() []*Root { return append([]*Root(nil), r.roots...) }

// Root finds a root by its id.
func (r *Ring) Root(id string) (*Root, bool) {
	for _, root := range r.roots {
		if root.ID == id {
			return root, true
		}
	}
	return nil, false
}

// SealText seals plain with the root that seals and returns text that names it.
func (r *Ring) SealText(purpose string, plain []byte, name string) string {
	root := r.Newest()
	return root.ID + base64.RawURLEncoding.EncodeToString(root.Key(purpose).Seal(plain, name))
}

// OpenText reverses SealText. Its error is ErrSealed or ErrUnknownKey.
func (r *Ring) OpenText(purpose, text, name string) ([]byte, error) {
	id := KeyID(text)
	root, ok := r.Root(id)
	if !ok {
		return nil, ErrUnknownKey
	}
	sealed, err := strict.DecodeString(text[KeyIDLen:])
	if err != nil || base64.RawURLEncoding.EncodedLen(len(sealed)) != len(text)-KeyIDLen { // the decoder skips line ends
		return nil, ErrSealed
	}
	return root.Key(purpose).Open(sealed, name)
}

// KeyID is the key id at the start of sealed text, "" when there is none.
func KeyID(text string) string {
	if len(text) < KeyIDLen {
		return ""
	}
	return text[:KeyIDLen]
}

// Root is one secret of the ring. What is derived from it depends on a purpose
// label, so that no key serves two ends.
type Root struct {
	// ID names the root in what it signed or sealed; it reveals nothing.
	ID string

	prk []byte
	mu  sync.RWMutex
	got map[string]*derived // by purpose
}

// derived is what a root gives for one purpose.
type derived struct {
	bytes []byte
	macs  sync.Pool // of hash.Hash: keyed once, used again
}

func newRoot(s string) (*Root, error) {
	prk, err := hkdf.Extract(sha256.New, []byte(s), nil)
	if err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	r := &Root{prk: prk, got: map[string]*derived{}}
	r.ID = base64.RawURLEncoding.EncodeToString(r.Bytes("latchkey key id"))[:KeyIDLen]
	return r, nil
}

// Bytes are 32 bytes derived for purpose with HKDF-SHA-256 (RFC 5869). Callers
// do not change them. purpose is a constant: each one is kept.
func (r *Root) Bytes(purpose string) []byte { return r.derive(purpose).bytes }

func (r *Root) derive(purpose string) *derived {
	r.mu.RLock()
	d := r.got[purpose]
	r.mu.RUnlock()
	if d != nil {
		return d
	}
	b, err := hkdf.Expand(sha256.New, r.prk, purpose, 32)
	if err != nil {
		panic("secret: " + err.Error()) // 32 bytes are always to be had
	}
	d = &derived{bytes: b}
	d.macs.New = func() any { return hmac.New(sha256.New, b) }
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got[purpose] = d
	return d
}

// Key is the sealing key for purpose.
func (r *Root) Key(purpose string) Key { return Derive(r.Bytes(purpose), purpose) }

// Mixed is a sealing key that needs both this root and random, which is at
// least 128 random bits that only the holder of a token or cookie has. It is
// the extract step of HKDF with this root's key for purpose as the salt.
func (r *Root) Mixed(purpose string, random []byte) Key { return newKey(r.MAC(purpose, random)) }

// MAC is HMAC-SHA-256 over message with the key for purpose.
func (r *Root) MAC(purpose string, message []byte) []byte {
	d := r.derive(purpose)
	mac := d.macs.Get().(hash.Hash)
	defer d.macs.Put(mac)
	mac.Reset()
	mac.Write(message)
	return mac.Sum(nil)
}
