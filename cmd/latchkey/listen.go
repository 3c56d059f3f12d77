package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
)

// listen opens addr. For the name localhost it opens both 127.0.0.1 and ::1,
// where there is one: browsers try either.
func listen(addr string) ([]net.Listener, error) {
	host, err := hostOf(addr)
	if err != nil {
		return nil, err
	}
	first, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %s", addr, trouble(err))
	}
	listeners := []net.Listener{first}
	if host != "localhost" {
		return listeners, nil
	}
	tcp := first.Addr().(*net.TCPAddr)
	other := net.IPv6loopback
	if tcp.IP.To4() == nil {
		other = net.IPv4(127, 0, 0, 1)
	}
	second, err := net.Listen("tcp", (&net.TCPAddr{IP: other, Port: tcp.Port}).String())
	if err == nil {
		listeners = append(listeners, second)
	}
	return listeners, nil
}

// hostOf is the host of HOST:PORT.
func hostOf(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || port == "" || strings.ContainsAny(host, "/ ") {
		return "", fmt.Errorf("--listen %s: write HOST:PORT, for example --listen localhost:3000", addr)
	}
	return host, nil
}

// trouble says why an address cannot be opened, and what to do.
func trouble(err error) string {
	op, ok := errors.AsType[*net.OpError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "the port is in use; end the other program, choose another port, or let --listen localhost:0 find one"
	case errors.Is(err, syscall.EACCES):
		return "the system does not allow this port; choose one from 1024 on, for example --listen localhost:3000"
	case ok:
		err = op.Err
	}
	return err.Error() + "; listen on this machine, for example --listen localhost:3000"
}

// address is addr as it was given, with the port that was really opened.
func address(addr string, l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(nameOf(addr), port)
}

// nameOf is the host under which a browser here reaches what listens on addr.
func nameOf(addr string) string {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		return "localhost"
	}
	return host
}

// baseOf is the base URL when none is set: local, where --listen addr leads.
func baseOf(addr, local string) (string, error) {
	base, err := baseurl.Parse(local)
	if err != nil {
		return "", fmt.Errorf("--listen %s: plain http is for loopback hosts only; listen on localhost, or set PUBLIC_BASE_URL to the https URL that leads here", addr)
	}
	return base, nil
}
