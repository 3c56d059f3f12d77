package rp_test

import (
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

func TestCallbackMode(t *testing.T) {
	for value, want := range map[string]string{
		"": "", "json": "", "session": "CALLBACK_MODE: session is not in this version", "jason": "did you mean json?",
	} {
		e := &env.Reader{Environ: []string{"CALLBACK_MODE=" + value}}
		mode, err := rp.CallbackMode(e), e.Err()
		if mode != "json" || (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "1 problem")) {
			t.Errorf("%q: %q, %v", value, mode, err)
		}
	}
}
