package main

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// maxName bounds a user's name, in bytes.
const maxName = 128

// checkName says whether a user can be called that.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is missing")
	case len(name) > maxName || !utf8.ValidString(name):
		return errors.New("has to be 1 to 128 bytes of UTF-8")
	case strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("begins or ends with a space, or has a control character")
	}
	return nil
}

// subjectOf is the sub of a user in a file: the same in each run, and nothing
// that shows the name. Users in a table get a random one.
func subjectOf(name string) string { return secret.Hash("sub " + name)[:22] }

// secretHash is what is kept of a client's secret.
func secretHash(text string) string { return secret.Hash(text) }

// authMethods are those of a client that names none.
func authMethods(c client.Client) []string {
	if c.Public() {
		return []string{client.None}
	}
	return []string{client.SecretBasic, client.SecretPost}
}
