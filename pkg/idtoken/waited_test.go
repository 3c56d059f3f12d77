package idtoken_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// Whoever waits for keys that somebody else has asked for waits too, each for
// the time that it was itself.
func TestTimeOfSharedKeysIsLogged(t *testing.T) {
	token := ecKey(t, "e1").sign(t, claims(nil))
	synctest.Test(t, func(t *testing.T) {
		p, v := upstream(), verifier()
		p.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				_, _ = there.Read(make([]byte, 4096))
				time.Sleep(time.Second)
				_, _ = io.WriteString(there, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"keys\":[]}")
			}()
			return here, nil
		}}
		ep := provider.Endpoints{JWKS: "http://127.0.0.1/jwks", Issuer: "http://127.0.0.1", IDTokenAlgs: []string{"ES256"}}
		ask := func(ctx context.Context) (*logline.Line, chan error) {
			ctx, line := logline.With(ctx, "r")
			done := make(chan error, 1)
			go func() {
				_, err := v.Verify(ctx, p, ep, secret.NewText(token), nonce, secret.NewText(access))
				done <- err
			}()
			return line, done
		}
		short, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		leaves, left := ask(short) // keeps half a second to answer with
		time.Sleep(300 * time.Millisecond)
		joins, joined := ask(t.Context())
		<-left
		<-joined
		synctest.Wait()
		for _, tt := range []struct {
			name string
			line *logline.Line
			ms   int64
		}{{"the one that began it and left", leaves, 400}, {"the one that joined", joins, 700}} {
			if attrs := tt.line.Attrs(); len(attrs) != 1 || attrs[0].Key != "provider_ms" || attrs[0].Value.Int64() != tt.ms {
				t.Errorf("%s: %v, want provider_ms=%d", tt.name, attrs, tt.ms)
			}
		}
	})
}
