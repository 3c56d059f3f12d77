package memory

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// PutSignIn keeps a browser's sign-in.
func (s *Store) PutSignIn(ctx context.Context, r session.Record) error {
	return s.putRecord(ctx, "put sign-in", &s.signIns, r)
}

// PutConsent keeps what a user has allowed a client, in place of what it was
// before.
func (s *Store) PutConsent(ctx context.Context, r session.Record) error {
	return s.putRecord(ctx, "put consent", &s.signIns, r)
}

// DeleteSignIn forgets a sign-in. One that is not there is no error.
func (s *Store) DeleteSignIn(ctx context.Context, key string) error {
	if err := s.enter(ctx, "delete sign-in"); err != nil {
		return err
	}
	defer s.leave()
	delete(s.signIns.at, key)
	return nil
}

// GetSignIn returns a sign-in and a consent; a key may be empty. What is not
// there is the zero Record and no error. Whether they have expired is judged
// where they are opened.
func (s *Store) GetSignIn(ctx context.Context, signInKey, consentKey string) (signIn, consent session.Record, err error) {
	if err := s.enter(ctx, "get sign-in"); err != nil {
		return signIn, consent, err
	}
	defer s.leave()
	signIn, consent = s.signIns.at[signInKey], s.signIns.at[consentKey]
	signIn.Sealed, consent.Sealed = bytes.Clone(signIn.Sealed), bytes.Clone(consent.Sealed)
	return signIn, consent, nil
}

// EndUser revokes every grant and deletes every sign-in and session of the user
// with the hash userHash. It looks at all there is.
func (s *Store) EndUser(ctx context.Context, userHash string) error {
	return s.endUser(ctx, userHash, false)
}

// ForgetUser is EndUser, and it deletes what the user has consented to.
func (s *Store) ForgetUser(ctx context.Context, userHash string) error {
	return s.endUser(ctx, userHash, true)
}

func (s *Store) endUser(ctx context.Context, userHash string, consents bool) error {
	if userHash == "" {
		return errors.New("memory: end user: there is no user")
	}
	if err := s.enter(ctx, "end user"); err != nil {
		return err
	}
	defer s.leave()
	s.grants.revoke(userHash)
	for key, e := range s.sessions.at {
		if e.User == userHash {
			delete(s.sessions.at, key)
		}
	}
	for key, r := range s.signIns.at {
		if r.User == userHash && (consents || strings.HasPrefix(key, session.SignInPrefix)) {
			delete(s.signIns.at, key)
		}
	}
	return nil
}
