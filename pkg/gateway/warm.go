package gateway

import (
	"context"
	"crypto/x509"
	"sync"
	"time"
)

// warmTime bounds what the init of a function spends on getting ready. Lambda
// gives an init a whole processor and ten seconds; a request comes in with the
// share that its memory size buys.
const warmTime = 1500 * time.Millisecond

// A Warmer opens a connection or reads a secret, so that the first request
// finds it done. What fails is tried again by the request that needs it.
type Warmer func(context.Context) error

// warm runs every warmer at the same time, and loads the machine's certificate
// authorities, which the first TLS connection needs. It returns when all are
// done or the time is up, and nothing that happens in a warmer stops the
// start. Without a warmer it does nothing.
func warm(warmers []Warmer) {
	if len(warmers) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), warmTime)
	var all sync.WaitGroup
	all.Go(func() { _, _ = x509.SystemCertPool() })
	for _, w := range warmers {
		all.Go(func() {
			defer func() { _ = recover() }()
			_ = w(ctx)
		})
	}
	done := make(chan struct{})
	go func() {
		defer cancel()
		all.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
