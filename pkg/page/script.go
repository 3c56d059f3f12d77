package page

import (
	_ "embed"
	"net/http"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// authJS is the script of pages that know about the session, ours and an
// application's; Script says what it offers.
//
//go:embed auth.js
var authJS []byte

// Script answers GET /auth.js. The script makes one global, latchkey:
//
//   - latchkey.fetch takes what the browser's own fetch does, adds X-CSRF to
//     requests of this origin, and once refreshes the session and asks again
//     when one is refused with 401, or with 403 if that was new.
//   - latchkey.refresh gives the answer of POST /refresh, or null when nobody
//     is signed in; it rejects with the response of any other refusal. Of all
//     tabs one asks at a time, and those that waited take its answer.
//   - latchkey.logout signs out, and takes every tab off its page.
//   - latchkey.login leads to a login that ends where the browser is now, the
//     fragment included.
//
// A page with an element [data-ends] is one for the signed-in: seen again, it
// goes when nobody is. If the attribute has a value, that is the seconds until
// the access token ends, which the element then shows, and a refresh follows.
// A button with data-out="1" is one that signs this browser out.
func Script(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		Refuse(w, r, &oauth.Error{
			Code: oauth.InvalidRequest, Status: http.StatusMethodNotAllowed, Description: "This address answers GET and HEAD only.",
		})
		return
	}
	send(w, r, http.StatusOK, "text/javascript; charset=utf-8", authJS)
}
