package idtoken

import (
	"context"

	"github.com/latchkey-go/latchkey/pkg/provider"
)

// Newer asks for keys of a later edition than the one given.
func (v *Verifier) Newer(ctx context.Context, p *provider.Provider, url string, than int) error {
	_, err := v.keysOf(p, url).newer(ctx, than)
	return err
}
