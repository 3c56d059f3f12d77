package stack

import (
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// gatewayTime is how API Gateway writes requestContext.time.
const gatewayTime = "02/Jan/2006:15:04:05 -0700"

// sourceIP is where every request comes from (RFC 5737).
const sourceIP = "203.0.113.7"

// eventOf turns a request into the event of payload format 2.0 as API Gateway
// sends it: rawPath is decoded, header names are lower case and their values
// joined by commas, cookies stand in an array of their own only, and a body
// that is not text, forms among them, is base64.
func (s *Stack) eventOf(r *http.Request, route Route, body []byte, id string) events.APIGatewayV2HTTPRequest {
	now := time.Now().UTC()
	path := r.URL.Path
	if path == "" {
		path = "/"
	}
	headers, cookies := headersOf(r)
	headers["content-length"] = fmt.Sprint(len(body))
	headers["x-forwarded-for"] = strings.TrimPrefix(headers["x-forwarded-for"]+", "+sourceIP, ", ")
	headers["x-forwarded-port"], headers["x-forwarded-proto"] = "443", "https"
	headers["x-amzn-trace-id"] = "Root=1-" + id[:8] + "-" + strings.ReplaceAll(id[9:], "-", "")[:24]
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: route.Key(), RawPath: path, RawQueryString: r.URL.RawQuery,
		Cookies: cookies, Headers: headers, QueryStringParameters: parametersOf(r.URL.RawQuery),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: route.Key(), AccountID: s.values.Account, Stage: "$default", RequestID: id,
			APIID: s.values.APIID, DomainName: r.URL.Hostname(),
			DomainPrefix: strings.Split(r.URL.Hostname(), ".")[0],
			Time:         now.Format(gatewayTime), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: path, Protocol: "HTTP/1.1", SourceIP: sourceIP, UserAgent: headers["user-agent"],
			},
		},
	}
	if len(body) > 0 {
		e.Body, e.IsBase64Encoded = string(body), !isText(r.Header.Get("Content-Type"))
		if e.IsBase64Encoded {
			e.Body = base64.StdEncoding.EncodeToString(body)
		}
	}
	return e
}

// What sam local sends with every request of one run.
const (
	frozenID        = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
	frozenTime      = "21/Nov/2026:12:00:00 +0000"
	frozenTimeEpoch = 1795262400
)

// asSAMLocal reshapes an event as "sam local start-api" builds it: header
// names keep their case, the cookies stand in the headers too, the domain is
// localhost, id and time never change, and no body is base64.
func (s *Stack) asSAMLocal(e events.APIGatewayV2HTTPRequest, r *http.Request, body []byte) events.APIGatewayV2HTTPRequest {
	e.Headers = map[string]string{"Host": hostOf(r), "X-Forwarded-Proto": "http", "X-Forwarded-Port": r.URL.Port()}
	for name, values := range r.Header {
		if name != "X-Forwarded-Proto" && name != "X-Forwarded-Port" {
			e.Headers[name] = strings.Join(values, ",")
		}
	}
	e.Body, e.IsBase64Encoded = string(body), false
	c := &e.RequestContext
	c.AccountID, c.APIID, c.DomainName, c.DomainPrefix = "123456789012", "1234567890", "localhost", "localhost"
	c.RequestID, c.Time, c.TimeEpoch = frozenID, frozenTime, frozenTimeEpoch
	c.HTTP.SourceIP, c.HTTP.UserAgent = "127.0.0.1", "Custom User Agent String"
	return e
}

// hostOf is the Host header. API Gateway would refuse one that is not the
// API's; here it arrives, so that tests can show that nobody reads it.
func hostOf(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

func headersOf(r *http.Request) (headers map[string]string, cookies []string) {
	headers = map[string]string{"host": hostOf(r), "user-agent": "Go-http-client/1.1"}
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name != "Cookie" {
			headers[strings.ToLower(name)] = strings.Join(r.Header[name], ",")
			continue
		}
		for _, line := range r.Header[name] {
			for _, pair := range strings.Split(line, ";") {
				if pair = strings.TrimSpace(pair); pair != "" {
					cookies = append(cookies, pair)
				}
			}
		}
	}
	return headers, cookies
}

func parametersOf(query string) map[string]string {
	values, _ := url.ParseQuery(query) // what does not parse is left out, as there
	if len(values) == 0 {
		return nil
	}
	parameters := map[string]string{}
	for name, v := range values {
		parameters[name] = strings.Join(v, ",")
	}
	return parameters
}

func isText(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	return err == nil && (strings.HasPrefix(kind, "text/") || kind == "application/json" ||
		kind == "application/javascript" || kind == "application/xml")
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}
