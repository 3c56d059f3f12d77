package main

import (
	"fmt"
	"net"
)

// listen opens addr. For the name localhost it opens both 127.0.0.1 and ::1,
// where there is one: browsers try either.
func listen(addr string) ([]net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: write HOST:PORT, for example --listen localhost:3000", addr)
	}
	first, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w; choose another port, or let --listen localhost:0 find one", addr, err)
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

// address is addr as it was given, with the port that was really opened.
func address(addr string, l net.Listener) string {
	host, _, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return net.JoinHostPort(host, port)
}
