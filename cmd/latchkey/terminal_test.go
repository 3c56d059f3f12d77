package main

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// at has a file stand in for the terminal.
func at(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	stdin := os.Stdin
	os.Stdin = f
	t.Cleanup(func() { os.Stdin = stdin; _ = f.Close() })
}

// What passes for a terminal and gives no line is nobody, also if it never ends.
func TestNobodyToAsk(t *testing.T) {
	for _, path := range []string{"/dev/null", "/dev/zero"} {
		t.Run(path, func(t *testing.T) {
			at(t, path)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			if err := agree(ctx, "everything ends"); err == nil || !strings.Contains(err.Error(), "nobody has answered") {
				t.Error(err)
			}
		})
	}
}

// Nothing that a stack or an endpoint says moves the cursor or turns text round.
func TestErrorsAreSafeToPrint(t *testing.T) {
	hostile := outputs{outputFlows: "F", outputAccounts: "A\x1b[2J\x1b]0;t\x07\r\u009b1m\u202e\xff"}
	_, name, err := tablesOf(t.Context(), hostile, "mine")
	if err != nil {
		t.Fatal(err)
	}
	got := printable(usable(dynamo.ErrNoTable, "ACCOUNTS_TABLE_NAME", name, "").Error() + "\n- é")
	if strings.ContainsAny(got, "\x1b\x07\r\u009b\u202e") || !utf8.ValidString(got) || !strings.Contains(got, "there is no table A\ufffd[2J") || !strings.HasSuffix(got, "\n- é") {
		t.Errorf("%q", got)
	}
}
