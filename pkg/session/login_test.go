package session_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
)

func login() session.Login {
	return session.Login{
		State: session.NewState(), Browser: "browser-cookie-canary", ExpiresAt: time.Unix(1_800_000_000, 0),
		Verifier: "verifier-canary", Nonce: "nonce-canary", Provider: "cashmere https://mere.example",
		RedirectURI: "https://app.example/callback", ReturnTo: "/app?x=1",
	}
}

func TestSealOpen(t *testing.T) {
	l := login()
	r, err := l.Seal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.Open(l.State)
	if err != nil {
		t.Fatal(err)
	}
	want := l
	want.Browser = ""
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRecordRevealsNothing_C47(t *testing.T) {
	l := login()
	r, err := l.Seal()
	if err != nil {
		t.Fatal(err)
	}
	dump := r.Key + r.BrowserHash + string(r.Sealed)
	for _, canary := range []string{l.State, l.Browser, l.Verifier, l.Nonce, l.RedirectURI, l.ReturnTo} {
		if strings.Contains(dump, canary) || strings.Contains(dump, base64.RawURLEncoding.EncodeToString([]byte(canary))) {
			t.Errorf("%q is readable", canary)
		}
	}
}

func TestOpenRefuses_P02(t *testing.T) {
	a, b := login(), login()
	ra, _ := a.Seal()
	rb, _ := b.Seal()
	swapped := ra
	swapped.Sealed = rb.Sealed
	moved := ra
	moved.Key = rb.Key
	flipped := ra
	flipped.Sealed = bytes.Clone(ra.Sealed)
	flipped.Sealed[20] ^= 1
	for name, tt := range map[string]struct {
		r     session.Record
		state string
	}{
		"another state":    {ra, b.State},
		"payloads swapped": {swapped, a.State},
		"moved to a key":   {moved, a.State},
		"moved, its state": {moved, b.State},
		"a bit flipped":    {flipped, a.State},
		"no payload":       {session.Record{Key: ra.Key}, a.State},
	} {
		if l, err := tt.r.Open(tt.state); !errors.Is(err, session.ErrUnknown) || l != (session.Login{}) {
			t.Errorf("%s: %v, %v", name, l, err)
		}
	}
}

func TestStateLike_C20(t *testing.T) {
	s := session.NewState()
	if !session.StateLike(s) || len(s) != 43 {
		t.Errorf("%q is not like a state", s)
	}
	for _, bad := range []string{"", s[1:], s + "A", "!" + s[1:], strings.Repeat("a", 8192)} {
		if session.StateLike(bad) {
			t.Errorf("%.50q is like a state", bad)
		}
	}
	if session.LoginKey(s) == session.LoginKey(session.NewState()) || !strings.HasPrefix(session.LoginKey(s), "login#") || strings.Contains(session.LoginKey(s), s) {
		t.Error("bad key")
	}
}
