package idtoken

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/provider"
)

// reserve is what is left of a request's time to answer the browser.
const reserve = 500 * time.Millisecond

// maxKeys bounds how many keys of a set are looked at.
const maxKeys = 100

// keys are the published keys behind one JWKS URL. They are fetched when a
// token names a key that is not among them, by one caller for all who wait.
//
// go-oidc has a remote key set of its own; it hides whether a failure was the
// network's, may fetch twice for callers that come together, and uses keys
// that are not for signatures.
type keys struct {
	p   *provider.Provider
	url string

	mu      sync.Mutex
	known   []jose.JSONWebKey
	edition int // counts successful fetches
	running *fetch
}

type fetch struct {
	done chan struct{}
	err  error
}

func (v *Verifier) keysOf(p *provider.Provider, url string) *keys {
	v.mu.Lock()
	defer v.mu.Unlock()
	k, ok := v.sets[url]
	if !ok {
		if v.sets == nil {
			v.sets = map[string]*keys{}
		}
		k = &keys{p: p, url: url}
		v.sets[url] = k
	}
	return k
}

// current returns the keys and their edition.
func (k *keys) current() ([]jose.JSONWebKey, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known, k.edition
}

// newer returns keys of a later edition than the one given. A caller that
// leaves does not end the fetch that others wait for.
func (k *keys) newer(ctx context.Context, than int) ([]jose.JSONWebKey, error) {
	k.mu.Lock()
	if k.edition > than {
		defer k.mu.Unlock()
		return k.known, nil
	}
	if k.running == nil {
		k.running = &fetch{done: make(chan struct{})}
		go k.run(logline.Detached(context.WithoutCancel(ctx)), k.running)
	}
	running := k.running
	k.mu.Unlock()

	defer provider.Waited(ctx, time.Now())
	if deadline, ok := ctx.Deadline(); ok { // leave time to answer the browser
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-reserve))
		defer cancel()
	}
	select {
	case <-running.done:
	case <-ctx.Done():
		return nil, class("timeout")
	}
	if running.err != nil {
		return nil, running.err
	}
	known, _ := k.current()
	return known, nil
}

func (k *keys) run(ctx context.Context, f *fetch) {
	known, err := k.read(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.known = known
		k.edition++
	}
	f.err = err
	k.running = nil
	close(f.done)
}

// read fetches the set. A key that is unknown in kind, broken, symmetric or
// not for signatures is left out (RFC 7517 §5).
func (k *keys) read(ctx context.Context) ([]jose.JSONWebKey, error) {
	body, err := k.p.Get(ctx, k.url)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal(body, &set) != nil {
		return nil, class("unusable key set")
	}
	var known []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || !key.Valid() || !key.IsPublic() || (key.Use != "" && key.Use != "sig") || weak(key.Key) {
			continue
		}
		known = append(known, key)
	}
	return known, nil
}

// weak reports an RSA key of less than the 2048 bits that RFC 7518 §3.3 asks
// for.
func weak(key any) bool {
	public, ok := key.(*rsa.PublicKey)
	return ok && public.N.BitLen() < 2048
}

// attempt is the key set as go-oidc sees it while it verifies one token.
type attempt struct {
	keys        *keys
	payload     []byte
	verified    bool
	unreachable error
}

var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512,
	jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// VerifySignature implements [oidc.KeySet]. go-oidc has checked the algorithm
// against the provider's list before it calls.
func (a *attempt) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, class("malformed")
	}
	head := signed.Signatures[0].Header
	known, edition := a.keys.current()
	if a.try(signed, head, known) {
		return a.payload, nil
	}
	if known, err = a.keys.newer(ctx, edition); err != nil {
		a.unreachable = err
		return nil, err
	}
	if a.try(signed, head, known) {
		return a.payload, nil
	}
	return nil, class("no key fits")
}

func (a *attempt) try(signed *jose.JSONWebSignature, head jose.Header, known []jose.JSONWebKey) bool {
	for i := range known {
		key := &known[i]
		if head.KeyID != "" && key.KeyID != head.KeyID || key.Algorithm != "" && key.Algorithm != head.Algorithm {
			continue
		}
		if payload, err := signed.Verify(key.Key); err == nil {
			a.payload, a.verified = payload, true
			return true
		}
	}
	return false
}
