package e2e_test

import (
	"github.com/latchkey-go/latchkey/e2e/stack"
)

// checkDomain looks at the domain of the API's own: TLS 1.2 at least, all of
// the API behind it, and no second address next to it (P-07).
func checkDomain(r *report, doc stack.Document, parameters map[string]string) {
	name := parameters["DomainName"]
	r.want("execute-api endpoint switched off", doc.Get("Resources", "Api", "Properties", "DisableExecuteApiEndpoint"), any(name != ""))
	var one, record []string
	if name != "" {
		one = []string{"Domain"}
	}
	if parameters["HostedZoneId"] != "" {
		record = []string{"DomainRecord"}
	}
	r.want("domains", doc.OfType("AWS::ApiGatewayV2::DomainName"), one)
	r.want("DNS records", doc.OfType("AWS::Route53::RecordSet"), record)
	if name == "" {
		r.want("mappings", doc.OfType("AWS::ApiGatewayV2::ApiMapping"), []string(nil))
		return
	}
	r.want("domain", doc.Get("Resources", "Domain", "Properties"), any(map[string]any{
		"DomainName": name,
		"DomainNameConfigurations": []any{map[string]any{
			"EndpointType": "REGIONAL", "SecurityPolicy": "TLS_1_2", "CertificateArn": parameters["CertificateArn"],
		}},
	}))
	r.want("mapping", doc.Get("Resources", "DomainMapping", "Properties"), any(map[string]any{
		"DomainName": name, "ApiId": "a1b2c3d4e5", "Stage": "$default",
	}))
	if record != nil {
		r.want("DNS record", doc.Get("Resources", "DomainRecord", "Properties"), any(map[string]any{
			"HostedZoneId": parameters["HostedZoneId"], "Name": name, "Type": "A", "AliasTarget": map[string]any{
				"DNSName": "d-domain.execute-api.eu-central-1.amazonaws.com", "HostedZoneId": "ZREGIONAL"},
		}))
	}
}

// domainMutations are faults in what belongs to the domain.
var domainMutations = []mutation{
	{"a second address next to the domain", template, apiAt, "DisableExecuteApiEndpoint: !If [CustomDomain, true, false]", "DisableExecuteApiEndpoint: false", "execute-api endpoint"},
	{"no address at all without a domain", template, apiAt, "DisableExecuteApiEndpoint: !If [CustomDomain, true, false]", "DisableExecuteApiEndpoint: true", "execute-api endpoint"},
	{"an old version of TLS", template, "\n  Domain:", "SecurityPolicy: TLS_1_2", "SecurityPolicy: TLS_1_0", "domain: "},
	{"a domain at the edge", template, "\n  Domain:", "EndpointType: REGIONAL", "EndpointType: EDGE", "domain: "},
	{"a domain without its condition", template, "\n  Domain:", "Condition: CustomDomain, ", "", "domains"},
	{"a path before every route", template, "\n  DomainMapping:", "ApiId: !Ref Api,", "ApiId: !Ref Api, ApiMappingKey: auth,", "mapping"},
	{"a domain that leads nowhere", template, "\n  DomainMapping:", "Stage: !Ref Api.Stage", "Stage: prod", "mapping"},
	{"a record without a zone", template, "\n  DomainRecord:", "Condition: HasHostedZone", "Condition: CustomDomain", "DNS records"},
	{"a record of another target", template, "\n  DomainRecord:", "!GetAtt Domain.RegionalDomainName", "!Ref DomainName", "DNS record"},
	{"functions that do not know the domain", template, "", publicBaseURL, "PUBLIC_BASE_URL: !Ref PublicBaseUrl", "PUBLIC_BASE_URL"},
	{"an output of the address that is switched off", template, "\n  CallbackUrl:", "!Sub 'https://${DomainName}/callback'", "!Sub 'https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/callback'", "outputs"},
	{"no way to point DNS", template, "Outputs:", "  DomainTarget:", "  DomainName:", "outputs"},
}
