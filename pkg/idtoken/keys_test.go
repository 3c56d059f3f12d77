package idtoken_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

func TestKeysAreFetchedOnce(t *testing.T) {
	ec := ecKey(t, "e1")
	p, v := publish(t, ec), verifier()
	for range 3 {
		if _, err := verify(v, p, ec.sign(t, claims(nil))); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.hits.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestANewKeyIsFetched(t *testing.T) {
	old, fresh := ecKey(t, "e1"), rsaKey(t, "r2")
	p, v := publish(t, old), verifier()
	if _, err := verify(v, p, old.sign(t, claims(nil))); err != nil {
		t.Fatal(err)
	}
	p.keys(fresh)
	if _, err := verify(v, p, fresh.sign(t, claims(nil))); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if _, err := verify(v, p, old.sign(t, claims(nil))); code(err) != oauth.ProviderError {
		t.Errorf("a withdrawn key: %v", err)
	}
}

func TestOneFetchOfTheKeysForAllCallers_F25(t *testing.T) {
	ec := ecKey(t, "e1")
	p, v := publish(t, ec), verifier()
	keys := *p.serve.Load()
	arrived, release := make(chan struct{}), make(chan struct{})
	p.answers(func(w http.ResponseWriter, r *http.Request) { close(arrived); <-release; keys(w, r) })
	token := ec.sign(t, claims(nil))

	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := v.Verify(leaving, upstream(), p.endpoints(), secret.NewText(token), nonce, secret.NewText(access))
		left <- err
	}()
	<-arrived
	errs := make(chan error, 100)
	for range cap(errs) {
		go func() { _, err := verify(v, p, token); errs <- err }()
	}
	leave()
	if err := <-left; code(err) != oauth.ProviderUnavailable {
		t.Errorf("the caller that left: %v", err)
	}
	close(release)
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := p.hits.Load(); n != 1 {
		t.Errorf("%d fetches, want 1", n)
	}
}

func TestKeysThatCannotBeFetched_C70(t *testing.T) {
	ec := ecKey(t, "e1")
	elsewhere := publish(t, ec)
	for _, test := range []struct {
		name  string
		serve http.HandlerFunc
		cause string
	}{
		{"500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, "keys: answered 500"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, "keys: answered 302"},
		{"50 MB", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte(" "), 50<<20)) }, "keys: answer too large"},
		{"no JSON", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, "keys: unusable key set"},
		{"nothing", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "keys: connection lost before an answer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, v := publish(t, ec), verifier()
			good := *p.serve.Load()
			p.answers(test.serve)
			_, err := verify(v, p, ec.sign(t, claims(nil)))
			var e *oauth.Error
			if !errors.As(err, &e) || e.Code != oauth.ProviderUnavailable || e.HTTPStatus() != 503 || e.RetryAfter <= 0 || e.Cause.Error() != test.cause {
				t.Errorf("error %v, want %q", err, test.cause)
			}
			p.answers(good)
			if _, err := verify(v, p, ec.sign(t, claims(nil))); err != nil {
				t.Errorf("the failure is remembered: %v", err)
			}
		})
	}
	if n := elsewhere.hits.Load(); n != 0 {
		t.Error("a redirect was followed")
	}
}

// TestKeysThatAreNotForSignatures: what else is in a key set is left alone.
func TestKeysThatAreNotForSignatures(t *testing.T) {
	ec := ecKey(t, "e1")
	set := func(change func(*jose.JSONWebKey)) []byte {
		key := ec.jwk()
		change(&key)
		raw, err := key.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	usable := set(func(*jose.JSONWebKey) {})
	for _, test := range []struct {
		name string
		keys []json.RawMessage
		ok   bool
	}{
		{"unknown kinds and broken keys beside it", []json.RawMessage{
			[]byte(`{"kty":"OKP","crv":"Ed448","x":"AA","kid":"e1"}`), []byte(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"e1"}`),
			[]byte(`{"kty":"oct","k":"AAAA","kid":"e1"}`), []byte(`7`), usable}, true},
		{"no use and no algorithm", []json.RawMessage{set(func(k *jose.JSONWebKey) { k.Use, k.Algorithm = "", "" })}, true},
		{"for encryption", []json.RawMessage{set(func(k *jose.JSONWebKey) { k.Use = "enc" })}, false},
		{"for another algorithm", []json.RawMessage{set(func(k *jose.JSONWebKey) { k.Algorithm = "ES384" })}, false},
		{"a private key", []json.RawMessage{set(func(k *jose.JSONWebKey) { k.Key = ec.private })}, false},
		{"among the first hundred", append(many(usable, 1), many([]byte(`7`), 200)...), true},
		{"after more keys than anybody has", append(many([]byte(`7`), 100), usable), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := publish(t)
			body, err := json.Marshal(map[string]any{"keys": test.keys})
			if err != nil {
				t.Fatal(err)
			}
			p.answers(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) })
			if _, err := verify(verifier(), p, ec.sign(t, claims(nil))); (err == nil) != test.ok {
				t.Errorf("error %v, want ok %v", err, test.ok)
			}
		})
	}
}

func many(key json.RawMessage, n int) []json.RawMessage {
	all := make([]json.RawMessage, n)
	for i := range all {
		all[i] = key
	}
	return all
}

// TestACallerThatComesLate: it looked before the fetch of another ended, and
// asks after. What that one brought is new to it.
func TestACallerThatComesLate_F25(t *testing.T) {
	p, v := publish(t, ecKey(t, "e1")), verifier()
	for edition, want := range []int32{1, 2} {
		for range 2 {
			if err := v.Newer(t.Context(), upstream(), p.URL, edition); err != nil {
				t.Fatal(err)
			}
		}
		if n := p.hits.Load(); n != want {
			t.Errorf("%d fetches, want %d", n, want)
		}
	}
}
