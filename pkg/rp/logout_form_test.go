package rp_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/secret"
	"github.com/latchkey-go/latchkey/pkg/session"
)

func TestLogoutForms_C60(t *testing.T) {
	s, p := aliceSite(t)
	mine, same := s.signedIn(""), s.signedIn("")
	s.processes[0].up.knows(`{"sub":"bob-2"}`)
	bob := s.signedIn("")
	form := mine.formOn("/logout")
	again := s.processes[0].browser()
	s.signIn(again, "")
	earlier := again.formOn("/logout")
	s.signIn(again, "")
	k := *s.keeper
	k.Keys = ringOf(t, ringText())
	elsewhere := variant{keeper: &k}.of(s).browser()
	s.signIn(elsewhere, "")
	for name, tt := range map[string]struct {
		body   string
		status int
	}{
		"no form":                        {"", 403},
		"empty form":                     {"form=", 403},
		"of the same person elsewhere":   {formOf("form", same.formOn("/logout")).Encode(), 403},
		"of another person":              {formOf("form", bob.formOn("/session")).Encode(), 403},
		"of an earlier session":          {formOf("form", earlier).Encode(), 403},
		"of another deployment":          {formOf("form", elsewhere.formOn("/logout")).Encode(), 403},
		"cut":                            {formOf("form", form[:len(form)-1]).Encode(), 403},
		"extended":                       {formOf("form", form+"A").Encode(), 403},
		"flipped":                        {formOf("form", flip(form)).Encode(), 403},
		"a newline in it":                {formOf("form", form[:20]+"\n"+form[20:]).Encode(), 400},
		"a space after it":               {formOf("form", form+" ").Encode(), 403},
		"the key id alone":               {formOf("form", form[:secret.KeyIDLen]).Encode(), 403},
		"the cookie":                     {formOf("form", mine.cookies[sessionName]).Encode(), 403},
		"the handle":                     {formOf("form", mine.handle()).Encode(), 403},
		"the item's key":                 {formOf("form", session.Key(mine.cookies[sessionName])).Encode(), 403},
		"form twice":                     {"form=" + form + "&form=" + form, 400},
		"everywhere twice":               {"form=" + form + "&everywhere=1&everywhere=1", 400},
		"handle twice":                   {"form=" + form + "&handle=a&handle=b", 400},
		"a broken escape":                {"form=" + form + "&x=%zz", 400},
		"invalid UTF-8":                  {"form=" + form + "&x=%ff", 400},
		"17 KB":                          {"form=" + form + "&x=" + strings.Repeat("a", 17<<10), 400},
		"forged, and all sessions":       {"form=A&everywhere=1", 403},
		"forged, and one by its handle":  {"form=A&handle=" + mine.handle(), 403},
		"another's, and one by a handle": {"form=" + same.formOn("/logout") + "&handle=" + same.handle(), 403},
	} {
		resp := mine.post(tt.body)
		if resp.StatusCode != tt.status || resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Location") != "" || strings.Contains(bodyOf(resp), form) {
			t.Errorf("%s: %d %v", name, resp.StatusCode, resp.Header)
		}
		if !strings.Contains(bodyOf(resp), `href="/logout"`) {
			t.Errorf("%s: no way on", name)
		}
	}
	for name, kind := range map[string]string{"no type": "", "json": "application/json", "text": "text/plain", "multipart": "multipart/form-data; boundary=x"} {
		resp := mine.do("POST", "/logout", strings.NewReader("form="+form), http.Header{"Content-Type": {kind}})
		wantError(t, resp, 403, "csrf_required")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	for name, b := range map[string]*browser{"mine": mine, "same": same, "bob": bob, "again": again} {
		if !b.alive() {
			t.Errorf("%s was ended", name)
		}
	}
	if got := p.given(); len(got) != 0 {
		t.Errorf("revoked %q", got)
	}
	wantRedirect(t, mine.submit("form", form), s.atProvider(), cleared)
}

func TestLogoutEverywhere(t *testing.T) {
	for _, how := range []string{"form", "script"} {
		s, p := aliceSite(t)
		all := make([]*browser, 55) // a store lists fifty at a time
		for i := range all {
			all[i] = s.signedIn("")
		}
		s.processes[0].up.knows(`{"sub":"bob-2"}`)
		bob := s.signedIn("")
		cookies := make([]string, len(all))
		for i, b := range all {
			cookies[i] = b.cookies[sessionName]
		}
		if how == "form" {
			wantRedirect(t, all[7].submit("form", all[7].formOn("/session"), "everywhere", "1"), s.atProvider(), cleared)
		} else if resp := all[7].do("POST", "/logout", strings.NewReader("everywhere=1"), http.Header{
			"X-Csrf": {"1"}, "Content-Type": {"application/x-www-form-urlencoded"},
		}); resp.StatusCode != 200 || resp.Header.Get("Set-Cookie") != cleared {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		for i, cookie := range cookies {
			if s.with(cookie).alive() {
				t.Errorf("by %s: session %d lives", how, i)
			}
		}
		if !bob.alive() || len(p.given()) != 1 {
			t.Errorf("bob: %v; revoked %q", bob.alive(), p.given())
		}
	}
}

func TestLogoutOfAnotherSession(t *testing.T) {
	s, p := aliceSite(t)
	b, other := s.signedIn(""), s.signedIn("")
	s.processes[0].up.knows(`{"sub":"bob-2"}`)
	bob := s.signedIn("")
	form := b.formOn("/session")
	for _, handle := range []string{bob.handle(), "nobody's", other.handle(), other.handle()} {
		wantRedirect(t, b.submit("form", form, "handle", handle), "/session", "")
	}
	if other.alive() || !b.alive() || !bob.alive() || len(p.given()) != 0 {
		t.Errorf("other %v, own %v, bob %v; revoked %q", other.alive(), b.alive(), bob.alive(), p.given())
	}
	s.sessions.set(func(method string) error { return errorsOn(method == "list") }, nil)
	if resp := b.submit("form", form, "handle", other.handle()); resp.StatusCode != 503 {
		t.Errorf("%d", resp.StatusCode)
	}
}
