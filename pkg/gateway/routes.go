package gateway

import (
	"net/http"
	urlpath "path"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/page"
)

// Routes serves mux and refuses what it has no route for in the one error
// shape: 404, or 405 with Allow when only the method is wrong (RFC 9110
// §15.5.6). On Lambda the gateway in front has done this already.
func Routes(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		// The mux sends an untidy path such as //callback on to the tidy one,
		// and would show the query, with a code in it, on a page of its own.
		if pattern != "" && tidy(r.URL.Path) {
			mux.ServeHTTP(w, r)
			return
		}
		var answer buffer
		if tidy(r.URL.Path) {
			h.ServeHTTP(&answer, r)
		}
		if answer.status != http.StatusMethodNotAllowed {
			page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusNotFound, Description: "There is nothing at this address."})
			return
		}
		w.Header()["Allow"] = answer.sent["Allow"]
		page.Refuse(w, r, &oauth.Error{Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "This address does not take this method."})
	})
}

// tidy reports whether the mux takes a path as it is.
func tidy(p string) bool {
	return p == urlpath.Clean(p) || p == urlpath.Clean(p)+"/"
}
