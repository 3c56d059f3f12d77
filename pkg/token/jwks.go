package token

import (
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/jose"
	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// JWKS answers GET /oauth/jwks: the public keys of every root of the ring (RFC
// 7517 §5). It is for everybody, scripts of other origins included.
type JWKS struct {
	// Keys are those whose public halves are shown.
	Keys secret.Keys
}

// ServeHTTP implements [http.Handler].
func (j *JWKS) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "Use GET."})
		return
	}
	ring, err := j.Keys.Ring(r.Context(), "")
	var body []byte
	if err == nil {
		body, err = jose.JWKS(ring)
	}
	if err != nil {
		refuse(w, r, unavailable(err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever asked has gone: nobody is left to tell
	}
}
