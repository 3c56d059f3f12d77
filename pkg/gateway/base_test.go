package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/latchkey-go/latchkey/pkg/baseurl"
	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/gateway"
)

func TestBaseURL_C08(t *testing.T) {
	const set, stage = "PUBLIC_BASE_URL", "stage"
	for _, c := range []struct {
		name, setting, region, domain, api, stage string
		base                                      string // or
		says                                      string // a word of the config_error
	}{
		{"execute-api domain", "", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com", "abc", "$default", "https://abc.execute-api.eu-west-1.amazonaws.com", ""},
		{"China", "", "cn-north-1", "abc.execute-api.cn-north-1.amazonaws.com.cn", "abc", "$default", "https://abc.execute-api.cn-north-1.amazonaws.com.cn", ""},
		{"GovCloud", "", "us-gov-west-1", "abc.execute-api.us-gov-west-1.amazonaws.com", "abc", "$default", "https://abc.execute-api.us-gov-west-1.amazonaws.com", ""},
		{"European Sovereign Cloud", "", "eusc-de-east-1", "abc.execute-api.eusc-de-east-1.amazonaws.eu", "abc", "$default", "https://abc.execute-api.eusc-de-east-1.amazonaws.eu", ""},
		{"Secret region", "", "us-isob-east-1", "abc.execute-api.us-isob-east-1.sc2s.sgov.gov", "abc", "$default", "https://abc.execute-api.us-isob-east-1.sc2s.sgov.gov", ""},
		{"the setting wins", "https://login.example.com", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com", "abc", "prod", "https://login.example.com", ""},
		{"the setting under sam local", "http://localhost:3000", "eu-west-1", "localhost", "1234567890", "$default", "http://localhost:3000", ""},
		{"named stage", "", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com", "abc", "prod", "", stage},
		{"no stage", "", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com", "abc", "", "", stage},
		{"custom domain", "", "eu-west-1", "login.example.com", "abc", "$default", "", set},
		{"sam local", "", "eu-west-1", "localhost", "1234567890", "$default", "", set},
		{"another API", "", "eu-west-1", "other.execute-api.eu-west-1.amazonaws.com", "abc", "$default", "", set},
		{"another region", "", "eu-west-2", "abc.execute-api.eu-west-1.amazonaws.com", "abc", "$default", "", set},
		{"no region", "", "", "abc.execute-api..amazonaws.com", "abc", "$default", "", set},
		{"longer suffix", "", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com.evil.example", "abc", "$default", "", set},
		{"suffix of another partition", "", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com.cn", "abc", "$default", "", set},
		{"prefix", "", "eu-west-1", "evil.abc.execute-api.eu-west-1.amazonaws.com", "abc", "$default", "", set},
		{"API id that is a path", "", "eu-west-1", "evil.example/a.execute-api.eu-west-1.amazonaws.com", "evil.example/a", "$default", "", set},
		{"API id that is empty", "", "eu-west-1", ".execute-api.eu-west-1.amazonaws.com", "", "$default", "", set},
		{"upper case", "", "eu-west-1", "ABC.execute-api.eu-west-1.amazonaws.com", "ABC", "$default", "", set},
		{"port", "", "eu-west-1", "abc.execute-api.eu-west-1.amazonaws.com:8443", "abc", "$default", "", set},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, _ := gate()
			g.BaseURL, g.Region = c.setting, c.region
			var base, host string
			res := invoke(t, g, func(_ http.ResponseWriter, r *http.Request) { base, host = baseurl.From(r.Context()), r.Host },
				fixture(t, "login-aws", program, func(e *event) {
					e.RequestContext.DomainName, e.RequestContext.APIID, e.RequestContext.Stage = c.domain, c.api, c.stage
					e.Headers["host"] = "evil.example"
					e.Headers["x-forwarded-host"] = "evil.example"
					e.Headers["forwarded"] = "host=evil.example;proto=http"
				}))
			if base != c.base || host != baseurl.Host(c.base) && c.base != "" {
				t.Errorf("base %q, host %q, want %q", base, host, c.base)
			}
			if c.says == "" {
				return
			}
			m := refusal(t, res.Body)
			if res.StatusCode != 500 || m["error"] != "config_error" || !strings.Contains(m["error_description"], c.says) || m["request_id"] != "aws-request-id" {
				t.Errorf("%d %s, want a config_error that says %s", res.StatusCode, res.Body, c.says)
			}
		})
	}
}

func TestFromEnv(t *testing.T) {
	e := &env.Reader{Environ: []string{"PUBLIC_BASE_URL=https://login.example.com/", "AWS_REGION=eu-west-1",
		"AWS_LAMBDA_FUNCTION_NAME=stack-login", "LOG_LEVEL=error"}}
	g := gateway.FromEnv(e)
	if err := e.Err(); err != nil {
		t.Fatal(err)
	}
	if g.BaseURL != "https://login.example.com" || !g.SetHost || g.Region != "eu-west-1" || g.Function != "stack-login" {
		t.Errorf("%q %v %q %q", g.BaseURL, g.SetHost, g.Region, g.Function)
	}
	if g.Logger.Enabled(t.Context(), 0) || !g.Logger.Enabled(t.Context(), 8) {
		t.Error("LOG_LEVEL=error has no effect")
	}
	e = &env.Reader{Environ: []string{}}
	if g := gateway.FromEnv(e); e.Err() != nil || g.SetHost || g.BaseURL != "" || !g.Logger.Enabled(t.Context(), 0) || g.Logger.Enabled(t.Context(), -4) {
		t.Errorf("without settings: %v, %q, %v", e.Err(), g.BaseURL, g.SetHost)
	}
	e = &env.Reader{Environ: []string{"LOG_LEVEL=verbose", "PUBLIC_BASE_URL=http://example.com"}}
	gateway.FromEnv(e)
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "LOG_LEVEL") || !strings.Contains(err.Error(), "PUBLIC_BASE_URL") {
		t.Errorf("wrong settings: %v", err)
	}
}
