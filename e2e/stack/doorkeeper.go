package stack

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// doorkeeper asks the authorizers and keeps what they said for as long as the
// template allows.
type doorkeeper struct {
	authorizers map[string]Authorizer
	now         func() time.Time

	mu   sync.Mutex
	kept map[string]kept // by authorizer and identity
}

type kept struct {
	verdict verdict
	until   time.Time
}

// verdict is an authorizer's simple response.
type verdict struct {
	Allowed bool
	Context map[string]any
}

// take checks what the template declares against its functions and routes.
func (k *doorkeeper) take(doc Document, functions []Function, now func() time.Time) (err error) {
	if k.now = now; now == nil {
		k.now = time.Now
	}
	if k.authorizers, err = doc.Authorizers(); err != nil {
		return err
	}
	k.kept = map[string]kept{}
	for _, f := range functions {
		for _, r := range f.Routes {
			if _, declared := k.authorizers[r.Authorizer]; r.Authorizer != "" && !declared {
				return fmt.Errorf("stack: %s: no authorizer is named %s", r.Key(), r.Authorizer)
			}
		}
		for _, a := range k.authorizers {
			if a.Function == f.ID && f.Timeout > authorizerLimit {
				return fmt.Errorf("stack: authorizer %s: %s may take %v, API Gateway waits %v", a.Name, f.ID, f.Timeout, authorizerLimit)
			}
		}
	}
	return nil
}

// recall returns a result that still counts.
func (k *doorkeeper) recall(key string) (verdict, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	entry, there := k.kept[key]
	return entry.verdict, there && k.now().Before(entry.until)
}

func (k *doorkeeper) keep(key string, v verdict, d time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kept[key] = kept{v, k.now().Add(d)}
}

// authorize has the route's authorizer decide about r. It returns the
// gateway's own answer if the function is not to be called: 401 without an
// identity, 403 for a denial, 500 for whatever is not a decision. What the
// authorizer says of an allowed request goes into the event.
func (s *Stack) authorize(r *http.Request, route Route, e *events.APIGatewayV2HTTPRequest) (*http.Response, error) {
	if route.Authorizer == "" {
		return nil, nil
	}
	id, a := e.RequestContext.RequestID, s.doorkeeper.authorizers[route.Authorizer]
	identity, ok := identityOf(r, a, e)
	if !ok {
		return refusal(r, http.StatusUnauthorized, "Unauthorized", id), nil
	}
	key := a.Name + "\x00" + strings.Join(identity, "\x00")
	v, known := s.doorkeeper.recall(key)
	if !known {
		var err error
		if v, err = s.ask(r, a, identity, e); err != nil {
			if ctxErr := r.Context().Err(); ctxErr != nil {
				return nil, ctxErr
			}
			return refusal(r, http.StatusInternalServerError, "Internal Server Error", id), nil
		}
		if a.Cache > 0 {
			s.doorkeeper.keep(key, v, a.Cache)
		}
	}
	if !v.Allowed {
		return refusal(r, http.StatusForbidden, "Forbidden", id), nil
	}
	e.RequestContext.Authorizer = &events.APIGatewayV2HTTPRequestContextAuthorizerDescription{Lambda: v.Context}
	return nil, nil
}

// ask invokes the authorizer.
func (s *Stack) ask(r *http.Request, a Authorizer, identity []string, e *events.APIGatewayV2HTTPRequest) (verdict, error) {
	event, err := json.Marshal(events.APIGatewayV2CustomAuthorizerV2Request{
		Version: "2.0", Type: "REQUEST", IdentitySource: identity,
		RouteArn: "arn:aws:execute-api:" + s.values.Region + ":" + s.values.Account + ":" + e.RequestContext.APIID + "/$default/" + r.Method + e.RawPath,
		RouteKey: e.RouteKey, RawPath: e.RawPath, RawQueryString: e.RawQueryString, Cookies: e.Cookies, Headers: e.Headers,
		QueryStringParameters: e.QueryStringParameters, PathParameters: e.PathParameters, RequestContext: e.RequestContext,
	})
	if err != nil {
		return verdict{}, err
	}
	answer, err := s.Invoke(r.Context(), a.Function, event)
	if err != nil {
		return verdict{}, err
	}
	var said struct {
		IsAuthorized *bool          `json:"isAuthorized"`
		Context      map[string]any `json:"context"`
	}
	if err = json.Unmarshal(answer, &said); err == nil && said.IsAuthorized == nil {
		err = fmt.Errorf("no isAuthorized")
	}
	if err != nil {
		err = fmt.Errorf("the reply is no simple response: %w", err)
		s.failures.add(a.Function, err)
		return verdict{}, err
	}
	return verdict{*said.IsAuthorized, said.Context}, nil
}

// identityOf are the values of the identity sources; false if one is missing
// or empty.
func identityOf(r *http.Request, a Authorizer, e *events.APIGatewayV2HTTPRequest) ([]string, bool) {
	c := e.RequestContext
	inContext := []string{c.RouteKey, c.HTTP.Method, c.HTTP.Path, c.HTTP.SourceIP} // in knownContext's order
	var values []string
	for _, source := range a.Identity {
		value := ""
		if i := slices.Index(knownContext, source); i >= 0 {
			value = inContext[i]
		}
		if name, isHeader := strings.CutPrefix(source, "$request.header."); isHeader {
			separator := ","
			if strings.EqualFold(name, "Cookie") {
				separator = "; "
			}
			value = strings.Join(r.Header.Values(name), separator)
		}
		if value == "" {
			return nil, false
		}
		values = append(values, value)
	}
	return values, true
}
