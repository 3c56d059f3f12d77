package doctor

import (
	"context"
	"errors"

	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Why a secret cannot be read, as whoever reads it for an Examination says.
// Any other error is an answer that did not come.
var (
	ErrDenied   = errors.New("doctor: the credentials do not allow to read the secret")
	ErrNoSecret = errors.New("doctor: there is no such secret, or nothing in it")
	ErrNoRegion = errors.New("doctor: no AWS region is set")
)

// rightRole is what to do where credentials are not to read a secret.
const rightRole = "leave it so for that role; to have it examined, ask once with credentials that have secretsmanager:GetSecretValue on it"

// noClientSecret says why the client secret of a stack could not be tried. It is
// asked for once more, since an exchange does not tell the reasons apart.
func (x *Examination) noClientSecret(ctx context.Context) Finding {
	_, err := x.Provider.Secret(ctx)
	const id, why = "client", "every login ends with a request that carries it"
	switch {
	case errors.Is(err, ErrDenied):
		return Finding{id, Unchecked, "your credentials do not allow to read the client secret of the stack, which is right for a role that deploys", why, rightRole + ", or try a login"}
	case errors.Is(err, ErrNoSecret):
		return Finding{id, Problem, "the client secret of the stack is not there, or is JSON without the member client_secret", why, "store it in Secrets Manager, as text or as client_secret, and give the stack its whole ARN (ClientSecretArn)"}
	}
	return Finding{id, Unchecked, "the client secret of the stack cannot be read", why, "check the network, and AWS_REGION; or try a login"}
}

// examineKeys judges the deployment secret.
func (x *Examination) examineKeys(ctx context.Context) []Finding {
	const id, why = "secret", "every key is derived from it: whoever guesses it makes tokens, and opens sessions with the table"
	if x.Keys == nil {
		if x.local() {
			return x.noKeys()
		}
		return []Finding{{id, Unchecked, "the stack's outputs name no deployment secret", why, "deploy the current template, or look at the resource DeploymentSecret"}}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	list, err := x.Keys(ctx)
	switch {
	case errors.Is(err, ErrDenied) && !x.local():
		return []Finding{{id, Unchecked, "your credentials do not allow to read the deployment secret, which is right for a role that deploys", why, rightRole}}
	case errors.Is(err, ErrNoRegion):
		return []Finding{{id, Problem, "AWS_REGION is not set, so that the deployment secret cannot be read", why, "set AWS_REGION, for example AWS_REGION=eu-central-1, or choose a profile that names a region with AWS_PROFILE"}}
	case errors.Is(err, ErrNoSecret):
		return []Finding{{id, Problem, "the deployment secret is not there, or has no value", why, "check LATCHKEY_SECRET_ARN and AWS_REGION; a stack makes it: deploy the current template"}}
	case err != nil:
		return []Finding{{id, Unchecked, "the deployment secret cannot be read", why, "check LATCHKEY_SECRET_ARN, and allow secretsmanager:GetSecretValue on it"}}
	}
	ring, err := secret.ParseRing(list.Reveal())
	if err != nil {
		return []Finding{{id, Problem, "the deployment secret: " + err.Error(), why, "make one with: openssl rand -base64 48"}}
	}
	if weak(list.Reveal()) {
		return []Finding{{id, Problem, "the deployment secret looks made up, not random", why, "make one with: openssl rand -base64 48; then latchkey keys rotate and retire for a stack"}}
	}
	what := "one key"
	if n := len(ring.Roots()); n > 1 {
		what = "several keys, " + ring.Newest().ID + " is the newest"
	}
	return []Finding{{ID: id, Level: OK, What: "the deployment secret is long and random enough: " + what}}
}
