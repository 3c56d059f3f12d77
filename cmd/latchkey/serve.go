package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
)

type serve struct {
	Listen      string        `default:"localhost:3000" placeholder:"HOST:PORT" help:"Where to listen; port 0 chooses a free one (${default})."`
	ClockOffset time.Duration `placeholder:"DURATION" help:"Move this process's clock, to see what happens when something expires."`
	Config      string        `placeholder:"FILE" help:"Users, clients and lifetimes of the server half, in YAML."`
	Open        bool          `help:"Open the browser."`
}

// Run serves until ctx is done.
func (s *serve) Run(ctx context.Context) error {
	var e env.Reader
	redirectURI(&e)
	p, api, ttl := provider.FromEnv(&e), gateway.FromEnv(&e), rp.LoginTTL(&e)
	mode, tables := rp.CallbackMode(&e), tablesFromEnv(&e)
	localSecret(&e, p)
	half, err := newServer(&e, s.Config, tables.accounts)
	if err := errors.Join(e.Err(), err); err != nil {
		return err
	}
	now := func() time.Time { return time.Now().Add(s.ClockOffset) }
	kept, err := tables.open(ctx, half, now)
	if err != nil {
		return err
	}
	listeners, err := listen(s.Listen)
	if err != nil {
		return err
	}
	local := "http://" + address(s.Listen, listeners[0])
	switch api.BaseURL {
	case "":
		if api.BaseURL, err = baseOf(s.Listen, local); err != nil {
			return err
		}
	case local:
		api.SetHost = false // no proxy in between: other names of this machine are sent to this one
	}
	api.Logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	mux := http.NewServeMux()
	front := &front{provider: p, mode: mode, redirectURI: api.BaseURL + "/callback", demo: half.found != nil && half.found.demo}
	mux.Handle("/{$}", front)
	mux.Handle("/login", &rp.Login{Provider: p, Logins: kept, TTL: ttl, Now: now})
	mux.Handle("/callback", &rp.Callback{Provider: p, Logins: kept, IDTokens: &idtoken.Verifier{Now: now}, Now: now})
	half.handle(mux, kept, now)
	half.warn()
	fmt.Println("listening on " + local)
	announce(front, half, api.BaseURL)
	if s.Open {
		openBrowser(api.BaseURL)
	}
	return run(ctx, listeners, api.Wrap(gateway.Routes(mux)))
}

// run serves h on every listener until ctx is done, then lets requests in
// flight end.
func run(ctx context.Context, listeners []net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, DisableGeneralOptionsHandler: true, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	failed := make(chan error, len(listeners))
	for _, l := range listeners {
		go func() { failed <- server.Serve(l) }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// openBrowser is best effort: the address is printed anyway.
func openBrowser(url string) {
	command, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		command = "open"
	case "windows":
		command, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	if err := exec.Command(command, args...).Start(); err != nil {
		fmt.Fprintln(os.Stderr, "latchkey: the browser did not open: "+errors.Unwrap(err).Error())
	}
}
