package authorization_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/authorization"
)

func TestBruteForce_S30(t *testing.T) {
	throttled := func(resp *http.Response) bool {
		wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if resp.StatusCode != http.StatusTooManyRequests {
			return false
		}
		if err != nil || wait < 1 || wait > 60 || !strings.Contains(bodyOf(resp), "too many tries") {
			t.Errorf("Retry-After %q\n%s", resp.Header.Get("Retry-After"), bodyOf(resp))
		}
		return true
	}
	from := func(b *browser, n int) *browser { b.remote = fmt.Sprintf("203.0.113.%d:9", n); return b }

	t.Run("per account, from everywhere", func(t *testing.T) {
		s := newServer(t)
		for i := range 5 {
			if resp := from(s.browser(), i).try("admin", "wrong"); resp.StatusCode != http.StatusBadRequest {
				t.Fatalf("try %d: %d", i+1, resp.StatusCode)
			}
		}
		if !throttled(from(s.browser(), 6).try("admin", password)) {
			t.Error("the right password is looked at all the same")
		}
		if resp := from(s.browser(), 6).try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("another account suffers: %d", resp.StatusCode)
		}
		s.advance(61 * time.Second)
		if resp := from(s.browser(), 7).try("admin", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("after a minute: %d", resp.StatusCode)
		}
	})
	t.Run("an account that nobody has", func(t *testing.T) {
		s := newServer(t)
		for i := range 5 {
			from(s.browser(), i).try("nobody", "wrong")
		}
		if !throttled(from(s.browser(), 6).try("nobody", "wrong")) {
			t.Error("throttled only when somebody has it")
		}
	})
	t.Run("per source, over all accounts", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		for i := range 20 {
			if resp := b.try(fmt.Sprintf("user%d", i), "wrong"); resp.StatusCode != http.StatusBadRequest {
				t.Fatalf("try %d: %d", i+1, resp.StatusCode)
			}
		}
		if !throttled(b.try("bob", password)) {
			t.Error("not throttled")
		}
		// What was not looked at counts against nobody's account.
		for range 10 {
			b.try("bob", "wrong")
		}
		if resp := from(s.browser(), 1).try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("the owner elsewhere: %d", resp.StatusCode)
		}
	})
	t.Run("what was not looked at counts against no source", func(t *testing.T) {
		s := newServer(t)
		for range 40 {
			s.browser().try("admin", "wrong")
		}
		if resp := s.browser().try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("%d", resp.StatusCode)
		}
	})
	t.Run("an IPv6 customer is one source", func(t *testing.T) {
		s := newServer(t)
		for i := range 20 {
			b := s.browser()
			b.remote = fmt.Sprintf("[2001:db8:1:2::%x]:9", i+1)
			b.try(fmt.Sprintf("user%d", i), "wrong")
		}
		b := s.browser()
		b.remote = "[2001:db8:1:2:ffff::1]:9"
		if !throttled(b.try("bob", password)) {
			t.Error("an address of the same /64 passes")
		}
		b.remote = "[2001:db8:1:3::1]:9"
		if resp := b.try("bob", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("another /64 suffers: %d", resp.StatusCode)
		}
	})
	t.Run("an owner's browser is never kept out", func(t *testing.T) {
		s := newServer(t)
		owner := s.browser()
		owner.signIn(A("web"), "admin")
		for i := range 300 {
			from(s.browser(), i%250).try("admin", "wrong")
			s.browser().try("x"+strconv.Itoa(i), "wrong") // the owner's address, too
		}
		if !throttled(s.browser().try("admin", password)) {
			t.Error("a browser never seen before passes")
		}
		if resp := owner.try("admin", password); resp.StatusCode != http.StatusSeeOther {
			t.Errorf("the owner: %d", resp.StatusCode)
		}
	})
	t.Run("that browser has a limit too, and for one user only", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		b.signIn(A("web"), "admin")
		for range 5 {
			b.try("admin", "wrong")
		}
		if !throttled(b.try("admin", password)) {
			t.Error("a browser used before may guess for ever")
		}
		for i := range 5 {
			from(s.browser(), i).try("bob", "wrong")
		}
		if !throttled(b.try("bob", password)) {
			t.Error("signing in as one user opens the way to another")
		}
	})
	t.Run("a known cookie that is not ours", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		b.signIn(A("web"), "admin")
		ours := b.cookies["__Host-known"]
		for i := range 5 {
			from(s.browser(), i).try("admin", "wrong")
		}
		for _, forged := range []string{"x", ours[:len(ours)-2], "AAAAAA" + ours[6:], ours + "A", b.cookies["__Host-signin"]} {
			c := s.browser()
			c.cookies["__Host-known"] = forged
			if !throttled(c.try("admin", password)) {
				t.Errorf("%q passes", forged)
			}
		}
		s.advance(181 * 24 * time.Hour)
		for i := range 5 {
			from(s.browser(), i).try("admin", "wrong")
		}
		if !throttled(b.try("admin", password)) {
			t.Error("the cookie has no end")
		}
	})
	t.Run("a right password costs nothing", func(t *testing.T) {
		s := newServer(t)
		for i := range 30 {
			b := s.browser()
			if resp := b.try("admin", password); resp.StatusCode != http.StatusSeeOther {
				t.Fatalf("sign-in %d: %d", i+1, resp.StatusCode)
			}
		}
	})
	t.Run("200 guesses at once", func(t *testing.T) {
		s := newServer(t)
		var looked atomic.Int32
		var wg sync.WaitGroup
		for i := range 200 {
			b := from(s.browser(), i)
			form := formOf(t, b.get(A("web")))
			wg.Go(func() {
				if b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", "wrong").StatusCode == http.StatusBadRequest {
					looked.Add(1)
				}
			})
		}
		wg.Wait()
		if looked.Load() != 5 {
			t.Errorf("%d guesses were looked at", looked.Load())
		}
	})
	t.Run("the window ends", func(t *testing.T) {
		s := newServer(t)
		for i := range 9 {
			from(s.browser(), i).try("admin", "wrong")
		}
		s.advance(15 * time.Minute)
		for i := range 5 {
			if resp := from(s.browser(), i).try("admin", "wrong"); resp.StatusCode != http.StatusBadRequest {
				t.Errorf("try %d: %d", i+1, resp.StatusCode)
			}
		}
	})
	t.Run("by POSTing one form again and again", func(t *testing.T) {
		s := newServer(t)
		b := s.browser()
		form := formOf(t, b.get(A("web")))
		last := 0
		for range 6 {
			last = b.post(authorization.PathSignIn, "form", form, "username", "admin", "password", "wrong").StatusCode
		}
		if last != http.StatusTooManyRequests {
			t.Error(last)
		}
	})
}
