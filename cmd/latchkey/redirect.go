package main

import (
	"strings"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/provider"
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

// localSecret refuses a client secret that only a deployed function may read.
func localSecret(e *env.Reader, p *provider.Provider) {
	if strings.HasPrefix(p.SecretARN, "arn:") {
		e.Report("OAUTH_CLIENT_SECRET_ARN", "is for the deployed functions, and is not read here", "set OAUTH_CLIENT_SECRET to the secret itself instead")
	}
}
