package oauth_test

import (
	"errors"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

func TestReadObject(t *testing.T) {
	m, err := oauth.ReadObject([]byte(`{"sub":"u1","x":1,"x":2,"X":3,"exp":5}`), "sub", "exp", "aud")
	if err != nil || len(m) != 2 || string(m["sub"]) != `"u1"` || string(m["exp"]) != "5" {
		t.Errorf("%v, %v", m, err)
	}
	for body, want := range map[string]error{
		`{"sub":"a","sub":"b"}`: oauth.ErrMembers, `{"sub":"a","Sub":"b"}`: oauth.ErrMembers, `{"SUB":"a"}`: oauth.ErrMembers, `{"\u0073ub":"a","sub":"b"}`: oauth.ErrMembers,
		`{"ſub":"a"}`: oauth.ErrMembers, `[]`: oauth.ErrNoObject, `"sub"`: oauth.ErrNoObject, `null`: oauth.ErrNoObject, ``: oauth.ErrBrokenJSON, `{`: oauth.ErrBrokenJSON,
		`{} {}`: oauth.ErrBrokenJSON, "{\"sub\":\"\xff\"}": oauth.ErrBrokenJSON, `{"sub":01}`: oauth.ErrBrokenJSON,
	} {
		if m, err := oauth.ReadObject([]byte(body), "sub", "exp"); !errors.Is(err, want) || m != nil {
			t.Errorf("%s: %v, %v", body, m, err)
		}
	}
}
