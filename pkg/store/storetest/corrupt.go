package storetest

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
)

// whole is the item that a record is kept as, schema version 1.
func whole(r session.Record) map[string]any {
	return map[string]any{
		"pk": r.Key, "v": int64(1), "browser_hash": r.BrowserHash,
		"sealed": r.Sealed, "expires_at": r.ExpiresAt.Unix(),
	}
}

// absent as a value means that the attribute is left out.
type absent struct{}

// Corrupt are items that no store may take for a login, as changes to a whole
// one. The cause must name the attribute, or for "v" say which version.
var Corrupt = []struct {
	Name, Attribute string
	Value           any
}{
	{"no version", "v", absent{}},
	{"version of the wrong type", "v", "1"},
	{"an older version than any", "v", int64(0)},
	{"a newer version", "v", int64(2)},
	{"no browser hash", "browser_hash", absent{}},
	{"browser hash of the wrong type", "browser_hash", int64(7)},
	{"no payload", "sealed", absent{}},
	{"payload of the wrong type", "sealed", "text"},
	{"no expiry", "expires_at", absent{}},
	{"expiry of the wrong type", "expires_at", "9999999999"},
	{"expiry null", "expires_at", nil},
	{"claim of the wrong type", "claim", int64(1)},
	{"a claim by nobody", "claim", ""},
}

func corrupt(t *testing.T, s Subject) {
	now := time.Now()
	t.Run("control: the whole item is a login", func(t *testing.T) {
		l := newLogin(t, now.Add(ttl))
		s.Plant(t, whole(l.record))
		if err := claim(t, s.Store, l, l.record.BrowserHash, now); err != nil {
			t.Error(err)
		}
	})
	for _, c := range Corrupt {
		t.Run(c.Name, func(t *testing.T) {
			l := newLogin(t, now.Add(ttl))
			item := maps.Clone(whole(l.record))
			if item[c.Attribute] = c.Value; c.Value == (absent{}) {
				delete(item, c.Attribute)
			}
			s.Plant(t, item)
			r, err := s.Store.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n1", now)
			if !errors.Is(err, session.ErrUnknown) {
				t.Fatalf("error %v, want %v", err, session.ErrUnknown)
			}
			if !cmp.Equal(r, session.Record{}) {
				t.Error("a record came with the refusal")
			}
			CheckCause(t, err, c.Attribute, l.record)
		})
	}
	t.Run("a payload that is garbage does not open", func(t *testing.T) {
		l := newLogin(t, now.Add(ttl))
		item := whole(l.record)
		item["sealed"] = []byte("garbage")
		s.Plant(t, item)
		r, err := s.Store.ClaimLogin(t.Context(), l.record.Key, l.record.BrowserHash, "n1", now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Open(l.State); !errors.Is(err, session.ErrUnknown) {
			t.Errorf("open: %v, want %v", err, session.ErrUnknown)
		}
	})
}

// CheckCause checks that the error of a corrupt item can be logged: it says
// what is wrong and has no value of the record in it.
func CheckCause(t testing.TB, err error, attribute string, r session.Record) {
	t.Helper()
	says := strings.Contains(err.Error(), "item's "+attribute+" ") ||
		attribute == "v" && strings.Contains(err.Error(), "schema version ")
	if !says {
		t.Errorf("cause %q does not say what is wrong with %s", err, attribute)
	}
	for _, value := range []string{r.Key, r.BrowserHash, string(r.Sealed)} {
		if strings.Contains(err.Error(), value) {
			t.Errorf("cause %q has a value of the record", err)
		}
	}
}
