package peer_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/peer"
)

// verdict is a testing.TB that writes down how it was ended.
type verdict struct {
	testing.TB
	how, message string
}

func (v *verdict) Helper() {}

func (v *verdict) Skipf(format string, args ...any) { v.end("skip", format, args) }

func (v *verdict) Fatalf(format string, args ...any) { v.end("fail", format, args) }

func (v *verdict) end(how, format string, args []any) {
	v.how, v.message = how, fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestAbsentPart(t *testing.T) {
	for _, c := range []struct{ name, required, want string }{
		{"skips a plain run", "", "skip"},
		{"fails where parts are required", "1", "fail"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("LATCHKEY_REQUIRE_PARTS", c.required)
			v, ended := &verdict{TB: t}, make(chan struct{})
			go func() {
				defer close(ended)
				peer.Absent(v, "a-part", "fetch it from the shed")
			}()
			<-ended
			if v.how != c.want {
				t.Errorf("ended by %q, want %q", v.how, c.want)
			}
			if !strings.Contains(v.message, "a-part") || !strings.Contains(v.message, "fetch it from the shed") {
				t.Errorf("message = %q, want the part and how to get it", v.message)
			}
		})
	}
}

func TestEnvironmentNamesAnEndpoint(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", "")
	if _, ok := peer.Endpoints(t)["environment"]; ok {
		t.Error("an empty setting made an endpoint")
	}
	t.Setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
	from, ok := peer.Endpoints(t)["environment"]
	if !ok || from(t) != "http://127.0.0.1:1" {
		t.Error("the setting made no endpoint")
	}
}
