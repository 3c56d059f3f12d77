// Package pkce makes the proof key of one code exchange (RFC 7636).
//
// It knows S256 only and never offers or accepts "plain".
package pkce

import "github.com/latchkey-go/latchkey/pkg/secret"

// Method is the only code_challenge_method (RFC 7636 §4.3).
const Method = "S256"

// NewVerifier returns a code_verifier of 256 random bits, 43 characters of
// the unreserved set (RFC 7636 §4.1).
func NewVerifier() string { return secret.Mint(256) }

// Challenge returns BASE64URL(SHA256(ASCII(verifier))), RFC 7636 §4.2.
func Challenge(verifier string) string { return secret.Hash(verifier) }
