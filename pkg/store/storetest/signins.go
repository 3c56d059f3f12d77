package storetest

import (
	"bytes"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// SignIns runs the contract of a store of sign-ins and consents, and of ending
// all that a user has.
func SignIns(t *testing.T, open func(t *testing.T) Subject) {
	s := open(t)
	t.Run("what was put is what is read", func(t *testing.T) { signInRoundTrip(t, s.Store) })
	t.Run("a deleted sign-in is gone (S-34)", func(t *testing.T) { deletedSignIn(t, s.Store) })
	t.Run("a consent takes the place of the one before", func(t *testing.T) { consentReplaced(t, s.Store) })
	t.Run("expired is refused while still there (F-10)", func(t *testing.T) { signInExpiry(t, s.Store) })
	t.Run("ending a user ends that user alone", func(t *testing.T) { endOneUser(t, s.Store) })
	t.Run("ending a user with much", func(t *testing.T) { endMuch(t, s.Store) })
	if s.Plant != nil {
		t.Run("what is no sign-in of ours is not there (F-12)", func(t *testing.T) { corruptSignIns(t, s) })
	}
	if s.Operations != nil {
		t.Run("operations keep to the budget", func(t *testing.T) { signInBudget(t, s) })
	}
	if s.Dump != nil {
		t.Run("a dump shows no secret (S-94)", func(t *testing.T) { signInAtRest(t, s) })
	}
}

// browser is a browser that is signed in, and a consent of its user.
type browser struct {
	session.SignIn
	consented       session.Consent
	signIn, consent session.Record
}

// newBrowser has a user of its own; name is for another browser of the same.
func newBrowser(t testing.TB, at time.Time, name string) browser {
	t.Helper()
	if name == "" {
		name = "user-" + secret.Mint(64)
	}
	b := browser{SignIn: session.SignIn{
		ID: session.NewSignInID(), User: name, Subject: secret.Mint(128), AuthTime: at, ExpiresAt: at.Add(ttl),
	}}
	b.consented = session.Consent{
		User: name, ClientID: "client-" + secret.Mint(64), RedirectURI: "https://app.example/" + secret.Mint(64),
		Scopes: []string{"email"}, ExpiresAt: at.Add(ttl),
	}
	var err, err2 error
	b.signIn, err = b.SignIn.Seal()
	b.consent, err2 = b.consented.Seal(ring)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return b
}

func putBrowser(t testing.TB, s Store, at time.Time, name string) browser {
	t.Helper()
	b := newBrowser(t, at, name)
	if err := errors.Join(s.PutSignIn(t.Context(), b.signIn), s.PutConsent(t.Context(), b.consent)); err != nil {
		t.Fatal(err)
	}
	return b
}

// mustHave checks what one read of two keys gives.
func mustHave(t testing.TB, s Store, signInKey, consentKey string, signIn, consent session.Record) {
	t.Helper()
	a, b, err := s.GetSignIn(t.Context(), signInKey, consentKey)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]session.Record{signIn, consent}, []session.Record{a, b}); diff != "" {
		t.Errorf("sign-in and consent (-want +got):\n%s", diff)
	}
}

func signInRoundTrip(t *testing.T, s Store) {
	now := second()
	b, other := putBrowser(t, s, now, ""), putBrowser(t, s, now, "")
	none, noSignIn, noConsent := session.Record{}, session.SignInKey(session.NewSignInID()), session.ConsentKey("x", secret.Mint(64))
	mustHave(t, s, b.signIn.Key, b.consent.Key, b.signIn, b.consent)
	mustHave(t, s, b.signIn.Key, "", b.signIn, none)
	mustHave(t, s, "", b.consent.Key, none, b.consent)
	mustHave(t, s, "", "", none, none)
	mustHave(t, s, noSignIn, noConsent, none, none)
	mustHave(t, s, noSignIn, b.consent.Key, none, b.consent)
	mustHave(t, s, b.signIn.Key, noConsent, b.signIn, none)
	mustHave(t, s, b.signIn.Key, other.consent.Key, b.signIn, other.consent)

	r, c, _ := s.GetSignIn(t.Context(), b.signIn.Key, b.consent.Key)
	if opened, err := r.OpenSignIn(b.ID, now); err != nil || !cmp.Equal(opened, b.SignIn) {
		t.Errorf("the sign-in opens to %+v, %v", opened, err)
	}
	if opened, err := c.OpenConsent(ring, now); err != nil || !cmp.Equal(opened, b.consented) {
		t.Errorf("the consent opens to %+v, %v", opened, err)
	}
}

