package dynamo_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
)

// refusing is an endpoint that answers everything with an error of this code.
type refusing string

func (code refusing) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusBadRequest, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body:   io.NopCloser(strings.NewReader(`{"__type":"` + string(code) + `","message":"no"}`)),
	}, nil
}

// What an operator has to mend is told apart from what passes.
func TestMisconfiguredTable(t *testing.T) {
	t.Parallel()
	for code, mend := range map[string]bool{
		"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException": true,
		"com.amazon.coral.service#AccessDeniedException":             true,
		"com.amazon.coral.service#UnrecognizedClientException":       true,
		"com.amazonaws.dynamodb.v20120810#InternalServerError":       false,
	} {
		s := dynamo.NewFromConfig(config(&http.Client{Transport: refusing(code)}), "flows", "http://dynamodb.invalid")
		_, claimed := s.ClaimLogin(t.Context(), "login#x", "browser", "n", time.Now())
		for call, err := range map[string]error{"put": s.PutLogin(t.Context(), session.Record{Key: "login#x"}), "claim": claimed} {
			own, ok := errors.AsType[*oauth.Error](err)
			if err == nil || ok != mend || ok && (own.Code != oauth.ConfigError || own.Cause == nil) {
				t.Errorf("%s, %s: %v", code, call, err)
			}
		}
	}
}
