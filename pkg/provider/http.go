package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// maxBody bounds a provider's answer. Token responses and metadata are a
	// few kilobytes.
	maxBody = 256 << 10
	// maxHeader bounds the header of an answer.
	maxHeader = 64 << 10
	// dialTimeout leaves time for an answer after a slow connection.
	dialTimeout = 4 * time.Second
)

// failure is a class of failure, in our own words. It is all that a log ever
// sees of an exchange.
type failure string

func (f failure) Error() string { return string(f) }

const (
	failDNS       failure = "dns"
	failDial      failure = "dial"
	failTLS       failure = "tls"
	failTimeout   failure = "timeout"
	failCanceled  failure = "canceled"
	failLost      failure = "connection lost before an answer"
	failMalformed failure = "malformed answer"
	failCut       failure = "answer cut short"
	failLarge     failure = "answer too large"
	failTwice     failure = "second request refused"
)

// answered reports whether the provider had begun to answer.
func (f failure) answered() bool {
	return f == failMalformed || f == failCut || f == failLarge
}

// conns are the connections to one provider, with every limit on them.
type conns struct {
	once      sync.Once
	transport *http.Transport
}

// transport returns the provider's transport: HTTP/1.1, a connection for each
// request, no transparent decompression, bounded headers. So nothing is ever
// repeated: not by HTTP/2's rules, and not on a kept connection.
func (p *Provider) transport() *http.Transport {
	c := &p.conns
	c.once.Do(func() {
		t := &http.Transport{
			Proxy:       http.ProxyFromEnvironment,
			DialContext: (&net.Dialer{Timeout: dialTimeout}).DialContext,
		}
		if p.Transport != nil {
			t = p.Transport.Clone()
		}
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{}
		}
		t.TLSClientConfig.NextProtos = []string{"http/1.1"}
		t.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		t.ForceAttemptHTTP2 = false
		t.Protocols = new(http.Protocols)
		t.Protocols.SetHTTP1(true)
		t.DisableCompression = true
		t.MaxResponseHeaderBytes = maxHeader
		t.TLSHandshakeTimeout = dialTimeout
		// A connection that was kept may be dead by the time it is wanted: a
		// frozen Lambda notices nothing, and neither does anybody in the
		// moment in which the other end closes it. A code is posted once, so
		// a dead connection is a lost login. What a provider sends on one
		// unasked would go to the log besides.
		t.DisableKeepAlives = true
		c.transport = t
	})
	return c.transport
}

// classify reduces what net/http reports to a class. began says that the
// first byte of an answer had come.
func classify(err error, began bool) failure {
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case errors.Is(err, context.Canceled):
		return failCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return failTimeout
	case errors.As(err, &dns):
		return failDNS
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return failDial
	case errors.As(err, &timeout) && timeout.Timeout():
		return failTimeout
	case errors.As(err, &cert), errors.As(err, &record), errors.As(err, &alert):
		return failTLS
	case began:
		return failMalformed
	}
	return failLost
}
