package gateway

import (
	"context"
	"encoding/base64"
	"net"
	"net/http"
	"net/netip"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/principal"
)

// invoke answers one event. The adapter carries method, path and body across
// and turns the answer back into an event. It gets nothing it could misread,
// drop or print with the query in it: the rest of the request comes from the
// event itself.
func (f *front) invoke(ctx context.Context, e *events.APIGatewayV2HTTPRequest, base string, refusal *oauth.Error) events.APIGatewayV2HTTPResponse {
	r := request(e)
	if refusal == nil {
		refusal = r.refusal
	}
	a := arrival{base: base, host: r.host, refusal: refusal}
	if base != "" {
		a.host = baseurl.Host(base)
	}
	if lc, ok := lambdacontext.FromContext(ctx); ok {
		a.id = lc.AwsRequestID
	}
	if by := e.RequestContext.Authorizer; by != nil {
		if who, ok := principal.FromContext(by.Lambda); ok {
			ctx = principal.With(ctx, who)
		}
	}
	adapter := httpadapter.NewV2(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		req.Method, req.URL, req.RequestURI = r.method, r.url, r.url.RequestURI()
		req.Header, req.RemoteAddr = r.header, r.remote
		b := buffer{head: req.Method == http.MethodHead}
		f.serve(&b, req, a)
		b.sendTo(w)
	}))
	reply, err := adapter.ProxyWithContext(ctx, r.plain(e))
	if err != nil { // request leaves the adapter nothing to fail on
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusInternalServerError,
			Headers: map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store"},
			Body:    `{"error":"server_error","error_description":"The request could not be read."}` + "\n"}
	}
	return reply
}

// incoming is what an event says about its request.
type incoming struct {
	method  string
	url     *url.URL
	header  http.Header
	remote  string
	host    string
	body    string
	refusal *oauth.Error // why the handler must not see it; nil if it may
}

func badRequest(description string) *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidRequest, Description: description}
}

// request reads an event. What it cannot take over it leaves out, with a
// refusal.
func request(e *events.APIGatewayV2HTTPRequest) incoming {
	r := incoming{
		method: e.RequestContext.HTTP.Method,
		url:    &url.URL{Path: path(e), RawQuery: e.RawQueryString},
		remote: remoteAddr(e.RequestContext.HTTP.SourceIP),
		host:   "localhost",
		body:   e.Body,
	}
	if !token(r.method) {
		r.method, r.refusal = http.MethodGet, badRequest("The request has no valid method.")
	}
	if e.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			r.refusal = badRequest("The body of the request is not valid base64.")
		}
		r.body = string(body)
	}
	if !headers(&r, e) {
		r.refusal = badRequest("A header of the request is malformed.")
	}
	return r
}

// headers takes over the headers, each value whole: a comma may be part of
// it. It reports whether all were well formed.
func headers(r *incoming, e *events.APIGatewayV2HTTPRequest) bool {
	ok := true
	r.header = make(http.Header, len(e.Headers)+1)
	cookies := ""
	for name, value := range e.Headers {
		if !token(name) || !fieldValue(value) {
			ok = false
			continue
		}
		switch name = textproto.CanonicalMIMEHeaderKey(name); name {
		case "Host": // the base says
		case "Cookie":
			cookies = value
		default:
			r.header[name] = append(r.header[name], value)
		}
	}
	for _, c := range e.Cookies {
		if !fieldValue(c) {
			return false
		}
	}
	if c := joinCookies(e.Cookies, cookies); c != "" {
		r.header["Cookie"] = []string{c}
	}
	return ok
}

// joinCookies makes one Cookie header. sam local delivers the header next to
// the list that was made of it; of a cookie that is in both, one stays.
func joinCookies(list []string, header string) string {
	joined := strings.Join(list, "; ")
	for c := range strings.SplitSeq(header, ";") {
		c = strings.Trim(c, " \t")
		if c == "" || contains(list, c) {
			continue
		}
		if joined != "" {
			joined += "; "
		}
		joined += c
	}
	return joined
}

// contains reports whether c is one of the pairs of list.
func contains(list []string, c string) bool {
	for _, item := range list {
		for pair := range strings.SplitSeq(item, ";") {
			if strings.Trim(pair, " \t") == c {
				return true
			}
		}
	}
	return false
}

// path is the event's path, which arrives decoded, without the prefix of a
// named stage. Behind a custom domain the prefix may be missing already; then
// the path is the route's own.
func path(e *events.APIGatewayV2HTTPRequest) string {
	p := e.RawPath
	if p == "" {
		p = e.RequestContext.HTTP.Path
	}
	if s := e.RequestContext.Stage; s != "" && s != stageDefault {
		_, route, _ := strings.Cut(e.RouteKey, " ")
		rest, ok := strings.CutPrefix(p, "/"+s)
		if ok && p != route && (rest == "" || rest[0] == '/') {
			p = rest
		}
	}
	if !strings.HasPrefix(p, "/") {
		p = "/" + p
	}
	return p
}

// remoteAddr gives the source address the form that http.Request has it in.
func remoteAddr(ip string) string {
	if _, err := netip.ParseAddr(ip); err != nil {
		ip = "0.0.0.0"
	}
	return net.JoinHostPort(ip, "0")
}

// plain is the event as the adapter gets it: with the path escaped and
// without what the adapter would split, parse or print.
func (r *incoming) plain(e *events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPRequest {
	c := *e
	c.RawPath = r.url.EscapedPath()
	c.RawQueryString, c.QueryStringParameters, c.Headers, c.Cookies = "", nil, nil, nil
	c.Body, c.IsBase64Encoded = r.body, false
	c.RequestContext.DomainName = r.host
	c.RequestContext.HTTP.Method = r.method
	return c
}

// token reports whether s is a token (RFC 9110 §5.6.2): a method, the name of
// a header.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// fieldValue reports whether s has no control character but tab (RFC 9110
// §5.5).
func fieldValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
