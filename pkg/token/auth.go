package token

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// credentials are what a request says about its client.
type credentials struct {
	id, secret string
	method     string // of the client package
}

// authenticate finds out which client asks, and that it is (RFC 6749 §2.3).
// Whether the client is unknown, the secret wrong, or the client public and
// without any, costs the same and is answered with the same words.
func authenticate(r *http.Request, p oauth.Params, clients Clients) (client.Client, *oauth.Error) {
	given, refusal := presented(r.Header.Values("Authorization"), p)
	if refusal != nil {
		return client.Client{}, refusal
	}
	c, err := clients.GetClient(r.Context(), given.id)
	if err != nil && !errors.Is(err, client.ErrUnknown) {
		return client.Client{}, unavailable(err)
	}
	if err != nil {
		c = client.Client{}
	}
	right := c.CheckSecret(given.secret) // always, so that all take as long
	if given.method == client.None {
		right = err == nil && c.Public()
	}
	switch {
	case !right:
		return client.Client{}, unauthenticated()
	case !c.AllowsAuth(given.method):
		return client.Client{}, &oauth.Error{
			Code:        oauth.InvalidClient,
			Description: "This client is not registered for " + given.method + "; it may use " + strings.Join(c.AuthMethods, " or ") + ".",
		}
	}
	return c, nil
}

func unauthenticated() *oauth.Error {
	return &oauth.Error{
		Code:        oauth.InvalidClient,
		Description: "The client did not prove who it is. Check its id, its secret and the way they are sent; a public client sends client_id alone.",
	}
}

// presented reads the credentials of a request: one method at a time (RFC 6749
// §2.3). A client_id in the body next to Basic is only that, if it is the same.
func presented(authorization []string, p oauth.Params) (credentials, *oauth.Error) {
	id, secret := p["client_id"], p["client_secret"]
	switch {
	case p["client_assertion"] != "" || p["client_assertion_type"] != "":
		return credentials{}, unauthenticated() // RFC 7523, which is not on offer
	case len(authorization) > 1:
		return credentials{}, invalid("There is more than one Authorization header.")
	case len(authorization) == 1:
		basicID, basicSecret, ok := parseBasic(authorization[0])
		switch {
		case secret != "":
			return credentials{}, invalid("The client authenticates in two ways at once. Use the Authorization header or the body.")
		case !ok:
			return credentials{}, unauthenticated()
		case id != "" && id != basicID:
			return credentials{}, invalid("The client_id of the body is not that of the Authorization header.")
		}
		return credentials{basicID, basicSecret, client.SecretBasic}, nil
	case secret != "":
		return credentials{id, secret, client.SecretPost}, nil
	}
	return credentials{id: id, method: client.None}, nil
}

// parseBasic reads "Basic" credentials (RFC 7617 §2) whose two parts are
// form-urlencoded (RFC 6749 §2.3.1): without that, neither could have a colon.
func parseBasic(header string) (id, secret string, ok bool) {
	scheme, rest, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return "", "", false
	}
	raw, err := strict.DecodeString(strings.TrimLeft(rest, " "))
	if err != nil || strings.ContainsAny(rest, "\r\n") { // which the decoder skips
		return "", "", false
	}
	id, secret, ok = strings.Cut(string(raw), ":")
	if !ok {
		return "", "", false
	}
	id, err = url.QueryUnescape(id)
	secret, err2 := url.QueryUnescape(secret)
	return id, secret, err == nil && err2 == nil && id != ""
}

var strict = base64.StdEncoding.Strict()
