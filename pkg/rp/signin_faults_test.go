package rp_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

func TestReload_C24_C25_C27_F24(t *testing.T) {
	s, _ := aliceSite(t)
	b, a := s.processes[0].browser(), s.processes[0]
	url := callback("code", "good", "state", b.login("?return_to=%2Fapp%3Fx%3D1").Get("state"))
	again := func(want string) {
		t.Helper()
		resp := b.get(url)
		if want == "" {
			if resp.StatusCode != 303 || resp.Header.Get("Location") != "/app?x=1" || resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			return
		}
		status := 400
		if want == "store_unavailable" {
			status = 503
		}
		wantError(t, resp, status, want)
	}
	if resp := b.get(url); resp.StatusCode != 303 {
		t.Fatal(bodyOf(resp))
	}
	again("")
	again("")
	s.sessions.set(func(method string) error { return errorsOn(method == "get") }, nil)
	again("store_unavailable")
	s.sessions.reset()
	a.clock.Store(11 * 60)
	again("") // the login has expired meanwhile
	a.clock.Store(0)

	other := s.signedIn("")
	wantError(t, other.get(url), 403, "wrong_browser")
	wantError(t, a.browser().get(url), 403, "wrong_browser")
	stolen := &browser{app: a, cookies: map[string]string{sessionName: b.cookies[sessionName]}} // the session alone is not the browser
	wantError(t, stolen.get(url), 403, "wrong_browser")

	a.clock.Store(24 * 3600)
	again("login_expired") // and so has the session
	a.clock.Store(0)
	b.fetch("POST", "/logout")
	again("state_used")
	if n := a.up.hits(); n != 2 || s.sessions.count("put") != 1 {
		t.Errorf("%d token requests, %d sessions", n, s.sessions.count("put"))
	}
}

func TestDoubleClick_C28_F24(t *testing.T) {
	s, _ := aliceSite(t)
	b := s.processes[0].browser()
	url := callback("code", "good", "state", b.login("").Get("state"))
	var wg sync.WaitGroup
	began := make([]bool, 20)
	for i := range began {
		click := &browser{app: b.app, cookies: map[string]string{"__Host-login": b.cookies["__Host-login"]}}
		wg.Go(func() {
			resp := click.get(url)
			began[i] = len(setCookies(resp, sessionName)) == 1 && resp.StatusCode == 303
			if !began[i] && resp.StatusCode != 400 {
				t.Errorf("%d %s", resp.StatusCode, bodyOf(resp))
			}
		})
	}
	wg.Wait()
	n := 0
	for _, yes := range began {
		if yes {
			n++
		}
	}
	if n != 1 || b.app.up.hits() != 1 || s.sessions.count("put") != 1 {
		t.Errorf("%d sessions begun, %d token requests, %d stored", n, b.app.up.hits(), s.sessions.count("put"))
	}
}

// keysDown cannot read the deployment secret.
type keysDown struct{}

func (keysDown) Ring(context.Context, string) (*secret.Ring, error) {
	return nil, errors.New("secrets manager is down")
}

// keysOnce can read it once.
type keysOnce struct {
	secret.Keys
	read atomic.Bool
}

func (k *keysOnce) Ring(ctx context.Context, wanted string) (*secret.Ring, error) {
	if k.read.Swap(true) {
		return keysDown{}.Ring(ctx, wanted)
	}
	return k.Keys.Ring(ctx, wanted)
}

// keysSlow takes 300 ms to read it.
type keysSlow struct{ secret.Keys }

func (k keysSlow) Ring(ctx context.Context, wanted string) (*secret.Ring, error) {
	time.Sleep(300 * time.Millisecond)
	return k.Keys.Ring(ctx, wanted)
}

// A login is not spent when its session could not be sealed.
func TestNoKeyToSealWith_F13(t *testing.T) {
	s, _ := aliceSite(t)
	k := *s.keeper
	k.Keys = keysDown{}
	b := variant{keeper: &k}.of(s).browser()
	url := callback("code", "good", "state", b.login("?return_to=/x").Get("state"))
	wantError(t, b.get(url), 503, "store_unavailable")
	if n := b.app.up.hits(); n != 0 {
		t.Errorf("%d token requests", n)
	}
	k.Keys = s.keeper.Keys
	if resp := b.get(url); resp.StatusCode != 303 || resp.Header.Get("Location") != "/x" {
		t.Errorf("again: %d %v", resp.StatusCode, resp.Header)
	}
}

