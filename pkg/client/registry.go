package client

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
)

const (
	// cacheFor is how long a client is used before it is read again: how long
	// a removed client or a changed secret takes to be noticed.
	cacheFor = 60 * time.Second
	// missFor is the same for an id that nobody has, so that asking for it
	// again and again costs no more time than asking for one that exists.
	missFor = 5 * time.Second
	// maxCached bounds the memory that strangers' ids can take.
	maxCached = 1024
)

// Store keeps registered clients. Its GetClient answers ErrUnknown for an id
// that nobody has; every other error means that nobody can tell.
type Store interface {
	GetClient(ctx context.Context, id string) (Client, error)
}

// Registry is a Store with a cache, and with the first-party client of the
// base URL that the context carries. It is safe for concurrent use.
type Registry struct {
	// Clients is where registered clients are kept.
	Clients Store
	// Now is the clock, time.Now in production.
	Now func() time.Time

	mu    sync.Mutex
	cache map[string]cached
}

type cached struct {
	client Client
	err    error // nil or ErrUnknown
	until  time.Time
}

// GetClient implements Store. Callers do not change what is in the client's
// lists. A failure of the store is never kept.
func (r *Registry) GetClient(ctx context.Context, id string) (Client, error) {
	if id == FirstParty {
		return FirstPartyClient(baseurl.From(ctx)), nil
	}
	if !ValidID(id) {
		return Client{}, ErrUnknown
	}
	now := r.Now()
	r.mu.Lock()
	hit, ok := r.cache[id]
	r.mu.Unlock()
	if ok && now.Before(hit.until) {
		return hit.client, hit.err
	}
	c, err := r.Clients.GetClient(ctx, id)
	entry := cached{c, nil, now.Add(cacheFor)}
	switch {
	case errors.Is(err, ErrUnknown):
		entry = cached{Client{}, ErrUnknown, now.Add(missFor)}
	case err != nil:
		return Client{}, err
	}
	r.keep(id, entry)
	return entry.client, entry.err
}

// keep remembers an entry. A full cache begins anew: that costs each client one
// read.
func (r *Registry) keep(id string, entry cached) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cache == nil || len(r.cache) >= maxCached {
		r.cache = map[string]cached{}
	}
	r.cache[id] = entry
}
