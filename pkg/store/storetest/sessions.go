package storetest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

// Sessions runs the contract of a store of signed-in sessions. open is called
// once; the store may be shared, since every key is random.
func Sessions(t *testing.T, open func(t *testing.T) Subject) {
	s := open(t)
	t.Run("what was put is what is read", func(t *testing.T) { sessionRoundTrip(t, s.Store) })
	t.Run("a second put changes nothing", func(t *testing.T) { sessionPutTwice(t, s.Store) })
	t.Run("a refresh and its repeats", func(t *testing.T) { sessionRefresh(t, s.Store) })
	t.Run("the verdict on a lease has an order", func(t *testing.T) { leaseVerdicts(t, s.Store) })
	t.Run("the verdict on a commit has an order", func(t *testing.T) { commitVerdicts(t, s.Store) })
	t.Run("a lease that is over goes to the next", func(t *testing.T) { leaseOver(t, s.Store) })
	t.Run("a release is a pause", func(t *testing.T) { release(t, s.Store) })
	t.Run("a sign of life moves the idle end", func(t *testing.T) { slide(t, s.Store) })
	t.Run("the absolute end bounds the idle one (C-67)", func(t *testing.T) { absoluteEnd(t, s.Store) })
	t.Run("expired is refused while still there (F-10, C-67)", func(t *testing.T) { sessionExpiry(t, s.Store) })
	t.Run("ended only at its version", func(t *testing.T) { endSession(t, s.Store) })
	t.Run("what is deleted never comes back (C-61)", func(t *testing.T) { deleteSession(t, s.Store) })
	t.Run("what comes empty wins nothing", func(t *testing.T) { emptyNonces(t, s.Store) })
	t.Run("a user's live sessions are listed", func(t *testing.T) { listSessions(t, s.Store) })
	t.Run("of very many the newest are listed", func(t *testing.T) { listMany(t, s.Store) })
	t.Run("of 100 rivals one has the lease (C-57)", func(t *testing.T) { leaseRivals(t, s) })
	t.Run("of rival commits one is kept", func(t *testing.T) { commitRivals(t, s) })
	t.Run("rivals refresh once (C-57)", func(t *testing.T) { refreshRivals(t, s) })
	t.Run("nothing wins against a deletion (C-61)", func(t *testing.T) { deletionRivals(t, s) })
	if s.Plant != nil {
		t.Run("what is no session of ours is unknown (F-12)", func(t *testing.T) { corruptSessions(t, s) })
	}
	if s.Operations != nil {
		t.Run("operations keep to the budget", func(t *testing.T) { sessionBudget(t, s) })
	}
	if s.Dump != nil {
		t.Run("a dump shows no secret (C-47)", func(t *testing.T) { sessionAtRest(t, s) })
	}
}

const (
	idleTTL    = time.Hour
	sessionTTL = 24 * time.Hour
	leaseTTL   = 10 * time.Second
)

// signedIn is a session as /callback makes one, and its entry.
type signedIn struct {
	session.Session
	entry session.Entry
}

// newSignedIn makes a session of its own user, put at a time.
func newSignedIn(t testing.TB, at time.Time, change ...func(*signedIn)) signedIn {
	t.Helper()
	s := signedIn{
		Session: session.Session{
			Cookie: session.NewCookie(), Provider: "cashmere", Subject: "sub-" + secret.Mint(64), Name: "name-" + secret.Mint(64),
			Email: secret.Mint(64) + "@example.org", Scope: "openid email", AccessToken: secret.Mint(256), RefreshToken: secret.Mint(256),
			IssuedAt: at.Unix(), TokenExpiresAt: at.Add(time.Hour).Unix(),
		},
		entry: session.Entry{Created: at, SeenAt: at, ExpiresAt: at.Add(idleTTL), MaxAt: at.Add(sessionTTL)},
	}
	for _, c := range change {
		c(&s)
	}
	e, err := s.Seal(ring.Newest(), s.entry)
	if err != nil {
		t.Fatal(err)
	}
	s.entry = e
	return s
}

func putSignedIn(t testing.TB, s Store, at time.Time, change ...func(*signedIn)) signedIn {
	t.Helper()
	in := newSignedIn(t, at, change...)
	if err := s.PutSession(t.Context(), in.entry); err != nil {
		t.Fatal(err)
	}
	return in
}

// refreshed is what the request nonce would commit at a time.
func (s signedIn) refreshed(t testing.TB, nonce string, at time.Time) session.Entry {
	t.Helper()
	s.AccessToken, s.RefreshToken = secret.Mint(256), secret.Mint(256)
	e, err := s.Seal(ring.Newest(), s.entry)
	if err != nil {
		t.Fatal(err)
	}
	e.Claim, e.SeenAt, e.ExpiresAt = nonce, at, at.Add(idleTTL)
	return e
}

