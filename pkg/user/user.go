// Package user is a resource owner: who can sign in, how a password is checked
// and how often it may be guessed.
//
// It never talks HTTP, never reads a clock and never logs a password.
package user

import (
	"errors"
	"time"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// ErrUnknown: there is no such user, or it is not readable as one.
var ErrUnknown = errors.New("user: unknown")

// Tag is a short name of fixed width for the user called name: the key of an
// account, and what a refresh token carries so that the account can be read
// while the token is being used.
func Tag(name string) string { return secret.Tag(name) }

// User is one resource owner.
type User struct {
	// Name is what is typed at sign-in; unique.
	Name string `json:"name"`
	// Subject is the sub claim: never reused, also when a name is.
	Subject string `json:"sub"`
	// PasswordHash is in the PHC format, $argon2id$…
	PasswordHash string `json:"password_hash"`
	// DisplayName and Email are claims; both may be empty.
	DisplayName string `json:"display_name,omitempty"`
	Email       string `json:"email,omitempty"`
	// Disabled ends everything at the next look.
	Disabled bool `json:"disabled,omitempty"`
	// ValidFrom is set by a new password or by disabling: what was signed in
	// or approved before it is over.
	ValidFrom time.Time `json:"valid_from,omitzero"`
}
