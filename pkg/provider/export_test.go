package provider

import "net/http"

// ReadTokens is what Exchange does with a whole answer.
func ReadTokens(status int, contentType string, body []byte) (t Tokens, code, unusable string) {
	return readTokens(&once{status: status, header: http.Header{"Content-Type": {contentType}}, body: body})
}

// Once is the transport of one exchange.
func Once(p *Provider) http.RoundTripper { return &once{p: p} }

// ReadUserInfo is what UserInfo does with a whole answer.
var ReadUserInfo = readUserInfo
