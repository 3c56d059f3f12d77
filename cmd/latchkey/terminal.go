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
)

// terminal reports whether there may be somebody to ask. The null device
// passes for a terminal, and answers nothing.
func terminal() bool {
	info, err := os.Stdin.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// maxTyped is how much is read of what somebody gives to a question or as a
// password, in bytes.
const maxTyped = 4 << 10

// typed are the lines of the terminal. What passes for one may never end.
func typed() *bufio.Reader { return bufio.NewReader(io.LimitReader(os.Stdin, maxTyped)) }

// ask reads one line, unless ctx ends first. none is the error when there is
// no answer.
func ask(ctx context.Context, lines *bufio.Reader, prompt, none string) (string, error) {
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
			return "", errors.New(none)
		}
		return r.line, nil
	}
}

// agree tells somebody at the terminal what a command does and goes on with a
// yes, the whole word. Where nobody answers, it takes the flag --yes.
func agree(ctx context.Context, price string) error {
	refused := errors.New(price + "\nNothing was changed. If all of that may happen, or has to, run this again with --yes")
	if !terminal() {
		return refused
	}
	fmt.Fprintln(os.Stderr, price)
	answer, err := ask(ctx, typed(), "Type yes to go on: ", "nobody has answered, and nothing was changed; where there is nobody to ask, run this with --yes")
	if err == nil && strings.TrimSpace(answer) != "yes" {
		err = errors.New("the answer was not yes; nothing was changed")
	}
	return err
}

func stty(mode string) error {
	command := exec.Command("stty", mode)
	command.Stdin = os.Stdin
	return command.Run()
}
