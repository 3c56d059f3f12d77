package authorization

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// refuse sends the browser back to the client with an error (RFC 6749
// §4.1.2.1), the state and the issuer (RFC 9207). What has to be mended here is
// server_error to the client, and goes by its own name in the log.
func (e *Endpoint) refuse(w http.ResponseWriter, r *http.Request, q request, err *oauth.Error) {
	outcome(r.Context(), string(err.Code))
	if err.Cause != nil {
		logline.Add(r.Context(), slog.String("cause", err.Cause.Error()))
	}
	code := err.Code
	if code == oauth.ConfigError {
		code = oauth.ServerError
	}
	back(w, r, q.Redirect, "error", string(code), "error_description", err.Description,
		"state", q.State, "iss", baseurl.From(r.Context()))
}

// back sends the browser to uri with the parameters, names and values in turn,
// of which empty ones are left out. A query that uri has stays as it is.
func back(w http.ResponseWriter, r *http.Request, uri string, params ...string) {
	var b strings.Builder
	b.WriteString(uri)
	sep := "?"
	switch _, query, has := strings.Cut(uri, "?"); {
	case has && query == "":
		sep = ""
	case has:
		sep = "&"
	}
	for i := 0; i+1 < len(params); i += 2 {
		if params[i+1] == "" {
			continue
		}
		b.WriteString(sep + params[i] + "=" + url.QueryEscape(params[i+1]))
		sep = "&"
	}
	see(w, r, b.String())
}

// see redirects. After a POST it is 303, so that no form is ever sent on (RFC
// 9700 §4.12).
func see(w http.ResponseWriter, r *http.Request, location string) {
	status := http.StatusFound
	if r.Method == http.MethodPost {
		status = http.StatusSeeOther
	}
	w.Header().Set("Location", location)
	w.WriteHeader(status)
}

// derive is the id of the one grant that a request can lead to for one
// sign-in. It needs the deployment's secret: whoever sees a form learns
// nothing of it.
func derive(root *secret.Root, q request, signInKey string) []byte {
	return root.MAC("latchkey grant id v1", []byte(q.ID+" "+signInKey))[:16]
}
