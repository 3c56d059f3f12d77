package gateway

import (
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// stageDefault is the one stage without a path prefix of its own.
const stageDefault = "$default"

// base returns the base URL of a request: the setting, or the API's own
// execute-api domain as API Gateway itself names it. Anything else is a
// configuration error that says what to set.
func (g *Gateway) base(c *events.APIGatewayV2HTTPRequestContext) (string, *oauth.Error) {
	if g.BaseURL != "" {
		return g.BaseURL, nil
	}
	if !executeAPI(c.DomainName, c.APIID, g.Region) {
		return "", &oauth.Error{Code: oauth.ConfigError, Description: "This address is not the execute-api domain of this API. " +
			"Set PUBLIC_BASE_URL to the address that browsers use, for example https://login.example.com."}
	}
	if c.Stage != stageDefault {
		return "", &oauth.Error{Code: oauth.ConfigError, Description: "The API has a named stage, which puts a prefix before every path. " +
			"Deploy it to the stage $default, or set PUBLIC_BASE_URL to a custom domain that maps to this stage."}
	}
	return "https://" + c.DomainName, nil
}

// executeAPI reports whether domain is exactly what API Gateway gives to this
// API in this region.
func executeAPI(domain, api, region string) bool {
	if region == "" || !lowerAlnum(api) {
		return false
	}
	rest, ok := strings.CutPrefix(domain, api)
	if !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(rest, ".execute-api."); !ok {
		return false
	}
	if rest, ok = strings.CutPrefix(rest, region); !ok {
		return false
	}
	return len(rest) > 1 && rest[0] == '.' && rest[1:] == suffix(region)
}

// suffix is the DNS suffix of the partition that region belongs to.
func suffix(region string) string {
	for _, p := range [...]struct{ prefix, suffix string }{
		{"cn-", "amazonaws.com.cn"},
		{"eusc-", "amazonaws.eu"},
		{"us-iso-", "c2s.ic.gov"},
		{"us-isob-", "sc2s.sgov.gov"},
		{"us-isof-", "csp.hci.ic.gov"},
		{"eu-isoe-", "cloud.adc-e.uk"},
	} {
		if strings.HasPrefix(region, p.prefix) {
			return p.suffix
		}
	}
	return "amazonaws.com"
}

func lowerAlnum(s string) bool {
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return s != ""
}
