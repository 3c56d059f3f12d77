package storetest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// wholeSession is the item that an entry is kept as, schema version 1.
func wholeSession(e session.Entry) map[string]any {
	return map[string]any{
		"pk": e.Key, "v": int64(1), "user": e.User, "created": e.Created.Unix(), "sealed": e.Sealed, "version": int64(e.Version),
		"seen_at": e.SeenAt.Unix(), "max_at": e.MaxAt.Unix(), "expires_at": e.ExpiresAt.Unix(),
		"claim": e.Claim, "lease": e.Lease, "lease_until": e.LeaseUntil.Unix(),
	}
}

// CorruptSessions are items that no store may take for a session, as changes
// to a whole one; as for Corrupt. Written is for what a commit replaces
// anyway, so that it may succeed.
var CorruptSessions = []struct {
	Name, Attribute string
	Value           any
	Written         bool
}{
	{"no schema version", "v", absent{}, false},
	{"a newer schema version", "v", int64(2), false},
	{"schema version of the wrong type", "v", "1", false},
	{"no time", "created", absent{}, false},
	{"no payload", "sealed", absent{}, true},
	{"payload of the wrong type", "sealed", "text", true},
	{"no version", "version", absent{}, false},
	{"version of the wrong type", "version", "1", false},
	{"a version below zero", "version", int64(-1), false},
	{"a version beyond all", "version", int64(1) << 32, false},
	{"no sign of life", "seen_at", absent{}, true},
	{"sign of life of the wrong type", "seen_at", "1", true},
	{"no absolute end", "max_at", absent{}, false},
	{"absolute end of the wrong type", "max_at", "9999999999", false},
	{"absolute end null", "max_at", nil, false},
	{"no expiry", "expires_at", absent{}, false},
	{"expiry of the wrong type", "expires_at", "9999999999", false},
	{"claim of the wrong type", "claim", int64(7), true},
	{"a commit by nobody", "claim", "", true},
	{"lease of the wrong type", "lease", int64(7), true},
	{"a lease of nobody", "lease", "", true},
	{"a lease without an end", "lease_until", absent{}, true},
	{"end of the lease of the wrong type", "lease_until", "9999999999", true},
}

// refreshedOnce is a session at version 1 that another request has leased, put
// past the store with one attribute changed.
func refreshedOnce(t *testing.T, s Subject, now time.Time, attribute string, value any) signedIn {
	t.Helper()
	in := newSignedIn(t, now)
	in.entry.Version, in.entry.Claim, in.entry.Lease, in.entry.LeaseUntil = 1, "n0", "n9", now.Add(leaseTTL)
	item := wholeSession(in.entry)
	if attribute != "" {
		if item[attribute] = value; value == (absent{}) {
			delete(item, attribute)
		}
	}
	s.Plant(t, item)
	return in
}

func corruptSessions(t *testing.T, s Subject) {
	now := second()
	t.Run("control: the whole item is a session", func(t *testing.T) {
		in := refreshedOnce(t, s, now, "", nil)
		mustKeep(t, s.Store, in.entry, now)
		mustList(t, s.Store, in.entry.User, now, in.entry)
		mustCommit(t, s.Store, in.refreshed(t, "n1", now), now)
	})
	for _, c := range CorruptSessions {
		t.Run(c.Name, func(t *testing.T) {
			in := refreshedOnce(t, s, now, c.Attribute, c.Value)
			key := in.entry.Key
			for name, do := range map[string]func() (session.Entry, error){
				"get": func() (session.Entry, error) { return s.Store.GetSession(t.Context(), key, now) },
				"lease": func() (session.Entry, error) {
					return s.Store.LeaseSession(t.Context(), key, 1, "n1", now, now.Add(leaseTTL))
				},
				"slide": func() (session.Entry, error) {
					return session.Entry{}, s.Store.SlideSession(t.Context(), key, now.Add(-time.Hour), now, now.Add(idleTTL))
				},
			} {
				e, err := do()
				if !errors.Is(err, session.ErrUnknown) || !cmp.Equal(e, session.Entry{}) {
					t.Errorf("%s: %+v, %v", name, e, err)
					continue
				}
				CheckCause(t, err, c.Attribute, session.Record{Key: key, BrowserHash: in.entry.User, Sealed: in.entry.Sealed})
			}
			mustList(t, s.Store, in.entry.User, now)
			if e, err := s.Store.CommitSession(t.Context(), in.refreshed(t, "n1", now), now); !c.Written && !errors.Is(err, session.ErrUnknown) {
				t.Errorf("commit: %+v, %v", e, err)
			}
			endCorrupt(t, s, refreshedOnce(t, s, now, c.Attribute, c.Value), now, c.Attribute == "v")
		})
	}
}

