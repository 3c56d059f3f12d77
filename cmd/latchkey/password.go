package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
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
	b, err := io.ReadAll(io.LimitReader(from, 4<<10))
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
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return "", errors.New("there is no terminal to ask for a password; give it on standard input with --password-stdin")
	}
	if stty("-echo") == nil {
		defer func() { _ = stty("echo") }()
	} else {
		warning("this terminal will show what you type")
	}
	lines := bufio.NewReader(os.Stdin)
	first, err := ask(ctx, lines, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := ask(ctx, lines, "Again: ")
	if err == nil && first != second {
		err = errors.New("the two passwords differ; nothing was changed")
	}
	return first, err
}

// ask reads one line, unless ctx ends first.
func ask(ctx context.Context, lines *bufio.Reader, prompt string) (string, error) {
	fmt.Fprint(os.Stderr, prompt)
	defer fmt.Fprintln(os.Stderr)
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		line, err := lines.ReadString('\n')
		done <- result{withoutLineEnd(line), err}
	}()
	select {
	case <-ctx.Done():
		return "", errors.New("cancelled; nothing was changed")
	case r := <-done:
		if r.err != nil {
			return "", errors.New("no password was given; nothing was changed")
		}
		return r.line, nil
	}
}

func stty(mode string) error {
	command := exec.Command("stty", mode)
	command.Stdin = os.Stdin
	return command.Run()
}
