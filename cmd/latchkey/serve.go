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

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
	"github.com/latchkey-go/latchkey/pkg/page"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/session"
)

type serve struct {
	Listen      string        `default:"localhost:3000" placeholder:"HOST:PORT" help:"Where to listen; port 0 chooses a free one (${default})."`
	ClockOffset time.Duration `placeholder:"DURATION" help:"Move this process's clock, to see what happens when something expires."`
	Config      string        `placeholder:"FILE" help:"Users, clients and lifetimes of the server half, in YAML."`
	Session     bool          `help:"Keep the tokens on the server, in a session (CALLBACK_MODE=session)."`
	Open        bool          `help:"Open the browser."`
}

// Run serves until ctx is done.
func (s *serve) Run(ctx context.Context) error {
	var e env.Reader
	redirectURI(&e)
	p, api, ttl := provider.FromEnv(&e), gateway.FromEnv(&e), rp.LoginTTL(&e)
	mode, lasting, tables := s.mode(&e), session.LifetimesFromEnv(&e), tablesFromEnv(&e)
	localSecret(&e, p)
	half, err := newServer(&e, s.Config, tables.accounts, api.BaseURL, p.Name)
	if err := errors.Join(e.Err(), err); err != nil {
		return err
	}
	if _, err := half.keys.Ring(ctx, ""); err != nil {
		return fmt.Errorf("LATCHKEY_SECRET_ARN: %w", unreadable(err))
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
	c := &clientHalf{provider: p, kept: kept, loginTTL: ttl, now: now, alone: !baseurl.Secure(api.BaseURL)}
	c.setup = page.Setup{RedirectURI: api.BaseURL + "/callback", Mode: mode, Demo: half.found != nil && half.found.demo}
	if mode == rp.ModeSession {
		c.keeper = &rp.Keeper{Sessions: kept, Keys: half.keys, Lifetimes: lasting, Now: now}
	}
	c.handle(mux)
	half.handle(mux, kept, now)
	half.warn(listeners[0].Addr())
	fmt.Println("listening on " + local)
	announce(c, half, api.BaseURL, listeners[0].Addr())
	if s.Open {
		openBrowser(api.BaseURL)
	}
	return run(ctx, listeners, api.Wrap(gateway.Routes(mux)))
}

// mode is what a login is answered with; the flag goes with the setting, not
// against it.
func (s *serve) mode(e *env.Reader) string {
	mode := rp.CallbackMode(e, rp.ModeJSON)
	if !s.Session {
		return mode
	}
	if e.Given("CALLBACK_MODE") && mode != rp.ModeSession {
		e.Report("CALLBACK_MODE", "is "+mode+", and the flag --session says otherwise", "leave out one of the two")
	}
	return rp.ModeSession
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
