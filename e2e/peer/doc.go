// Package peer starts the real programs that Latchkey's tests talk to: two
// DynamoDB stand-ins, two OAuth 2.0 / OpenID Connect providers, and a browser.
// It owns their lives: each listens on a free port of 127.0.0.1, is ready when
// the call returns, and has ended when the test (or, with [Main], the test
// binary) ends, also when the binary is killed.
//
// A part that is not installed skips the test through [Absent], so that plain
// "go test ./..." needs nothing but Go.
//
// Never import it outside of tests: it trusts every login and prints secrets.
package peer
