package stack

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Authorizer is a Lambda authorizer that the template declares at its HTTP
// API.
type Authorizer struct {
	Name, Function string        // Function is a logical id
	Identity       []string      // what a request has to have, such as $request.header.Cookie
	Cache          time.Duration // how long a result is kept; 0: not at all
}

// knownContext are the identities that identityOf finds in an event.
var knownContext = []string{"$context.routeKey", "$context.httpMethod", "$context.path", "$context.identity.sourceIp"}

// authorizerLimit is how long API Gateway waits for an authorizer.
const authorizerLimit = 10 * time.Second

// Authorizers lists the authorizers of the HTTP API, by name. One that API
// Gateway could not invoke is an error: SAM makes its permission only when
// EnableFunctionDefaultPermissions is true, and no linter says so.
func (d Document) Authorizers() (map[string]Authorizer, error) {
	all := map[string]Authorizer{}
	for _, api := range d.OfType("AWS::Serverless::HttpApi") {
		auth, _ := d.Get("Resources", api, "Properties", "Auth").(map[string]any)
		if rest := othersThan(auth, "Authorizers"); len(rest) > 0 {
			return nil, fmt.Errorf("stack: Auth of %s: %v is not understood here", api, rest)
		}
		declared, _ := auth["Authorizers"].(map[string]any)
		for name, v := range declared {
			properties, _ := v.(map[string]any)
			a, err := d.authorizer(name, properties)
			if err != nil {
				return nil, fmt.Errorf("stack: authorizer %s: %w", name, err)
			}
			all[name] = a
		}
	}
	return all, nil
}

func (d Document) authorizer(name string, p Document) (Authorizer, error) {
	a := Authorizer{Name: name}
	for property, want := range map[string]any{
		"EnableFunctionDefaultPermissions": true, "EnableSimpleResponses": true, "AuthorizerPayloadFormatVersion": "2.0",
	} {
		if p[property] != want {
			return a, fmt.Errorf("%s has to be %v", property, want)
		}
	}
	known := []string{"FunctionArn", "Identity", "EnableFunctionDefaultPermissions", "EnableSimpleResponses", "AuthorizerPayloadFormatVersion"}
	if rest := othersThan(p, known...); len(rest) > 0 {
		return a, fmt.Errorf("%v is not understood here", rest)
	}
	arn, _ := p["FunctionArn"].(string)
	a.Function = arn[strings.LastIndex(arn, ":")+1:]
	if d.Get("Resources", a.Function, "Type") != "AWS::Serverless::Function" {
		return a, fmt.Errorf("FunctionArn: %q is no function of the template", arn)
	}
	identity, _ := p["Identity"].(map[string]any)
	if rest := othersThan(identity, "Headers", "Context", "ReauthorizeEvery"); len(rest) > 0 {
		return a, fmt.Errorf("identity %v is not understood here", rest)
	}
	for _, from := range []struct{ list, prefix string }{{"Headers", "$request.header."}, {"Context", "$context."}} {
		names, _ := identity[from.list].([]any)
		for _, n := range names {
			source := from.prefix + fmt.Sprint(n)
			if from.list == "Context" && !slices.Contains(knownContext, source) {
				return a, fmt.Errorf("identity %s is not understood here", source)
			}
			a.Identity = append(a.Identity, source)
		}
	}
	seconds, isNumber := identity["ReauthorizeEvery"].(int)
	if a.Cache = time.Duration(seconds) * time.Second; identity["ReauthorizeEvery"] != nil && (!isNumber || seconds < 0 || seconds > 3600) {
		return a, errors.New("ReauthorizeEvery has to be 0 to 3600 seconds")
	}
	if a.Cache > 0 && len(a.Identity) == 0 {
		return a, errors.New("a cache needs an identity source")
	}
	return a, nil
}

// othersThan lists the keys of m but known.
func othersThan(m map[string]any, known ...string) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(key string) bool { return slices.Contains(known, key) })
}
