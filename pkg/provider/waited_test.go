package provider_test

import (
	"bufio"
	"context"
	"fmt"
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

const slowIssuer = "http://127.0.0.1"

// slow is a provider that takes a second of a bubble's clock for each answer.
// What it has no body for is not there.
func slow(bodies map[string]string) func(*provider.Provider) {
	serve := func(there net.Conn) {
		defer there.Close()
		r, err := http.ReadRequest(bufio.NewReader(there))
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(time.Second)
		status, body := "200 OK", bodies[r.URL.Path]
		if body == "" {
			status = "404 Not Found"
		}
		fmt.Fprintf(there, "HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", status, len(body), body)
	}
	return func(p *provider.Provider) {
		p.Issuer, p.Scope, p.Subject = slowIssuer, "read", "sub"
		p.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go serve(there)
			return here, nil
		}}
	}
}

const slowDocument = `{"issuer":"` + slowIssuer + `","authorization_endpoint":"` + slowIssuer + `/authorize","token_endpoint":"` + slowIssuer + `/token"}`

// waited are the milliseconds on a line under a name, and on how many entries.
func waited(line *logline.Line, name string) (ms int64, entries int) {
	for _, a := range line.Attrs() {
		if a.Key == name {
			ms, entries = ms+a.Value.Int64(), entries+1
		}
	}
	return ms, entries
}

// Every request to the provider is counted, once.
func TestTimeAtTheProviderIsLogged(t *testing.T) {
	const wellKnown, other = "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"
	ep := provider.Endpoints{Token: slowIssuer + "/token", UserInfo: slowIssuer + "/me", Revoke: slowIssuer + "/revoke"}
	discover := func(ctx context.Context, p *provider.Provider) { _, _ = p.Endpoints(ctx) }
	for _, tt := range []struct {
		name   string
		bodies map[string]string
		do     func(ctx context.Context, p *provider.Provider)
		want   int64
		part   string // an attribute that has the same
	}{
		{"the code exchange", map[string]string{"/token": good}, func(ctx context.Context, p *provider.Provider) {
			_, _ = p.Exchange(ctx, ep, code, verifier, redirect)
		}, 1000, ""},
		{"a refresh that is refused", nil, func(ctx context.Context, p *provider.Provider) { _, _ = p.Refresh(ctx, ep, oldRefresh) }, 1000, ""},
		{"userinfo", map[string]string{"/me": `{"sub":"ada"}`}, func(ctx context.Context, p *provider.Provider) { _, _ = p.UserInfo(ctx, ep, access) }, 1000, "provider_userinfo_ms"},
		{"revocation", map[string]string{"/revoke": " "}, func(ctx context.Context, p *provider.Provider) { _ = p.Revoke(ctx, ep, access, secret.Text{}) }, 1000, "provider_revoke_ms"},
		{"the keys", map[string]string{"/jwks": "{}"}, func(ctx context.Context, p *provider.Provider) { _, _ = p.Get(ctx, slowIssuer+"/jwks") }, 1000, ""},
		{"metadata", map[string]string{wellKnown: slowDocument}, discover, 1000, ""},
		{"metadata, at the second place", map[string]string{other: slowDocument}, discover, 2000, ""},
		{"metadata that is not there", nil, discover, 2000, ""},
		{"metadata of another issuer", map[string]string{wellKnown: `{"issuer":"x"}`}, discover, 1000, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, line := logline.With(t.Context(), "r")
				tt.do(ctx, client(slow(tt.bodies)))
				if ms, n := waited(line, "provider_ms"); ms != tt.want || int64(n) > tt.want/1000 {
					t.Errorf("provider_ms is %d, in %d entries, want %d", ms, n, tt.want)
				}
				if ms, _ := waited(line, tt.part); tt.part != "" && ms != tt.want {
					t.Errorf("%s is %d, want %d", tt.part, ms, tt.want)
				}
				synctest.Wait()
			})
		})
	}
}

// Whoever waits for metadata that somebody else has asked for waits too, each
// for the time that it was itself; who does not wait has nothing to say.
func TestTimeOfSharedMetadataIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := client(slow(map[string]string{"/.well-known/openid-configuration": slowDocument}))
		ask := func(ctx context.Context) (*logline.Line, chan error) {
			ctx, line := logline.With(ctx, "r")
			done := make(chan error, 1)
			go func() {
				_, err := p.Endpoints(ctx)
				done <- err
			}()
			return line, done
		}
		short, cancel := context.WithTimeout(t.Context(), 900*time.Millisecond)
		defer cancel()
		leaves, left := ask(short) // keeps half a second to answer with
		time.Sleep(300 * time.Millisecond)
		joins, joined := ask(t.Context())
		if err := <-left; err == nil {
			t.Error("the first did not leave")
		}
		if err := <-joined; err != nil {
			t.Error(err)
		}
		late, done := ask(t.Context())
		if err := <-done; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		for _, tt := range []struct {
			name string
			line *logline.Line
			ms   int64
			n    int
		}{{"the one that began it and left", leaves, 400, 1}, {"the one that joined", joins, 700, 1}, {"a later one", late, 0, 0}} {
			if ms, n := waited(tt.line, "provider_ms"); ms != tt.ms || n != tt.n {
				t.Errorf("%s: provider_ms is %d, in %d entries, want %d in %d", tt.name, ms, n, tt.ms, tt.n)
			}
		}
	})
}
