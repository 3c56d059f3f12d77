package rp

import "github.com/latchkey-go/latchkey/pkg/env"

// The values of CALLBACK_MODE: what a finished login is answered with.
const (
	// ModeJSON is the provider's token response, and nothing is kept.
	ModeJSON = "json"
	// ModeSession is a session whose tokens never reach the browser.
	ModeSession = "session"
)

// CallbackMode reads CALLBACK_MODE; what is not set is def.
func CallbackMode(e *env.Reader, def string) string {
	return e.OneOf("CALLBACK_MODE", def, ModeJSON, ModeSession)
}
