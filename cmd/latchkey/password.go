package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/user"
)

// newPassword is one that standard input gives whole, or that is asked for
// twice. One line end after it is not part of it.
func newPassword(ctx context.Context, stdin bool) (string, error) {
	var password string
	var err error
	if stdin {
		password, err = readPassword(os.Stdin)
	} else {
		password, err = askPassword(ctx)
	}
	if err != nil {
		return "", err
	}
	if user.CheckPassword(password) != nil {
		return "", errors.New("a password has 1 to 1024 bytes of UTF-8; choose another")
	}
	return password, nil
}

// warnOfPassword is for a password that is in use already.
func warnOfPassword(password string) {
	if user.Guessable(password) {
		warning(guessablePassword("the password"))
	}
}

// guessablePassword is what a warning says of a short one, and never which.
func guessablePassword(whose string) string {
	return whose + " has fewer than 8 characters; it works, but can be guessed"
}

func readPassword(from io.Reader) (string, error) {
	b, err := io.ReadAll(io.LimitReader(from, maxTyped))
	if err != nil {
		return "", fmt.Errorf("the password could not be read: %w", err)
	}
	return withoutLineEnd(string(b)), nil
}

func withoutLineEnd(s string) string {
	return strings.TrimSuffix(strings.TrimSuffix(s, "\n"), "\r")
}

// askPassword asks at the terminal, without an echo if there is a way.
func askPassword(ctx context.Context) (string, error) {
	if !terminal() {
		return "", errors.New("there is no terminal to ask for a password; give it on standard input with --password-stdin")
	}
	if stty("-echo") == nil {
		defer func() { _ = stty("echo") }()
	} else {
		warning("this terminal will show what you type")
	}
	lines := typed()
	const none = "no password was given; nothing was changed"
	first, err := ask(ctx, lines, "Password: ", none)
	if err != nil {
		return "", err
	}
	second, err := ask(ctx, lines, "Again: ", none)
	if err == nil && first != second {
		err = errors.New("the two passwords differ; nothing was changed")
	}
	return first, err
}
