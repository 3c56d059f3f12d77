package main

import (
	"strings"

	"github.com/latchkey-go/latchkey/pkg/env"
)

// redirectURI reads REDIRECT_URI, the name of an older client's setting: the
// base URL follows from it. Its path cannot be chosen here.
func redirectURI(e *env.Reader) {
	v := e.URL("REDIRECT_URI")
	if v == "" {
		return
	}
	base, ok := strings.CutSuffix(v, "/callback")
	if !ok {
		e.Report("REDIRECT_URI", "does not end in /callback, which is where the callback is", "register that one with the provider, for example REDIRECT_URI=http://localhost:3000/callback")
		return
	}
	e.Infer("PUBLIC_BASE_URL", base, "REDIRECT_URI")
}
