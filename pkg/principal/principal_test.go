package principal_test

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/principal"
)

var alice = principal.Principal{Subject: "sub-1", Realm: "builtin", Provider: "builtin", Scope: "openid email", Session: "h"}

func TestContextAndBack(t *testing.T) {
	for _, p := range []principal.Principal{alice, {Realm: "cashmere https://mere.example.com", Provider: "cashmere", Session: "h"}} {
		text, err := json.Marshal(p.Context()) // as it travels through API Gateway
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		if got, ok := principal.FromContext(members); !ok || got != p {
			t.Errorf("%+v, %v, want %+v", got, ok, p)
		}
	}
}

func TestWhatIsNotOurs(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"nothing":            func(m map[string]any) { clear(m) },
		"a member missing":   func(m map[string]any) { delete(m, "sub") },
		"no realm":           func(m map[string]any) { delete(m, "realm") },
		"a number":           func(m map[string]any) { m["sub"] = 7.0 },
		"null":               func(m map[string]any) { m["scope"] = nil },
		"no session":         func(m map[string]any) { m["session"] = "" },
		"another spelling":   func(m map[string]any) { m["Provider"] = m["provider"]; delete(m, "provider") },
		"a list of provider": func(m map[string]any) { m["provider"] = []any{"builtin"} },
	} {
		members := maps.Clone(alice.Context())
		change(members)
		if p, ok := principal.FromContext(members); ok {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if _, ok := principal.FromContext(nil); ok {
		t.Error("of nothing at all")
	}
}

func TestThroughAContext(t *testing.T) {
	if p, ok := principal.From(t.Context()); ok || p != (principal.Principal{}) {
		t.Errorf("nobody: %+v, %v", p, ok)
	}
	if p, ok := principal.From(principal.With(t.Context(), alice)); !ok || p != alice {
		t.Errorf("%+v, %v", p, ok)
	}
}