// committed is what is kept of e after a commit.
func committed(e session.Entry) session.Entry {
	e.Version++
	e.Lease, e.LeaseUntil = "", time.Time{}
	e.SeenAt, e.ExpiresAt = e.SeenAt.Truncate(time.Second), e.ExpiresAt.Truncate(time.Second)
	return e
}

func mustLease(t testing.TB, s Store, key string, version uint32, nonce string, now time.Time) session.Entry {
	t.Helper()
	e, err := s.LeaseSession(t.Context(), key, version, nonce, now, now.Add(leaseTTL))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustCommit(t testing.TB, s Store, e session.Entry, now time.Time) session.Entry {
	t.Helper()
	got, err := s.CommitSession(t.Context(), e, now)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// mustKeep checks what the store has.
func mustKeep(t testing.TB, s Store, want session.Entry, now time.Time) {
	t.Helper()
	got, err := s.GetSession(t.Context(), want.Key, now)
	if err != nil {
		t.Error(err)
		return
	}
	sameEntry(t, "session", want, got)
}

func sameEntry(t testing.TB, what string, want, got session.Entry) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// mustLack checks that there is no session under a key.
func mustLack(t testing.TB, s Store, key string, now time.Time) {
	t.Helper()
	if e, err := s.GetSession(t.Context(), key, now); !errors.Is(err, session.ErrUnknown) || !cmp.Equal(e, session.Entry{}) {
		t.Errorf("%+v, %v, want %v", e, err, session.ErrUnknown)
	}
}

// sessionShapes are sessions with all there is, and with what may be absent.
var sessionShapes = map[string]func(*signedIn){
	"with all there is":          func(*signedIn) {},
	"of nobody in particular":    func(s *signedIn) { s.Subject = "" },
	"without a refresh token":    func(s *signedIn) { s.RefreshToken = "" },
	"with times between seconds": func(*signedIn) {},
}

func sessionRoundTrip(t *testing.T, s Store) {
	for name, shape := range sessionShapes {
		t.Run(name, func(t *testing.T) {
			now := second()
			in := newSignedIn(t, now, shape)
			given := in.entry
			if strings.Contains(name, "between") {
				for _, at := range []*time.Time{&given.Created, &given.SeenAt, &given.ExpiresAt, &given.MaxAt} {
					*at = at.Add(900 * time.Millisecond)
				}
			}
			if err := s.PutSession(t.Context(), given); err != nil {
				t.Fatal(err)
			}
			mustKeep(t, s, in.entry, now)
			got, err := s.GetSession(t.Context(), in.entry.Key, now)
			if err != nil {
				t.Fatal(err)
			}
			opened, err := got.Open(ring, in.Cookie)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(in.Session, opened); diff != "" {
				t.Errorf("session (-sealed +opened):\n%s", diff)
			}
		})
	}
	mustLack(t, s, session.Key(session.NewCookie()), second())
}

// sessionPutTwice: an attempt to put that arrives late takes nothing back.
func sessionPutTwice(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	want := in.entry
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"as it was", func() {}},
		{"leased", func() { want = mustLease(t, s, want.Key, 0, "n1", now) }},
		{"refreshed", func() { want = mustCommit(t, s, in.refreshed(t, "n1", now), now) }},
	} {
		step.do()
		if err := s.PutSession(t.Context(), in.entry); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
		mustKeep(t, s, want, now)
	}
}

// sessionRefresh goes through three refreshes, each step told twice.
func sessionRefresh(t *testing.T, s Store) {
	now := second()
	in := putSignedIn(t, s, now)
	for version := range uint32(3) {
		at, nonce := now.Add(time.Duration(version+1)*time.Minute+300*time.Millisecond), "n"+secret.Mint(64)
		leased := in.entry
		leased.Lease, leased.LeaseUntil = nonce, at.Add(leaseTTL).Truncate(time.Second)
		for range 2 {
			sameEntry(t, "leased", leased, mustLease(t, s, in.entry.Key, version, nonce, at))
			mustKeep(t, s, leased, at)
		}
		e := in.refreshed(t, nonce, at)
		want := committed(e)
		for range 2 {
			sameEntry(t, "committed", want, mustCommit(t, s, e, at))
			mustKeep(t, s, want, at)
		}
		// A commit takes no lease but the one of its own version.
		other := mustLease(t, s, in.entry.Key, version+1, "other", at)
		sameEntry(t, "committed, and leased by the next", other, mustCommit(t, s, e, at))
		mustKeep(t, s, other, at)
		if err := s.ReleaseSession(t.Context(), in.entry.Key, "other", at); err != nil {
			t.Fatal(err)
		}
		in.entry = want
		in.entry.Lease, in.entry.LeaseUntil = session.FailedLease, at.Truncate(time.Second)
	}
}