// endCorrupt: what cannot be read is none of ours to release or to end, and a
// deletion deletes it and says nothing of it.
func endCorrupt(t *testing.T, s Subject, in signedIn, now time.Time, newer bool) {
	t.Helper()
	var was []string
	if newer {
		was = lines(s.Dump(t))
	}
	if err := s.Store.ReleaseSession(t.Context(), in.entry.Key, "n1", now); err != nil {
		t.Errorf("release: %v", err)
	}
	if err := s.Store.EndSession(t.Context(), in.entry.Key, 1); err != nil {
		t.Errorf("end: %v", err)
	}
	if newer && !slices.Equal(was, lines(s.Dump(t))) {
		t.Error("what another release wrote was touched")
	}
	if e, err := s.Store.DeleteSession(t.Context(), in.entry.Key); err != nil || !cmp.Equal(e, session.Entry{}) {
		t.Errorf("delete: %+v, %v", e, err)
	}
	again := newSignedIn(t, now).entry
	again.Key = in.entry.Key
	if err := s.Store.PutSession(t.Context(), again); err != nil {
		t.Error(err)
	}
	mustKeep(t, s.Store, again, now) // so the broken one is gone
}

func sessionBudget(t *testing.T, s Subject) {
	now := second()
	in, other := newSignedIn(t, now), putSignedIn(t, s.Store, now)
	key := in.entry.Key
	steps := []struct {
		name          string
		do            func() error
		writes, reads int
	}{
		{"put", func() error { return s.Store.PutSession(t.Context(), in.entry) }, 1, 0},
		{"get", func() error { _, err := s.Store.GetSession(t.Context(), key, now); return err }, 0, 1},
		{"slide", func() error { return s.Store.SlideSession(t.Context(), key, now, now, now.Add(idleTTL)) }, 1, 0},
		{"lease", func() error { mustLease(t, s.Store, key, 0, "n1", now); return nil }, 1, 0},
		{"release", func() error { return s.Store.ReleaseSession(t.Context(), key, "n1", now) }, 1, 0},
		{"commit", func() error { mustCommit(t, s.Store, in.refreshed(t, "n1", now), now); return nil }, 1, 0},
		{"list", func() error { mustListOne(t, s.Store, in.entry.User, now); return nil }, 0, 2},
		{"list of a user without any", func() error { mustList(t, s.Store, "none", now); return nil }, 0, 1},
		{"list of nobody", func() error { mustList(t, s.Store, "", now); return nil }, 0, 0},
		{"end", func() error { return s.Store.EndSession(t.Context(), key, 1) }, 1, 0},
		{"delete", func() error { _, err := s.Store.DeleteSession(t.Context(), other.entry.Key); return err }, 1, 0},
		{"delete again", func() error { _, err := s.Store.DeleteSession(t.Context(), other.entry.Key); return err }, 1, 0},
	}
	for _, step := range steps {
		w0, r0 := s.Operations()
		if err := step.do(); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		if w1, r1 := s.Operations(); w1-w0 != step.writes || r1-r0 != step.reads {
			t.Errorf("%s took %d writes and %d reads, want %d and %d", step.name, w1-w0, r1-r0, step.writes, step.reads)
		}
	}
	// A refusal needs one write, and one read where there is no old image.
	leased := putSignedIn(t, s.Store, now).entry
	mustLease(t, s.Store, leased.Key, 0, "n1", now)
	w0, r0 := s.Operations()
	_, _ = s.Store.LeaseSession(t.Context(), leased.Key, 0, "n2", now, now.Add(leaseTTL))
	if w1, r1 := s.Operations(); w1-w0 != 1 || r1-r0 > 1 {
		t.Errorf("a refusal took %d writes and %d reads, want 1 and at most 1", w1-w0, r1-r0)
	}
}

// sessionAtRest looks for the secrets of a session that was refreshed and is
// leased: those that are sealed now, and those that were before.
func sessionAtRest(t *testing.T, s Subject) {
	now := second()
	in := putSignedIn(t, s.Store, now)
	dumps := s.Dump(t)
	first := in.Session
	in.AccessToken, in.RefreshToken = secret.Mint(256), secret.Mint(256)
	e, err := in.Seal(ring.Newest(), in.entry)
	if err != nil {
		t.Fatal(err)
	}
	e.Claim = secret.Mint(128)
	mustCommit(t, s.Store, e, now)
	mustLease(t, s.Store, e.Key, 1, secret.Mint(128), now)
	dumps = append(dumps, s.Dump(t)...)
	if !bytes.Contains(dumps, []byte(e.Key)) {
		t.Fatal("the dump does not even show the item's key")
	}
	raw := secret.Bytes(in.Cookie, 384)
	secrets := map[string]string{
		"cookie": in.Cookie, "cookie's id": base64.RawURLEncoding.EncodeToString(raw[:16]),
		"cookie's secret": base64.RawURLEncoding.EncodeToString(raw[16:]),
		"access token":    first.AccessToken, "refresh token": first.RefreshToken,
		"next access token": in.AccessToken, "next refresh token": in.RefreshToken,
		"subject": in.Subject, "name": in.Name, "email": in.Email, "scope": in.Scope, "a member": `"access_token"`,
		"handle": session.Handle(e.Key),
	}
	if found := Leaks(dumps, secrets); len(found) > 0 {
		t.Errorf("readable in the dump: %v", found)
	}
}
