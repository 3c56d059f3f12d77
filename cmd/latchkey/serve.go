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
	"github.com/latchkey-go/latchkey/pkg/idtoken"
	"github.com/latchkey-go/latchkey/pkg/provider"
	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/store/memory"
)

type serve struct {
	Listen      string        `default:"localhost:3000" placeholder:"HOST:PORT" help:"Where to listen; port 0 chooses a free one (${default})."`
	ClockOffset time.Duration `placeholder:"DURATION" help:"Move this process's clock, to see what happens when something expires."`
	Open        bool          `help:"Open the browser."`
}

// Run serves until ctx is done.
func (s *serve) Run(ctx context.Context) error {
	var e env.Reader
	redirectURI(&e)
	p, api, ttl := provider.FromEnv(&e), gateway.FromEnv(&e), rp.LoginTTL(&e)
	mode, table := rp.CallbackMode(&e), e.String("TABLE_NAME")
	if err := e.Err(); err != nil {
		return err
	}
	var logins rp.Logins = memory.New()
	if table != "" {
		store, err := openTable(ctx)
		if err != nil {
			return err
		}
		logins = store
	}
	listeners, err := listen(s.Listen)
	if err != nil {
		return err
	}
	local := "http://" + address(s.Listen, listeners[0])
	switch api.BaseURL {
	case "":
		if api.BaseURL, err = baseurl.Parse(local); err != nil {
			return fmt.Errorf("--listen %s: plain http is for loopback hosts only; listen on localhost, or set PUBLIC_BASE_URL to the https URL that leads here", s.Listen)
		}
	case local:
		api.SetHost = false // no proxy in between: other names of this machine are sent to this one
	}
	now := func() time.Time { return time.Now().Add(s.ClockOffset) }
	api.Logger = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	mux := http.NewServeMux()
	front := &front{provider: p, mode: mode, redirectURI: api.BaseURL + "/callback"}
	mux.Handle("/{$}", front)
	if front.ready() {
		mux.Handle("/login", &rp.Login{Provider: p, Logins: logins, TTL: ttl, Now: now})
		mux.Handle("/callback", &rp.Callback{Provider: p, Logins: logins, IDTokens: &idtoken.Verifier{Now: now}, Now: now})
	} else {
		mux.Handle("/login", front)
	}
	fmt.Println("listening on " + local)
	front.announce(api.BaseURL)
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
		IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
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
