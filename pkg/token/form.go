package token

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/client"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
)

const (
	// maxBody bounds a request's body, in bytes.
	maxBody  = 64 << 10
	formType = "application/x-www-form-urlencoded"
)

// admit does what the token, revocation and introspection endpoints have in
// common: it reads the form and authenticates the client.
func admit(w http.ResponseWriter, r *http.Request, clients Clients) (oauth.Params, client.Client, *oauth.Error) {
	params, refusal := readForm(w, r)
	if refusal != nil {
		return nil, client.Client{}, refusal
	}
	c, refusal := authenticate(r, params, clients)
	if refusal != nil {
		return nil, client.Client{}, refusal
	}
	logline.Add(r.Context(), slog.String("client", c.ID))
	return params, c, nil
}

// readForm reads the parameters of a POST (RFC 6749 §3.2 and appendix B). It
// takes none from the query string, where servers and proxies would log them.
func readForm(w http.ResponseWriter, r *http.Request) (oauth.Params, *oauth.Error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "Use POST."}
	}
	if r.URL.RawQuery != "" {
		return nil, invalid("Parameters belong into the body, not into the URL.")
	}
	if !form(r.Header.Values("Content-Type")) {
		return nil, invalid("The Content-Type has to be application/x-www-form-urlencoded.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			return nil, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusRequestEntityTooLarge, Description: "The body is longer than 64 KB."}
		}
		return nil, invalid("The body did not arrive in full.")
	}
	params, err := oauth.ParseParams(string(body))
	if err != nil {
		refusal := invalid("The body is malformed: " + strings.TrimPrefix(err.Error(), oauth.ErrParams.Error()+": ") + ".")
		refusal.Cause = err
		return nil, refusal
	}
	return params, nil
}

// form reports the one media type, with no parameter but a charset of UTF-8.
func form(header []string) bool {
	if len(header) != 1 {
		return false
	}
	if header[0] == formType {
		return true // as nearly everybody writes it
	}
	media, params, err := mime.ParseMediaType(header[0])
	if err != nil || media != formType {
		return false
	}
	for name, value := range params {
		if name != "charset" || !strings.EqualFold(value, "utf-8") {
			return false
		}
	}
	return true
}

// checkResource allows the one audience that there is, the issuer, and refuses
// before anything is used up (RFC 8707 §2).
func checkResource(ctx context.Context, resource string) *oauth.Error {
	if resource == "" || resource == baseurl.From(ctx) {
		return nil
	}
	return &oauth.Error{Code: oauth.InvalidTarget, Description: "This server issues tokens for its own issuer only. Leave resource out."}
}
