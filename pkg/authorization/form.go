package authorization

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/secret"
)

// formAge is how long a form can be sent, and requestAge how long after its
// arrival a request can have a form at all. A grant's item outlives both.
const (
	formAge    = 10 * time.Minute
	requestAge = 30 * time.Minute
)

// The purposes of sealed text: what was sealed for one opens for no other.
const (
	sealSignIn   = "latchkey form signin v1"
	sealApprove  = "latchkey form approve v1"
	sealSignOut  = "latchkey form signout v1"
	sealContinue = "latchkey continue v1"
)

// form is what travels, sealed, between the pages.
type form struct {
	Request request `json:"q,omitzero"`
	// SignIn is the key of a sign-in: on an approve and a sign-out form the
	// one that it was made for, on the way on from a sign-in form the new one.
	SignIn string `json:"si,omitempty"`
	// User is the name of its user; approve forms only.
	User string `json:"u,omitempty"`
	// Goto is where a sign-out form leads, complete with its state.
	Goto string `json:"g,omitempty"`
	// Until is in epoch seconds.
	Until int64 `json:"t"`
}

// seal makes sealed text of f for one purpose and one browser.
func (e *Endpoint) seal(r *http.Request, purpose, browser string, f form) (string, *oauth.Error) {
	ring, err := e.Keys.Ring(r.Context(), "")
	if err != nil {
		return "", down(err)
	}
	f.Until = e.Now().Add(formAge).Unix()
	if born := f.Request.Born; born != 0 {
		f.Until = min(f.Until, born+int64(requestAge/time.Second))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&f); err != nil {
		return "", down(err)
	}
	return ring.SealText(purpose, b.Bytes(), secret.Hash(browser)), nil
}

// open reverses seal, and returns the key that had sealed. A form of another
// browser, of another purpose or of nobody's making is refused alike.
func (e *Endpoint) open(r *http.Request, purpose, text string) (f form, root *secret.Root, refusal *oauth.Error) {
	cookie := browser(r)
	if cookie == "" {
		return f, nil, &oauth.Error{
			Code: oauth.WrongBrowser, Description: "Your browser did not send the cookie that belongs to this form. " +
				"Allow cookies for this site, go back to the application and start again.",
		}
	}
	ring, err := e.Keys.Ring(r.Context(), secret.KeyID(text))
	if err != nil {
		return f, nil, down(err)
	}
	plain, err := ring.OpenText(purpose, text, secret.Hash(cookie))
	if err == nil {
		err = json.Unmarshal(plain, &f)
	}
	if err != nil {
		return form{}, nil, &oauth.Error{
			Code: oauth.WrongBrowser, Cause: err,
			Description: "This form does not belong to this browser, or is damaged. Go back to the application and start again.",
		}
	}
	if e.Now().Unix() >= f.Until {
		refusal = &oauth.Error{Code: oauth.LoginExpired, Description: "This page was open for too long. Nothing has been approved; please start again."}
		if f.Request.ClientID != "" {
			refusal.RetryURL = f.Request.path()
		} else {
			refusal.RetryURL = PathSignOut
		}
		return form{}, nil, refusal
	}
	root, _ = ring.Root(secret.KeyID(text))
	return f, root, nil
}

// body returns the body of an urlencoded form as it came.
func body(r *http.Request) (string, *oauth.Error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return "", &oauth.Error{Code: oauth.InvalidRequest, Cause: err, Description: "Send the form as application/x-www-form-urlencoded."}
	}
	b, err := io.ReadAll(r.Body) // the gateway has bounded it
	if err != nil {
		return "", &oauth.Error{Code: oauth.InvalidRequest, Cause: err, Description: "The form could not be read."}
	}
	return string(b), nil
}

var errForm = errors.New("a field is repeated, or not UTF-8")

// fields reads one of our own forms. Unlike oauth.ParseParams it takes a
// password as it is; only scope may be there more than once. The query of the
// address is not looked at.
func fields(r *http.Request) (url.Values, *oauth.Error) {
	raw, refusal := body(r)
	if refusal != nil {
		return nil, refusal
	}
	values, err := url.ParseQuery(raw)
	for name, list := range values {
		if len(list) > 1 && name != "scope" {
			err = errForm
		}
		for _, v := range list {
			if !utf8.ValidString(v) {
				err = errForm
			}
		}
	}
	if err != nil {
		return nil, &oauth.Error{Code: oauth.InvalidRequest, Cause: errForm, Description: "The form is damaged. Go back and send it again."}
	}
	return values, nil
}
