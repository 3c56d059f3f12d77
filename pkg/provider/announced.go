package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/latchkey-go/latchkey/pkg/oauth"
)

// Announced is what an issuer's metadata says beyond what a login needs, for
// somebody who looks for the reason why one fails. It is the provider's word:
// nothing in it was checked but its form.
type Announced struct {
	// Issuer is the document's own.
	Issuer string
	// Challenges are the code challenge methods (RFC 8414 §2); nil when
	// nothing is said.
	Challenges []string
	// TokenAuth are the ways to authenticate at the token endpoint, in the
	// registry's names; nil when nothing is said.
	TokenAuth []string
	// IDTokenAlgs are all signature algorithms of ID tokens, the symmetric
	// ones and none included.
	IDTokenAlgs []string
	// Iss says that every callback carries iss (RFC 9207 §3).
	Iss bool
	// PAR says that authorization requests have to be pushed (RFC 9126 §5),
	// RequestObject that they have to be signed (RFC 9101 §10.5). Neither is
	// done here.
	PAR, RequestObject bool
	// Unusable are the endpoints, by their member's name, that are missing or
	// neither https nor on this machine as the issuer is.
	Unusable []string
	// Date is the answer's Date header, zero without one, and At the moment
	// at which the answer was under way: half of the time that it took.
	Date, At time.Time
}

// Announced fetches the metadata of Issuer, which has to be set, in at most
// 5 s. What [Provider.Endpoints] would refuse is returned all the same; the
// error says that there is no document, in words that are safe to print.
func (p *Provider) Announced(ctx context.Context) (Announced, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	began := p.now()
	call, err := p.wellKnown(ctx)
	if err != nil {
		return Announced{}, err
	}
	var doc struct {
		document
		Challenges    []string `json:"code_challenge_methods_supported"`
		TokenAuth     []string `json:"token_endpoint_auth_methods_supported"`
		PAR           bool     `json:"require_pushed_authorization_requests"`
		RequestObject bool     `json:"require_signed_request_object"`
	}
	if _, err := oauth.ReadObject(call.body, documentMembers...); err != nil || json.Unmarshal(call.body, &doc) != nil {
		return Announced{}, errDocument
	}
	a := Announced{
		Issuer: doc.Issuer, Challenges: doc.Challenges, TokenAuth: doc.TokenAuth, IDTokenAlgs: doc.Algs,
		Iss: doc.IssRequired, PAR: doc.PAR, RequestObject: doc.RequestObject,
		At: began.Add(p.now().Sub(began) / 2),
	}
	if date, err := http.ParseTime(call.header.Get("Date")); err == nil {
		a.Date = date
	}
	for _, endpoint := range p.endpointsOf(doc.document) {
		if (endpoint.url != "" || endpoint.required) && !p.trusts(endpoint.url) {
			a.Unusable = append(a.Unusable, endpoint.member)
		}
	}
	return a, nil
}
