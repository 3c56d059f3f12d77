package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Logins runs the contract of a store of logins. open is called once; the
// store may be shared, since every key is random.
func Logins(t *testing.T, open func(t *testing.T) Subject) {
	s := open(t)
	t.Run("what was put is what is claimed", func(t *testing.T) { roundTrip(t, s.Store) })
	t.Run("a claim is repeatable by its nonce and by no other", func(t *testing.T) { claimByNonce(t, s.Store) })
	t.Run("the verdict has an order", func(t *testing.T) { verdicts(t, s.Store) })
	t.Run("a stranger does not consume (C-24)", func(t *testing.T) { strangers(t, s.Store) })
	t.Run("expired is refused while still there (F-10, C-29)", func(t *testing.T) { expiry(t, s.Store) })
	t.Run("an empty nonce claims nothing", func(t *testing.T) { emptyNonce(t, s.Store) })
	t.Run("parallel puts are all kept", func(t *testing.T) { parallelPuts(t, s.Store) })
	t.Run("of 100 rivals one wins (C-28)", func(t *testing.T) { rivals(t, s) })
	if s.Plant != nil {
		t.Run("what is no item of ours is unknown (F-12)", func(t *testing.T) { corrupt(t, s) })
	}
	if s.Operations != nil {
		t.Run("operations keep to the budget", func(t *testing.T) { budget(t, s) })
	}
	if s.Dump != nil {
		t.Run("a dump shows no secret (C-47)", func(t *testing.T) { atRest(t, s) })
	}
}

func roundTrip(t *testing.T, s Store) {
	now := time.Now()
	l := put(t, s, now.Add(ttl))
	got, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n1", now)
	if err != nil {
		t.Fatal(err)
	}
	want := l.record
	want.Claim = "n1"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-put +claimed):\n%s", diff)
	}
	opened, err := got.Open(l.State)
	if err != nil {
		t.Fatal(err)
	}
	if opened.Verifier != l.Verifier || opened.ReturnTo != l.ReturnTo {
		t.Error("the record opens to another login")
	}
}

func claimByNonce(t *testing.T, s Store) {
	now := time.Now()
	l := put(t, s, now.Add(ttl))
	steps := []struct {
		name, nonce string
		want        error
	}{
		{"first request", "n1", nil},
		{"the same request again", "n1", nil},
		{"another request", "n2", session.ErrUsed},
		{"the first once more", "n1", nil},
	}
	for _, step := range steps {
		r, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, step.nonce, now)
		if !errors.Is(err, step.want) {
			t.Errorf("%s: error %v, want %v", step.name, err, step.want)
		}
		if r.Claim != "n1" {
			t.Errorf("%s: claimed by %q, want n1", step.name, r.Claim)
		}
		if _, err := r.Open(l.State); err != nil {
			t.Errorf("%s: the record does not open", step.name)
		}
	}
}

// verdicts has one case for each pair of reasons to refuse: the earlier wins.
func verdicts(t *testing.T, s Store) {
	now := time.Now()
	cases := []struct {
		name       string
		missing    bool
		expired    bool
		otherHash  string
		claimed    string
		want       error
		withRecord bool
	}{
		{name: "no such login", missing: true, want: session.ErrUnknown},
		{name: "expired", expired: true, want: session.ErrExpired, withRecord: true},
		{name: "expired and of another browser", expired: true, otherHash: "x", want: session.ErrExpired, withRecord: true},
		{name: "expired and used", expired: true, claimed: "first", want: session.ErrExpired, withRecord: true},
		{name: "expired and claimed by this request", expired: true, claimed: "mine", want: session.ErrExpired, withRecord: true},
		{name: "of another browser", otherHash: "x", want: session.ErrOtherBrowser},
		{name: "of another browser and used", otherHash: "x", claimed: "first", want: session.ErrOtherBrowser},
		{name: "of another browser, with this nonce", otherHash: "x", claimed: "mine", want: session.ErrOtherBrowser},
		{name: "used", claimed: "first", want: session.ErrUsed, withRecord: true},
		{name: "claimed by this request", claimed: "mine", withRecord: true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := newLogin(t, now.Add(ttl))
			if !c.missing {
				l = put(t, s, now.Add(ttl))
			}
			if c.claimed != "" {
				if _, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, c.claimed, now); err != nil {
					t.Fatal(err)
				}
			}
			at, browser := now, l.record.BrowserHash
			if c.expired {
				at = now.Add(ttl)
			}
			if c.otherHash != "" {
				browser = c.otherHash
			}
			r, err := s.ClaimLogin(t.Context(), l.record.Key, browser, "mine", at)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			checkRecord(t, r, c.withRecord)
		})
	}
}

// checkRecord: a refusal shows the record only where the caller may open it.
func checkRecord(t *testing.T, r session.Record, want bool) {
	t.Helper()
	switch {
	case want && len(r.Sealed) == 0:
		t.Error("the record is missing")
	case !want && !cmp.Equal(r, session.Record{}):
		t.Error("the record came with the refusal")
	}
}

func strangers(t *testing.T, s Store) {
	now := time.Now()
	l := put(t, s, now.Add(ttl))
	for _, browser := range []string{Browser(secret.Mint(128)), "", l.record.BrowserHash[:42]} {
		r, err := s.ClaimLogin(t.Context(), l.record.Key, browser, secret.Mint(128), now)
		if !errors.Is(err, session.ErrOtherBrowser) {
			t.Errorf("browser hash %q: error %v, want %v", browser, err, session.ErrOtherBrowser)
		}
		checkRecord(t, r, false)
	}
	if _, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n1", now); err != nil {
		t.Errorf("the login's own browser, afterwards: %v", err)
	}

	// A record that names no browser belongs to none, not to all without one.
	nobody := newLogin(t, now.Add(ttl))
	nobody.record.BrowserHash = ""
	if err := s.PutLogin(t.Context(), nobody.record); err != nil {
		return // refusing to keep it is as good
	}
	if _, err := s.ClaimLogin(t.Context(), nobody.record.Key, "", "n1", now); err == nil {
		t.Error("an empty browser hash matched an empty one")
	}
}

func expiry(t *testing.T, s Store) {
	now := time.Now().Truncate(time.Second)
	cases := []struct {
		name    string
		expires time.Time
		want    error
	}{
		{"a minute ago", now.Add(-time.Minute), session.ErrExpired},
		{"a second ago", now.Add(-time.Second), session.ErrExpired},
		{"this second", now, session.ErrExpired},
		{"the next second", now.Add(time.Second), nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l := put(t, s, c.expires)
			late := now.Add(time.Second - time.Nanosecond)
			for _, at := range []time.Time{now, late} {
				_, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n1", at)
				if !errors.Is(err, c.want) {
					t.Errorf("at %v: error %v, want %v", at, err, c.want)
				}
			}
			if c.want == nil {
				return
			}
			// The refusal is in the write: it left no claim behind.
			r, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n2", c.expires.Add(-time.Second))
			if err != nil || r.Claim != "n2" {
				t.Errorf("a second before its time: claim %q, %v", r.Claim, err)
			}
		})
	}
}

func emptyNonce(t *testing.T, s Store) {
	now := time.Now()
	l := put(t, s, now.Add(ttl))
	if _, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "", now); err == nil {
		t.Error("an empty nonce won")
	}
	if _, err := s.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n1", now); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