func TestStoreFailsAfterTheExchange_F20(t *testing.T) {
	for name, fault := range map[string]func(*site) *app{
		"not stored": func(s *site) *app {
			s.sessions.set(func(method string) error { return errorsOn(method == "put") }, nil)
			return s.processes[0]
		},
		"reply lost": func(s *site) *app {
			s.sessions.set(nil, func(method string) error { return errorsOn(method == "put") })
			return s.processes[0]
		},
		"no key to seal with": func(s *site) *app {
			k := *s.keeper
			k.Keys = &keysOnce{Keys: k.Keys}
			return variant{keeper: &k}.of(s)
		},
	} {
		s, p := aliceSite(t)
		b := fault(s).browser()
		url := callback("code", "good", "state", b.login("?return_to=/x").Get("state"))
		resp := b.get(url)
		wantError(t, resp, 503, "store_unavailable", "canary")
		if resp.Header.Get("Retry-After") == "" || refusal(t, resp).RetryURL != "/login?return_to=%2Fx" {
			t.Errorf("%s: no way on: %v %s", name, resp.Header, bodyOf(resp))
		}
		if got := p.given(); len(got) != 1 || got[0] != "canary-refresh-1" {
			t.Errorf("%s: revoked %q", name, got)
		}
		if _, signedIn := b.cookies[sessionName]; signedIn {
			t.Errorf("%s: a cookie", name)
		}
		s.sessions.reset()
		if resp := b.get(url); resp.StatusCode < 400 || b.app.up.hits() != 1 {
			t.Errorf("%s: again: %d, %d token requests", name, resp.StatusCode, b.app.up.hits())
		}
	}
}

func TestTimeIsKeptForTheStore_F17_F21(t *testing.T) {
	t.Run("less than that is no beginning", func(t *testing.T) {
		s, _ := aliceSite(t)
		b := s.processes[0].browser()
		url := callback("code", "good", "state", b.login("").Get("state"))
		b.app.timeout = 3 * time.Second
		wantError(t, b.get(url), 503, "provider_unavailable")
		if b.app.store.claims.Load() != 0 || b.app.up.hits() != 0 {
			t.Error("the login was claimed without the time to finish it")
		}
		b.app.timeout = 10 * time.Second
		if resp := b.get(url); resp.StatusCode != 303 {
			t.Errorf("reloaded: %d %s", resp.StatusCode, bodyOf(resp))
		}
	})
	t.Run("nor when reading the keys has left less", func(t *testing.T) {
		s, _ := aliceSite(t)
		k := *s.keeper
		k.Keys = keysSlow{k.Keys}
		b := variant{keeper: &k}.of(s).browser()
		url := callback("code", "good", "state", b.login("").Get("state"))
		b.app.timeout = 3600 * time.Millisecond
		wantError(t, b.get(url), 503, "provider_unavailable")
		if b.app.store.claims.Load() != 0 {
			t.Error("the login was claimed without the time to finish it")
		}
	})
	const whole = 4500 * time.Millisecond
	hang := func(t *testing.T, answer *http.HandlerFunc, up *upstream) {
		release := make(chan struct{})
		t.Cleanup(func() { close(release) })
		up.mu.Lock()
		defer up.mu.Unlock()
		*answer = func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
	}
	t.Run("a slow token endpoint", func(t *testing.T) {
		s, _ := aliceSite(t)
		b := s.processes[0].browser()
		state := b.login("").Get("state")
		hang(t, (*http.HandlerFunc)(&b.app.up.answer), b.app.up)
		b.app.timeout = whole
		began := time.Now()
		wantError(t, b.get(callback("code", "good", "state", state)), 504, "provider_unavailable")
		if took := time.Since(began); took > whole-1900*time.Millisecond {
			t.Errorf("gave up after %v", took)
		}
	})
	t.Run("a slow userinfo endpoint", func(t *testing.T) {
		s, _ := aliceSite(t)
		a := openID(s, provider.Identity{Subject: "alice-1"}, nil)
		hang(t, &a.up.userinfo, a.up)
		b := a.browser()
		state := b.login("").Get("state")
		a.timeout = whole
		began, stored := time.Now(), time.Duration(0)
		s.sessions.set(func(string) error { stored = time.Since(began); return nil }, nil)
		if resp := b.get(callback("code", "good", "state", state)); resp.StatusCode != 303 || stored > whole-1900*time.Millisecond {
			t.Errorf("%d, stored after %v", resp.StatusCode, stored)
		}
	})
}
