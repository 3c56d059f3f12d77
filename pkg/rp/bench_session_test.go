package rp_test

import (
	"net/http"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/rp"
)

// What a signed-in request costs on the memory store, where the store itself
// costs next to nothing.
func BenchmarkSession(b *testing.B) {
	refresher, request := someone()
	request.Header.Set("X-CSRF", "1")
	b.Run("authorizer", func(b *testing.B) {
		authorizer := &rp.Authorizer{Keeper: refresher.Keeper}
		b.ReportAllocs()
		for b.Loop() {
			if who, ok, err := authorizer.Authorize(request); !ok || err != nil || who.Subject != "ada" {
				b.Fatal(who, ok, err)
			}
		}
	})
	b.Run("refresh not due", func(b *testing.B) {
		refresh, post := &rp.Refresh{Refresher: refresher}, request.Clone(request.Context())
		post.Method = http.MethodPost
		b.ReportAllocs()
		for b.Loop() {
			w := &sink{header: http.Header{}}
			if refresh.ServeHTTP(w, post); w.status != http.StatusOK {
				b.Fatal(w.status)
			}
		}
	})
}