func deletedSignIn(t *testing.T, s Store) {
	b := putBrowser(t, s, second(), "")
	for range 2 {
		if err := s.DeleteSignIn(t.Context(), b.signIn.Key); err != nil {
			t.Error(err)
		}
		mustHave(t, s, b.signIn.Key, b.consent.Key, session.Record{}, b.consent)
	}
}

func consentReplaced(t *testing.T, s Store) {
	b := putBrowser(t, s, second(), "")
	b.consented.Scopes = []string{"openid", "email"}
	r, err := b.consented.Seal(ring)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutConsent(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	mustHave(t, s, b.signIn.Key, b.consent.Key, b.signIn, r)
}

func signInExpiry(t *testing.T, s Store) {
	now := second()
	b := putBrowser(t, s, now.Add(-ttl), "")
	signIn, consent, err := s.GetSignIn(t.Context(), b.signIn.Key, b.consent.Key)
	if err != nil {
		t.Fatal(err)
	}
	if signIn.Key != "" {
		if _, err := signIn.OpenSignIn(b.ID, now); !errors.Is(err, session.ErrExpired) {
			t.Errorf("the sign-in: %v", err)
		}
	}
	if consent.Key != "" {
		if _, err := consent.OpenConsent(ring, now); !errors.Is(err, session.ErrExpired) {
			t.Errorf("the consent: %v", err)
		}
	}
}

func endOneUser(t *testing.T, s Store) {
	now := second()
	b, other := putBrowser(t, s, now, ""), putBrowser(t, s, now, "")
	phone := putBrowser(t, s, now.Add(time.Second), b.User)
	of := func(name string) func(*issued) { return func(g *issued) { g.User = name } }
	code, active, others := putGrant(t, s, now, of(b.User)), putGrant(t, s, now, of(b.User)), putGrant(t, s, now, of(other.User))
	ofNobody := putGrant(t, s, now, shapes["a client's own"])
	mustRedeem(t, s, active, "n1", now)
	for range 2 {
		if err := s.EndUser(t.Context(), secret.Hash(b.User)); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []issued{code, active} {
		if r := mustGet(t, s, g.record.Key); r.Status != grant.Revoked {
			t.Errorf("a grant is %s", r.Status)
		}
	}
	mustHave(t, s, b.signIn.Key, b.consent.Key, session.Record{}, b.consent)
	mustHave(t, s, phone.signIn.Key, phone.consent.Key, session.Record{}, phone.consent)
	mustHave(t, s, other.signIn.Key, other.consent.Key, other.signIn, other.consent)
	mustBe(t, s, others.record)
	mustBe(t, s, ofNobody.record)
	if err := s.ForgetUser(t.Context(), secret.Hash(b.User)); err != nil {
		t.Fatal(err)
	}
	mustHave(t, s, b.signIn.Key, b.consent.Key, session.Record{}, session.Record{})
	mustHave(t, s, other.signIn.Key, other.consent.Key, other.signIn, other.consent)
	if err := s.EndUser(t.Context(), ""); err == nil {
		t.Error("nobody was ended")
	}
	mustBe(t, s, ofNobody.record)
	if err := s.EndUser(t.Context(), secret.Hash(secret.Mint(64))); err != nil {
		t.Errorf("a user with nothing: %v", err)
	}
}

// endMuch has more than a page of the index.
func endMuch(t *testing.T, s Store) {
	const n = 130
	now := second()
	name, grants, browsers := "user-"+secret.Mint(64), make([]issued, n), make([]browser, n)
	for i := range n {
		grants[i] = newGrant(t, now.Add(time.Duration(i%7)*time.Second), func(g *issued) { g.User = name })
		browsers[i] = newBrowser(t, now, name)
	}
	errs := make([]error, 2*n)
	together(n, func(i int) {
		errs[i], errs[n+i] = s.PutGrant(t.Context(), grants[i].record), s.PutSignIn(t.Context(), browsers[i].signIn)
	})
	if err := errors.Join(append(errs, s.EndUser(t.Context(), secret.Hash(name)))...); err != nil {
		t.Fatal(err)
	}
	alive := 0
	for i := range n {
		if mustGet(t, s, grants[i].record.Key).Status != grant.Revoked {
			alive++
		}
		if r, _, err := s.GetSignIn(t.Context(), browsers[i].signIn.Key, ""); err != nil || r.Key != "" {
			alive++
		}
	}
	if alive > 0 {
		t.Errorf("%d of %d outlived their user", alive, 2*n)
	}
}

func corruptSignIns(t *testing.T, s Subject) {
	now := second()
	cases := []struct {
		name, attribute string
		value           any
	}{
		{"no version", "v", absent{}}, {"a newer version", "v", int64(2)}, {"version of the wrong type", "v", "1"},
		{"no user", "user", absent{}},
		{"no time", "created", absent{}},
		{"no payload", "sealed", absent{}}, {"payload of the wrong type", "sealed", "text"},
		{"no expiry", "expires_at", absent{}}, {"expiry of the wrong type", "expires_at", "9999999999"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBrowser(t, now, "")
			for _, r := range []session.Record{b.signIn, b.consent} {
				whole := map[string]any{
					"pk": r.Key, "v": int64(1), "user": r.User, "created": r.Created.Unix(), "sealed": r.Sealed, "expires_at": r.ExpiresAt.Unix(),
				}
				item := maps.Clone(whole)
				if item[c.attribute] = c.value; c.value == (absent{}) {
					delete(item, c.attribute)
				}
				s.Plant(t, item)
			}
			mustHave(t, s.Store, b.signIn.Key, b.consent.Key, session.Record{}, session.Record{})
		})
	}
}

func signInBudget(t *testing.T, s Subject) {
	b := newBrowser(t, second(), "")
	steps := []struct {
		name          string
		do            func() error
		writes, reads int
	}{
		{"sign in", func() error { return s.Store.PutSignIn(t.Context(), b.signIn) }, 1, 0},
		{"consent", func() error { return s.Store.PutConsent(t.Context(), b.consent) }, 1, 0},
		{"authorize page", func() error {
			_, _, err := s.Store.GetSignIn(t.Context(), b.signIn.Key, b.consent.Key)
			return err
		}, 0, 1},
		{"authorize page without cookies", func() error { _, _, err := s.Store.GetSignIn(t.Context(), "", ""); return err }, 0, 0},
		{"sign out", func() error { return s.Store.DeleteSignIn(t.Context(), b.signIn.Key) }, 1, 0},
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
}

func signInAtRest(t *testing.T, s Subject) {
	b := putBrowser(t, s.Store, second(), "")
	dump := s.Dump(t)
	if !bytes.Contains(dump, []byte(b.signIn.Key)) {
		t.Fatal("the dump does not even show the item's key")
	}
	if found := Leaks(dump, map[string]string{
		"cookie": b.Cookie(), "id": b.ID, "user": b.User, "subject": b.Subject,
		"client": b.consented.ClientID, "redirect URI": b.consented.RedirectURI, "a scope": `"email"`,
	}); len(found) > 0 {
		t.Errorf("readable in the dump: %v", found)
	}
}
