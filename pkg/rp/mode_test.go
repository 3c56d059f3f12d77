package rp_test

import (
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

func TestCallbackMode(t *testing.T) {
	for _, def := range []string{rp.ModeJSON, rp.ModeSession} {
		for value, want := range map[string]struct{ mode, problem string }{
			"": {def, ""}, "json": {"json", ""}, "session": {"session", ""}, "jason": {def, "did you mean json?"},
		} {
			e := &env.Reader{Environ: []string{"CALLBACK_MODE=" + value}}
			mode, err := rp.CallbackMode(e, def), e.Err()
			if mode != want.mode || (err == nil) != (want.problem == "") || err != nil && (!strings.Contains(err.Error(), want.problem) || !strings.Contains(err.Error(), "1 problem")) {
				t.Errorf("%q, else %s: %q, %v", value, def, mode, err)
			}
		}
	}
}
