package client_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
)

// shelf is a Store that counts.
type shelf struct {
	mu      sync.Mutex
	clients map[string]client.Client
	err     error
	reads   int
}

func (s *shelf) GetClient(_ context.Context, id string) (client.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	c, ok := s.clients[id]
	switch {
	case s.err != nil:
		return client.Client{}, s.err
	case !ok:
		return client.Client{}, client.ErrUnknown
	}
	return c, nil
}

func newRegistry() (*client.Registry, *shelf, *time.Time) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	s := &shelf{clients: map[string]client.Client{"app": good()}}
	return &client.Registry{Clients: s, Now: func() time.Time { return now }}, s, &now
}

func TestRegistryCachesForAMinute(t *testing.T) {
	r, s, now := newRegistry()
	get := func(want error) client.Client {
		t.Helper()
		c, err := r.GetClient(t.Context(), "app")
		if !errors.Is(err, want) {
			t.Fatalf("%v, want %v", err, want)
		}
		return c
	}
	get(nil)
	s.mu.Lock()
	changed := good()
	changed.Name = "changed"
	s.clients["app"] = changed
	s.mu.Unlock()
	*now = now.Add(59 * time.Second)
	if get(nil).Name != "" || s.reads != 1 {
		t.Errorf("read %d times within a minute", s.reads)
	}
	*now = now.Add(time.Second)
	if get(nil).Name != "changed" || s.reads != 2 {
		t.Errorf("a change is not taken up: %d reads", s.reads)
	}
	delete(s.clients, "app")
	*now = now.Add(60 * time.Second)
	get(client.ErrUnknown)
	get(client.ErrUnknown)
	if s.reads != 3 {
		t.Errorf("an unknown id is asked for again at once: %d reads", s.reads)
	}
	s.clients["app"] = good()
	*now = now.Add(5 * time.Second)
	get(nil)
}

// A failure is never kept, and never covered up by what was known before.
func TestRegistryFailsClosed_S90(t *testing.T) {
	r, s, now := newRegistry()
	down := errors.New("down")
	s.err = down
	if _, err := r.GetClient(t.Context(), "app"); !errors.Is(err, down) || errors.Is(err, client.ErrUnknown) {
		t.Errorf("%v", err)
	}
	s.err = nil
	if c, err := r.GetClient(t.Context(), "app"); err != nil || c.ID != "app" {
		t.Errorf("a failure was kept: %v", err)
	}
	s.err = down
	*now = now.Add(time.Minute)
	if _, err := r.GetClient(t.Context(), "app"); !errors.Is(err, down) {
		t.Errorf("an old client is served: %v", err)
	}
}

// What cannot be an id does not reach the store.
func TestRegistryIgnoresWhatIsNoID(t *testing.T) {
	r, s, _ := newRegistry()
	for _, id := range []string{"", " app", "app\n", "ünicode", strings.Repeat("a", 129), "a\x00", "\xff"} {
		if _, err := r.GetClient(t.Context(), id); !errors.Is(err, client.ErrUnknown) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if s.reads != 0 {
		t.Errorf("%d reads", s.reads)
	}
}

// The first-party client is that of the base URL at hand, whatever is in the
// store.
func TestRegistryHasTheFirstParty(t *testing.T) {
	r, s, _ := newRegistry()
	evil := good()
	evil.ID, evil.RedirectURIs = client.FirstParty, []string{"https://evil.example/"}
	s.clients[client.FirstParty] = evil
	for _, at := range []string{base, "http://localhost:3000"} {
		c, err := r.GetClient(baseurl.With(t.Context(), at), client.FirstParty)
		if err != nil || len(c.RedirectURIs) != 1 || c.RedirectURIs[0] != at+"/callback" || !c.Public() {
			t.Errorf("%s: %+v, %v", at, c, err)
		}
	}
	if s.reads != 0 {
		t.Errorf("%d reads", s.reads)
	}
}

// Strangers' ids take bounded memory, and callers at the same time are safe.
func TestRegistryIsBounded(t *testing.T) {
	r, s, _ := newRegistry()
	var done sync.WaitGroup
	for worker := range 8 {
		done.Go(func() {
			for i := range 1000 {
				_, _ = r.GetClient(context.Background(), "x"+strconv.Itoa(worker*1000+i))
				if c, err := r.GetClient(context.Background(), "app"); err != nil || c.ID != "app" {
					t.Errorf("%v", err)
				}
			}
		})
	}
	done.Wait()
	if n := r.Cached(); n > 1024 || s.reads < 8000 {
		t.Errorf("%d kept after %d reads", n, s.reads)
	}
}
